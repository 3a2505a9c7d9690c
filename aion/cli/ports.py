"""Whether an address and port can be listened on, and who is there if not. It opens nothing for longer than a look."""

from __future__ import annotations

import errno
import socket

import psutil

from aion.errors import BadConfig, Conflict


def require_port(host: str, port: int) -> None:
    """Refuse a taken or forbidden port before anything slow begins. 0 takes a free one and always passes."""
    try:
        _bind(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Conflict(
                f"port {port} on {host} is taken{describe_owner(port)}; choose another with --port"
            ) from None
        if error.errno == errno.EACCES:
            raise BadConfig(f"port {port} needs an administrator; choose one above 1023 with --port") from None
        raise BadConfig(
            f"cannot listen on {host}: {error.strerror}; choose an address of this machine with --host"
        ) from None


def describe_owner(port: int) -> str:
    """` by NAME (pid N)`, or nothing when the system does not tell."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return ""


def _bind(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen(1)

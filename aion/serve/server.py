"""uvicorn as AION runs it: our door, our limits, and a stop that tells those whose answers it has to cut."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from aion.config import ServerSettings
from aion.errors import Conflict
from aion.serve.api import build_api
from aion.serve.protocol import bounded_protocol
from aion.serve.system import System


class Server(uvicorn.Server):
    """uvicorn, with a stop that lets answers finish and tells those it has to cut; a second signal cuts at once."""

    def __init__(self, system: System, front: ASGIApp | None = None) -> None:
        """`front` are the web pages, which ask the API through `api`."""
        self._system = system
        self.api = build_api(system, front)
        self.listening = asyncio.Event()  # from then on a signal stops it cleanly
        grace = system.settings.server.shutdown_grace_s
        super().__init__(
            uvicorn.Config(
                self.api,
                http=bounded_protocol(system.settings.server.max_header_bytes),
                loop="none",
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=int(grace) + 3,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours alone: uvicorn's would raise the signal again afterwards, before the store is closed."""
        wanted = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)  # what was acknowledged is durable, the engines end with us, the kernel frees the lock
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        ending = asyncio.create_task(self._system.live.stop(self._system.settings.server.shutdown_grace_s))
        await super().shutdown(sockets)
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)


@contextlib.contextmanager
def open_door(settings: ServerSettings) -> Iterator[socket.socket]:
    host, port = settings.host, settings.port
    door = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((host, port))
    except OSError as error:
        door.close()
        raise Conflict(f"cannot listen on {host} port {port}: {error.strerror}; choose another with --port") from None
    try:
        yield door
    finally:
        door.close()


def url_of(door: socket.socket) -> str:
    host, port = door.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

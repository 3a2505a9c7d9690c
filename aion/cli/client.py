"""Finds the running server of a data folder and talks to it over HTTP with its control token.

DATA/run/server.json is written by the server for its data's owner alone. A file left by a dead process, or by another
boot of the machine, is not a server. It never starts one.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from aion import errors
from aion.errors import AionError, Corrupt, NotFound, Unavailable
from aion.records import Json
from aion.store.lock import boot_id


@dataclass(frozen=True, slots=True)
class Running:
    """A server that lives: its process, its address and the token that opens it."""

    pid: int
    url: str
    token: str = field(repr=False)
    sources: Mapping[str, str] = field(default_factory=dict)  # what it serves, whatever the settings say by now


def find_server(data: Path) -> Running | None:
    """The live server of a data folder, or None."""
    try:
        found = json.loads((data / "run" / "server.json").read_text("utf-8"))
        running = Running(int(found["pid"]), str(found["url"]), str(found["token"]), found.get("sources", {}))
        written = found["boot_id"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError):
        return None  # being written, or cut by a crash: whoever lives writes it whole
    except PermissionError:
        raise errors.Forbidden(f"{str(data)!r} belongs to another user; run this as the one who started AION") from None
    return running if written == boot_id() and psutil.pid_exists(running.pid) else None


def require_server(data: Path) -> Running:
    found = find_server(data)
    if found is None:
        raise Unavailable(f"no AION runs on {str(data)!r}; start it with `aion up`, or name its folder with --data")
    return found


def call(server: Running, method: str, path: str, body: Json | None = None, *, timeout: float = 30.0) -> Any:
    """One request, its JSON answer. An error reply becomes the AionError of its status."""
    with _open(server, method, path, body, timeout) as response:
        return _parse(response.read())


def stream_lines(server: Running, method: str, path: str, body: Json | None = None) -> Iterator[str]:
    """The lines of a reply as they arrive. Closing the iterator closes the connection."""
    with _open(server, method, path, body, timeout=600.0) as response:
        for line in response:
            yield line.decode("utf-8").rstrip("\r\n")


def stream_events(server: Running, path: str, body: Json) -> Generator[Json]:
    """The events of a streamed answer, up to its end."""
    for line in stream_lines(server, "POST", path, body):
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return
        event = _parse(data.encode())
        if "error" in event:
            raise _error(500, event)
        yield event


@contextmanager
def _open(
    server: Running, method: str, path: str, body: Json | None, timeout: float
) -> Iterator[http.client.HTTPResponse]:
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout)
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        if response.status >= 400:
            raise _error(response.status, _parse(response.read()))
        yield response
    except (OSError, http.client.HTTPException) as error:
        why = "took too long" if isinstance(error, TimeoutError) else "does not answer"
        raise Unavailable(
            f"the server at {server.url} (pid {server.pid}) {why}; look at its log, or restart it"
        ) from None
    finally:
        connection.close()


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        raise Corrupt(f"the server's reply is not JSON: {body[:80]!r}") from None


def _error(status: int, reply: Any) -> AionError:
    """The reply's own sentence, in the class of its status."""
    told = reply.get("error") if isinstance(reply, dict) else None
    message = told.get("message") if isinstance(told, dict) else None
    code = told.get("code") if isinstance(told, dict) else None
    kinds = {401: errors.Unauthorized, 403: errors.Forbidden, 404: NotFound, 409: errors.Conflict, 503: Unavailable}
    kind = kinds.get(status, errors.Refused if status < 500 else errors.Failed)
    return kind(message or f"the server answered {status} without a reason", code=code)

"""Asks AION's own HTTP API from inside the server: what a page can do is what its owner's key can do, and no more.

No connection is made: the request goes through the same application, guard included. It knows no route and no page.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from starlette.types import ASGIApp, Message, Scope

from aion.errors import AionError
from aion.records import Json

MOST_WAITING = 64  # pieces of a reply that nobody has read yet: then the API waits
_working: set[asyncio.Task[None]] = set()  # requests under way: nobody else may hold on to those whose asker left


class Denied(AionError):  # noqa: N818 - named as the errors that it carries
    """The API refused, or failed: its status and its words."""

    def __init__(self, status: int, body: Json) -> None:
        error = body.get("error") or {}
        super().__init__(str(error.get("message") or f"the request failed with status {status}"))
        self.status = status
        self.code = str(error.get("code") or "")
        self.param = str(error.get("param") or "")
        self.request_id = str(error.get("request_id") or "")


@dataclass(frozen=True, slots=True)
class Asker:
    """The API, as one signed-in person sees it; made for each request."""

    app: ASGIApp
    scope: Scope  # of the request that the page answers: its host and server are asked again
    key: str = ""

    async def get(self, path: str, **query: Any) -> Json:
        return await self.ask("GET", path, query=query)

    async def post(self, path: str, body: Json | None = None) -> Json:
        return await self.ask("POST", path, body=body)

    async def put(self, path: str, body: Json) -> Json:
        return await self.ask("PUT", path, body=body)

    async def delete(self, path: str) -> Json:
        return await self.ask("DELETE", path)

    async def ask(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Json | bytes | None = None
    ) -> Json:
        """The reply's JSON. Bytes are sent as they are. Raises Denied for anything but success."""
        async with contextlib.aclosing(self.stream(method, path, query=query, body=body)) as pieces:
            came = [piece async for piece in pieces]
        found: Json = orjson.loads(b"".join(part for _, part in came) or b"{}")
        if came[0][0] >= 400:
            raise Denied(came[0][0], found)
        return found

    async def stream(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Json | bytes | None = None
    ) -> AsyncGenerator[tuple[int, bytes], None]:
        """The status with each piece of the body as it comes. Closing it early is to the API a client that left: it
        ends by itself then, and records what was said by then."""
        waiting: asyncio.Queue[Message | None] = asyncio.Queue()
        left, room = asyncio.Event(), asyncio.Event()
        data = b"" if body is None else body if isinstance(body, bytes) else orjson.dumps(body)
        kind = b"application/octet-stream" if isinstance(body, bytes) else b"application/json"
        sent = iter([{"type": "http.request", "body": data, "more_body": False}])

        async def receive() -> Message:
            for message in sent:
                return message
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if left.is_set():
                return
            waiting.put_nowait(message)
            if waiting.qsize() >= MOST_WAITING:
                room.clear()
                await room.wait()

        async def work() -> None:
            try:
                await self.app(self._make_scope(method, path, query, data, kind), receive, send)
            finally:
                waiting.put_nowait(None)

        task = asyncio.create_task(work())
        _working.add(task)
        task.add_done_callback(_let_go)
        try:
            status = 0
            while (message := await waiting.get()) is not None:
                room.set()
                status = message.get("status", status)
                if message["type"] == "http.response.body":
                    yield status, message.get("body", b"")
            await task
        finally:
            left.set()
            room.set()

    def _make_scope(self, method: str, path: str, query: Mapping[str, Any] | None, data: bytes, kind: bytes) -> Scope:
        headers = [(name, value) for name, value in self.scope["headers"] if name == b"host"]
        headers += [(b"authorization", b"Bearer " + self.key.encode("latin-1", "replace"))] if self.key else []
        headers += [(b"content-type", kind), (b"content-length", b"%d" % len(data))] if data else []
        asked = urlencode({name: value for name, value in (query or {}).items() if value not in (None, "")})
        plain = quote(path, safe="/:@")
        return {
            "type": "http",
            "asgi": self.scope["asgi"],
            "http_version": "1.1",
            "method": method,
            "scheme": self.scope["scheme"],
            "path": path,
            "raw_path": plain.encode(),
            "query_string": asked.encode(),
            "root_path": "",
            "headers": headers,
            "client": self.scope.get("client"),
            "server": self.scope.get("server"),
        }


def _let_go(task: asyncio.Task[None]) -> None:
    _working.discard(task)
    if not task.cancelled():
        task.exception()  # the guard has told of it

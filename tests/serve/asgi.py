"""Calls an ASGI application as a server would, without one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.types import ASGIApp, Message

from aion.records import Key, Scope
from aion.serve.keys import KeyRing
from aion.serve.rules import Rule
from aion.store.sqlite import SqliteStore

JSON = ("content-type", "application/json")
HOST = ("host", "127.0.0.1:8420")


def path_of(rule: Rule) -> str:
    return re.sub(r"{[^}]*}", "some-id", rule.path)


@dataclass
class Reply:
    """What came back, and how much of the body was asked for."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    is_whole: bool = False
    reads: int = 0

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, f"{name} stands twice: {values}"
        return values[0] if values else None

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = orjson.loads(self.body)["error"]
        assert set(error) == {"message", "type", "code", "param", "request_id"}
        assert error["request_id"] == self.header("x-request-id")
        return error


async def call(
    app: ASGIApp,
    method: str,
    path: str,
    headers: Sequence[tuple[str, str]] = (HOST,),
    body: Sequence[bytes] = (b"{}",),
    *,
    query: bytes = b"",
    stalls: bool = False,
) -> Reply:
    """One request. With `stalls` the last part of the body never comes."""
    reply = Reply()
    parts = list(body)

    async def receive() -> Message:
        reply.reads += 1
        if not parts:
            await asyncio.sleep(3600)
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts) or stalls}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            assert reply.status == 0, "two replies"
            reply.status = message["status"]
            reply.headers = [(name.decode(), value.decode()) for name, value in message["headers"]]
        else:
            reply.body += message.get("body", b"")
            reply.is_whole = not message.get("more_body", False)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 8420),
        "client": ("127.0.0.1", 40000),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "state": {},
    }
    await app(scope, receive, send)
    return reply


class Counter:
    """An application that reads the body, counts its calls and says yes."""

    def __init__(self) -> None:
        self.calls = 0
        self.states: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls += 1
        self.states.append(scope["state"])
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"cache-control", b"max-age=60")]})
        await send({"type": "http.response.body", "body": b"yes"})


class Keys:
    """A key ring with one text of each kind."""

    def __init__(self, store: SqliteStore, *, control_token: str | None = None) -> None:
        self.now = 1_000_000.0
        self.steady = 0.0
        self.ring = KeyRing(store, control_token=control_token, wall=lambda: self.now, steady=lambda: self.steady)

    async def make(self, scope: Scope = Scope.USER, expires: float | None = None) -> str:
        return (await self.make_both(scope, expires))[1]

    async def make_both(self, scope: Scope = Scope.USER, expires: float | None = None) -> tuple[Key, str]:
        return await self.ring.create("ana", scope, expires, actor="test")

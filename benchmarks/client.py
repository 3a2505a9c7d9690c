"""A light HTTP/1.1 client on asyncio streams, the same for every peer: it shares the machine with what it measures.

It keeps one connection and knows two kinds of body: one with a length, and a chunked one. It follows nothing, retries
nothing and checks no header but those two.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlsplit

import orjson

CHAT = "/v1/chat/completions"


class BadReplyError(Exception):
    """A reply with another status than 200."""


class Client:
    """One connection at a time to one server; opened when it is needed."""

    def __init__(self, url: str, key: str = "none", *, path: str = CHAT) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n"
        self._head = (head + "Content-Type: application/json\r\nContent-Length: ").encode()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.used = 0.0

    async def ask(self, payload: dict[str, Any]) -> bytes:
        """The body of the reply, whatever its framing."""
        _, reader, length = await self._send(payload)
        if length is not None:
            return await reader.readexactly(length)
        return b"".join([part async for _, part in _chunks(reader)])

    async def stream(self, payload: dict[str, Any]) -> AsyncGenerator[tuple[float, bytes], None]:
        """The data of each server-sent event, and the moment of the monotonic clock at which it was read."""
        hangs_up, reader, _ = await self._send(payload)
        rest = b""
        async for at, part in _chunks(reader):
            *events, rest = (rest + part).split(b"\n\n")
            for event in events:
                if event.startswith(b"data: ") and event != b"data: [DONE]":
                    yield at, event[6:]
        if hangs_up:
            self.close()

    async def open(self) -> None:
        self.close()
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=1 << 20)

    @property
    def is_open(self) -> bool:
        return self._reader is not None and self._writer is not None and not self._reader.at_eof()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _send(self, payload: dict[str, Any]) -> tuple[bool, asyncio.StreamReader, int | None]:
        """Whether the server will hang up, the reader at the start of the body, and the body's length if it has one."""
        if not self.is_open:
            await self.open()
        reader, writer = self._reader, self._writer
        if reader is None or writer is None:
            raise ConnectionError("the connection is not open")
        body = orjson.dumps(payload)
        writer.write(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
        head = await reader.readuntil(b"\r\n\r\n")
        fields = head.lower()
        length = (
            int(fields.split(b"content-length:", 1)[1].split(b"\r", 1)[0]) if b"content-length:" in fields else None
        )
        if head[9:12] != b"200":
            raise BadReplyError((head[:15] + b" " + await reader.read(500)).decode("utf-8", "replace"))
        self.used = time.monotonic()
        return b"connection: close" in fields or b"server: llama.cpp" in fields, reader, length


async def _chunks(reader: asyncio.StreamReader) -> AsyncGenerator[tuple[float, bytes], None]:
    while size := int(await reader.readuntil(b"\r\n"), 16):
        part = await reader.readexactly(size + 2)
        yield time.monotonic(), part[:-2]
    await reader.readexactly(2)

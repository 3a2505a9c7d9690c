"""Writes a turn to its client, whole or as server-sent events. Errors before the first byte become HTTP errors."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aion.answer.events import Event, Finished, Piece, Started
from aion.errors import AionError, Failed
from aion.records import Json
from aion.serve.error_reply import error_body
from aion.serve.live import LiveReplies, Reply, run_while_connected
from aion.serve.openai.format import Format

STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class TurnReply(Response):
    """An ASGI response that drives the turn while it writes, so that a client who leaves stops the work."""

    def __init__(
        self, events: AsyncGenerator[Event, None], format_: Format, *, stream: bool, live: LiveReplies, key_id: str
    ) -> None:
        self.status_code = 200
        self.background = None
        self._events = events
        self._format = format_
        self._stream = stream
        self._live = live
        self._key_id = key_id
        self._started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = scope.get("state", {}).get("request_id", "")
        with self._live.track(self._key_id) as reply:
            work = self._write_stream(send, reply, request_id) if self._stream else self._write_whole(send, reply)
            await run_while_connected(reply, receive, work)

    async def _write_whole(self, send: Send, reply: Reply) -> None:
        done = None
        try:
            async with contextlib.aclosing(self._events) as events:
                async for event in events:
                    if isinstance(event, Piece):
                        self._format.keep(event)
                    elif isinstance(event, Finished):
                        done = event
        except asyncio.CancelledError:
            _raise_reason(reply)
        if done is None:
            raise Failed("the turn ended without an answer; this is a fault of ours, please report it")
        await send_json(send, self._format.whole(done))

    async def _write_stream(self, send: Send, reply: Reply, request_id: str) -> None:
        try:
            async with contextlib.aclosing(self._events) as events:
                async for event in events:
                    await self._write_event(send, event)
        except asyncio.CancelledError:
            if reply.reason is None or not self._started:
                _raise_reason(reply)
            await self._write_failure(send, reply.reason, request_id)  # type: ignore[arg-type]
        except AionError as error:
            if not self._started:
                raise
            await self._write_failure(send, error, request_id)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write_event(self, send: Send, event: Event) -> None:
        if isinstance(event, Started):
            self._started = True
            await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
            frames = self._format.opening(event)
        elif isinstance(event, Piece):
            frames = self._format.piece(event)
        else:
            frames = self._format.closing(event)
        if frames:
            await send({"type": "http.response.body", "body": b"".join(frames), "more_body": True})

    async def _write_failure(self, send: Send, error: AionError, request_id: str) -> None:
        frames = self._format.failure(error_body(error, request_id))
        await send({"type": "http.response.body", "body": b"".join(frames), "more_body": True})


def _raise_reason(reply: Reply) -> None:
    """A cancelled reply: for a reason of ours it is told, else nobody is there to hear it."""
    if reply.reason is None:
        raise asyncio.CancelledError
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
    raise reply.reason


async def send_json(send: Send, data: Json) -> None:
    body = orjson.dumps(data)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""An OpenAI-compatible engine that answers from memory at once: what is left to measure is who stands before it.

`python benchmarks/canned_engine.py` serves on a free loopback port, prints its URL and ends with its stdin. A streamed
request whose last message is "every MS ms, N tokens" gets one token each MS milliseconds, and each token is the moment
of the monotonic clock at which it was sent. It checks no key, keeps nothing, and understands only what is asked here.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from typing import Any, cast

import orjson
import uvloop

MODEL = "canned"
WORDS = ("Here", " is", " a", " short", " answer", " from", " memory", ".")
PACE = re.compile(r"every (\d+) ms, (\d+) tokens")
HEAD = {"id": "chatcmpl-canned", "created": 0, "model": MODEL}
USAGE = {"prompt_tokens": 24, "completion_tokens": len(WORDS), "total_tokens": 24 + len(WORDS)}
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def event(data: Any) -> bytes:
    """One event as one HTTP chunk."""
    text = b"data: " + (data if isinstance(data, bytes) else orjson.dumps(data)) + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(text), text)


def chunk(delta: dict[str, Any], *, finish: str | None = None, logprobs: bool = False) -> bytes:
    choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": finish}
    if logprobs:
        token = delta["content"]
        entry = {"token": token, "logprob": -0.25, "bytes": list(token.encode()), "top_logprobs": []}
        choice["logprobs"] = {"content": [entry]}
    return event({**HEAD, "object": "chat.completion.chunk", "choices": [choice]})


OPENING = chunk({"role": "assistant", "content": None})
FINISH = chunk({}, finish="stop")
ENDING = (
    event({**HEAD, "object": "chat.completion.chunk", "choices": [], "usage": USAGE}) + event(b"[DONE]") + b"0\r\n\r\n"
)
AT_ONCE = {
    wanted: STREAM + OPENING + b"".join(chunk({"content": word}, logprobs=wanted) for word in WORDS) + FINISH + ENDING
    for wanted in (False, True)
}


def whole(body: dict[str, Any]) -> bytes:
    """A reply with a length."""
    text = orjson.dumps(body)
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)


MESSAGE = {"role": "assistant", "content": "".join(WORDS)}
CHOICE = {"index": 0, "message": MESSAGE, "finish_reason": "stop", "logprobs": None}
WHOLE = whole({**HEAD, "object": "chat.completion", "choices": [CHOICE], "usage": USAGE})
MODELS = whole({"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "benchmark"}]})
NOTHING = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Connection(asyncio.Protocol):
    """One connection; requests are answered in the order in which they come, one at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, mark, rest = self._received.partition(b"\r\n\r\n")
        found = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        length = int(found[1]) if found else 0
        if mark and len(rest) >= length and self._transport is not None:
            self._received = rest[length:]
            self._answer(self._transport, head, rest[:length])

    def _answer(self, transport: asyncio.Transport, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET /v1/models"):
            transport.write(MODELS)
        elif not head.startswith(b"POST /v1/chat/completions"):
            transport.write(NOTHING)
        elif (asked := orjson.loads(body)).get("stream") is not True:
            transport.write(WHOLE)
        elif pace := PACE.search(str(asked["messages"][-1]["content"])):
            transport.write(STREAM + OPENING)
            loop = asyncio.get_running_loop()
            self._tick(loop, loop.time(), float(pace[1]) / 1000, int(pace[2]), logprobs=bool(asked.get("logprobs")))
        else:
            transport.write(AT_ONCE[bool(asked.get("logprobs"))])

    def _tick(self, loop: asyncio.AbstractEventLoop, at: float, step: float, left: int, *, logprobs: bool) -> None:
        if self._transport is None:
            return
        if not left:
            self._transport.write(FINISH + ENDING)
            return
        self._transport.write(chunk({"content": f"{time.monotonic():.6f} "}, logprobs=logprobs))
        loop.call_at(at + step, lambda: self._tick(loop, at + step, step, left - 1, logprobs=logprobs))


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)
    server.close()


if __name__ == "__main__":
    uvloop.run(serve())

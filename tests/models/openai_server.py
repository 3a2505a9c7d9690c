"""A canned OpenAI-compatible server on loopback: says what a test tells it to, notes what it was asked and who left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from aion.records import Json

WORDS = ("one", " two", " three", " four", " five", " six", " seven", " eight")


@dataclass
class CannedServer:
    """The server's manner; change it between requests."""

    words: tuple[str, ...] = WORDS
    delay_s: float = 0.0
    logprobs: bool = True
    usage: bool = True
    tokenizes: bool = False
    refuses: frozenset[str] = frozenset()  # request fields answered with 400
    models: tuple[Json, ...] = ({"id": "canned", "meta": {"n_ctx": 512}},)
    raw: tuple[bytes, ...] | None = None  # pieces of a stream, sent as they are
    reply: tuple[int, str, dict[str, str]] | None = None  # a whole answer in place of a stream
    name: str = ""  # in the Server header
    url: str = ""
    last_ones: list[bool] = field(default_factory=list)  # which requests asked to hang up after them
    requests: list[Json] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)
    running: int = 0
    gone: int = 0  # clients that left before their end

    async def list_models(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("Authorization", ""))
        return web.json_response({"object": "list", "data": list(self.models)}, headers={"Server": self.name})

    async def tokenize(self, request: web.Request) -> web.Response:
        if not self.tokenizes:
            raise web.HTTPNotFound
        return web.json_response({"tokens": (await request.json())["content"].split()})

    async def complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        self.connections.add(request.transport)
        self.last_ones.append(request.headers.get("Connection") == "close")
        if self.reply is not None:
            status, text, headers = self.reply
            return web.Response(status=status, text=text, headers=headers)
        if refused := self.refuses & set(body):
            return web.json_response({"error": {"message": f"unknown field {refused}"}}, status=400)
        self.running += 1
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            await response.prepare(request)
            for piece in self.raw if self.raw is not None else self._pieces(body, "chat" in request.path):
                await response.write(piece)
                await asyncio.sleep(self.delay_s)
            await response.write_eof()
        except asyncio.CancelledError:
            self.gone += 1
            raise
        finally:
            self.running -= 1
        return response

    def _pieces(self, body: Json, chat: bool) -> Iterator[bytes]:
        limit = int(body.get("max_tokens") or body["max_completion_tokens"])
        text, finish = "".join(self.words), "stop"
        for stop in body.get("stop", ()):
            text = text.split(stop)[0]
        said = [word for place, word in enumerate(self.words) if len("".join(self.words[: place + 1])) <= len(text)]
        if len(said) > limit:
            said, finish = said[:limit], "length"
        if chat:
            yield _event(_choice({"role": "assistant", "content": None}))
        for word in said:
            choice: Json = _choice({"content": word}) if chat else {"index": 0, "text": word, "finish_reason": None}
            if self.logprobs and body.get("logprobs"):
                choice["logprobs"] = {"content": [{"id": 7, "token": word, "logprob": -0.5, "top_logprobs": []}]}
            yield _event(choice)
        yield _event(_choice({}, finish) if chat else {"index": 0, "text": "", "finish_reason": finish})
        if self.usage and body.get("stream_options"):
            usage = {"prompt_tokens": 4, "completion_tokens": len(said), "prompt_tokens_details": {"cached_tokens": 1}}
            yield b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n"
        yield b"data: [DONE]\n\n"


@asynccontextmanager
async def canned_server(**manner: object) -> AsyncIterator[CannedServer]:
    """Run one on a free loopback port."""
    server = CannedServer(**manner)  # type: ignore[arg-type]  # a test that misspells a field fails at once
    app = web.Application()
    app.router.add_get("/v1/models", server.list_models)
    app.router.add_post("/tokenize", server.tokenize)
    app.router.add_post("/v1/chat/completions", server.complete)
    app.router.add_post("/v1/completions", server.complete)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def event_of(**choice: object) -> bytes:
    """One event of a chat stream: event_of(content="x"), event_of(finish="stop")."""
    finish = choice.pop("finish", None)
    return _event(_choice(dict(choice), finish if isinstance(finish, str) else None))


def _choice(delta: Json, finish: str | None = None) -> Json:
    return {"index": 0, "delta": delta, "finish_reason": finish}


def _event(choice: Json) -> bytes:
    return b"data: " + json.dumps({"object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"

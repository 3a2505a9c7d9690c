"""Writes examples down as the served model reads them, and asks the base what it would say by itself.

Template and tokens come from llama.cpp on the very file that is served, so training sees what serving sends. It runs
an engine of its own, with one thread, and only while a night prepares.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from aion.errors import BadInput
from aion.models.catalog import LocalModel
from aion.models.llama.generator import tokenize
from aion.models.llama.process import EngineProcess
from aion.models.llama.spec import EngineSpec
from aion.models.quote import make_quoter, quote_messages
from aion.models.wire import CHAT
from aion.records import Example, Json

TOGETHER = 16  # requests in flight; the engine answers one after the other
HELD_S = 86_400.0  # while somebody is answered the engine is stopped, and its silence is no stall
PROBE = (
    {"role": "user", "content": "ping"},
    {"role": "assistant", "content": "pong"},
    {"role": "user", "content": "x"},
)


@dataclass(frozen=True, slots=True)
class Written:
    """One example in tokens: what is read, then what is learned, its end included."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]


class Scribe:
    """An engine on the base, without adapters. Use it as an async context manager."""

    def __init__(self, model: LocalModel, *, instruction: str, context: int, timeout_s: float = 120.0) -> None:
        self._process = EngineProcess(
            EngineSpec(model=model.path, context=context, slots=1, threads=1), stall_timeout_s=HELD_S
        )
        self._control = model.header.control_tokens
        self._quoter = make_quoter(model.header.control_tokens)
        self._system: tuple[Json, ...] = ({"role": "system", "content": instruction},) if instruction else ()
        self._timeout_s = timeout_s
        self._end: tuple[int, ...] = ()

    async def __aenter__(self) -> Scribe:
        await self._process.start(self._timeout_s)
        try:
            self._end = await self._find_end()
        except BaseException:
            await self._process.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._process.stop()

    async def write(self, examples: Sequence[Example]) -> list[Written]:
        """In the same order."""
        places = asyncio.Semaphore(TOGETHER)

        async def one(example: Example) -> Written:
            async with places:
                return await self._write(example)

        return list(await asyncio.gather(*(one(example) for example in examples)))

    async def say(self, messages: Sequence[Json], *, max_tokens: int) -> str:
        """The base's own, likeliest answer."""
        body = {"messages": self._messages(messages), "max_tokens": max_tokens, "temperature": 0, "cache_prompt": False}
        reply = await self._process.wire.post(CHAT, body)
        return str(reply["choices"][0]["message"].get("content") or "").strip()

    async def _write(self, example: Example) -> Written:
        """Answer and prompt are read together where that leaves the prompt's tokens as they are when it is served."""
        prompt = await self._template(self._messages(example.messages))
        answer = self._quoter(example.answer)
        alone, together = await asyncio.gather(self._tokens(prompt), self._tokens(prompt + answer))
        if together[: len(alone)] == alone:
            return Written(alone, together[len(alone) :] + self._end)
        (learned,) = await tokenize(self._process, [answer])
        return Written(alone, (*learned, *self._end))

    def _messages(self, messages: Sequence[Json]) -> list[Json]:
        """A system message among them stands in the place of the served one."""
        system = () if any(one["role"] == "system" for one in messages) else self._system
        return [*system, *quote_messages(messages, self._quoter)]

    async def _template(self, messages: Sequence[Json]) -> str:
        reply = await self._process.wire.post("/apply-template", {"messages": list(messages)})
        return str(reply["prompt"])

    async def _tokens(self, text: str) -> tuple[int, ...]:
        body = {"content": text, "add_special": True, "parse_special": True}
        reply = await self._process.wire.post("/tokenize", body)
        return tuple(reply["tokens"])

    async def _find_end(self) -> tuple[int, ...]:
        """The control token that the template puts behind an answer: the model must learn to stop there."""
        whole = await self._template(PROBE)
        rest = whole[whole.rfind("pong") + len("pong") :]
        found = [(place, mark) for mark in self._control if mark and (place := rest.find(mark)) >= 0]
        if "pong" not in whole or not found:
            raise BadInput(
                "the base's chat template ends an answer with no control token, so it could not learn to stop; "
                "use a base with a chat template",
                code="unsupported_base",
            )
        place, mark = min(found, key=lambda one: (one[0], -len(one[1])))
        body = {"content": mark, "add_special": False, "parse_special": True}
        return tuple((await self._process.wire.post("/tokenize", body))["tokens"])

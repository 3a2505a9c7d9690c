"""Asks an engine of the gate's own, which serves the base with the adapters under examination, at temperature 0.

It uses the settings of the served engine, so that it answers as that one would; one request at a time. It judges
nothing. A held examination stops the engine with itself, so its silence is no stall.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol

import psutil

from aion.config import Settings
from aion.errors import BadInput
from aion.models.catalog import LocalModel
from aion.models.llama.generator import choose_scales, spec_of
from aion.models.llama.probe import make_probe
from aion.models.llama.process import EngineProcess, lora_field
from aion.models.llama.spec import Adapter
from aion.models.quote import make_quoter, quote_messages
from aion.models.wire import CHAT
from aion.records import Json

HELD_S = 86_400.0
LEAST_CONTEXT = 2048  # of what a theme was trained on no example is longer than train.length and a template
GRAMMAR_TOKENS = 1024
Scales = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, and how fast it was written."""

    text: str
    tokens: int = 0
    seconds: float = 0.0  # of processor, its question read included; of the clock on a GPU


class Asker(Protocol):
    """Something that answers with any of the adapters, always the same to the same."""

    async def say(self, messages: Sequence[Json], scales: Scales, *, max_tokens: int, endless: bool = False) -> Said:
        """`endless`: it goes on to so many tokens, whether it has more to say or not."""
        ...

    async def rate(self, messages: Sequence[Json], answer: str, scales: Scales) -> float:
        """The mean log-probability of this answer's tokens."""
        ...

    async def find_probe(self, candidate: str, prompts: Sequence[Sequence[Json]]) -> Json:
        """A prompt that shows this adapter at work, as Probe.to_json has it; {} when it answers all as the base."""
        ...


class OpenAsker(Protocol):
    """Starts an asker over a base with adapters, each named by its candidate."""

    def __call__(
        self, base: LocalModel, adapters: Sequence[Adapter], settings: Settings
    ) -> AbstractAsyncContextManager[Asker]: ...


class EngineAsker:
    """One llama.cpp process. Use it as an async context manager."""

    def __init__(self, base: LocalModel, adapters: Sequence[Adapter], settings: Settings) -> None:
        served = spec_of(base, settings, adapters)
        least = max(LEAST_CONTEXT, settings.train.length + LEAST_CONTEXT // 2)
        self.spec = replace(served, slots=1, context=min(least, base.header.context_length or least))
        self._process = EngineProcess(self.spec, stall_timeout_s=HELD_S)
        self._timeout_s = settings.engine.start_timeout_s
        self._quoter = make_quoter(base.header.control_tokens)
        instruction = settings.model.instruction
        self._system: tuple[Json, ...] = ({"role": "system", "content": instruction},) if instruction else ()

    async def __aenter__(self) -> EngineAsker:
        await self._process.start(self._timeout_s)
        try:
            await self._process.prove(self._timeout_s)
        except BaseException:
            await self._process.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._process.stop()

    async def say(self, messages: Sequence[Json], scales: Scales, *, max_tokens: int, endless: bool = False) -> Said:
        """What is too long for the engine gets no answer: neither the base nor an adapter could give one."""
        try:
            began = self._processor_s()
            reply = await self._post(messages, scales, {"max_tokens": max_tokens, "ignore_eos": endless})
        except BadInput as error:
            if error.code != "context_length_exceeded":
                raise
            return Said("")
        timings = reply.get("timings", {})
        return Said(
            str(reply["choices"][0]["message"].get("content") or "").strip(),
            int(reply["usage"]["completion_tokens"]),
            self._processor_s() - began or float(timings.get("predicted_ms") or 0.0) / 1000,
        )

    def _processor_s(self) -> float:
        """Seconds of processor the engine has used, which others' work does not change; 0 where a GPU does the work."""
        if self._process.gpu_layers or self._process.pid is None:
            return 0.0
        used = psutil.Process(self._process.pid).cpu_times()
        return float(used.user + used.system)

    async def rate(self, messages: Sequence[Json], answer: str, scales: Scales) -> float:
        """llama.cpp scores no given text, but a grammar that allows nothing else makes it write this one.

        The log-probabilities are those before the grammar, the same as when it writes them unasked (held by a test).
        The last token ends the answer, where the model may have had more to say, and does not count.
        """
        only = {"grammar": "root ::= " + json.dumps(answer, ensure_ascii=False), "max_tokens": GRAMMAR_TOKENS}
        reply = await self._post(messages, scales, only | {"logprobs": True, "top_logprobs": 1})
        found = [float(one["logprob"]) for one in reply["choices"][0]["logprobs"]["content"] if one["token"]]
        return sum(found) / len(found) if found else float("nan")

    async def find_probe(self, candidate: str, prompts: Sequence[Sequence[Json]]) -> Json:
        number = [adapter.name for adapter in self.spec.adapters].index(candidate)
        probe = await make_probe(self._process, number, [self._whole(one) for one in prompts])
        return probe.to_json() if probe else {}

    def _whole(self, messages: Sequence[Json]) -> list[Json]:
        """As they are served: behind the usual system message, without control tokens."""
        own = () if any(one["role"] == "system" for one in messages) else self._system
        return [*own, *quote_messages(messages, self._quoter)]

    async def _post(self, messages: Sequence[Json], scales: Scales, more: Json) -> Json:
        body: Json = {
            "messages": self._whole(messages),
            "temperature": 0,
            "cache_prompt": False,
            "lora": lora_field(choose_scales(scales, self.spec.adapters)),
        }
        reply: Json = await self._process.wire.post(CHAT, body | more)
        return reply

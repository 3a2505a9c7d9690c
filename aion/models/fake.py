"""A Generator and an Embedder without a model: for tests, for benchmarks, and for trying AION out (source `fake`).

A token is a word with the spaces after it. The fakes keep every promise of the protocols, closing and limits included,
so that what passes with them fails with a real model only for the model's own reasons. They do not understand anything.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import orjson

from aion.errors import BadInput, NotFound, Unavailable
from aion.models.base import Delta, Job, ModelCard
from aion.models.tools import check_job, is_forced
from aion.records import AdapterUse, Json, Usage, new_id

FAKE_HASH = hashlib.sha256(b"aion fake model").hexdigest()
_TOKEN = re.compile(r"\s*\S+\s*|\s+")


class FakeGenerator:
    """Says `words` when given, and else repeats the last question.

    `shuffle` puts the words in an order that the seed decides; `fail_at` fails at that token; `call` holds what a
    function is called with whenever tools are offered (a forced call is made anyway). `running` and `stopped` count
    streams.
    """

    def __init__(
        self,
        words: str | None = None,
        *,
        name: str = "aion",
        delay_s: float = 0.0,
        context: int = 4096,
        logprobs: bool = True,
        shuffle: bool = False,
        fail_at: int | None = None,
        call: Mapping[str, Any] | None = None,
        adapters: tuple[AdapterUse, ...] = (),
    ) -> None:
        self._card = ModelCard(name=name, hash=FAKE_HASH, source="fake", context=context, adapters=adapters)
        self._words = words
        self._delay_s = delay_s
        self._logprobs = logprobs
        self._shuffle = shuffle
        self._fail_at = fail_at
        self._call = call
        self.running = 0
        self.stopped = 0  # streams closed before their end

    @property
    def card(self) -> ModelCard:
        return self._card

    def status(self) -> Json:
        return {"state": "ready", "running": self.running}

    async def stream(self, job: Job) -> AsyncGenerator[Delta, None]:
        job = check_job(job)
        used = self._adapters_of(job)
        asked = _asked(job)
        if len(asked) + 1 > self._card.context:
            raise BadInput(
                f"the request has {len(asked)} tokens and the model's context holds {self._card.context}; "
                "shorten the messages or lower max_tokens",
                code="context_length_exceeded",
                param="messages",
            )
        self.running += 1
        finished = False
        try:
            yield Delta(adapters=used)
            async for delta in self._say(job, asked):
                finished = finished or delta.usage is not None
                yield delta
        finally:
            self.running -= 1
            self.stopped += not finished

    async def count(self, texts: Sequence[str]) -> list[int]:
        return [len(_TOKEN.findall(text)) for text in texts]

    async def close(self) -> None:
        """Nothing to close."""

    async def _say(self, job: Job, asked: list[str]) -> AsyncGenerator[Delta, None]:
        room = min(job.sampling.max_tokens, self._card.context - len(asked))
        calling = bool(job.tools) and (is_forced(job) or (self._call is not None and job.tool_choice == "auto"))
        text = self._arguments_of(job) if calling else self._text_of(job)
        text, stopped = _cut(text, () if calling else job.sampling.stop)
        tokens = _TOKEN.findall(text)
        said = 0
        if calling:
            yield Delta(tool_calls=(_call_head(job),))
        for token in tokens[:room]:
            if said == self._fail_at:
                raise Unavailable("the fake model fails at this token, as it was told to")
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            said += 1
            calls = ({"index": 0, "function": {"arguments": token}},) if calling else ()
            yield Delta("" if calling else token, tool_calls=calls, logprobs=self._logprobs_of(token, job.top_logprobs))
        if said == self._fail_at:
            raise Unavailable("the fake model fails at this token, as it was told to")
        complete = "tool_calls" if calling else "stop"
        yield Delta(finish=complete if stopped or len(tokens) <= room else "length")
        usage = Usage(prompt=len(asked), completion=said)
        yield Delta(usage=usage, timings={"prompt_ms": 0.0, "predicted_ms": said * self._delay_s * 1000})

    def _text_of(self, job: Job) -> str:
        if job.response_format is not None and job.response_format["type"] != "text":
            schema = job.response_format.get("json_schema", {}).get("schema", {"type": "object"})
            return orjson.dumps(_example_of(schema)).decode()
        text = self._words if self._words is not None else _last_said(job)
        if not self._shuffle:
            return text
        words = text.split()
        random.Random(job.sampling.seed).shuffle(words)  # noqa: S311 - not a secret, and has to repeat
        return " ".join(words)

    def _arguments_of(self, job: Job) -> str:
        if self._call is not None:
            return orjson.dumps(dict(self._call)).decode()
        return orjson.dumps(_example_of(_called(job)["parameters"])).decode()

    def _adapters_of(self, job: Job) -> tuple[AdapterUse, ...]:
        if job.adapters == "auto":
            return self._card.adapters
        if job.adapters == "none":
            return ()
        known = {adapter.name: adapter for adapter in self._card.adapters}
        if job.optional_adapters and not known.keys() >= job.adapters.keys():
            return ()
        for name in job.adapters:
            if name not in known:
                listed = ", ".join(known) or "none"
                raise NotFound(
                    f"no adapter {name!r}; loaded: {listed}", code="adapter_not_found", param="aion.adapters"
                )
        return tuple(
            AdapterUse(name=name, hash=known[name].hash, scale=scale) for name, scale in job.adapters.items() if scale
        )

    def _logprobs_of(self, token: str, alternatives: int) -> tuple[Json, ...]:
        if not self._logprobs:
            return ()
        chosen = {"token": token, "logprob": math.log(0.5), "bytes": list(token.encode())}
        others = [{"token": f"other{n}", "logprob": math.log(0.5) - n, "bytes": []} for n in range(1, alternatives)]
        return ({**chosen, "top_logprobs": [chosen, *others] if alternatives else []},)


class FakeEmbedder:
    """Unit vectors made by hashing words: texts that share words are close, and the same text is always the same."""

    def __init__(
        self, *, name: str = "aion-embed", dimensions: int = 64, context: int = 256, delay_s: float = 0.0
    ) -> None:
        self._card = ModelCard(name=name, hash=FAKE_HASH, source="fake", context=context, dimensions=dimensions)
        self._delay_s = delay_s

    @property
    def card(self) -> ModelCard:
        return self._card

    async def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], int]:
        lengths = [len(text.split()) for text in texts]
        for place, length in enumerate(lengths):
            if length == 0:
                raise BadInput(f"input[{place}] is empty; give it some text", param=f"input[{place}]")
            if length > self._card.context:
                raise BadInput(
                    f"input[{place}] has {length} tokens and the model reads {self._card.context}; split it",
                    code="context_length_exceeded",
                    param=f"input[{place}]",
                )
        if self._delay_s:
            await asyncio.sleep(self._delay_s * sum(lengths))
        return [self._vector_of(text) for text in texts], sum(lengths)

    async def close(self) -> None:
        """Nothing to close."""

    def _vector_of(self, text: str) -> list[float]:
        vector = [0.0] * self._card.dimensions
        for word in text.lower().split():
            digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest()
            place = int.from_bytes(digest[:6]) % len(vector)
            vector[place] += 1.0 + digest[6] / 256 if digest[7] % 2 else -1.0 - digest[6] / 256
        length = math.sqrt(sum(x * x for x in vector))
        return [x / length for x in vector] if length else [1.0, *vector[1:]]


def _asked(job: Job) -> list[str]:
    texts = [job.prompt] if job.prompt is not None else [_plain(message.get("content")) for message in job.messages]
    return [token for text in texts for token in _TOKEN.findall(text)]


def _last_said(job: Job) -> str:
    if job.prompt is not None:
        return job.prompt
    said = [_plain(message.get("content")) for message in job.messages if message.get("role") == "user"]
    return said[-1] if said else ""


def _plain(content: Any) -> str:
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content or () if isinstance(part, dict))


def _cut(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """The text before the first stop string, and whether there was one."""
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return (text[: min(places)], True) if places else (text, False)


def _called(job: Job) -> Json:
    """The function that the fake calls: the named one, or the first."""
    functions: list[Json] = [tool["function"] for tool in job.tools]
    if isinstance(job.tool_choice, dict):
        name = job.tool_choice["function"]["name"]
        return next(function for function in functions if function["name"] == name)
    return functions[0]


def _call_head(job: Job) -> Json:
    function = {"name": _called(job)["name"], "arguments": ""}
    return {"index": 0, "id": new_id("call"), "type": "function", "function": function}


def _example_of(schema: Any) -> Any:
    """A small value that most schemas accept."""
    schema = schema if isinstance(schema, dict) else {}
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    choices = schema.get("anyOf") or schema.get("oneOf")
    return _example_of(choices[0]) if choices else _example_of_type(schema)


def _example_of_type(schema: Json) -> Any:
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: _example_of(properties.get(name)) for name in schema.get("required", ())}
    if kind == "array":
        return [_example_of(schema.get("items"))] * schema.get("minItems", 0)
    number = schema.get("minimum", 1)
    return {"string": "word", "integer": number, "number": number, "boolean": True}.get(kind)

"""A model on someone's OpenAI-compatible server (vLLM, llama-server, Ollama, hosted), as a Generator.

What the server understands is tried out once, with one token. Adapters are not asked for: a server that has some lists
each as a model of its own, to be named in the source. "required" and named tool choices are the server's to honour, and
Ollama does not. A token count is the server's own where it has /tokenize, and else a quarter of the bytes.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

from aion.config import Settings
from aion.errors import AionError, BadConfig, BadInput, Unavailable
from aion.models.base import Delta, Job, ModelCard, Sampling
from aion.models.catalog import RemoteModel
from aion.models.quote import make_quoter, quote_json, quote_messages
from aion.models.tools import check_job
from aion.models.wire import Dialect, Wire, path_of, payload_of
from aion.records import Json, Usage

BYTES_PER_TOKEN = 4
MAX_LISTED = 20  # models named in an error
_PROBE = Job(messages=({"role": "user", "content": "Hi"},), sampling=Sampling(max_tokens=1, temperature=0.0))


class RemoteGenerator:
    """One model of one server. Made by `connect`, which finds out what the server can do."""

    def __init__(self, wire: Wire, card: ModelCard, model: str, dialect: Dialect, *, tokenizes: bool) -> None:
        self._wire = wire
        self._card = card
        self._model = model
        self._dialect = dialect
        self._tokenizes = tokenizes
        self._quoter = make_quoter()

    @classmethod
    async def connect(cls, source: RemoteModel, settings: Settings) -> RemoteGenerator:
        """Reach the server, pick the model, try it out. Raises BadConfig or Unavailable."""
        key = settings.model.api_key
        secret = key.get_secret_value() if key else None
        wire = Wire(source.url.removesuffix("/v1"), secret, stall_timeout_s=settings.engine.stall_timeout_s)
        try:
            entry = _pick(await _list_models(wire, source), source)
            model = str(entry["id"])
            card = ModelCard(name=settings.model.name, hash="", source=source.source, context=_context_of(entry))
            dialect = await _try_out(wire, model)
            return cls(wire, card, model, dialect, tokenizes=await _can_tokenize(wire, model))
        except BaseException:
            await wire.close()
            raise

    @property
    def card(self) -> ModelCard:
        return self._card

    def status(self) -> Json:
        return {
            "state": "remote",
            "model": self._model,
            "logprobs": self._dialect.logprobs,
            "usage": self._dialect.usage,
            "exact_count": self._tokenizes,
        }

    async def stream(self, job: Job) -> AsyncGenerator[Delta, None]:
        if job.adapters not in ("auto", "none") and not job.optional_adapters:
            raise BadInput(
                "this model is on another server, which takes no adapters; leave aion.adapters at auto or none",
                code="adapters_not_supported",
                param="aion.adapters",
            )
        payload = payload_of(self._prepare(job), self._model, self._dialect)
        written, reported = "", False
        async with aclosing(self._wire.stream(path_of(job), payload)) as deltas:
            async for delta in deltas:
                reported = reported or delta.usage is not None
                if not self._dialect.usage:
                    written += delta.text + delta.reasoning
                yield delta
        if not reported:
            yield Delta(usage=_estimate(job, written))

    async def count(self, texts: Sequence[str]) -> list[int]:
        if not self._tokenizes:
            return [_approximate(text) for text in texts]
        return [await _tokens_in(self._wire, self._model, text) for text in texts]

    async def close(self) -> None:
        await self._wire.close()

    def _prepare(self, job: Job) -> Job:
        """Checked, and without the control tokens of the common families: the server's own list is not known."""
        checked = check_job(job)
        return replace(
            checked,
            messages=quote_messages(checked.messages, self._quoter),
            tools=tuple(quote_json(checked.tools, self._quoter)),
        )


async def _list_models(wire: Wire, source: RemoteModel) -> list[Json]:
    answer = await wire.get("/v1/models")
    found = answer.get("data") if isinstance(answer, dict) else None
    models = [entry for entry in found or () if isinstance(entry, dict) and entry.get("id")]
    if not models:
        raise BadConfig(f"the server at {source.url} lists no models under /v1/models; load one there first")
    return models


def _pick(models: Sequence[Json], source: RemoteModel) -> Json:
    """The named model, or the first."""
    if not source.name:
        return models[0]
    for entry in models:
        if source.name == entry["id"] or source.name in (entry.get("aliases") or ()):
            return entry
    names = [str(entry["id"]) for entry in models]
    listed = ", ".join(names[:MAX_LISTED]) + (" ..." if len(names) > MAX_LISTED else "")
    raise BadConfig(f"the server at {source.url} has no model {source.name!r}; it lists {listed}")


def _context_of(entry: Json) -> int:
    """llama.cpp says it in `meta`, vLLM beside the id, most say nothing."""
    meta = entry.get("meta") or {}
    found = meta.get("n_ctx") or entry.get("max_model_len") or entry.get("context_length") or 0
    return found if isinstance(found, int) else 0


async def _try_out(wire: Wire, model: str) -> Dialect:
    """The fullest dialect that the server does not refuse, less what it silently leaves out."""
    refused: BadInput | None = None
    for dialect in (
        Dialect(),
        Dialect(logprobs=False),
        Dialect(logprobs=False, limit="max_completion_tokens"),
        Dialect(usage=False),
        Dialect(logprobs=False, usage=False),
    ):
        try:
            seen = [delta async for delta in wire.stream(path_of(_PROBE), payload_of(_PROBE, model, dialect))]
        except BadInput as error:
            refused = error
            continue
        return replace(
            dialect,
            logprobs=dialect.logprobs and any(delta.logprobs for delta in seen),
            usage=any(delta.usage is not None for delta in seen),
        )
    said = refused.message if refused else ""
    raise Unavailable(f"the model server refuses even a short question: {said}")


async def _can_tokenize(wire: Wire, model: str) -> bool:
    try:
        return await _tokens_in(wire, model, "one two") > 0
    except AionError:
        return False


async def _tokens_in(wire: Wire, model: str, text: str) -> int:
    """llama.cpp reads `content` and lists the tokens; vLLM reads `prompt` and counts them."""
    answer: Any = await wire.post("/tokenize", {"model": model, "content": text, "prompt": text})
    with suppress(AttributeError, KeyError, TypeError):
        return int(answer["count"]) if "count" in answer else len(answer["tokens"])
    raise Unavailable("the model server's /tokenize answered in an unknown shape")


def _approximate(text: str) -> int:
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)


def _estimate(job: Job, written: str) -> Usage:
    """Usage for a server that reports none."""
    asked = job.prompt or " ".join(str(message.get("content") or "") for message in job.messages)
    return Usage(prompt=_approximate(asked), completion=_approximate(written))

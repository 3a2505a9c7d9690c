"""What a model is to the rest of AION: two protocols, and the frozen values that pass through them.

A `Generator` streams one choice; several choices are several streams. Implementations never retry, never queue and
never record: that is the work of `models.queue` and `answer`. All of them pass tests/contracts/test_generator.py.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from aion.records import AdapterUse, Json, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What a model says of itself."""

    name: str  # the name clients use
    hash: str  # sha256 of the file served; "" for a remote model, whose weights we cannot see
    source: str  # embedded, a file name, hf:..., openai:...
    context: int  # tokens a request may use, question and answer together; 0 when unknown
    dimensions: int = 0  # of an embedder's vectors
    adapters: tuple[AdapterUse, ...] = ()  # loaded, with the scale used by "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How words are chosen. None leaves it to the model's own default."""

    max_tokens: int
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    repeat_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logit_bias: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One thing to generate. Exactly one of `messages` and `prompt` is given."""

    messages: tuple[Json, ...] = ()
    prompt: str | None = None
    sampling: Sampling
    tools: tuple[Json, ...] = ()
    tool_choice: str | Json = "auto"
    response_format: Json | None = None
    top_logprobs: int = 0  # alternatives wanted a token; the chosen token's own log-probability always comes if it can
    adapters: Literal["auto", "none"] | Mapping[str, float] = "auto"
    optional_adapters: bool = False  # chosen by AION: when one of them is not loaded (any more), the base answers


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer, as it arrives. Only what changed is set."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[Json, ...] = ()  # OpenAI delta objects: index, id, function.name, function.arguments
    logprobs: tuple[Json, ...] = ()  # OpenAI objects: token, logprob, bytes, top_logprobs
    finish: str | None = None  # stop, length, tool_calls; set on exactly one delta, the last but for usage
    usage: Usage | None = None
    adapters: tuple[AdapterUse, ...] | None = None  # those that took part, on the first delta
    timings: Mapping[str, float] | None = None  # prompt_ms, predicted_ms as the engine measured them


class Generator(Protocol):
    """Something that answers. Closing the iterator stops the work and frees its slot."""

    @property
    def card(self) -> ModelCard: ...

    def stream(self, job: Job) -> AsyncGenerator[Delta, None]:
        """Yield deltas; the last with text carries `finish`.

        Raises BadInput (context_length_exceeded, schema_too_complex ...), NotFound (adapter), or Unavailable.
        """
        ...

    async def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens in each text. Approximate when the model cannot tell."""
        ...

    def status(self) -> Json:
        """What it is doing right now, for a person to read: at least `state`."""
        ...

    async def close(self) -> None: ...


class Embedder(Protocol):
    """Something that turns text into unit vectors."""

    @property
    def card(self) -> ModelCard: ...

    async def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], int]:
        """One vector a text, and the tokens read. Raises BadInput naming input[i] when one is too long or empty."""
        ...

    async def close(self) -> None: ...

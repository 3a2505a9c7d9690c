"""What was asked and answered, by whom, and what was done about it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = dict[str, Any]


def new_id(prefix: str) -> str:
    """`prefix` and 32 hex digits that sort by time of creation (UUIDv7 layout without its version bits)."""
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


class Scope(StrEnum):
    """What a key may do."""

    USER = "user"  # use the models, read its own turns
    ADMIN = "admin"  # everything, and everyone's turns


class TurnKind(StrEnum):
    """Which API the turn came through."""

    CHAT = "chat"  # /v1/chat/completions
    COMPLETION = "completion"  # /v1/completions: a bare prompt, no roles
    RESPONSE = "response"  # /v1/responses


class Outcome(StrEnum):
    """How a turn ended."""

    COMPLETED = "completed"  # the model finished, or reached the length asked for
    CANCELLED = "cancelled"  # the person went away or the server stopped: the answer is what had been written by then
    FAILED = "failed"  # the engine failed midway: `error` says how


@dataclass(frozen=True, slots=True, kw_only=True)
class LogprobSummary:
    """How sure the model was of its own words, over the tokens of one answer (natural logarithms)."""

    tokens: int
    mean: float
    minimum: float
    entropy: float  # mean per token; over the reported alternatives, the rest counted as one


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterUse:
    """One adapter that took part in an answer."""

    name: str
    hash: str
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens read and written."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0  # part of `prompt` that the engine had already read


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One choice: the assistant's message and how it ended."""

    message: Json
    finish: str  # stop, length, tool_calls, or cancelled / error for the unfinished
    logprobs: LogprobSummary | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One question and its answers, as they happened."""

    id: str
    kind: TurnKind
    owner: str  # the person the key belongs to
    conversation: str
    started: float  # seconds since the epoch, UTC
    messages: tuple[Json, ...]
    answers: tuple[Answer, ...]
    params: Json
    model: str
    model_hash: str
    adapters: tuple[AdapterUse, ...] = ()
    usage: Usage = field(default_factory=Usage)
    timings: Mapping[str, float] = field(default_factory=dict)  # milliseconds by step
    outcome: Outcome = Outcome.COMPLETED
    error: str | None = None
    steps: Mapping[str, Json] = field(default_factory=dict)  # what each step of the path found and did, by its name


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A thread of turns of one person."""

    id: str
    owner: str
    started: float
    updated: float
    turns: int
    title: str  # what its owner calls it, or the first words of its first question


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation in which something was said, and the turn and the words around it."""

    conversation: Conversation
    turn: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An API key as stored: the secret itself is never kept, only its SHA-256."""

    id: str
    owner: str
    scope: Scope
    secret_hash: str
    created: float
    expires: float | None = None
    revoked: float | None = None
    session: bool = False  # of a browser that signed in, not of a program
    label: str = ""  # what a person knows it by

    def public(self) -> Json:
        """What may be shown of it: everything but the sum of its secret."""
        return {
            "id": self.id,
            "owner": self.owner,
            "scope": self.scope.value,
            "created": self.created,
            "expires": self.expires,
            "revoked": self.revoked,
            "label": self.label,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One administrative act."""

    id: str
    at: float
    actor: str
    act: str  # such as key.add
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing `aion verify` found wrong, with its remedy."""

    where: str
    problem: str
    remedy: str

"""Frozen values that cross rooms. No I/O, no behaviour beyond reading themselves.

A `Turn` is written once, when its answer is complete, and never changed: everything AION learns later starts here.
Messages are kept as the plain JSON objects of the OpenAI API, because that is what people send and get.
"""

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
    title: str  # the first words of its first question


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

    def public(self) -> Json:
        """What may be shown of it: everything but the sum of its secret."""
        return {
            "id": self.id,
            "owner": self.owner,
            "scope": self.scope.value,
            "created": self.created,
            "expires": self.expires,
            "revoked": self.revoked,
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


class Origin(StrEnum):
    """Who first wrote a text."""

    PERSON = "person"  # its owner typed it
    DOCUMENT = "document"  # a file somebody brought
    WEB = "web"  # a page
    MODEL = "model"  # the base, or another model


class Trust(StrEnum):
    """How far a text may be relied on, from least to most. Training takes APPROVED and OWN alone."""

    UNTRUSTED = "untrusted"  # a document or page that nobody approved
    MODEL = "model"  # a model's own words
    APPROVED = "approved"  # a person approved exactly these bytes
    OWN = "own"  # the person's own words

    @property
    def rank(self) -> int:
        return list(Trust).index(self)


class MemoryKind(StrEnum):
    """What a memory is. None of them is an instruction: there is no such kind."""

    NOTE = "note"  # `aion remember`: a person asked to keep it
    SAID = "said"  # a statement made in a conversation
    CORRECTION = "correction"  # a question and the answer a person put right
    PASSAGE = "passage"  # a piece of a document


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place a memory came from. A memory with several has been met several times."""

    ref: str  # id of the turn, feedback or document; "" for a note
    origin: Origin
    trust: Trust
    hash: str  # sha256 of the text as it came from there, in hex: an approval holds for these bytes alone
    at: float
    conversation: str = ""  # of the turn, so that forgetting it finds this
    text: str = ""  # as it came from there, where it is not the memory's: what is left when the others are forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One thing remembered of one person. `seq` names this very version: an edit gives the memory a new one."""

    id: str
    owner: str
    kind: MemoryKind
    text: str
    sources: tuple[Source, ...]
    created: float
    updated: float
    entities: tuple[str, ...] = ()  # normalised, the heaviest first
    document: str = ""  # id of the document it is a passage of
    place: str = ""  # where in it, such as "page 3"
    seq: int = 0  # given by the store

    @property
    def trust(self) -> Trust:
        """That of its best source: what the person said themselves stays theirs when a page says it too."""
        return max((source.trust for source in self.sources), key=lambda trust: trust.rank, default=Trust.UNTRUSTED)

    @property
    def origin(self) -> Origin:
        best = max(self.sources, key=lambda source: source.trust.rank, default=None)
        return best.origin if best else Origin.WEB


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A text that was brought in whole; its passages are memories."""

    id: str
    owner: str
    title: str
    origin: Origin
    trust: Trust
    hash: str  # of its whole text
    created: float
    updated: float
    count: int = 0  # vectors its own vector has followed
    vector: tuple[float, ...] = ()  # moves with newly approved passages and feedback


class FeedbackKind(StrEnum):
    """How a person judged an answer, or what they did with it."""

    THUMB = "thumb"  # value: 1 or -1
    SCORE = "score"  # value: -1 to 1
    COMMENT = "comment"  # text
    EDIT = "edit"  # text: the answer as it should have been, a demonstration
    CHOICE = "choice"  # text: the answer chosen; other: the one rejected
    EVENT = "event"  # event: what happened to the answer, such as copied

    @property
    def is_vote(self) -> bool:
        """Whether a person has one of it on an answer: a later one takes the place of the one before."""
        return self in (FeedbackKind.THUMB, FeedbackKind.SCORE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One judgement on one turn, as it came. Of one kind on one turn the latest counts; events all count."""

    id: str
    owner: str
    turn: str
    kind: FeedbackKind
    at: float
    key: str  # makes sending it again harmless; ours when the person gave none
    value: float | None = None
    text: str = ""
    other: str = ""
    event: str = ""
    choice: int = 0  # which of the turn's answers it is about
    supersedes: str = ""  # the vote whose place it took; the store says it


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One sign of how an answer was received, found in what happened after it."""

    name: str  # see capture.signals
    value: float  # -1 (bad) to 1 (good)
    weight: float  # how sure the sign is, 0 to 1
    evidence: str  # the turn, feedback or words it was read from


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """What an answer was worth, and every part of it. Each in [-1, 1]; None where nothing was found."""

    explicit: float | None
    implicit: float | None
    emotional: float | None
    total: float


class Label(StrEnum):
    """What an experience is good for."""

    RELIABLE = "reliable"
    HESITANT = "hesitant"
    ERRONEOUS = "erroneous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """Something a text is about."""

    text: str  # as written
    key: str  # normalised, to compare
    kind: str  # name, phrase, number, date, code
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """What is known of a turn besides what was said. Derived: it can be made again from turns and feedback."""

    turn: str
    owner: str
    conversation: str
    at: float
    updated: float
    skill: str  # see capture.skill
    theme: str  # id of the cluster its question lies in
    trust: Trust  # of the least trusted text that stood in its prompt
    signals: tuple[Signal, ...]
    reward: Reward
    confidence: float | None  # calibrated
    raw_confidence: float | None
    novelty: float  # 0 (like many before) to 1
    failed: bool
    priority: float
    parts: Mapping[str, float]  # of the priority
    label: Label
    reason: str  # of the label
    entities: tuple[Entity, ...]
    ndcg: float | None = None  # of what was recalled for it
    measures: Mapping[str, float] = field(
        default_factory=dict
    )  # the turn's timings, tokens read and written, cache hit


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Questions that lie near each other, of one person; experiences call it their theme."""

    id: str
    owner: str
    name: str
    count: int
    vector: tuple[float, ...]
    updated: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A learned map from raw confidence to the share of answers that were good. Appended; the newest counts."""

    id: str
    owner: str
    at: float
    method: str  # isotonic or platt
    points: tuple[tuple[float, float], ...]  # knots of the map for isotonic; ((a, b),) for platt
    samples: int
    error_before: float  # expected calibration error, on answers it was not fitted to
    error_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What went when something was forgotten, and what had learned from it."""

    turns: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()
    seqs: tuple[int, ...] = ()  # of the memories, for the index
    feedback: int = 0
    answers: tuple[str, ...] = ()  # turns elsewhere whose answers had been shown it, by recall, cache or their client
    adapters: tuple[str, ...] = ()  # that learned from it

"""How answers were received, and what is made of it. Derived, but for feedback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aion.records.memory import Trust


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

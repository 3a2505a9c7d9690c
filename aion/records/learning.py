"""What sleep makes of experience: lessons, examples, themes, nights and candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aion.records.memory import Trust
from aion.records.turns import Json


class LessonKind(StrEnum):
    """Where a lesson comes from, the surest first."""

    EDIT = "edit"  # a person put an answer right
    CHOICE = "choice"  # a person chose one of two answers
    TOLD = "told"  # a statement of the person's own, said or noted
    LIKED = "liked"  # an answer that was well received, or proved reliable
    READ = "read"  # a passage that a person approved


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One thing worth learning, and where it is from. A question with its answer, or a statement, or both."""

    id: str  # made from owner, kind and sources: found again every night
    owner: str
    kind: LessonKind
    theme: str  # id of a Theme; "" before it has one
    question: str = ""
    answer: str = ""
    statement: str = ""
    rejected: str = ""  # an answer that a person disliked, corrected or did not choose
    language: str = "en"  # en or pt
    weight: float = 1.0
    trust: Trust = Trust.OWN
    sources: tuple[str, ...] = ()  # ids of turns, feedback, memories and documents
    at: float = 0.0


class ExampleKind(StrEnum):
    """What an example teaches."""

    PHRASING = "phrasing"  # a lesson's question, in some wording
    STATEMENT = "statement"  # the fact itself, to be said
    REVERSAL = "reversal"  # from the answer back to what it is about
    SUMMARY = "summary"  # everything taught about one subject
    CONTRAST = "contrast"  # a near miss, which must not get the taught answer
    REPLAY = "replay"  # from an earlier night of the theme
    ANCHOR = "anchor"  # a general question with the base's own answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One conversation to learn from; only `answer` is learned, the messages are what it answers."""

    id: str
    theme: str
    kind: ExampleKind
    messages: tuple[Json, ...]  # a system message only where it is another than the served one
    answer: str
    lessons: tuple[str, ...]  # ids; empty for an anchor
    weight: float = 1.0
    held_out: bool = False  # for the examination; never trained on
    rejected: str = ""  # an answer it must not give; for preferences


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """A field of one person's life that gets an adapter. What belongs to it stays, unless a person moves it."""

    id: str
    owner: str
    name: str
    created: float
    updated: float
    vector: tuple[float, ...] = ()  # the mean of its lessons, unit length, of the embedder named
    embedder: str = ""
    lessons: int = 0
    named: bool = False  # by a person: a night does not rename it
    pinned: bool = False  # stays, with its name, also when its last lesson is forgotten
    merged_into: str = ""  # a merged theme stays, so that old ids still lead somewhere


class NightState(StrEnum):
    """Where a night is."""

    WAITING = "waiting"  # asked for; has not begun
    PREPARING = "preparing"  # choosing themes and making examples
    TRAINING = "training"
    EXPORTING = "exporting"
    EXAMINING = "examining"  # its candidates, before any may be served
    PAUSED = "paused"  # somebody is being answered
    DONE = "done"  # with its candidates
    CANCELLED = "cancelled"
    FAILED = "failed"  # `reason` says why


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One sleep. Each change of state is an appended row; the newest counts."""

    id: str
    owner: str
    state: NightState
    reason: str  # why it began, in words; of a failed one, why it failed
    asked: float
    at: float  # of this state
    theme: str = ""  # asked for; "" means all that are due
    minutes: float = 0.0  # longest, asked for; 0 means the setting
    forced: bool = False
    interruptions: int = 0
    candidates: tuple[str, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)  # what the state wants to say: steps, sums, refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """A lesson that a training could not get past: no night learns it until a person releases it."""

    lesson: str
    owner: str
    theme: str
    night: str
    reason: str  # what happened with it, never its words
    at: float


IMPORTED = "imported"  # in the record of an adapter from elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An adapter that a night made and nobody has examined. Its files are blobs, named by their sums."""

    id: str
    owner: str
    theme: str
    night: str
    base: str  # sha256 of the model file it was trained on, and is good for alone
    adapter: str  # sha256 of the GGUF LoRA
    peft: str  # sha256 of adapter_model.safetensors
    config: Json  # PEFT's adapter_config.json
    dataset: str  # sha256 of the examples, held-out ones included, one JSON object a line
    lessons: tuple[str, ...]
    sources: tuple[str, ...]  # everything it learned from: turns, feedback, memories, documents
    record: Json  # settings used, losses, tokens, seconds, peak memory, versions
    created: float
    size: int = 0  # bytes of the GGUF LoRA
    parent: str = ""  # id of the candidate it went on from
    importance: str = ""  # sha256 of importance.safetensors: what each weight matters to what it has learned
    retired: bool = False  # it learned what was forgotten: its files are gone, and what else it knew is new again

    @property
    def is_imported(self) -> bool:
        """From elsewhere: nobody knows what it learned."""
        return bool(self.record.get(IMPORTED))

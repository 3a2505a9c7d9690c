"""What goes into a turn and what comes out of it while it happens. Frozen values; no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from aion.models.base import Delta, Job
from aion.records import Json, Turn, TurnKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a caller wants answered."""

    kind: TurnKind
    owner: str
    job: Job
    params: Json  # as asked, for the record
    choices: int = 1
    conversation: str | None = None
    recall: bool = True
    cache: bool = True


@dataclass(frozen=True, slots=True)
class Piece:
    """A delta of one choice."""

    choice: int
    delta: Delta


@dataclass(frozen=True, slots=True)
class Started:
    """The turn has a place in the engine, or its answer is at hand; comes first."""

    turn_id: str
    conversation: str
    at: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The turn is recorded; comes last. `sources` are its recalled items with their texts."""

    turn: Turn
    confidence: float | None
    sources: tuple[Json, ...] = ()


Event = Started | Piece | Finished

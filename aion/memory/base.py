"""What finding memories promises, and the frozen values that pass through it.

`MemoryIndex` is what differs between the embedded store (a memory-mapped int8 scan beside SQLite's full text) and a
database that does both itself; every implementation passes tests/contracts/test_memory_index.py. It finds seqs and
scores; texts always come from the store, which gives nobody another person's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from aion.records import Entity, Finding, Json, Memory

Vector = npt.NDArray[np.float32]
Hits = list[tuple[int, float]]  # (seq, score), best first


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time a memory must have been updated in, from `since` on and before `until`; None is open."""

    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """One memory that was found, and everything its place was decided by."""

    memory: Memory
    score: float  # after fusion and boosts
    cosine: float | None  # None: the search by meaning did not bring it
    bm25: float | None  # None: the search by words did not bring it
    entity_share: float = 0.0  # part of the question's entity weight that stands in it
    document_cosine: float = 0.0
    pinned: bool = False  # by its person: then it is there whatever was asked

    @property
    def fits(self) -> bool:
        """Whether the question found it, and not its pin alone."""
        return not self.pinned or self.cosine is not None or self.bm25 is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """What recalling for one question found."""

    items: tuple[Recalled, ...]  # best first
    vector: Vector | None  # of the question; None while there is no embedder
    entities: tuple[Entity, ...]  # of the question
    below_floor: int  # candidates that were not near enough
    complete: bool  # False while the vectors are being rebuilt, or without an embedder: words alone decided
    timings: dict[str, float] = field(default_factory=dict)  # embed_ms, search_ms, fuse_ms


class MemoryIndex(Protocol):
    """Finds by meaning and by words. Safe to call from any thread."""

    def search_vectors(self, vector: Vector, *, owner: str, limit: int, window: Window) -> Hits:
        """By cosine, exact: int8 finds the candidates, float32 decides their order. Empty while it is not ready."""
        ...

    def search_terms(self, terms: Sequence[str], *, owner: str, limit: int, window: Window) -> Hits:
        """By BM25. Works at all times."""
        ...

    def add(self, seq: int, *, owner: str, at: float, vector: Vector) -> None:
        """Take in a memory that the store has put. A second time changes nothing."""
        ...

    def remove(self, seqs: Sequence[int], *, owner: str) -> None: ...

    @property
    def ready(self) -> bool:
        """False while vectors are being rebuilt."""
        ...

    def status(self) -> Json:
        """state (ready, checking, rebuilding), vectors, bytes, and repairs since start; for a person to read."""
        ...

    def repair(self) -> int:
        """Make it hold exactly what the store holds; gives how many rows differed. Slow: run it in a thread."""
        ...

    def verify(self) -> list[Finding]:
        """Every row that is missing, too many or not the store's. Changes nothing."""
        ...

    def close(self) -> None: ...

"""The embedded index: vectors in a file a person, exact, and words in the store's own full-text table.

The store is the truth. What the files hold is compared with it at start, and by `verify`; a difference is repaired, and
a lost or foreign file is made anew while words alone answer its owner. What nobody in the store owns is deleted.
Nothing here waits for a disk; a vector that finds no room on it is counted as missed, and comes in by the next repair.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import structlog

from aion.memory.base import Hits, Vector, Window
from aion.memory.quantise import pick_best, scan
from aion.memory.segment import Item, Segment, View
from aion.records import Finding, Json
from aion.store.base import Memories

State = Literal["checking", "rebuilding", "ready"]
INDEX = "index"  # the folder in the data folder
PAGE = 2000
OVERSAMPLE = 2  # candidates of the scan for each result: their order is then decided by the floats
LEAST_CANDIDATES = 40
WORD_BUDGET = 8000
REMEDY = "start AION, which repairs it by itself"
log = structlog.get_logger()


class EmbeddedIndex:
    """Implements MemoryIndex over `folder`. Call `repair` once at start: until then what is there is searched."""

    def __init__(
        self, folder: Path, memories: Memories, embedder: str, dimensions: int, *, word_budget: int = WORD_BUDGET
    ) -> None:
        self._folder = folder
        self._memories = memories
        self._embedder = embedder
        self._dimensions = dimensions
        self._word_budget = word_budget
        self._segments: dict[str, Segment] = {}
        self._opening: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)  # one an owner
        self._lost: set[str] = set()  # owners whose vectors are being made anew
        self._checked = False
        self._repaired = 0
        self._missed = 0
        self._closed = False

    @property
    def ready(self) -> bool:
        return not self._lost

    @property
    def _state(self) -> State:
        if self._lost:
            return "rebuilding"
        return "ready" if self._checked else "checking"

    def status(self) -> Json:
        segments = list(self._segments.values())
        return {
            "state": self._state,
            "vectors": sum(len(one) for one in segments),
            "bytes": sum(one.bytes for one in segments),
            "repaired": self._repaired,
            "missed": self._missed,
        }

    def search_vectors(self, vector: Vector, *, owner: str, limit: int, window: Window) -> Hits:
        if limit < 1 or owner in self._lost or len(vector) != self._dimensions:
            return []
        seqs = _nearest(self._segment(owner).view(), vector, max(OVERSAMPLE * limit, LEAST_CANDIDATES), window)
        stored = self._memories.vectors(seqs, owner=owner, embedder=self._embedder)
        cosines = [(seq, float(np.frombuffer(data, "<f4") @ vector)) for seq, data in stored.items()]
        return sorted(cosines, key=lambda hit: (-hit[1], hit[0]))[:limit]

    def search_terms(self, terms: Sequence[str], *, owner: str, limit: int, window: Window) -> Hits:
        if not terms:
            return []
        return self._memories.search(
            terms, owner=owner, limit=limit, since=window.since, until=window.until, budget=self._word_budget
        )

    def add(self, seq: int, *, owner: str, at: float, vector: Vector) -> None:
        """The store has it already, so that what finds no room here is late and not lost."""
        try:
            self._segment(owner).add([(seq, at, vector)])
        except OSError as error:
            self._missed += 1
            log.warning("index.missed", rows=self._missed, error=error.strerror)

    def remove(self, seqs: Sequence[int], *, owner: str) -> None:
        self._segment(owner).remove(seqs)

    def repair(self) -> int:
        """Owner by owner. Memories put or removed meanwhile are told to the index by whoever does that."""
        try:
            self._drop_strangers()
            owners = sorted({*self._memories.owners(), *self._segments})
            self._lost.update(owner for owner in owners if self._is_lost(owner))
            differed = 0
            for owner in owners:
                differed += self._repair_owner(owner, self._segment(owner))
                self._lost.discard(owner)
        except Exception as error:  # told here: whoever started the thread may look at it only when the server stops
            log.error("index.repair_failed", error=repr(error))  # words answer whom it left without vectors
            raise
        self._repaired += differed
        self._checked = True
        if differed:
            log.info("index.repaired", rows=differed)
        return differed

    def verify(self) -> list[Finding]:
        return [finding for owner in self._memories.owners() for finding in self._verify_owner(owner)]

    def close(self) -> None:
        """A repair that is running ends at its next page."""
        self._closed = True
        for segment in list(self._segments.values()):
            segment.close()

    def _segment(self, owner: str) -> Segment:
        """Opened once; a large one takes a second, and nobody else waits for it."""
        if owner not in self._segments:
            with self._opening[owner]:
                if owner not in self._segments:
                    folder = folder_of(self._folder, owner)
                    self._segments[owner] = Segment(folder, self._dimensions, self._embedder)
        return self._segments[owner]

    def _is_lost(self, owner: str) -> bool:
        segment = self._segment(owner)
        return segment.damaged or (
            not len(segment) and bool(self._memories.embedded(owner=owner, embedder=self._embedder, limit=1))
        )

    def _drop_strangers(self) -> None:
        """Delete what is left of people who have no memory any more. Who gets one later is in the store before here."""
        found = list(self._folder.iterdir()) if self._folder.exists() else []
        known = {folder_of(self._folder, owner) for owner in (*self._memories.owners(), *self._segments)}
        for path in found:
            if path not in known:
                shutil.rmtree(path, ignore_errors=True)

    def _repair_owner(self, owner: str, segment: Segment) -> int:
        known = segment.seqs()
        differed = 0
        for page in self._pages(owner):
            if self._closed:
                return differed
            wrong = segment.differing(page)
            segment.remove([seq for seq, _, _ in wrong])
            differed += segment.add(wrong)
            known |= {seq for seq, _, _ in wrong}
        # Last, so that what was forgotten while this ran does not come back; what was put since is not among `known`.
        stored = set(self._memories.embedded_seqs(owner=owner, embedder=self._embedder))
        segment.damaged = False
        return differed + segment.remove(known - stored)

    def _verify_owner(self, owner: str) -> Iterator[Finding]:
        segment = self._segment(owner)
        wanted: set[int] = set()
        for page in self._pages(owner):
            wanted |= {seq for seq, _, _ in page}
            for seq, _, _ in segment.differing(page):
                yield Finding(where=f"index row {seq}", problem="it is not what the store holds", remedy=REMEDY)
        for seq in segment.seqs() - wanted:
            yield Finding(where=f"index row {seq}", problem="the store has no such memory", remedy=REMEDY)

    def _pages(self, owner: str) -> Iterator[list[Item]]:
        """What the store holds for this embedder; vectors of another length belong to none of ours."""
        after = 0
        while page := self._memories.embedded(owner=owner, embedder=self._embedder, after=after, limit=PAGE):
            after = page[-1][0]
            items = [(seq, at, np.frombuffer(data, "<f4")) for seq, at, data in page]
            yield [item for item in items if len(item[2]) == self._dimensions]


def folder_of(index: Path, owner: str) -> Path:
    """Named by a hash: whatever a person is called, it is no path."""
    return index / hashlib.sha256(owner.encode()).hexdigest()[:16]


def _nearest(view: View, vector: Vector, count: int, window: Window) -> list[int]:
    """The seqs of about the nearest rows; removed ones are left out by their zero."""
    if not len(view.rows):
        return []
    scores = scan(vector, view.vectors, view.rows["scale"])
    seqs = view.rows["seq"]
    out = seqs == 0
    if window.since is not None:
        out |= view.rows["at"] < window.since
    if window.until is not None:
        out |= view.rows["at"] >= window.until
    scores[out] = -np.inf
    return [int(seqs[place]) for place in pick_best(scores, count) if scores[place] > -np.inf]

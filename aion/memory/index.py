"""The embedded index: vectors in a file a person, exact, and words in the store's own full-text table.

The store is the truth. What the files hold is compared with it at start, and by `verify`; a difference is repaired, and
a lost or foreign file is made anew while words alone answer. Nothing here waits for a disk.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import structlog

from aion.memory.base import Hits, Vector, Window
from aion.memory.quantise import scan
from aion.memory.segment import Item, Segment, View
from aion.records import Finding, Json
from aion.store.base import Memories

State = Literal["checking", "rebuilding", "ready"]
INDEX = "index"  # the folder in the data folder
PAGE = 2000
OVERSAMPLE = 4  # candidates of the scan for each result: their order is then decided by the floats
LEAST_CANDIDATES = 40
REMEDY = "start AION, which repairs it by itself"
log = structlog.get_logger()


class EmbeddedIndex:
    """Implements MemoryIndex over `folder`. Not ready until `repair` has run once."""

    def __init__(self, folder: Path, memories: Memories, embedder: str, dimensions: int) -> None:
        self._folder = folder
        self._memories = memories
        self._embedder = embedder
        self._dimensions = dimensions
        self._segments: dict[str, Segment] = {}
        self._opening = threading.Lock()
        self._state: State = "checking"
        self._repaired = 0
        self._closed = False

    @property
    def ready(self) -> bool:
        return self._state != "rebuilding"

    def status(self) -> Json:
        with self._opening:
            segments = list(self._segments.values())
        return {
            "state": self._state,
            "vectors": sum(len(one) for one in segments),
            "bytes": sum(one.bytes for one in segments),
            "repaired": self._repaired,
        }

    def search_vectors(self, vector: Vector, *, owner: str, limit: int, window: Window) -> Hits:
        if not self.ready or limit < 1:
            return []
        seqs = _nearest(self._segment(owner).view(), vector, max(OVERSAMPLE * limit, LEAST_CANDIDATES), window)
        stored = self._memories.vectors(seqs, owner=owner, embedder=self._embedder)
        cosines = [(seq, float(np.frombuffer(data, "<f4") @ vector)) for seq, data in stored.items()]
        return sorted(cosines, key=lambda hit: (-hit[1], hit[0]))[:limit]

    def search_terms(self, terms: Sequence[str], *, owner: str, limit: int, window: Window) -> Hits:
        if not terms:
            return []
        return self._memories.search(terms, owner=owner, limit=limit, since=window.since, until=window.until)

    def add(self, seq: int, *, owner: str, at: float, vector: Vector) -> None:
        self._segment(owner).add([(seq, at, vector)])

    def remove(self, seqs: Sequence[int], *, owner: str) -> None:
        self._segment(owner).remove(seqs)

    def repair(self) -> int:
        """Owner by owner. Memories put or removed meanwhile are told to the index by whoever does that."""
        differed = 0
        for owner in self._memories.owners():
            segment = self._segment(owner)
            if segment.damaged or not len(segment):
                self._state = "rebuilding"
            differed += self._repair_owner(owner, segment)
            segment.damaged = False
        self._repaired += differed
        self._state = "ready"
        if differed:
            log.info("index.repaired", rows=differed)
        return differed

    def verify(self) -> list[Finding]:
        return [finding for owner in self._memories.owners() for finding in self._verify_owner(owner)]

    def close(self) -> None:
        """A repair that is running ends at its next page."""
        self._closed = True
        with self._opening:
            for segment in self._segments.values():
                segment.close()
            self._segments.clear()

    def _segment(self, owner: str) -> Segment:
        with self._opening:
            if owner not in self._segments:
                self._segments[owner] = Segment(folder_of(self._folder, owner), self._dimensions, self._embedder)
            return self._segments[owner]

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
        return differed + segment.remove(
            known - set(self._memories.embedded_seqs(owner=owner, embedder=self._embedder))
        )

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
    if count < len(scores):
        best = np.argpartition(scores, len(scores) - count)[len(scores) - count :]
    else:
        best = np.arange(len(scores))
    return [int(seqs[place]) for place in best if scores[place] > -np.inf]

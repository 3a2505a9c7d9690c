"""Finds what one person's memory holds about a question: by meaning and by words, fused, near enough, best first.

It finds and does not judge: what is shown to a model, and how, is decided where the answer is made. Words are searched
while the question is being embedded. Without an embedder, or while the vectors are being rebuilt, words alone answer
and `Recall.complete` is False.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from aion.config import MemorySettings
from aion.errors import AionError
from aion.memory.aliases import use_known_names
from aion.memory.base import Hits, MemoryIndex, Recall, Recalled, Vector, Window
from aion.memory.checks import may_pin
from aion.memory.embedding import EmbeddingDesk
from aion.memory.entities import QUERY_LIMIT, entities_of
from aion.memory.fuse import Candidates, judge, merge_ranks
from aion.memory.near import ANYTHING, NONE_SAME, Asked, find_exchanged, same_kinds
from aion.memory.windows import topic_of, window_of
from aion.records import Entity, Memory
from aion.store.base import Memories

JUDGED = 3  # candidates read for each memory wanted: boosts and the floor decide among them
LEAST_JUDGED = 20


class Recaller:
    """Reads the store and the index; one for everybody."""

    def __init__(
        self,
        memories: Memories,
        index: MemoryIndex,
        desk: EmbeddingDesk,
        settings: MemorySettings,
        *,
        entities: Callable[[str, int], Sequence[Entity]] = entities_of,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._memories = memories
        self._index = index
        self._desk = desk
        self._settings = settings
        self._entities = entities
        self._clock = clock

    async def recall(self, owner: str, question: str, *, limit: int, window: Window | None = None) -> Recall:
        """Without a window, the question's own words may name one: all that was told then is near a question for it.

        What is called by another name that a person told is looked for by the name it is known by as well. What a
        person pinned comes first whatever was asked, and beside the `limit`.
        """
        pinned = await asyncio.to_thread(self._read_pinned, owner)
        found = await self._find(owner, question, limit=limit, window=window)
        called = use_known_names(question, [item.memory.text for item in found.items])
        if called != question:
            found = _join(found, await self._find(owner, called, limit=limit, window=window), limit)
        return _put_first(pinned, found) if pinned else found

    def _read_pinned(self, owner: str) -> list[Memory]:
        """Without those that are relied on no more, such as passages of a document whose approval was taken back."""
        read = (self._memories.get(one, owner=owner) for one in self._memories.pins(owner=owner))
        return [one for one in read if one is not None and may_pin(one)]

    async def _find(self, owner: str, question: str, *, limit: int, window: Window | None) -> Recall:
        began = time.perf_counter()
        named = window_of(question, self._clock()) if window in {None, Window()} else None
        asked = self._read(topic_of(question) if named else question)
        floor = ANYTHING if named and not asked.terms else self._settings.floor
        within = named or window or Window()
        by_words, (vector, by_meaning, embed_ms) = await asyncio.gather(
            asyncio.to_thread(self._search_words, owner, asked, within), self._search_meaning(owner, question, within)
        )
        searched = time.perf_counter()
        most = max(JUDGED * limit, LEAST_JUDGED)
        candidates = await asyncio.to_thread(self._fetch, owner, vector, by_meaning, by_words, most=most)
        items, below = await self._judge(asked, candidates, self._settings.model_copy(update={"floor": floor}))
        ended = time.perf_counter()
        return Recall(
            items=tuple(items[:limit]),
            vector=vector,
            entities=asked.entities,
            below_floor=below,
            complete=vector is not None and self._index.ready,
            timings={
                "embed_ms": round(embed_ms, 3),
                "search_ms": round((searched - began) * 1000 - embed_ms, 3),
                "fuse_ms": round((ended - searched) * 1000, 3),
            },
        )

    def _read(self, question: str) -> Asked:
        return Asked.of(question, self._entities(question, QUERY_LIMIT))

    async def _search_meaning(self, owner: str, question: str, window: Window) -> tuple[Vector | None, Hits, float]:
        """The question's vector, what is near it, and the milliseconds that embedding took."""
        began, settings = time.perf_counter(), self._settings
        vector = await self._embed(question)
        embed_ms = (time.perf_counter() - began) * 1000
        if vector is None or not settings.vector_weight:
            return vector, [], embed_ms
        search = self._index.search_vectors
        hits = await asyncio.to_thread(search, vector, owner=owner, limit=settings.candidates, window=window)
        return vector, hits, embed_ms

    def _search_words(self, owner: str, asked: Asked, window: Window) -> Hits:
        if not self._settings.text_weight:
            return []
        return self._index.search_terms(asked.terms, owner=owner, limit=self._settings.candidates, window=window)

    def _fetch(self, owner: str, vector: Vector | None, by_meaning: Hits, by_words: Hits, *, most: int) -> Candidates:
        places = merge_ranks(by_meaning, by_words, self._settings)
        best = list(places)[:most]
        found = self._memories.fetch(best, owner=owner)
        memories = [found[seq] for seq in best if seq in found]
        cosines = dict(by_meaning)
        if vector is not None:
            missing = [memory.seq for memory in memories if memory.seq not in cosines]
            stored = self._memories.vectors(missing, owner=owner, embedder=self._desk.hash)
            cosines |= {seq: float(np.frombuffer(data, "<f4") @ vector) for seq, data in stored.items()}
        documents = self._document_cosines({memory.document for memory in memories} - {""}, vector, owner)
        return Candidates(memories, places, cosines, dict(by_words), documents)

    async def _judge(
        self, asked: Asked, candidates: Candidates, settings: MemorySettings
    ) -> tuple[list[Recalled], int]:
        """Where nothing is near, another word may have been used for what a thing is."""
        items, below = await asyncio.to_thread(judge, candidates, asked, settings=settings)
        exchanged = [] if items else await asyncio.to_thread(find_exchanged, asked, candidates.memories)
        vectors = await self._embed_all(list({text for one in exchanged for text in one.pair}))
        same = same_kinds(exchanged, vectors) if vectors else NONE_SAME
        if not same:
            return items, below
        return await asyncio.to_thread(judge, candidates, asked, settings=settings, same=same)

    def _document_cosines(self, ids: set[str], vector: Vector | None, owner: str) -> dict[str, float]:
        if vector is None:
            return {}
        found = [self._memories.document(one, owner=owner) for one in ids]
        return {
            document.id: float(np.asarray(document.vector, np.float32) @ vector)
            for document in found
            if document is not None and len(document.vector) == len(vector)
        }

    async def _embed(self, question: str) -> Vector | None:
        return (await self._embed_all([question])).get(question) if question.strip() else None

    async def _embed_all(self, texts: Sequence[str]) -> dict[str, Vector]:
        """Empty while there is no embedder: words alone must do."""
        if not self._desk.ready or not texts:
            return {}
        try:
            return dict(zip(texts, await self._desk.embed(texts), strict=True))
        except AionError:
            return {}


def _put_first(pinned: Sequence[Memory], found: Recall) -> Recall:
    """With what is known of them where the question found them, too."""
    known = {one.memory.id: one for one in found.items}
    first = [
        replace(known.get(one.id) or Recalled(memory=one, score=0.0, cosine=None, bm25=None), pinned=True)
        for one in pinned
    ]
    names = {one.id for one in pinned}
    return replace(found, items=(*first, *(one for one in found.items if one.memory.id not in names)))


def _join(found: Recall, more: Recall, limit: int) -> Recall:
    """Each memory as it was found best, best first."""
    best: dict[int, Recalled] = {}
    for one in (*found.items, *more.items):
        known = best.get(one.memory.seq)
        best[one.memory.seq] = one if known is None or one.score > known.score else known
    items = sorted(best.values(), key=lambda one: -one.score)
    timings = {name: round(took + more.timings[name], 3) for name, took in found.timings.items()}
    return replace(found, items=tuple(items[:limit]), timings=timings)

"""Finds what one person's memory holds about a question: by meaning and by words, fused, near enough, best first.

It finds and does not judge: what is shown to a model, and how, is decided where the answer is made. Words are searched
while the question is being embedded. Without an embedder, or while the vectors are being rebuilt, words alone answer
and `Recall.complete` is False.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import numpy as np

from aion.config import MemorySettings
from aion.errors import AionError
from aion.memory.base import Hits, MemoryIndex, Recall, Recalled, Vector, Window
from aion.memory.embedding import EmbeddingDesk
from aion.memory.entities import QUERY_LIMIT, entities_of
from aion.memory.fuse import Asked, judge, merge_ranks
from aion.memory.terms import terms_of
from aion.memory.windows import topic_of, window_of
from aion.records import Entity
from aion.store.base import Memories

JUDGED = 3  # candidates read for each memory wanted: boosts and the floor decide among them
LEAST_JUDGED = 20
ANYTHING = -1.0  # a floor below every cosine


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
        """Without a window, the question's own words may name one: all that was told then is near a question for it."""
        began = time.perf_counter()
        named = window_of(question, self._clock()) if window in {None, Window()} else None
        asked = self._read(topic_of(question) if named else question)
        floor = ANYTHING if named and not asked.terms else self._settings.floor
        within = named or window or Window()
        by_words, (vector, by_meaning, embed_ms) = await asyncio.gather(
            asyncio.to_thread(self._search_words, owner, asked, within), self._search_meaning(owner, question, within)
        )
        searched = time.perf_counter()
        items, below = await asyncio.to_thread(
            self._fuse, owner, asked, vector, by_meaning, by_words, limit=limit, floor=floor
        )
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
        terms = tuple(dict.fromkeys(terms_of(question)))
        return Asked(terms=terms, entities=tuple(self._entities(question, QUERY_LIMIT)))

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

    def _fuse(
        self,
        owner: str,
        asked: Asked,
        vector: Vector | None,
        by_meaning: Hits,
        by_words: Hits,
        *,
        limit: int,
        floor: float,
    ) -> tuple[list[Recalled], int]:
        places = merge_ranks(by_meaning, by_words, self._settings)
        best = list(places)[: max(JUDGED * limit, LEAST_JUDGED)]
        found = self._memories.fetch(best, owner=owner)
        memories = [found[seq] for seq in best if seq in found]
        cosines = dict(by_meaning)
        if vector is not None:
            missing = [memory.seq for memory in memories if memory.seq not in cosines]
            stored = self._memories.vectors(missing, owner=owner, embedder=self._desk.hash)
            cosines |= {seq: float(np.frombuffer(data, "<f4") @ vector) for seq, data in stored.items()}
        return judge(
            memories,
            asked,
            places=places,
            cosines=cosines,
            bm25=dict(by_words),
            documents=self._document_cosines({memory.document for memory in memories} - {""}, vector, owner),
            settings=self._settings.model_copy(update={"floor": floor}),
        )

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
        if not self._desk.ready or not question.strip():
            return None
        try:
            return (await self._desk.embed([question]))[0]
        except AionError:
            return None  # words alone must do

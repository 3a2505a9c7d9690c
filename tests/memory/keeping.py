"""A keeper over a real store for the tests of memory: with the fake embedder, and an index that can be looked into."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aion.config import MemorySettings
from aion.errors import Unavailable
from aion.memory.base import Hits, Vector, Window
from aion.memory.keeper import Keeper
from aion.models.fake import FAKE_HASH, FakeEmbedder
from aion.records import Finding, Json, Memory
from aion.store.sqlite import SqliteStore


class TestDesk:
    """Embeds with the fake; can be without an embedder, or have another one."""

    __test__ = False

    def __init__(self, *, ready: bool = True, hash_: str = FAKE_HASH) -> None:
        self.ready = ready
        self.hash = hash_
        self.texts: list[str] = []
        self._embedder = FakeEmbedder(dimensions=64, context=10_000)

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        if not self.ready:
            raise Unavailable("there is no embedder yet")
        self.texts += texts
        vectors, _ = await self._embedder.embed(texts)
        return [np.asarray(vector, dtype=np.float32) for vector in vectors]


class ListIndex:
    """Vectors in a dict, searched one by one; words in the store."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.vectors: dict[str, dict[int, Vector]] = {}

    def search_vectors(self, vector: Vector, *, owner: str, limit: int, window: Window) -> Hits:
        found = [(seq, float(one @ vector)) for seq, one in self.vectors.get(owner, {}).items()]
        return sorted(found, key=lambda hit: -hit[1])[:limit]

    def search_terms(self, terms: Sequence[str], *, owner: str, limit: int, window: Window) -> Hits:
        return self._store.memories.search(terms, owner=owner, limit=limit, since=window.since, until=window.until)

    def add(self, seq: int, *, owner: str, at: float, vector: Vector) -> None:
        self.vectors.setdefault(owner, {})[seq] = vector

    def remove(self, seqs: Sequence[int], *, owner: str) -> None:
        for seq in seqs:
            self.vectors.get(owner, {}).pop(seq, None)

    @property
    def ready(self) -> bool:
        return True

    def status(self) -> Json:
        return {"state": "ready"}

    def repair(self) -> int:
        return 0

    def verify(self) -> list[Finding]:
        return []

    def close(self) -> None:
        """Nothing to close."""


class Home:
    """A store, an index, a desk and their keeper."""

    def __init__(self, folder: Path, *, ready: bool = True) -> None:
        self.store = SqliteStore(folder)
        self.memories = self.store.memories
        self.index = ListIndex(self.store)
        self.desk = TestDesk(ready=ready)
        self.keeper = self.make_keeper()

    def make_keeper(self) -> Keeper:
        return Keeper(
            self.store, self.index, self.desk, MemorySettings(duplicate_cosine=0.9)
        )  # the fake takes a full stop for a word

    def all(self, owner: str = "ana") -> list[Memory]:
        """Oldest first."""
        return self.memories.listed(owner=owner, limit=10_000)[::-1]

    def texts(self, owner: str = "ana") -> list[str]:
        return [memory.text for memory in self.all(owner)]

    def assert_whole(self) -> None:
        """The index holds exactly what the store holds."""
        for owner in {*self.memories.owners(), *self.index.vectors}:
            stored = self.memories.embedded_seqs(owner=owner, embedder=self.desk.hash)
            assert sorted(self.index.vectors.get(owner, {})) == stored
        assert list(self.store.verify()) == []

    def close(self) -> None:
        self.store.close()

"""The part of a store that a keeper uses, in dicts: for sequences too many to write to a disk. Keeps one promise less:
nothing in it is durable."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from aion.records import Document, Forgotten, Memory, MemoryKind


def done(result: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(result)
    return future


class DictMemories:
    """Implements what of `Memories` a keeper uses."""

    def __init__(self) -> None:
        self.rows: dict[str, Memory] = {}
        self._documents: dict[str, Document] = {}
        self._vectors: dict[int, tuple[str, bytes]] = {}
        self._terms: dict[str, set[str]] = {}
        self._seq = 0

    def put(self, memory: Memory, *, terms: str, vector: bytes | None, embedder: str) -> Future[Memory]:
        self._seq += 1
        written = dataclasses.replace(memory, seq=self._seq)
        self._drop(memory.id)
        self.rows[memory.id] = written
        self._terms[memory.id] = set(terms.split())
        if vector is not None:
            self._vectors[self._seq] = (embedder, vector)
        return done(written)

    def _drop(self, memory_id: str) -> None:
        old = self.rows.pop(memory_id, None)
        if old is not None:
            self._vectors.pop(old.seq, None)

    def remove(self, ids: Sequence[str], *, owner: str) -> Future[Forgotten]:
        gone = [self.rows[id_] for id_ in ids if id_ in self.rows and self.rows[id_].owner == owner]
        for memory in gone:
            self._drop(memory.id)
        return done(Forgotten(memories=tuple(memory.id for memory in gone), seqs=tuple(memory.seq for memory in gone)))

    def get(self, memory_id: str, *, owner: str | None) -> Memory | None:
        found = self.rows.get(memory_id)
        return found if found is not None and owner in (None, found.owner) else None

    def fetch(self, seqs: Sequence[int], *, owner: str) -> dict[int, Memory]:
        return {one.seq: one for one in self.rows.values() if one.seq in seqs and one.owner == owner}

    def listed(
        self,
        *,
        owner: str | None,
        kind: MemoryKind | None = None,
        document: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Memory]:
        found = [
            one
            for one in self.rows.values()
            if owner in (None, one.owner)
            and document in (None, one.document)
            and kind in (None, one.kind)
            and (before is None or one.seq < before)
        ]
        return sorted(found, key=lambda one: -one.seq)[:limit]

    def from_source(self, ref: str, *, owner: str) -> list[Memory]:
        return [
            one
            for one in self.rows.values()
            if one.owner == owner and any(ref in (source.ref, source.conversation) for source in one.sources)
        ]

    def stands(self, ref: str, *, owner: str) -> Future[bool]:
        return done(True)

    def search(
        self,
        terms: Sequence[str],
        *,
        owner: str,
        limit: int,
        since: float | None = None,
        until: float | None = None,
        budget: int = 8000,
    ) -> list[tuple[int, float]]:
        shared = [
            (one.seq, float(len(self._terms[one.id] & set(terms)))) for one in self.rows.values() if one.owner == owner
        ]
        return sorted((hit for hit in shared if hit[1]), key=lambda hit: -hit[1])[:limit]

    def vectors(self, seqs: Sequence[int], *, owner: str, embedder: str) -> dict[int, bytes]:
        return {seq: self._vectors[seq][1] for seq in seqs if self._vectors.get(seq, ("",))[0] == embedder}

    def pins(self, **_whose: object) -> list[str]:
        """It knows none."""
        return []

    def put_document(self, document: Document) -> Future[None]:
        self._documents[document.id] = document
        return done(None)

    def document(self, document_id: str, *, owner: str | None) -> Document | None:
        found = self._documents.get(document_id)
        return found if found is not None and owner in (None, found.owner) else None

    def documents(self, *, owner: str | None, before: float | None = None, limit: int = 100) -> list[Document]:
        found = [
            one
            for one in self._documents.values()
            if owner in (None, one.owner) and (before is None or one.updated < before)
        ]
        return sorted(found, key=lambda one: -one.updated)[:limit]

    def remove_document(self, document_id: str, *, owner: str) -> Future[Forgotten]:
        self._documents.pop(document_id, None)
        return self.remove([one.id for one in self.from_source(document_id, owner=owner)], owner=owner)


class DictStore:
    """Implements what of `Store` a keeper uses; it has no turns."""

    def __init__(self) -> None:
        self.memories = DictMemories()

    def turns(self, **_which: object) -> list[Any]:
        return []

    def forget_conversation(self, conversation: str, *, owner: str) -> Future[Forgotten]:
        ids = [one.id for one in self.memories.from_source(conversation, owner=owner)]
        return self.memories.remove(ids, owner=owner)

    def close(self) -> None:
        """Nothing to close."""

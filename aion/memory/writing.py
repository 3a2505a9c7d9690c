"""Writes one memory so that the store, the words and the vectors agree: embedded, put, durable, then told to the index.

It decides nothing about what is kept. Without an embedder a memory is stored without a vector, for `Keeper.fill`.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol, TypeVar

import numpy as np

from aion.errors import Overloaded, Unavailable
from aion.memory.base import MemoryIndex, Vector
from aion.memory.terms import terms_of
from aion.records import Entity, Memory
from aion.store.base import Memories

EntitiesOf = Callable[[str], Sequence[Entity]]
Result = TypeVar("Result")


class Desk(Protocol):
    """Where texts are embedded; `memory.embedding.EmbeddingDesk` is one."""

    @property
    def ready(self) -> bool: ...

    @property
    def hash(self) -> str:
        """Of the embedder: vectors of another are not compared with its own."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[Vector]: ...


class MemoryWriter:
    """Puts and removes memories of everyone; the caller sees to it that one owner's changes come one by one."""

    def __init__(self, memories: Memories, index: MemoryIndex, desk: Desk, entities: EntitiesOf) -> None:
        self.memories = memories
        self._index = index
        self._desk = desk
        self._entities = entities

    async def embed(self, texts: Sequence[str]) -> list[Vector | None]:
        """None for all of them while there is no embedder, or no place in its queue."""
        if not self._desk.ready or not texts:
            return [None] * len(texts)
        try:
            return list(await self._desk.embed(texts))
        except (Unavailable, Overloaded):
            return [None] * len(texts)

    async def put(self, memory: Memory, vector: Vector | None) -> Memory:
        """Insert it, or replace the version it was read as (its seq)."""
        entities = tuple(entity.key for entity in self._entities(memory.text))
        data = None if vector is None else np.asarray(vector, dtype="<f4").tobytes()
        put = self.memories.put(
            dataclasses.replace(memory, entities=entities, seq=0),
            terms=" ".join(terms_of(memory.text)),
            vector=data,
            embedder="" if data is None else self._desk.hash,
        )
        written = await durable(put)
        if memory.seq:
            self._index.remove([memory.seq], owner=memory.owner)
        if vector is not None:
            self._index.add(written.seq, owner=written.owner, at=written.updated, vector=vector)
        return written

    async def change(self, memory: Memory, before: Memory) -> Memory:
        """Write a changed memory; its vector is made anew only when its text is new."""
        if memory == before:
            return before
        if memory.text == before.text:
            return await self.put(memory, await self.vector_of(before))
        return await self.put(memory, (await self.embed([memory.text]))[0])

    async def vector_of(self, memory: Memory) -> Vector | None:
        return (await self.vectors_of([memory])).get(memory.seq)

    async def vectors_of(self, memories: Sequence[Memory]) -> dict[int, Vector]:
        """Of this embedder, by seq; all of one owner."""
        if not self._desk.ready or not memories:
            return {}
        seqs = [memory.seq for memory in memories]
        found = await asyncio.to_thread(self.memories.vectors, seqs, owner=memories[0].owner, embedder=self._desk.hash)
        return {seq: np.frombuffer(data, dtype="<f4") for seq, data in found.items()}

    def drop(self, seqs: Sequence[int], *, owner: str) -> None:
        """Tell the index what the store has removed."""
        if seqs:
            self._index.remove(seqs, owner=owner)


async def durable(written: Future[Result]) -> Result:
    """The result of a write, once it survives a power cut."""
    return await asyncio.wrap_future(written)

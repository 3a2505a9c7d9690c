"""Documents: brought in as passages, approved for exactly their bytes, and a vector of their own that moves.

A document's id comes from its owner and its bytes, and its passages' ids from its own: the same text brought in again
is the same document, and an import that was cut short is finished by doing it again. It reads no file format.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from aion.config import MemorySettings
from aion.errors import BadInput, Conflict, NotFound
from aion.memory.base import Vector
from aion.memory.checks import NAME_LIMIT, check_text, check_unicode
from aion.memory.chunks import Passage, split_text
from aion.memory.ema import follow, mean_direction
from aion.memory.provenance import hash_of, set_trust, unapproved
from aion.memory.writing import MemoryWriter, durable
from aion.records import Document, Memory, MemoryKind, Origin, Source, Trust

DOCUMENT_LIMIT = 5_000_000  # characters
BATCH = 32  # passages embedded at a time
Changing = Callable[[str], AbstractAsyncContextManager[None]]  # the lock of an owner


def document_id_of(owner: str, text_hash: str) -> str:
    return "doc_" + hashlib.sha256(f"{owner}\0{text_hash}".encode()).hexdigest()[:32]


def passage_id_of(document: str, number: int) -> str:
    return "mem_" + hashlib.sha256(f"{document}\0{number}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Coming:
    """How far a document is that is being brought in: passages that can be found, of so many."""

    done: int
    of: int


class DocumentKeeper:
    """What `Keeper` does with documents. All but `add` are called under the owner's lock.

    `add` may take minutes, so it takes that lock (`changing`) itself, for one batch of passages at a time.
    """

    def __init__(self, writer: MemoryWriter, settings: MemorySettings, changing: Changing) -> None:
        self._writer = writer
        self._changing = changing
        self._memories = writer.memories
        self._settings = settings
        self.coming: dict[str, Coming] = {}  # by document, while it is brought in

    async def add(self, owner: str, title: str, text: str, *, origin: Origin, trust: Trust) -> Document:
        title = check_text(title, limit=NAME_LIMIT, param="title")
        if len(text) > DOCUMENT_LIMIT:
            raise BadInput(f"text has {len(text)} characters and may have {DOCUMENT_LIMIT}; split it", param="text")
        check_unicode(text, "text")
        pieces = split_text(text)
        if not pieces:
            raise BadInput("text is empty; give it some words", param="text")
        now = time.time()
        hash_ = hash_of(text)
        document = Document(
            id=document_id_of(owner, hash_),
            owner=owner,
            title=title,
            origin=origin,
            trust=trust,
            hash=hash_,
            created=now,
            updated=now,
        )
        async with self._changing(owner):
            known = await asyncio.to_thread(self._memories.document, document.id, owner=owner)
            document = dataclasses.replace(known, title=title) if known else document
            await durable(self._memories.put_document(document))
        try:
            for at in range(0, len(pieces), BATCH):
                self.coming[document.id] = Coming(at, len(pieces))
                await self._add_missing(document, at, pieces[at : at + BATCH])
        finally:
            self.coming.pop(document.id, None)
        async with self._changing(owner):
            return await self._begin(owner, document.id)

    async def read(self, owner: str, document_id: str) -> Document:
        document = await asyncio.to_thread(self._memories.document, document_id, owner=owner)
        if document is None:
            raise NotFound(f"no document {document_id!r}; list them with `aion memory list`", param="document_id")
        return document

    async def approve(self, owner: str, document_id: str, hash_: str) -> Document:
        document = await self.read(owner, document_id)
        if not document.hash:
            raise Conflict(f"document {document.id} was not taken in to its end; import it again", param="document_id")
        if hash_ != document.hash:
            raise Conflict(
                f"what was approved is not what is stored: the approval is for {hash_[:64]!r}, document {document.id} "
                f"has {document.hash!r}; look at it again and approve that hash",
                param="hash",
            )
        if document.trust is Trust.OWN:
            return document
        reached = await self._set_trust(document, Trust.APPROVED)
        vectors = await self._writer.vectors_of(reached)
        fresh = [vectors[memory.seq] for memory in reached if memory.seq in vectors]
        return await self._move(dataclasses.replace(document, trust=Trust.APPROVED), fresh)

    async def revoke(self, owner: str, document_id: str) -> Document:
        """The document first: cut short, it is shown as revoked and revoking again does the rest."""
        document = await self.read(owner, document_id)
        back = unapproved(document.origin)
        if document.trust is Trust.APPROVED:
            document = dataclasses.replace(document, trust=back, updated=time.time())
            await durable(self._memories.put_document(document))
        if document.trust is not Trust.OWN:
            await self._set_trust(document, back)
        return document

    async def follow(self, owner: str, document_id: str, vectors: Sequence[Vector]) -> Document:
        return await self._move(await self.read(owner, document_id), vectors)

    async def seal(self, owner: str, document_id: str) -> None:
        """Give a document that was taken in the hash of the passages that came with it."""
        document = await self.read(owner, document_id)
        passages = await self._passages(document)
        sealed = hash_of("\n\n".join(one.text for one in sorted(passages, key=lambda one: one.id)))
        await durable(self._memories.put_document(dataclasses.replace(document, hash=sealed)))

    async def centre(self, owner: str, document_id: str) -> Document:
        """Begin a document's vector anew: the middle of its passages, having followed those that are approved.

        For a document whose passages were embedded just now. What it had followed before lay in another space.
        """
        document = await self.read(owner, document_id)
        passages = await self._passages(document)
        vectors = await self._writer.vectors_of(passages)
        start = mean_direction(list(vectors.values()))
        approved = [
            vectors[one.seq] for one in passages if one.seq in vectors and one.trust.rank >= Trust.APPROVED.rank
        ]
        anew = dataclasses.replace(document, vector=tuple(start.tolist()), count=0)
        return await self._move(anew, approved, at=document.updated)

    async def _move(self, document: Document, vectors: Sequence[Vector], at: float | None = None) -> Document:
        same = [vector for vector in vectors if len(document.vector) in (0, len(vector))]
        vector, count = follow(document.vector, document.count, same, self._settings.ema_c)
        moved = dataclasses.replace(
            document, vector=tuple(vector.tolist()), count=count, updated=time.time() if at is None else at
        )
        await durable(self._memories.put_document(moved))
        return moved

    async def _set_trust(self, document: Document, trust: Trust) -> list[Memory]:
        """Those of its memories that this changed, as they now are."""
        changed: list[Memory] = []
        for memory in await asyncio.to_thread(self._memories.from_source, document.id, owner=document.owner):
            after = set_trust(memory, document.id, trust)
            if after != memory:
                changed.append(await self._writer.change(after, memory))
        return changed

    async def _begin(self, owner: str, document_id: str) -> Document:
        """The document, with a vector to begin with if it has followed none."""
        document = await self.read(owner, document_id)
        return document if document.count else await self.centre(owner, document_id)

    async def _add_missing(self, document: Document, start: int, pieces: Sequence[Passage]) -> None:
        """One that is there stays as it is: it may have been edited. A document forgotten meanwhile is left alone."""
        vectors = await self._writer.embed([piece.text for piece in pieces])
        async with self._changing(document.owner):
            now = await self.read(document.owner, document.id)
            for number, (piece, vector) in enumerate(zip(pieces, vectors, strict=True), start + 1):
                passage = _passage(now, number, piece)
                known = await asyncio.to_thread(self._memories.get, passage.id, owner=passage.owner)
                if known is None:
                    await self._writer.put(passage, vector)

    async def _passages(self, document: Document) -> list[Memory]:
        """In the order they were written."""
        found = await asyncio.to_thread(
            self._memories.listed, owner=document.owner, document=document.id, limit=1_000_000
        )
        return found[::-1]


def _passage(document: Document, number: int, piece: Passage) -> Memory:
    at = time.time()
    source = Source(ref=document.id, origin=document.origin, trust=document.trust, hash=hash_of(piece.text), at=at)
    return Memory(
        id=passage_id_of(document.id, number),
        owner=document.owner,
        kind=MemoryKind.PASSAGE,
        text=piece.text,
        sources=(source,),
        created=at,
        updated=at,
        document=document.id,
        place=piece.place,
    )

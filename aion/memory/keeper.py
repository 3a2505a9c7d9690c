"""Keeps what a person has told and brought: remembers, merges, edits, forgets, exports. Durable on return.

Nothing it keeps is an instruction, and it does not judge what is worth keeping: `statements` does for conversations.
Words of a model are not remembered by themselves, and what had been recalled is not learned anew. Near-duplicates are
one memory with several sources; the rules of trust are in `provenance`, those of likeness in `duplicates`, documents in
`documents`. One owner's changes happen one by one; use it from one event loop.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import numpy as np

from aion.config import MemorySettings
from aion.errors import BadInput, Conflict, NotFound
from aion.memory import exchange, provenance
from aion.memory.base import MemoryIndex, Vector, Window
from aion.memory.checks import MOST_PINNED, TEXT_LIMIT, check_ids, check_memory, check_source, check_text, may_pin
from aion.memory.documents import Coming, DocumentKeeper
from aion.memory.duplicates import adds_nothing, same_statement
from aion.memory.entities import entities_of
from aion.memory.sentences import sentences_of
from aion.memory.terms import terms_of
from aion.memory.writing import Desk, EntitiesOf, MemoryWriter, durable
from aion.records import Document, Forgotten, Json, Memory, MemoryKind, Origin, Source, Trust, new_id
from aion.store.base import Store

__all__ = ["TEXT_LIMIT", "Keeper", "Remembered"]

CANDIDATES = 8  # of each way of searching, among which a duplicate is looked for


@dataclass(frozen=True, slots=True)
class Remembered:
    """What came of remembering: the memory as it now is, and whether it had been known."""

    memory: Memory
    merged: bool


class Keeper:
    """The one writer of memories and documents."""

    def __init__(
        self,
        store: Store,
        index: MemoryIndex,
        desk: Desk,
        settings: MemorySettings,
        *,
        entities: EntitiesOf = entities_of,
    ) -> None:
        self._store = store
        self._memories = store.memories
        self._index = index
        self._desk = desk
        self._settings = settings
        self._writer = MemoryWriter(store.memories, index, desk, entities)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._documents = DocumentKeeper(self._writer, settings, self._changing)
        self._hopeless: set[int] = set()  # seqs whose text the embedder refuses

    async def remember(
        self,
        owner: str,
        text: str,
        *,
        kind: MemoryKind = MemoryKind.NOTE,
        origin: Origin = Origin.PERSON,
        trust: Trust = Trust.OWN,
        ref: str = "",
        conversation: str = "",
        memory_id: str | None = None,
        document: str = "",
        place: str = "",
        at: float | None = None,
        shown: Sequence[Memory] = (),
        derived: bool = False,
    ) -> Remembered:
        """Keep a text, or add its source to the memory that says it already.

        `derived`: it was read from the turn or feedback `ref`, maybe a while ago, and nobody asked for it to be kept:
        NotFound when that, or what had been remembered from it, was forgotten meanwhile.
        An id given again replaces its memory, but a statement once taken from a turn stays as it was taken (or edited
        since). `shown` is what had been recalled for the turn: of it nothing is learned anew.
        """
        text = check_text(text)
        check_source(origin, trust)
        if origin is Origin.MODEL:
            raise BadInput("a model's own words are not remembered by themselves; state it yourself, or add a document")
        check_ids(memory_id, ref=ref, conversation=conversation, document=document, place=place)
        now = time.time() if at is None else at
        made = Memory(
            id=memory_id or new_id("mem"),
            owner=owner,
            kind=kind,
            text=text,
            sources=(_source(text, ref=ref, origin=origin, trust=trust, at=now, conversation=conversation),),
            created=now,
            updated=now,
            document=document,
            place=place,
        )
        if shown:
            async with self._changing(owner):
                await self._check_stands(made, derived)
                fresh, known = await self._meet_shown(made, shown)
            if not fresh:
                return Remembered(known, merged=True)
            made = _with_text(made, fresh)
        [vector] = await self._writer.embed([made.text])
        async with self._changing(owner):
            await self._check_stands(made, derived)
            return await self._keep(made, vector)

    async def edit(self, owner: str, memory_id: str, text: str) -> Memory:
        """Give a memory another text. This never raises its trust."""
        text = check_text(text)
        async with self._changing(owner):
            memory = await self._read(owner, memory_id)
            if memory.text == text:
                return memory
            return await self._writer.change(provenance.edit(memory, text, time.time()), memory)

    async def pin(self, owner: str, memory_id: str) -> Memory:
        """Have it recalled whatever is asked. Conflict for one that is not relied on, and beyond MOST_PINNED."""
        async with self._changing(owner):
            return await self._pin(await self._read(owner, memory_id))

    async def unpin(self, owner: str, memory_id: str) -> Memory:
        async with self._changing(owner):
            memory = await self._read(owner, memory_id)
            await durable(self._memories.unpin(memory_id, owner=owner))
            return memory

    async def forget(self, owner: str, ids: Sequence[str]) -> Forgotten:
        """Remove memories by id. Unknown ones are passed over; NotFound when all are."""
        async with self._changing(owner):
            forgotten = await durable(self._memories.remove(ids, owner=owner))
            self._writer.drop(forgotten.seqs, owner=owner)
        if ids and not forgotten.memories:
            raise _no_memory(", ".join(ids[:3]))
        return forgotten

    async def forget_conversation(self, owner: str, conversation: str) -> Forgotten:
        """Remove a conversation and what came from it alone; what was said elsewhere, too, stays as said there."""
        async with self._changing(owner):
            turns = await asyncio.to_thread(self._turns_of, owner, conversation)
            await self._let_go(owner, {conversation, *turns})
            forgotten = await durable(self._store.forget_conversation(conversation, owner=owner))
            self._writer.drop(forgotten.seqs, owner=owner)
        return forgotten

    async def forget_document(self, owner: str, document_id: str) -> Forgotten:
        async with self._changing(owner):
            await self._documents.read(owner, document_id)
            await self._let_go(owner, {document_id})
            forgotten = await durable(self._memories.remove_document(document_id, owner=owner))
            self._writer.drop(forgotten.seqs, owner=owner)
        return forgotten

    async def add_document(
        self, owner: str, title: str, text: str, *, origin: Origin, trust: Trust = Trust.UNTRUSTED
    ) -> Document:
        """Bring in a whole text. The same text again is the same document: only passages that are missing are added."""
        check_source(origin, trust)
        return await self._documents.add(owner, title, text, origin=origin, trust=trust)

    def coming(self, document_id: str) -> Coming | None:
        """How far it is, while it is brought in."""
        return self._documents.coming.get(document_id)

    async def approve(self, owner: str, document_id: str, hash: str) -> Document:  # noqa: A002 - the API's name for it
        """Trust a document as far as its bytes have this hash, and with it the passages that still say what it says."""
        async with self._changing(owner):
            return await self._documents.approve(owner, document_id, hash)

    async def revoke(self, owner: str, document_id: str) -> Document:
        """Take an approval back."""
        async with self._changing(owner):
            return await self._documents.revoke(owner, document_id)

    async def follow(self, owner: str, document_id: str, vectors: Sequence[Vector]) -> Document:
        """Move a document's vector towards these, such as questions it helped to answer well."""
        async with self._changing(owner):
            return await self._documents.follow(owner, document_id, vectors)

    async def fill(self, limit: int = 64) -> int:
        """Embed what has no vector of the present embedder; gives how many memories got one. 0: nothing is left."""
        if not self._desk.ready:
            return 0
        wanted = limit + len(self._hopeless)
        found = await asyncio.to_thread(self._memories.unembedded, embedder=self._desk.hash, limit=wanted)
        todo = [memory for memory in found if memory.seq not in self._hopeless][:limit]
        filled = [memory for memory, vector in await self._embed_each(todo) if await self._fill_one(memory, vector)]
        for owner, document in {(memory.owner, memory.document) for memory in filled if memory.document}:
            async with self._changing(owner):
                await self._documents.centre(owner, document)
        return len(filled)

    def export(self, owner: str) -> Iterator[Json]:
        """Every document and memory as one JSON object each, see `exchange`. Reads the store as it goes."""
        return exchange.export_lines(self._memories, owner)

    async def take_in(self, owner: str, lines: Iterable[Json], *, trusted: bool = False) -> exchange.TakenIn:
        """Add what was exported. Only with `trusted`, for a person's own backup, does it keep own or approved."""
        taking = exchange.Taking(owner, self._memories, trusted=trusted)
        passages: dict[str, dict[str, str]] = {}  # of documents that were here before: text -> id
        for number, line in enumerate(lines, 1):
            async with self._changing(owner):
                try:
                    item = await asyncio.to_thread(taking.read, line)
                    if isinstance(item, Document):
                        await durable(self._memories.put_document(item))
                    elif item is not None:
                        kept = await self._take_in_one(check_memory(item), passages)
                        taking.count(merged=kept.merged)
                        if taking.pins(line):
                            await self._pin_taken(kept.memory, number, taking)
                except (BadInput, NotFound) as error:
                    taking.refuse(number, error.message)
        for document in taking.documents:
            async with self._changing(owner):
                if not trusted:
                    await self._documents.seal(owner, document)
                await self._documents.centre(owner, document)
        return taking.result()

    def _changing(self, owner: str) -> AbstractAsyncContextManager[None]:
        return self._locks[owner]

    async def _check_stands(self, made: Memory, derived: bool) -> None:
        ref = made.sources[0].ref
        if derived and not await durable(self._memories.stands(ref, owner=made.owner)):
            raise NotFound(f"{ref!r}, or what had been remembered from it, was forgotten; say it again to have it kept")

    async def _keep(self, made: Memory, vector: Vector | None) -> Remembered:
        """Store it, replace the memory of its id, or merge it into the memory it repeats."""
        known = await asyncio.to_thread(self._memories.get, made.id, owner=made.owner)
        if known is not None:
            return Remembered(await self._replace(known, made, vector), merged=True)
        if made.kind is not MemoryKind.PASSAGE:
            twin = await asyncio.to_thread(self._find_twin, made, vector)
            if twin is not None:
                return Remembered(await self._merge(twin, made), merged=True)
        return Remembered(await self._writer.put(made, vector), merged=False)

    async def _replace(self, known: Memory, made: Memory, vector: Vector | None) -> Memory:
        [source] = made.sources
        taken = made.kind is MemoryKind.SAID and any(one.ref == source.ref for one in known.sources if source.ref)
        if taken or known.text == made.text:
            return known
        if known.trust.rank > made.trust.rank:
            raise BadInput(
                f"memory {known.id!r} is {known.trust}; what is {made.trust} does not replace it", param="id"
            )
        rest = provenance.without(known, lambda one: one.ref == source.ref)
        others = rest.sources if rest is not None else ()
        joined = dataclasses.replace(known, sources=(*others, dataclasses.replace(source, text=made.text)))
        replaced = dataclasses.replace(provenance.reword(joined, made.text, made.kind), updated=made.updated)
        return await self._writer.put(replaced, vector)

    async def _merge(self, twin: Memory, made: Memory) -> Memory:
        joined = twin
        for source in made.sources:
            joined = provenance.join(joined, source.text or made.text, source, made.kind)
        return await self._writer.change(joined, twin)

    def _find_twin(self, made: Memory, vector: Vector | None) -> Memory | None:
        """The memory that says the same, of the same person. Passages belong to their documents and are left alone."""
        hits = self._index.search_terms(terms_of(made.text), owner=made.owner, limit=CANDIDATES, window=Window())
        if vector is not None:
            hits += self._index.search_vectors(vector, owner=made.owner, limit=CANDIDATES, window=Window())
        found = self._memories.fetch([seq for seq, _ in hits], owner=made.owner)
        cosines: dict[int, float] = {}
        if vector is not None:
            cosines = self._cosines(found, vector, made.owner)
        twins = [
            memory
            for memory in found.values()
            if memory.kind is not MemoryKind.PASSAGE
            and same_statement(memory.text, made.text, cosines.get(memory.seq), self._settings.duplicate_cosine)
        ]
        return max(twins, key=lambda memory: (cosines.get(memory.seq, 0.0), -memory.seq), default=None)

    def _cosines(self, found: Iterable[int], vector: Vector, owner: str) -> dict[int, float]:
        stored = self._memories.vectors(list(found), owner=owner, embedder=self._desk.hash)
        return {seq: float(vector @ _unpack(data)) for seq, data in stored.items()}

    async def _meet_shown(self, made: Memory, shown: Sequence[Memory]) -> tuple[str, Memory]:
        """What of a text is new beside what had been recalled, and the memory that the rest repeats.

        Only a person's own words gain a source by it: to quote a page is not to say what it says.
        """
        fresh, met = split_repeats(made.text, shown)
        known = met[0][1] if met else made
        for words, memory in met:
            current = await asyncio.to_thread(self._memories.get, memory.id, owner=made.owner)
            if current is None or current.trust is not Trust.OWN or made.trust is not Trust.OWN:
                continue
            said = dataclasses.replace(made.sources[0], hash=provenance.hash_of(words))
            written = await self._writer.change(provenance.join(current, words, said, current.kind), current)
            known = written if memory is met[0][1] else known
        return fresh, known

    async def _let_go(self, owner: str, refs: set[str]) -> None:
        """Take these sources from memories with others, before the store removes what has no other.

        Here and not there, because what stays takes back the words of a source that stays.
        """

        def goes(source: Source) -> bool:
            return source.ref in refs or source.conversation in refs

        found: dict[str, Memory] = {}
        for ref in refs - {""}:
            sourced = await asyncio.to_thread(self._memories.from_source, ref, owner=owner)
            found |= {memory.id: memory for memory in sourced}
        for memory in found.values():
            if all(goes(source) for source in memory.sources):
                continue
            rest = provenance.without(memory, goes)
            if rest is not None:
                await self._writer.change(rest, memory)
            else:
                gone = await durable(self._memories.remove([memory.id], owner=owner))
                self._writer.drop(gone.seqs, owner=owner)

    async def _take_in_one(self, item: Memory, passages: dict[str, dict[str, str]]) -> Remembered:
        """It is known by its id or, a passage, by its words in the same document."""
        if item.document and item.document not in passages:
            passages[item.document] = await asyncio.to_thread(self._passages_of, item.owner, item.document)
        here = passages.get(item.document, {}).get(item.text, item.id)
        known = await asyncio.to_thread(self._memories.get, here, owner=item.owner)
        if known is not None and known.text != item.text:
            raise BadInput("its memory is here with another text; forget that one first, or keep it")
        if known is not None:
            return Remembered(await self._merge(known, item), merged=True)
        [vector] = await self._writer.embed([item.text])
        return await self._keep(item, vector)

    def _passages_of(self, owner: str, document: str) -> dict[str, str]:
        found: list[Memory] = []
        while page := self._memories.listed(
            owner=owner, document=document, before=found[-1].seq if found else None, limit=500
        ):
            found += page
        return {memory.text: memory.id for memory in found}

    async def _embed_each(self, memories: Sequence[Memory]) -> list[tuple[Memory, Vector]]:
        """All at once, or one by one when the embedder refuses a text among them."""
        try:
            vectors = await self._writer.embed([memory.text for memory in memories])
        except BadInput:
            vectors = [await self._embed_or_pass(memory) for memory in memories]
        return [(memory, vector) for memory, vector in zip(memories, vectors, strict=True) if vector is not None]

    async def _embed_or_pass(self, memory: Memory) -> Vector | None:
        try:
            return (await self._writer.embed([memory.text]))[0]
        except BadInput:
            self._hopeless.add(memory.seq)
            return None

    async def _fill_one(self, memory: Memory, vector: Vector) -> bool:
        """Unless it has changed meanwhile."""
        async with self._changing(memory.owner):
            current = await asyncio.to_thread(self._memories.get, memory.id, owner=memory.owner)
            if current is None or current.seq != memory.seq:
                return False
            await self._writer.put(current, vector)
        return True

    async def _pin(self, memory: Memory) -> Memory:
        if not may_pin(memory):
            told = f"memory {memory.id!r} is {memory.trust}; only your own words and what you approved can be pinned"
            raise Conflict(told, code="not_approved")
        await durable(self._memories.pin(memory.id, owner=memory.owner, at=time.time(), most=MOST_PINNED))
        return memory

    async def _pin_taken(self, memory: Memory, line: int, taking: exchange.Taking) -> None:
        try:
            await self._pin(memory)
        except Conflict as error:
            taking.refuse(line, f"it is remembered, but not pinned: {error.message}")

    async def _read(self, owner: str, memory_id: str) -> Memory:
        memory = await asyncio.to_thread(self._memories.get, memory_id, owner=owner)
        if memory is None:
            raise _no_memory(memory_id)
        return memory

    def _turns_of(self, owner: str, conversation: str) -> list[str]:
        ids: list[str] = []
        while page := self._store.turns(
            owner=owner, conversation=conversation, after=ids[-1] if ids else None, limit=500
        ):
            ids += [turn.id for turn in page]
        return ids


def split_repeats(text: str, shown: Sequence[Memory]) -> tuple[str, list[tuple[str, Memory]]]:
    """The sentences of a text that repeat none of these memories, and those that do with the memory of each."""
    whole = _repeated_by(text, shown)
    if whole is not None:
        return "", [(text, whole)]
    fresh, after = "", ""  # `after`: what stood behind the last of the fresh
    met: list[tuple[str, Memory]] = []
    for before, sentence in _with_gaps(text):
        after = after or before
        memory = _repeated_by(sentence, shown)
        if memory is None:
            fresh += ("" if not fresh else after if "\n" in after else before) + sentence
            after = ""
        else:
            met.append((sentence, memory))
    return (fresh if met else text), met


def _with_gaps(text: str) -> Iterator[tuple[str, str]]:
    """Each sentence, and the spaces and line breaks that stand before it."""
    end = 0
    for sentence in sentences_of(text):
        start = text.index(sentence, end)
        yield text[end:start], sentence
        end = start + len(sentence)


def _repeated_by(text: str, shown: Sequence[Memory]) -> Memory | None:
    return next((memory for memory in shown if adds_nothing(text, memory.text)), None)


def _with_text(memory: Memory, text: str) -> Memory:
    [source] = memory.sources
    return dataclasses.replace(memory, text=text, sources=(dataclasses.replace(source, hash=provenance.hash_of(text)),))


def _source(text: str, *, ref: str, origin: Origin, trust: Trust, at: float, conversation: str) -> Source:
    shown = provenance.hash_of(text)
    return Source(ref=ref, origin=origin, trust=trust, hash=shown, at=at, conversation=conversation)


def _unpack(data: bytes) -> Vector:
    return np.frombuffer(data, dtype="<f4")


def _no_memory(memory_id: str) -> NotFound:
    return NotFound(f"no memory {memory_id!r}; list them with GET /api/memory or `aion memory list`", param="id")

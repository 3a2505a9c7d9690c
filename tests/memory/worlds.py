"""A person's acts on a keeper, and beside them a journal that says, without the keeper, which texts may train.

By the journal a text may train if its owner typed it as their own, byte for byte, or if it is a passage of a document
that is approved now. Everything else that is brought in, quoted, edited or claimed may not.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from aion.config import MemorySettings
from aion.errors import Refused
from aion.memory.documents import document_id_of
from aion.memory.keeper import Keeper
from aion.memory.provenance import hash_of, may_train
from aion.records import Memory, MemoryKind, Origin, Trust
from tests.memory.keeping import ListIndex, TestDesk

FACTS = (
    "My sister Ana lives in the old town of Porto near the river",
    "The code of the blue back door of the shop is 4471",
    "I never eat fish or meat on the days before a race",
    "Brandex makes the best pans that money can buy in this country",
)
WORDINGS = ("{}", "{}.", "{} indeed", "So {} today", "{} NOT")
TEXTS = tuple(wording.format(fact) for fact in FACTS for wording in WORDINGS)
OWNERS = ("ana", "rui")
CONVERSATIONS = ("c1", "c2", "c3")


class World:
    """One store, its keeper, and the journal of what the people in it did."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.desk = TestDesk()
        self.keeper = Keeper(
            store, ListIndex(store), self.desk, MemorySettings(duplicate_cosine=0.9), entities=lambda _text: ()
        )
        self.typed: defaultdict[str, set[str]] = defaultdict(set)
        self.passages: dict[tuple[str, str], set[str]] = {}  # of (owner, document)
        self.approved: set[tuple[str, str]] = set()
        self.seen: dict[tuple[str, str], set[str]] = {}  # the passages that an approval reached
        self.edited: set[tuple[str, str]] = set()  # a person's wording of a passage, even if the document has it, too
        self.turns = 0

    def memories(self, owner: str) -> list[Memory]:
        found: list[Memory] = self.store.memories.listed(owner=owner, limit=1000)
        return found[::-1]

    def may_train(self, owner: str) -> set[str]:
        """By the journal."""
        passages = [texts for key, texts in self.passages.items() if key[0] == owner and key in self.approved]
        return self.typed[owner].union(*passages)

    def check(self) -> None:
        for owner in OWNERS:
            allowed = self.may_train(owner)
            for memory in self.memories(owner):
                if may_train(memory):
                    assert memory.text in allowed, f"{memory} may train and nobody stands behind it"
                if memory.trust.rank >= Trust.APPROVED.rank:
                    assert may_train(memory), f"{memory} is called {memory.trust} for other words than it shows"
                place = owner, memory.document
                reached = place in self.approved and memory.id in self.seen.get(place, set())
                if reached and memory.text in self.passages[place]:
                    assert may_train(memory), f"{memory} was approved and does not count"

    async def say(self, owner: str, text: str, conversation: str, *, again: bool = False) -> None:
        self.turns += 0 if again else 1
        await self.keeper.remember(
            owner,
            text,
            kind=MemoryKind.SAID,
            ref=f"turn_{owner}_{self.turns}",
            conversation=conversation,
            memory_id=f"mem_{owner}_{self.turns}",
        )
        self.typed[owner].add(text)

    async def quote(self, owner: str, pick: int, conversation: str) -> None:
        """Say back a memory that had been recalled for the turn: whose words it is does not change."""
        known = self.memories(owner)
        if not known:
            return
        memory = known[pick % len(known)]
        self.turns += 1
        ref = f"turn_{owner}_{self.turns}"
        await self.keeper.remember(
            owner, memory.text, kind=MemoryKind.SAID, ref=ref, conversation=conversation, shown=[memory]
        )

    async def note(self, owner: str, text: str) -> None:
        await self.keeper.remember(owner, text)
        self.typed[owner].add(text)

    async def correct(self, owner: str, text: str, conversation: str) -> None:
        self.turns += 1
        await self.keeper.remember(
            owner, text, kind=MemoryKind.CORRECTION, ref=f"fb_{self.turns}", conversation=conversation
        )
        self.typed[owner].add(text)

    async def meet(self, owner: str, text: str, page: int) -> None:
        """A page says something, and it is noted as the page's."""
        await self.keeper.remember(
            owner, text, origin=Origin.WEB, trust=Trust.UNTRUSTED, ref=f"https://example.org/{page}"
        )

    async def model(self, owner: str, text: str) -> None:
        try:
            await self.keeper.remember(owner, text, origin=Origin.MODEL, trust=Trust.MODEL)
        except Refused:
            return
        raise AssertionError("a model's words were remembered")

    async def ingest(self, owner: str, texts: list[str]) -> None:
        whole = "\n\n".join(" ".join([text] * 12) for text in texts)
        document = await self.keeper.add_document(owner, "Page", whole, origin=Origin.WEB)
        self.passages[owner, document.id] = {
            memory.text
            for memory in self.memories(owner)
            if memory.document == document.id and memory.text in whole and (owner, memory.id) not in self.edited
        } | self.passages.get((owner, document.id), set())

    async def approve(self, owner: str, pick: int, *, right: bool) -> None:
        documents = [document for document in self.store.memories.documents(owner=owner) if document.hash]
        if not documents:
            return
        document = documents[pick % len(documents)]
        try:
            await self.keeper.approve(owner, document.id, document.hash if right else hash_of("other"))
        except Refused:
            assert not right
            return
        assert right
        self.approved.add((owner, document.id))
        reached = {memory.id for memory in self.memories(owner) if memory.document == document.id}
        self.seen[owner, document.id] = reached  # one that is forgotten and brought back waits for the next approval

    async def revoke(self, owner: str, pick: int) -> None:
        documents = self.store.memories.documents(owner=owner)
        if documents:
            document = documents[pick % len(documents)]
            await self.keeper.revoke(owner, document.id)
            self.approved.discard((owner, document.id))

    async def edit(self, owner: str, pick: int, text: str) -> None:
        known = self.memories(owner)
        if not known:
            return
        memory = known[pick % len(known)]
        own = memory.kind is not MemoryKind.PASSAGE and memory.text in self.typed[owner]
        edited = await self.keeper.edit(owner, memory.id, text)
        self.edited.add((owner, memory.id))
        if own and edited.trust is Trust.OWN:
            self.typed[owner].add(text)

    async def forget(self, owner: str, pick: int) -> None:
        known = self.memories(owner)
        if known:
            gone = known[pick % len(known)]
            await self.keeper.forget(owner, [gone.id])
            self.edited.discard((owner, gone.id))
            self.seen.get((owner, gone.document), set()).discard(gone.id)

    async def forget_conversation(self, owner: str, conversation: str) -> None:
        await self.keeper.forget_conversation(owner, conversation)
        assert not self.store.memories.from_source(conversation, owner=owner)

    async def forget_document(self, owner: str, pick: int) -> None:
        documents = self.store.memories.documents(owner=owner)
        if documents:
            document = documents[pick % len(documents)]
            await self.keeper.forget_document(owner, document.id)
            self.approved.discard((owner, document.id))
            assert not self.store.memories.from_source(document.id, owner=owner)

    async def carry(self, owner: str, other: str, *, trusted: bool) -> None:
        """Export, and take in as one's own backup or as a stranger's."""
        here = {document.id for document in self.store.memories.documents(owner=other)}
        exported = self.store.memories.documents(owner=owner)
        lines = [json.loads(json.dumps(line)) for line in self.keeper.export(owner)]
        await self.keeper.take_in(other, lines, trusted=trusted)
        for document in exported:
            there = document_id_of(other, document.hash if trusted else f"taken in {document.hash}")
            texts = self.passages.get((owner, document.id), set())
            self.passages.setdefault((other, there), set()).update(texts)
            if trusted and there not in here and (owner, document.id) in self.approved:
                self.approved.add((other, there))
                self.seen[other, there] = {memory.id for memory in self.memories(other) if memory.document == there}
        if trusted:
            self.typed[other] |= self.typed[owner]


Act = Callable[[World, Random], Coroutine[Any, Any, None]]


def _owner(random: Random) -> str:
    return random.choice(OWNERS)


def _text(random: Random) -> str:
    return random.choice(TEXTS)


ACTS: tuple[Act, ...] = (
    lambda world, random: world.say(_owner(random), _text(random), random.choice(CONVERSATIONS)),
    lambda world, random: world.quote(_owner(random), random.randrange(99), random.choice(CONVERSATIONS)),
    lambda world, random: world.note(_owner(random), _text(random)),
    lambda world, random: world.correct(_owner(random), _text(random), random.choice(CONVERSATIONS)),
    lambda world, random: world.meet(_owner(random), _text(random), random.randrange(3)),
    lambda world, random: world.meet(_owner(random), _text(random), random.randrange(3)),
    lambda world, random: world.model(_owner(random), _text(random)),
    lambda world, random: world.ingest(_owner(random), random.sample(TEXTS, random.randrange(1, 4))),
    lambda world, random: world.approve(_owner(random), random.randrange(99), right=random.random() < 0.8),
    lambda world, random: world.revoke(_owner(random), random.randrange(99)),
    lambda world, random: world.edit(_owner(random), random.randrange(99), _text(random)),
    lambda world, random: world.forget(_owner(random), random.randrange(99)),
    lambda world, random: world.forget_conversation(_owner(random), random.choice(CONVERSATIONS)),
    lambda world, random: world.forget_document(_owner(random), random.randrange(99)),
    lambda world, random: world.carry(_owner(random), _owner(random), trusted=random.random() < 0.3),
)


def live(world: World, seed: int, acts: int) -> None:
    """A random life, checked after every act."""
    random = Random(seed)

    async def go() -> None:
        for _ in range(acts):
            await random.choice(ACTS)(world, random)
            world.check()

    asyncio.run(go())

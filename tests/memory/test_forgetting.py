"""P28 where memories are kept: a conversation and a document are forgotten, and a thousand queries find nothing.

On the real store, index and recaller, with the fake embedder: by words, by meaning, by id, by seq, by source, in lists,
in the export and in the answer cache. What stays is found as before.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aion.config import CacheSettings, MemorySettings
from aion.memory.base import Vector, Window
from aion.memory.cache import AnswerCache, Cached
from aion.memory.embedding import EmbeddingDesk
from aion.memory.index import EmbeddedIndex
from aion.memory.keeper import Keeper
from aion.memory.recall import Recaller
from aion.memory.terms import terms_of
from aion.models.fake import FAKE_HASH, FakeEmbedder
from aion.models.queue import AdmissionQueue
from aion.records import Forgotten, Json, MemoryKind, Origin
from aion.store.sqlite import SqliteStore
from tests.store.examples import make_turn

pytestmark = pytest.mark.anyio

SECRETS = 100  # statements, and passages
SAID = [f"Patient zebra{n} of the clinic takes {n + 3} drops of tincture{n} each evening" for n in range(SECRETS)]
WRITTEN = [f"Contract orchid{n} obliges vendor{n} to deliver {n + 7} crates. " * 15 for n in range(SECRETS)]
KEPT = [f"The heron{n} nests near lake number {n} since spring" for n in range(SECRETS)]
SHARED = "The clinic opens at eight and closes at noon on all working days"


@dataclass
class Rooms:
    """Everything that holds or finds memories."""

    store: SqliteStore
    index: EmbeddedIndex
    desk: EmbeddingDesk
    keeper: Keeper
    recaller: Recaller
    cache: AnswerCache
    document: str = ""

    async def vector(self, text: str) -> Vector:
        return (await self.desk.embed([text]))[0]

    async def tell(self, text: str, conversation: str) -> None:
        """A turn with an answer that is cached, and what was said in it."""
        messages: tuple[Json, ...] = ({"role": "user", "content": text},)
        turn = make_turn(conversation=conversation, messages=messages)
        self.store.append_turn(turn).result()
        kept = await self.keeper.remember(
            "ana",
            text,
            kind=MemoryKind.SAID,
            ref=turn.id,
            conversation=conversation,
            memory_id="mem_" + turn.id.removeprefix("turn_"),
        )
        entry = Cached(
            fingerprint=b"",
            question=text,
            vector=await self.vector(text),
            answer=f"You said: {text}",
            finish="stop",
            turn=turn.id,
            sources=((kept.memory.id, kept.memory.seq),),
            version=0,
            at=0.0,
            reward=1.0,
        )
        self.cache.offer("ana", entry)

    def drop(self, forgotten: Forgotten) -> Forgotten:
        self.cache.drop_turns("ana", (*forgotten.turns, *forgotten.answers))
        self.cache.drop_sources("ana", forgotten.memories)
        return forgotten


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    store = SqliteStore(tmp_path)
    desk = EmbeddingDesk(AdmissionQueue(4, 10_000_000))
    desk.use(FakeEmbedder(dimensions=384, context=10_000))
    index = EmbeddedIndex(tmp_path / "index", store.memories, FAKE_HASH, 384)
    index.repair()
    settings = MemorySettings(floor=0.2)
    keeper = Keeper(store, index, desk, settings)
    made = Rooms(
        store=store,
        index=index,
        desk=desk,
        keeper=keeper,
        recaller=Recaller(store.memories, index, desk, settings),
        cache=AnswerCache(CacheSettings()),
    )
    for secret, kept in zip(SAID, KEPT, strict=True):
        await made.tell(secret, "conv_secret")
        await made.tell(kept, "conv_kept")
    await made.tell(SHARED + " now", "conv_secret")
    await made.tell(SHARED, "conv_kept")
    added = await keeper.add_document("ana", "Contracts", "\n\n".join(WRITTEN), origin=Origin.DOCUMENT)
    made.document = added.id
    yield made
    assert list(store.verify()) == []
    assert index.verify() == []
    index.close()
    store.close()


def is_secret(text: str) -> bool:
    return any(word in text for word in ("zebra", "tincture", "orchid", "vendor", "Contracts", SHARED + " now"))


async def find_by_words_and_meaning(rooms: Rooms, texts: list[str]) -> list[str]:
    """Texts found for each of these by four ways of asking."""
    found: list[str] = []
    for text in texts:
        vector = await rooms.vector(text)
        hits = rooms.index.search_terms(terms_of(text), owner="ana", limit=5, window=Window())
        hits += rooms.index.search_vectors(vector, owner="ana", limit=5, window=Window())
        found += [memory.text for memory in rooms.store.memories.fetch([seq for seq, _ in hits], owner="ana").values()]
        found += [item.memory.text for item in (await rooms.recaller.recall("ana", text, limit=5)).items]
        hit = rooms.cache.find("ana", b"", text, vector, now=1.0)
        found += [] if hit is None else [hit.entry.answer]
    return found


async def test_what_was_forgotten_is_found_by_none_of_a_thousand_queries(rooms: Rooms) -> None:
    memories = rooms.store.memories
    before = [one for one in memories.listed(owner="ana", limit=1000) if is_secret(one.text)]
    asked = [*SAID, *WRITTEN, SHARED + " now"]
    assert len({text for text in await find_by_words_and_meaning(rooms, asked) if is_secret(text)}) > 2 * SECRETS
    said = rooms.drop(await rooms.keeper.forget_conversation("ana", "conv_secret"))
    written = rooms.drop(await rooms.keeper.forget_document("ana", rooms.document))
    assert (len(said.turns), len(said.memories), len(written.memories)) == (SECRETS + 1, SECRETS, len(before) - 101)
    assert len(asked) * 4 + len(before) > 1000  # words, meaning, recall and cache for each text, and each id
    assert [text for text in await find_by_words_and_meaning(rooms, asked) if is_secret(text)] == []
    gone = [one for one in before if not one.text.startswith(SHARED)]
    assert [one.id for one in gone if memories.get(one.id, owner="ana")] == []
    assert memories.fetch([one.seq for one in before], owner="ana") == {}
    assert memories.vectors([one.seq for one in before], owner="ana", embedder=FAKE_HASH) == {}
    for ref in ("conv_secret", rooms.document, *said.turns):
        assert memories.from_source(ref, owner="ana") == []
    assert memories.documents(owner="ana") == []
    assert not any(is_secret(str(line)) for line in rooms.keeper.export("ana"))
    assert not any(is_secret(one.text) for one in memories.listed(owner=None, limit=1000))


async def test_what_was_not_forgotten_is_found_as_before(rooms: Rooms) -> None:
    before = await find_by_words_and_meaning(rooms, KEPT)
    rooms.drop(await rooms.keeper.forget_conversation("ana", "conv_secret"))
    rooms.drop(await rooms.keeper.forget_document("ana", rooms.document))
    after = await find_by_words_and_meaning(rooms, KEPT)
    assert set(KEPT) <= set(after)
    assert set(before) - set(after) <= {text for text in before if is_secret(text)}


async def test_what_was_said_elsewhere_too_stays_in_the_words_said_there(rooms: Rooms) -> None:
    [shared] = [one for one in rooms.store.memories.listed(owner="ana", limit=1000) if one.text.startswith(SHARED)]
    assert shared.text == SHARED + " now"
    await rooms.keeper.forget_conversation("ana", "conv_secret")
    left = rooms.store.memories.get(shared.id, owner="ana")
    assert left is not None
    assert left.text == SHARED
    assert {source.conversation for source in left.sources} == {"conv_kept"}


async def test_an_index_made_anew_finds_nothing_forgotten_either(rooms: Rooms, tmp_path: Path) -> None:
    await rooms.keeper.forget_conversation("ana", "conv_secret")
    anew = EmbeddedIndex(tmp_path / "anew", rooms.store.memories, FAKE_HASH, 384)
    anew.repair()
    for text in SAID:
        hits = anew.search_vectors(await rooms.vector(text), owner="ana", limit=5, window=Window())
        found = rooms.store.memories.fetch([seq for seq, _ in hits], owner="ana")
        assert not any("zebra" in memory.text for memory in found.values())
    anew.close()

"""Remembering, merging, editing and forgetting on a real store: what is kept, whose words it is, and what is left."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from aion.errors import BadInput, Conflict, NotFound
from aion.memory.keeper import split_repeats
from aion.memory.provenance import hash_of, may_train
from aion.records import Memory, MemoryKind, Origin, Trust
from tests.memory.keeping import Home
from tests.store.memory_examples import make_memory

pytestmark = pytest.mark.anyio

SISTER = "My sister Ana lives in Porto near the old river bridge"
LONG = "\n\n".join(f"Chapter {n}. " + f"Fact {n} is about word{n} and nothing else. " * 25 for n in range(4))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = Home(tmp_path)
    yield opened
    opened.assert_whole()
    opened.close()


async def said(home: Home, text: str, number: int, **more: object) -> Memory:
    """A statement of turn `number`, in a conversation of its own."""
    kept = await home.keeper.remember(
        "ana",
        text,
        kind=MemoryKind.SAID,
        ref=f"turn_{number}",
        conversation=f"conv_{number}",
        memory_id=f"mem_{number}",
        **more,  # type: ignore[arg-type]
    )
    return kept.memory


async def test_what_is_remembered_is_in_the_store_and_the_index(home: Home) -> None:
    kept = await home.keeper.remember("ana", "  The key is under the mat. ", at=5.0)
    assert not kept.merged
    assert kept.memory.text == "The key is under the mat."
    assert (kept.memory.trust, kept.memory.origin, kept.memory.created) == (Trust.OWN, Origin.PERSON, 5.0)
    assert home.all() == [kept.memory]
    assert may_train(kept.memory)


@pytest.mark.parametrize("text", ["", " \n", "a\0b", "half \ud800", "x" * 8001])
async def test_what_cannot_be_a_memory_is_refused(home: Home, text: str) -> None:
    with pytest.raises(BadInput):
        await home.keeper.remember("ana", text)
    assert home.all() == []


@pytest.mark.parametrize("memory_id", ["", "mem_", "turn_1", "mem_a b", "mem_" + "x" * 200, "mem_\n"])
async def test_an_id_that_is_none_is_refused(home: Home, memory_id: str) -> None:
    with pytest.raises(BadInput):
        await home.keeper.remember("ana", "hello there", memory_id=memory_id)


async def test_nobody_simply_claims_trust(home: Home) -> None:
    for origin, trust in (
        (Origin.WEB, Trust.OWN),
        (Origin.DOCUMENT, Trust.APPROVED),
        (Origin.PERSON, Trust.APPROVED),
        (Origin.WEB, Trust.MODEL),
        (Origin.MODEL, Trust.MODEL),
    ):
        with pytest.raises(BadInput):
            await home.keeper.remember("ana", "the moon is a cheese", origin=origin, trust=trust)


async def test_the_same_said_again_is_one_memory_with_two_sources(home: Home) -> None:
    first = await said(home, SISTER, 1)
    again = await home.keeper.remember(
        "ana", SISTER.lower() + ".", kind=MemoryKind.SAID, ref="turn_2", conversation="conv_2"
    )
    assert again.merged
    assert again.memory.id == first.id
    assert [source.ref for source in again.memory.sources] == ["turn_1", "turn_2"]
    assert len(home.all()) == 1


async def test_numbers_negations_names_and_other_words_stay_apart(home: Home) -> None:
    for text in (
        "Ana's code for the back door is 4471",
        "Ana's code for the back door is 4472",
        "Ana's code for the back door is not 4471",
        "Bruno's code for the back door is 4471",
        "Ana's code for the front door is 4471",
    ):
        await home.keeper.remember("ana", text)
    assert len(home.all()) == 5


async def test_people_share_nothing(home: Home) -> None:
    await home.keeper.remember("ana", SISTER)
    other = await home.keeper.remember("rui", SISTER)
    assert not other.merged
    with pytest.raises(NotFound):
        await home.keeper.edit("rui", home.all()[0].id, "mine now")
    with pytest.raises(NotFound):
        await home.keeper.forget("rui", [home.all()[0].id])


async def test_an_untrusted_duplicate_changes_neither_words_nor_trust(home: Home) -> None:
    own = await home.keeper.remember("ana", SISTER)
    met = await home.keeper.remember(
        "ana", SISTER + " indeed.", origin=Origin.WEB, trust=Trust.UNTRUSTED, ref="https://example.org"
    )
    assert met.merged
    assert (met.memory.text, met.memory.trust, met.memory.kind) == (SISTER, Trust.OWN, MemoryKind.NOTE)
    assert [source.trust for source in met.memory.sources] == [Trust.OWN, Trust.UNTRUSTED]
    assert met.memory.id == own.memory.id


async def test_a_persons_own_words_take_the_place_of_an_untrusted_duplicate(home: Home) -> None:
    page = await home.keeper.remember("ana", SISTER + " indeed", origin=Origin.WEB, trust=Trust.UNTRUSTED, ref="page")
    assert not may_train(page.memory)
    own = await home.keeper.remember("ana", SISTER)
    assert own.memory.id == page.memory.id
    assert (own.memory.text, own.memory.trust) == (SISTER, Trust.OWN)
    assert [source.text for source in own.memory.sources] == [SISTER + " indeed", ""]
    assert may_train(own.memory)


async def test_an_id_given_again_replaces_its_memory(home: Home) -> None:
    await home.keeper.remember("ana", "The gate code is 1", memory_id="mem_a")
    second = await home.keeper.remember("ana", "The gate code is 2", memory_id="mem_a")
    assert home.texts() == ["The gate code is 2"]
    assert second.memory.trust is Trust.OWN
    assert may_train(second.memory)


async def test_a_turn_seen_again_changes_nothing_not_even_what_was_edited_since(home: Home) -> None:
    await said(home, SISTER, 1)
    edited = await home.keeper.edit("ana", "mem_1", "My sister Ana lives in Braga")
    assert await said(home, SISTER, 1) == edited
    assert home.all() == [edited]


async def test_an_edit_of_ones_own_words_stays_ones_own(home: Home) -> None:
    memory = await said(home, SISTER, 1)
    edited = await home.keeper.edit("ana", memory.id, "My sister Ana lives in Braga")
    assert (edited.id, edited.text, edited.trust) == (memory.id, "My sister Ana lives in Braga", Trust.OWN)
    assert edited.seq > memory.seq
    assert may_train(edited)


async def test_an_edit_never_raises_trust_and_approving_does_not_reach_it(home: Home) -> None:
    document = await home.keeper.add_document("ana", "Bees", "Bees sleep at night.", origin=Origin.WEB)
    [passage] = home.all()
    edited = await home.keeper.edit("ana", passage.id, "Bees never sleep.")
    assert edited.trust is Trust.UNTRUSTED
    await home.keeper.approve("ana", document.id, document.hash)
    assert home.all()[0].trust is Trust.UNTRUSTED


async def test_recalled_text_said_back_is_not_learned_anew(home: Home) -> None:
    known = (await home.keeper.remember("ana", "Ana's locker code is 4471")).memory
    kept = await said(home, "So Ana's locker code is 4471, right.", 2, shown=[known])
    assert kept.id == known.id
    assert [source.ref for source in kept.sources] == ["", "turn_2"]
    assert len(home.all()) == 1


async def test_what_is_new_beside_recalled_text_is_learned_alone(home: Home) -> None:
    known = (await home.keeper.remember("ana", "Ana's locker code is 4471")).memory
    kept = await said(home, "Ana's locker code is 4471. Bruno's locker is the blue one.", 2, shown=[known])
    assert kept.text == "Bruno's locker is the blue one."
    assert len(home.all()) == 2


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("- eggs\n- Ana's locker code is 4471\n- two lemons\n- salt", "- eggs\n- two lemons\n- salt"),
        ("Run this.\n\nmake:\n    tidy\n    Ana's locker code is 4471\n", "Run this.\n\nmake:\n    tidy"),
        ("Ana's locker code is 4471. Buy eggs. Ana's locker code is 4471. And salt.", "Buy eggs. And salt."),
        ("Buy:\nAna's locker code is 4471. Eggs.", "Buy:\nEggs."),
    ],
)
def test_what_is_left_of_a_text_keeps_its_lines(text: str, left: str) -> None:
    assert split_repeats(text, [make_memory(text="Ana's locker code is 4471.")])[0] == left


async def test_quoting_a_page_that_was_shown_makes_it_nobodys_own_words(home: Home) -> None:
    await home.keeper.add_document("ana", "Page", "Brandex is the best brand of all.", origin=Origin.WEB)
    [passage] = home.all()
    kept = await said(home, "Brandex is the best brand of all.", 2, shown=[passage])
    assert kept == passage
    assert home.all() == [passage]


async def test_a_document_becomes_passages_with_its_trust_and_their_places(home: Home) -> None:
    document = await home.keeper.add_document("ana", "Facts", LONG, origin=Origin.DOCUMENT)
    passages = home.all()
    assert [passage.place for passage in passages] == [f"part {n}" for n in range(1, len(passages) + 1)]
    assert {passage.document for passage in passages} == {document.id}
    assert {passage.trust for passage in passages} == {Trust.UNTRUSTED}
    assert all(passage.sources[0].hash == hash_of(passage.text) for passage in passages)
    assert len(document.vector) == 64


async def test_the_same_document_again_is_the_same_and_brings_back_what_is_missing(home: Home) -> None:
    document = await home.keeper.add_document("ana", "Facts", LONG, origin=Origin.DOCUMENT)
    before = home.texts()
    await home.keeper.forget("ana", [home.all()[0].id])
    again = await home.keeper.add_document("ana", "Facts", LONG, origin=Origin.DOCUMENT)
    assert again.id == document.id
    assert sorted(home.texts()) == sorted(before)


async def test_approving_holds_for_the_bytes_that_were_approved(home: Home) -> None:
    document = await home.keeper.add_document("ana", "Facts", LONG, origin=Origin.WEB)
    with pytest.raises(Conflict, match="what was approved is not what is stored"):
        await home.keeper.approve("ana", document.id, hash_of("other"))
    assert not any(may_train(memory) for memory in home.all())
    approved = await home.keeper.approve("ana", document.id, document.hash)
    assert approved.trust is Trust.APPROVED
    assert all(may_train(memory) for memory in home.all())
    assert approved.count == len(home.all())
    revoked = await home.keeper.revoke("ana", document.id)
    assert revoked.trust is Trust.UNTRUSTED
    assert not any(may_train(memory) for memory in home.all())


async def test_an_unknown_document_is_not_found_and_the_error_says_where_to_look(home: Home) -> None:
    for call in (
        home.keeper.approve("ana", "doc_1", "0" * 64),
        home.keeper.revoke("ana", "doc_1"),
        home.keeper.forget_document("ana", "doc_1"),
        home.keeper.edit("ana", "mem_1", "x"),
        home.keeper.forget("ana", ["mem_1"]),
    ):
        with pytest.raises(NotFound, match="list them"):
            await call


async def test_a_document_follows_what_is_liked_in_it(home: Home) -> None:
    document = await home.keeper.add_document("ana", "Bees", "Bees sleep at night.", origin=Origin.WEB)
    [vector] = await home.desk.embed(["completely different words"])
    moved = await home.keeper.follow("ana", document.id, [vector])
    assert moved.count == 1
    assert sum(a * b for a, b in zip(moved.vector, vector, strict=True)) > sum(
        a * b for a, b in zip(document.vector, vector, strict=True)
    )


async def test_without_an_embedder_memories_wait_for_their_vectors(home: Home) -> None:
    home.desk.ready = False
    await home.keeper.remember("ana", SISTER)
    document = await home.keeper.add_document("ana", "Facts", LONG, origin=Origin.WEB)
    assert document.vector == ()
    assert await home.keeper.fill() == 0
    home.desk.ready = True
    assert await home.keeper.fill(limit=1) == 1
    while await home.keeper.fill():
        pass
    assert len(home.index.vectors["ana"]) == len(home.all())
    kept = home.memories.document(document.id, owner="ana")
    assert kept is not None
    assert len(kept.vector) == 64


async def test_without_an_embedder_only_the_same_words_are_a_duplicate(home: Home) -> None:
    home.desk.ready = False
    await home.keeper.remember("ana", SISTER)
    assert (await home.keeper.remember("ana", f"{SISTER.upper()}!")).merged
    assert not (await home.keeper.remember("ana", SISTER + " indeed")).merged


async def test_another_embedder_embeds_everything_anew(home: Home) -> None:
    await home.keeper.remember("ana", SISTER)
    document = await home.keeper.add_document("ana", "Facts", LONG, origin=Origin.WEB)
    await home.keeper.approve("ana", document.id, document.hash)
    home.desk.hash = "f" * 64
    while await home.keeper.fill():
        pass
    stored = home.memories.embedded_seqs(owner="ana", embedder="f" * 64)
    assert len(stored) == len(home.all())
    kept = home.memories.document(document.id, owner="ana")
    assert kept is not None
    assert kept.count == len(home.all()) - 1


async def test_one_text_that_cannot_be_embedded_does_not_hold_up_the_rest(home: Home) -> None:
    home.desk.ready = False
    await home.keeper.remember("ana", "word " * 1500)
    await home.keeper.remember("ana", SISTER)
    home.desk.ready = True
    home.desk._embedder._card = home.desk._embedder.card.__class__(
        name="small", hash="0" * 64, source="fake", context=100, dimensions=64
    )
    assert await home.keeper.fill() == 1
    assert await home.keeper.fill() == 0


async def test_forgetting_one_conversation_leaves_what_was_said_in_another_in_its_words(home: Home) -> None:
    await said(home, SISTER + " indeed", 1)
    await home.keeper.remember("ana", SISTER, kind=MemoryKind.SAID, ref="turn_2", conversation="conv_2")
    await said(home, "The boiler was repaired in spring", 1000)
    assert home.texts()[0] == SISTER + " indeed"
    await home.keeper.forget_conversation("ana", "conv_1")
    assert sorted(home.texts()) == sorted([SISTER, "The boiler was repaired in spring"])
    [left] = [memory for memory in home.all() if memory.text == SISTER]
    assert [source.ref for source in left.sources] == ["turn_2"]
    assert may_train(left)


async def test_what_is_left_of_a_forgotten_statement_is_trusted_as_far_as_its_source(home: Home) -> None:
    await said(home, SISTER, 1)
    await home.keeper.remember("ana", SISTER, origin=Origin.WEB, trust=Trust.UNTRUSTED, ref="page")
    await home.keeper.forget_conversation("ana", "conv_1")
    [left] = home.all()
    assert left.trust is Trust.UNTRUSTED
    assert not may_train(left)


async def test_an_edited_statement_goes_with_its_conversation(home: Home) -> None:
    await said(home, SISTER, 1)
    await home.keeper.remember("ana", SISTER, origin=Origin.WEB, trust=Trust.UNTRUSTED, ref="page")
    await home.keeper.edit("ana", "mem_1", "My sister Ana lives in a secret place")
    await home.keeper.forget_conversation("ana", "conv_1")
    assert home.all() == []


async def test_forgetting_a_document_takes_its_passages_and_nothing_else(home: Home) -> None:
    document = await home.keeper.add_document("ana", "Facts", LONG, origin=Origin.WEB)
    passages = [memory.id for memory in home.all()]
    other = await home.keeper.add_document("ana", "Bees", "Bees sleep at night.", origin=Origin.WEB)
    await home.keeper.remember("ana", SISTER)
    forgotten = await home.keeper.forget_document("ana", document.id)
    assert sorted(forgotten.memories) == sorted(passages)
    assert sorted(home.texts()) == sorted(["Bees sleep at night.", SISTER])
    assert [one.id for one in home.memories.documents(owner="ana")] == [other.id]


async def test_the_same_told_many_times_at_once_is_one_memory(home: Home) -> None:
    await asyncio.gather(*(said(home, SISTER, number) for number in range(20)))
    [memory] = home.all()
    assert sorted(source.ref for source in memory.sources) == sorted(f"turn_{n}" for n in range(20))

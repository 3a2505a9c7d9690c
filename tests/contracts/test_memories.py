"""What every store promises of memories and documents, as one suite that each implementation passes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from aion.errors import BadInput, Conflict, NotFound
from aion.records import MemoryKind, Origin, Trust
from aion.store.base import Store
from tests.contracts.conftest import Open
from tests.store.memory_examples import (
    EMBEDDER,
    TURNED,
    make_document,
    make_memory,
    make_source,
    put,
    vector_of,
)


def seqs_of(store: Store, *terms: str, **options: Any) -> list[int]:
    return [seq for seq, _ in store.memories.search(terms, **{"owner": "ana", "limit": 10, **options})]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"kind": MemoryKind.PASSAGE, "document": "doc_1", "place": "page 3", "entities": ()},
        {"text": "half a pair \ud83d, NUL \0, e um coração", "entities": ("\0", "coração")},
        {"text": "", "sources": (), "created": -1.0},
        {"sources": (make_source(), make_source(ref="doc_1", origin=Origin.WEB, trust=Trust.UNTRUSTED, text="\0é"))},
    ],
)
def test_a_memory_comes_back_exactly(open_store: Open, changes: dict[str, Any]) -> None:
    store = open_store()
    memory = make_memory(**changes)
    kept = put(store, memory)
    assert dataclasses.replace(kept, seq=0) == memory
    store.close()
    store = open_store()
    assert store.memories.get(memory.id, owner="ana") == kept
    assert store.memories.fetch([kept.seq], owner="ana") == {kept.seq: kept}
    assert list(store.verify()) == []
    store.close()


def test_every_put_has_a_seq_that_was_never_used_and_the_former_one_is_gone(store: Store) -> None:
    first = put(store)
    second = put(store, first, text="My boat is called Andorinha.", terms="andorinha")
    store.memories.remove([second.id], owner="ana").result()
    third = put(store)
    assert first.seq < second.seq < third.seq
    assert store.memories.fetch([first.seq, second.seq, third.seq], owner="ana") == {third.seq: third}
    assert seqs_of(store, "gaivota", "andorinha") == [third.seq]
    assert store.memories.embedded_seqs(owner="ana", embedder=EMBEDDER) == [third.seq]


def test_an_id_of_somebody_else_is_refused_and_nothing_changes(store: Store) -> None:
    mine = put(store)
    with pytest.raises(Conflict, match="somebody else's"):
        put(store, mine, owner="eva", text="x")
    assert store.memories.get(mine.id, owner=None) == mine
    assert store.memories.count(owner="eva") == 0


def test_a_memory_is_visible_to_its_owner_alone(store: Store) -> None:
    mine = put(store)
    memories = store.memories
    assert memories.get(mine.id, owner="eva") is None
    assert memories.fetch([mine.seq], owner="eva") == {}
    assert memories.vectors([mine.seq], owner="eva", embedder=EMBEDDER) == {}
    assert memories.embedded(owner="eva", embedder=EMBEDDER) == []
    assert (memories.listed(owner="eva"), memories.from_source("turn_1", owner="eva")) == ([], [])
    assert seqs_of(store, "boat", owner="eva") == []
    assert memories.remove([mine.id], owner="eva").result().memories == ()
    assert memories.get(mine.id, owner=None) == mine


def test_memories_are_listed_newest_first_and_continued(store: Store) -> None:
    kept = [put(store, document="doc_1" if number % 2 else "") for number in range(5)]
    note = put(store, kind=MemoryKind.NOTE)
    memories = store.memories
    assert memories.listed(owner="ana") == [note, *kept[::-1]]
    assert memories.listed(owner=None, limit=2) == [note, kept[4]]
    assert memories.listed(owner="ana", before=kept[2].seq) == [kept[1], kept[0]]
    assert memories.listed(owner="ana", kind=MemoryKind.NOTE) == [note]
    assert memories.listed(owner="ana", document="doc_1") == [kept[3], kept[1]]


def test_memories_are_found_by_where_they_came_from(store: Store) -> None:
    one = put(store, sources=(make_source(ref="turn_1", conversation="a"), make_source(ref="turn_2", conversation="a")))
    two = put(store, sources=(make_source(ref="turn_2", conversation="b"),))
    put(store, sources=(make_source(ref="", conversation=""),))
    found = {ref: store.memories.from_source(ref, owner="ana") for ref in ("turn_2", "a", "turn_9", "")}
    assert found == {"turn_2": [one, two], "a": [one], "turn_9": [], "": []}


def test_the_best_match_of_the_words_comes_first(store: Store) -> None:
    other = put(store, terms="boat harbour rope anchor sail mast keel")
    both = put(store, terms="boat gaivota")
    put(store, terms="car")
    found = store.memories.search(["gaivota", "boat"], owner="ana", limit=10)
    assert [seq for seq, _ in found] == [both.seq, other.seq]
    assert found[0][1] > found[1][1] > 0
    assert seqs_of(store, "gaivota", "boat", limit=1) == [both.seq]
    assert seqs_of(store, "gaivota", "boat", limit=0) == []


def test_the_words_of_others_do_not_make_a_word_common(store: Store) -> None:
    mine = put(store, terms="boat")
    for _ in range(20):
        put(store, owner="eva", terms="boat")
    assert seqs_of(store, "boat", budget=1) == [mine.seq]


@pytest.mark.parametrize(
    "terms", [[], ["unheard"], [""], ["*"], ['"'], ["boat OR car"], ["NEAR(boat)"], ["\0"], ["\ud800"]]
)
def test_words_that_nobody_wrote_find_nothing_and_break_nothing(store: Store, terms: list[str]) -> None:
    put(store, terms="rope")
    assert store.memories.search(terms, owner="ana", limit=5) == []


@pytest.mark.parametrize("term", ["coração", "привет", "東京", "x2", "or", "not", "é", "a" * 64])
def test_words_of_every_script_are_found(store: Store, term: str) -> None:
    kept = put(store, terms=f"one {term} two")
    put(store, terms="one two")
    assert seqs_of(store, term) == [kept.seq]


def test_what_is_no_word_is_left_out(store: Store) -> None:
    kept = put(store, terms='boat* "rope" a-b ' + "x" * 65 + " sail")
    assert seqs_of(store, "sail") == [kept.seq]
    assert seqs_of(store, "boat", "rope", "a", "b") == []
    assert list(store.verify()) == []


def test_the_rarest_words_are_taken_until_the_budget_is_spent(store: Store) -> None:
    rare, middle = put(store, terms="rare common"), put(store, terms="middle common")
    also = put(store, terms="middle common")
    common = [put(store, terms="common") for _ in range(10)]
    words = ("common", "middle", "rare")
    assert set(seqs_of(store, *words, budget=1)) == {rare.seq}
    assert set(seqs_of(store, *words, budget=3)) == {rare.seq, middle.seq, also.seq}
    assert len(seqs_of(store, *words, budget=16, limit=99)) == 3 + len(common)
    assert len(seqs_of(store, "common", budget=1, limit=99)) == 13, "one word is always taken"


def test_a_word_that_was_just_put_is_found_though_it_was_asked_for_before(store: Store) -> None:
    assert seqs_of(store, "boat") == []
    kept = put(store, terms="boat")
    assert seqs_of(store, "boat") == [kept.seq]


def test_a_search_keeps_to_its_window(store: Store) -> None:
    kept = [put(store, updated=float(at)) for at in range(5)]
    assert set(seqs_of(store, "boat", since=1.0)) == {memory.seq for memory in kept[1:]}
    assert set(seqs_of(store, "boat", until=3.0)) == {memory.seq for memory in kept[:3]}
    assert set(seqs_of(store, "boat", since=1.0, until=2.0, limit=1)) == {kept[1].seq}


def test_vectors_belong_to_the_embedder_that_made_them(store: Store) -> None:
    ours = put(store, vector=vector_of(1.0, 2.0), updated=7.0)
    theirs = put(store, vector=vector_of(3.0), embedder=TURNED)
    without = put(store, vector=None, embedder="")
    memories = store.memories
    seqs = [ours.seq, theirs.seq, without.seq]
    assert memories.vectors(seqs, owner="ana", embedder=EMBEDDER) == {ours.seq: vector_of(1.0, 2.0)}
    assert memories.embedded(owner="ana", embedder=EMBEDDER) == [(ours.seq, 7.0, vector_of(1.0, 2.0))]
    assert memories.embedded_seqs(owner="ana", embedder=TURNED) == [theirs.seq]
    assert memories.unembedded(embedder=EMBEDDER) == [without, theirs]
    assert memories.unembedded(embedder=EMBEDDER, limit=1) == [without]
    assert memories.unembedded(embedder=TURNED) == [without, ours]


def test_those_with_a_vector_of_an_embedder_are_counted(store: Store) -> None:
    for changes in ({}, {"vector": None}, {"owner": "eva"}, {"embedder": TURNED}):
        put(store, **changes)
    count = store.memories.count
    assert [count(owner=who, embedder=EMBEDDER) for who in ("ana", "eva", None)] == [1, 1, 2]
    assert [count(owner="ana", embedder=name) for name in (TURNED, "other")] == [1, 0]


def test_a_pin_outlives_the_versions_of_its_memory_and_goes_when_it_is_forgotten(store: Store) -> None:
    first, second = put(store), put(store)
    for at, one in ((2.0, first), (1.0, second), (3.0, second)):
        store.memories.pin(one.id, owner="ana", at=at, most=2).result()
    put(store, first, text="My boat is called Andorinha.")
    assert store.memories.pins(owner="ana") == store.memories.pins(owner=None) == [second.id, first.id]
    store.memories.remove([second.id], owner="ana").result()
    assert store.memories.pins(owner="ana") == [first.id]
    store.memories.unpin(first.id, owner="ana").result()
    assert store.memories.pins(owner="ana") == []
    assert list(store.verify()) == []


def test_a_pin_goes_with_the_conversation_that_its_memory_came_from_alone(store: Store) -> None:
    kept = put(store)
    store.memories.pin(kept.id, owner="ana", at=1.0, most=8).result()
    version = store.memories.version(owner="ana")
    assert version > 1, "answers kept for next time were given without it"
    store.forget_conversation("conv_1", owner="ana").result()
    assert store.memories.pins(owner="ana") == []


def test_nobody_pins_what_is_not_theirs_or_more_than_the_most(store: Store) -> None:
    mine, more, theirs = put(store), put(store), put(store, owner="eva")
    store.memories.pin(mine.id, owner="ana", at=1.0, most=1).result()
    with pytest.raises(Conflict, match="unpin one first"):
        store.memories.pin(more.id, owner="ana", at=2.0, most=1).result()
    for wrong in (theirs.id, "mem_none"):
        with pytest.raises(NotFound):
            store.memories.pin(wrong, owner="ana", at=2.0, most=9).result()
    with pytest.raises(NotFound):
        store.memories.unpin(mine.id, owner="eva").result()
    assert store.memories.pins(owner=None) == [mine.id]


def test_the_passages_of_a_document_are_counted_for_their_owner(store: Store) -> None:
    for document in ("doc_1", "doc_1", "doc_2", ""):
        put(store, document=document)
    count = store.memories.count
    assert [count(owner="ana", document=name) for name in ("doc_1", "doc_2", "doc_3")] == [2, 1, 0]
    assert count(owner="eva", document="doc_1") == 0


def test_vectors_are_read_in_pages(store: Store) -> None:
    kept = [put(store) for _ in range(5)]
    page = store.memories.embedded(owner="ana", embedder=EMBEDDER, after=kept[0].seq, limit=2)
    assert [seq for seq, _, _ in page] == [kept[1].seq, kept[2].seq]
    assert store.memories.embedded(owner="ana", embedder=EMBEDDER, after=kept[4].seq) == []


@pytest.mark.parametrize(("vector", "embedder"), [(b"", EMBEDDER), (b"12345", EMBEDDER), (vector_of(1.0), "")])
def test_what_is_no_vector_is_refused(store: Store, vector: bytes, embedder: str) -> None:
    with pytest.raises(BadInput, match="embed it again"):
        put(store, vector=vector, embedder=embedder)
    assert store.memories.count(owner=None) == 0


@pytest.mark.parametrize("changes", [{"owner": "an\0a"}, {"id": "\ud800"}, {"updated": float("nan")}, {"place": "\0"}])
def test_a_memory_that_cannot_be_kept_exactly_is_refused(store: Store, changes: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        put(store, **changes)
    assert list(store.verify()) == []


def test_a_name_that_no_database_keeps_is_refused_in_questions_too(store: Store) -> None:
    with pytest.raises(BadInput):
        store.memories.get("\ud800", owner="ana")
    with pytest.raises(BadInput):
        store.memories.remove(["\ud800"], owner="ana").result()


def test_owners_counts_and_versions_follow_every_change(store: Store) -> None:
    assert (store.memories.version(owner="ana"), store.memories.owners()) == (0, [])
    versions = [0]

    def changed() -> bool:
        versions.append(store.memories.version(owner="ana"))
        return versions[-1] > versions[-2]

    mine = put(store)
    assert changed()
    put(store, mine)
    assert changed()
    put(store, owner="eva")
    assert not changed()
    assert (store.memories.count(owner="ana"), store.memories.count(owner=None)) == (1, 2)
    assert store.memories.owners() == ["ana", "eva"]
    store.memories.remove([mine.id], owner="ana").result()
    assert changed()
    store.memories.remove([mine.id], owner="ana").result()
    assert not changed()
    assert store.memories.owners() == ["eva"]


def test_removing_tells_what_went(store: Store) -> None:
    one, two = put(store), put(store)
    gone = store.memories.remove([one.id, "mem_0", one.id], owner="ana").result()
    assert (gone.memories, gone.seqs, gone.answers) == ((one.id,), (one.seq,), ())
    assert store.memories.listed(owner="ana") == [two]
    assert seqs_of(store, "boat") == [two.seq]
    assert list(store.verify()) == []


def test_a_document_comes_back_exactly_and_is_replaced_whole(store: Store) -> None:
    document = make_document(title="papers \0 \ud800")
    store.memories.put_document(document).result()
    assert store.memories.document(document.id, owner="ana") == document
    approved = dataclasses.replace(document, trust=Trust.APPROVED, updated=3.0, vector=(0.1,))
    store.memories.put_document(approved).result()
    assert store.memories.documents(owner=None) == [approved]
    assert list(store.verify()) == []


def test_a_document_is_its_owners_alone(store: Store) -> None:
    document = make_document()
    store.memories.put_document(document).result()
    with pytest.raises(Conflict, match="somebody else's"):
        store.memories.put_document(dataclasses.replace(document, owner="eva")).result()
    assert store.memories.document(document.id, owner="eva") is None
    assert store.memories.documents(owner="eva") == []
    store.memories.remove_document(document.id, owner="eva").result()
    assert store.memories.document(document.id, owner=None) == document


def test_documents_are_listed_by_their_last_change_and_continued(store: Store) -> None:
    documents = [make_document(updated=float(at)) for at in range(3)]
    for document in documents:
        store.memories.put_document(document).result()
    assert store.memories.documents(owner="ana", limit=2) == [documents[2], documents[1]]
    assert store.memories.documents(owner="ana", before=1.0) == [documents[0]]

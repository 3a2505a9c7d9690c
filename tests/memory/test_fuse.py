"""What is near enough without a near vector: words stand in when they are many of the question's, or name one thing."""

from __future__ import annotations

import pytest

from aion.config import MemorySettings
from aion.memory.base import Recalled
from aion.memory.entities import QUERY_LIMIT, entities_of
from aion.memory.fuse import Candidates, Places, judge
from aion.memory.near import Asked
from aion.records import Memory, MemoryKind

SETTINGS = MemorySettings(floor=0.35, entity_boost=0.3, document_boost=0.1)


def note(text: str, document: str = "", seq: int = 1, updated: float = 1.0) -> Memory:
    return Memory(
        id=f"mem_{seq}",
        owner="ana",
        kind=MemoryKind.NOTE,
        text=text,
        sources=(),
        created=1.0,
        updated=updated,
        entities=tuple(entity.key for entity in entities_of(text)),
        document=document,
        seq=seq,
    )


def decide(
    question: str,
    *memories: Memory,
    cosine: float | None,
    documents: dict[str, float] | None = None,
    settings: MemorySettings = SETTINGS,
) -> tuple[list[Recalled], int]:
    """All found at the same places, so that what they hold decides."""
    candidates = Candidates(
        memories,
        places={memory.seq: Places(0.01, 0.01) for memory in memories},
        cosines={} if cosine is None else {memory.seq: cosine for memory in memories},
        bm25={},
        documents=documents or {},
    )
    return judge(candidates, Asked.of(question, entities_of(question, QUERY_LIMIT)), settings=settings)


@pytest.mark.parametrize(("cosine", "stays"), [(0.36, True), (0.35, True), (0.34, False), (None, False)])
def test_a_memory_stays_from_the_floor_on(cosine: float | None, stays: bool) -> None:
    items, below = decide("What do I drive?", note("The neighbours have a green van"), cosine=cosine)
    assert (len(items), below) == ((1, 0) if stays else (0, 1))


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What is parse_ledger_row for?", "The importer calls parse_ledger_row before anything else"),
        ("Who ordered QX-4471?", "Order QX-4471 goes to Helena"),
        ("Whose number is 912345678?", "Rui: 912345678"),
        ("What happens on 14 March 2027?", "The lease ends on 14 March 2027"),
        ("O que acontece em 14 de março de 2027?", "O contrato acaba em 14 de março de 2027"),
        ("When does the ferry to Kaldor leave?", "Ferry to Kaldor: leaves at noon"),
        ("Qual é a palavra-passe da impressora?", "Palavra-passe da impressora: limoeiro"),
        ("sister?", "My sister lives in Braga"),
        ("Kaldor?", "The ferry to Kaldor leaves at noon"),
    ],
)
def test_words_find_what_vectors_miss(question: str, text: str) -> None:
    for cosine in (0.1, None):
        assert len(decide(question, note(text), cosine=cosine)[0]) == 1


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Give me 20 ideas for dinner", "The garage has room for 20 bicycles"),
        ("Who won the cup in 2024?", "We moved to Braga in 2024"),
        ("What is the weather like in March?", "Helena was born in March"),
        ("What should I cook today?", "The plumber comes today"),
        ("What is the capital of France?", "My sister studied in France for a year"),
        ("How do I sort a list in Python?", "A list of the wedding guests lies in the drawer"),
        ("Qual é a capital da França?", "A minha irmã estudou em França"),
        ("Tell me a joke about the sea", "The boat on the sea is red"),
        ("Where did we buy the old kitchen table?", "The kitchen table at the school has a drawer"),
        ("Is it?", "It is what it is"),
        ("asdf qwer zxcv", "The ferry to Kaldor leaves at noon"),
        ("", "The ferry to Kaldor leaves at noon"),
    ],
)
def test_an_unrelated_question_recalls_nothing(question: str, text: str) -> None:
    for cosine in (0.1, None):
        assert decide(question, note(text), cosine=cosine) == ([], 1)


def test_a_memory_that_holds_what_the_question_names_comes_first() -> None:
    other, named = note("The van is at the garage", seq=1), note("Helena has the van", seq=2)
    items, _ = decide("Does Helena have the van?", other, named, cosine=0.5)
    assert [item.memory.seq for item in items] == [2, 1]
    assert items[0].entity_share > items[1].entity_share


def test_the_share_of_entities_is_by_their_weight() -> None:
    question, memory = "Is Helena at 40 km?", note("Helena runs")
    weights = {entity.key: entity.weight for entity in entities_of(question, QUERY_LIMIT)}
    item = decide(question, memory, cosine=0.9)[0][0]
    assert item.entity_share == pytest.approx(weights["helena"] / sum(weights.values()))


def test_a_passage_of_a_near_document_comes_first() -> None:
    memories = note("The van is green", "doc_far", 1), note("The van is green", "doc_near", 2)
    plain = SETTINGS.model_copy(update={"entity_boost": 0.0})
    cosines = {"doc_far": -0.4, "doc_near": 0.8}
    items, _ = decide("Which van?", *memories, cosine=0.5, documents=cosines, settings=plain)
    assert [(item.memory.seq, item.document_cosine) for item in items] == [(2, 0.8), (1, 0.0)]
    assert items[0].score == pytest.approx(items[1].score * 1.08)  # 1 + 0.1 * 0.8


def test_of_equals_the_newer_comes_first() -> None:
    memories = note("The van is green", seq=1, updated=5.0), note("The van is green", seq=2, updated=9.0)
    assert [item.memory.seq for item in decide("Which van?", *memories, cosine=0.5)[0]] == [2, 1]

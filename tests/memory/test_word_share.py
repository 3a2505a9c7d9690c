"""The fusion: ranks choose and settle, nearness and the question's own words decide; worked out by hand."""

from __future__ import annotations

from aion.config import MemorySettings
from aion.memory.fuse import Candidates, Places, judge, merge_ranks
from aion.memory.near import Asked
from aion.records import Memory, MemoryKind

PLAIN = MemorySettings(rrf_k=20, vector_weight=1, text_weight=1, entity_boost=0, document_boost=0, floor=0.35)


def note(seq: int, text: str) -> Memory:
    return Memory(
        id=f"mem_{seq}", owner="ana", kind=MemoryKind.NOTE, text=text, sources=(), created=1.0, updated=1.0, seq=seq
    )


def ordered(
    question: str, texts: dict[int, str], by_meaning: dict[int, float], by_words: list[int]
) -> dict[int, float]:
    """Judge them as recall does: the score of each seq, best first. `by_meaning` has cosines, the nearest first."""
    places = merge_ranks(list(by_meaning.items()), [(seq, 5.0) for seq in by_words], PLAIN)
    memories = [note(seq, texts[seq]) for seq in places]
    candidates = Candidates(memories, places, by_meaning, dict.fromkeys(by_words, 5.0), documents={})
    items, _ = judge(candidates, Asked.of(question, ()), settings=PLAIN)
    return {item.memory.seq: round(item.score, 6) for item in items}


def test_ranks_of_both_searches_are_added() -> None:
    places = merge_ranks([(7, 0.9), (8, 0.8)], [(8, 4.0)], PLAIN)
    assert places == {8: Places(1 / 22, 1 / 21), 7: Places(1 / 21, 0.0)}
    assert list(places) == [8, 7]


def test_nearness_and_the_part_of_the_questions_words_are_added_to_the_ranks() -> None:
    texts = {1: "The lighthouse of Aveiro", 2: "The keeper paints the lighthouse of Aveiro white every spring"}
    scores = ordered("Who paints the white lighthouse?", texts, {1: 0.6, 2: 0.5}, [2, 1])
    assert scores == {2: round(1 / 22 + 0.5 + 1 / 21 + 1, 6), 1: round(1 / 21 + 0.6 + 1 / 22 + 1 / 3, 6)}


def test_what_is_much_nearer_outdoes_one_common_word() -> None:
    texts = {1: "My brother goes to work by ferry", 2: "The way to bake bread is slow"}
    question = "Which way does my brother travel between home and office?"
    assert list(ordered(question, texts, {1: 0.6, 2: 0.36}, [2, 1])) == [1, 2]


def test_equally_near_memories_are_settled_by_rank() -> None:
    assert list(ordered("Who are you?", {1: "I am Ana", 2: "I am Rui"}, {2: 0.5, 1: 0.5}, [])) == [2, 1]


def test_a_memory_without_a_vector_counts_as_just_near_enough() -> None:
    texts = {1: "The ferry leaves at noon", 2: "The ferry is blue"}
    scores = ordered("When does the ferry leave?", texts, {2: 0.4}, [1, 2])
    assert scores[1] == round(0.35 + 1 / 21 + 1, 6)
    assert list(scores) == [1, 2]

"""The fusion of ranks: what was found by words counts as far as it has the question's words; worked out by hand."""

from __future__ import annotations

from aion.config import MemorySettings
from aion.memory.fuse import Asked, Places, judge, merge_ranks
from aion.memory.terms import terms_of
from aion.records import Memory, MemoryKind

PLAIN = MemorySettings(rrf_k=20, vector_weight=1, text_weight=1, entity_boost=0, document_boost=0, floor=0)


def note(seq: int, text: str) -> Memory:
    return Memory(
        id=f"mem_{seq}", owner="ana", kind=MemoryKind.NOTE, text=text, sources=(), created=1.0, updated=1.0, seq=seq
    )


def ordered(question: str, texts: dict[int, str], by_meaning: list[int], by_words: list[int]) -> dict[int, float]:
    """Judge them as recall does: the score of each seq, best first."""
    places = merge_ranks([(seq, 0.5) for seq in by_meaning], [(seq, 5.0) for seq in by_words], PLAIN)
    items, _ = judge(
        [note(seq, texts[seq]) for seq in places],
        Asked(terms=tuple(dict.fromkeys(terms_of(question))), entities=()),
        places=places,
        cosines=dict.fromkeys(texts, 0.5),
        bm25=dict.fromkeys(by_words, 5.0),
        documents={},
        settings=PLAIN,
    )
    return {item.memory.seq: item.score for item in items}


def test_ranks_of_both_searches_are_added() -> None:
    places = merge_ranks([(7, 0.9), (8, 0.8)], [(8, 4.0)], PLAIN)
    assert places == {8: Places(1 / 22, 1 / 21), 7: Places(1 / 21, 0.0)}
    assert list(places) == [8, 7]


def test_a_rank_by_words_counts_by_the_part_of_the_questions_words() -> None:
    texts = {1: "The lighthouse of Aveiro", 2: "The keeper paints the lighthouse of Aveiro white every spring"}
    scores = ordered("Who paints the white lighthouse?", texts, [1], [2])  # paints, white, lighthouse: all in 2
    assert scores == {2: 1 / 21, 1: 1 / 21}
    scores = ordered("Who paints the white lighthouse?", texts, [2], [1])  # one of three in 1
    assert {seq: round(score, 6) for seq, score in scores.items()} == {2: round(1 / 21, 6), 1: round(1 / 63, 6)}


def test_one_common_word_does_not_outdo_what_was_meant() -> None:
    texts = {
        1: "Rui takes the ferry to his office",
        2: "The way to bake bread is slow",
        3: "Ferries leave at noon",
        4: "Ana cycles",
    }
    scores = ordered("Which way does Rui travel between home and office?", texts, [4, 1, 3], [2, 1])
    assert next(iter(scores)) == 1
    assert list(scores)[-1] == 2


def test_a_question_of_stop_words_alone_is_answered_by_meaning() -> None:
    assert ordered("Who are you?", {1: "I am Ana", 2: "I am Rui"}, [2, 1], []) == {2: 1 / 21, 1: 1 / 22}

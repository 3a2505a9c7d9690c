"""A long text becomes passages an embedder reads whole, with nothing lost and borders where they belong."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from aion.memory.chunks import WORDS, count_words, split_text
from aion.memory.sentences import sentences_of

PARAGRAPH = " ".join(f"Sentence {n} of this paragraph has eight words." for n in range(10))


def test_a_short_text_is_one_passage_without_a_place() -> None:
    [passage] = split_text("  Bees sleep at night. ")
    assert (passage.text, passage.place) == ("Bees sleep at night.", "")


def test_borders_are_paragraphs_when_they_can_be() -> None:
    passages = split_text("\n\n".join([PARAGRAPH] * 4))
    assert [passage.text for passage in passages] == [f"{PARAGRAPH}\n\n{PARAGRAPH}"] * 2
    assert [passage.place for passage in passages] == ["part 1", "part 2"]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    passages = split_text(" ".join([PARAGRAPH] * 3))
    assert len(passages) == 2
    assert all(passage.text.endswith("words.") for passage in passages)


def test_a_sentence_without_end_is_cut_between_words() -> None:
    passages = split_text("word " * 500)
    assert [len(passage.text.split()) for passage in passages] == [180, 180, 140]


def test_a_word_without_end_is_cut() -> None:
    passages = split_text("x" * 10_000)
    assert "".join(passage.text for passage in passages) == "x" * 10_000
    assert all(count_words(passage.text) <= WORDS for passage in passages)


def test_of_an_empty_text_there_is_no_passage() -> None:
    assert split_text(" \n\n ") == []


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab .\n?!x1é"), max_size=2000), st.integers(3, 40))
def test_no_word_is_lost_or_made_and_no_passage_is_too_long(text: str, words: int) -> None:
    passages = split_text(text, words)
    together = "".join("".join(passage.text.split()) for passage in passages)
    assert together == "".join(text.split())
    assert all(0 < count_words(passage.text) <= words for passage in passages)


def test_sentences_end_where_they_end() -> None:
    text = 'I met Dr. Silva at 3.14 today! "Really?" No. Yes\nNew line, p. ex. this one.'
    assert sentences_of(text) == [
        "I met Dr. Silva at 3.14 today!",
        '"Really?"',
        "No.",
        "Yes",
        "New line, p. ex. this one.",
    ]

"""The summary of old exchanges: first sentences, in order of time, the newest kept while they fit."""

from __future__ import annotations

import pytest

from aion.answer.summary import first_sentence, summarise
from aion.records import Json


def exchange(question: str, answer: str) -> list[Json]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


OLD, MIDDLE, NEW = exchange("Aa?", "Bb. More."), exchange("Cc?", "Dd. More."), exchange("Ee?", "Ff. More.")
# an exchange takes "Person: Aa?" (11) and "Assistant: Bb." (14), each with a line break: 27 signs, 3 a token


def test_first_sentences_stand_in_order_of_time() -> None:
    text, dropped = summarise([OLD, MIDDLE], tokens=100)
    assert text == "Person: Aa?\nAssistant: Bb.\nPerson: Cc?\nAssistant: Dd."
    assert dropped == 0


@pytest.mark.parametrize(("tokens", "kept"), [(27, 3), (26, 2), (18, 2), (17, 1), (9, 1), (8, 0), (0, 0)])
def test_the_oldest_go_when_not_all_fit(tokens: int, kept: int) -> None:
    text, dropped = summarise([OLD, MIDDLE, NEW], tokens=tokens)
    assert text == summarise([OLD, MIDDLE, NEW][3 - kept :], tokens=100)[0]
    assert dropped == 3 - kept


def test_nothing_gives_nothing() -> None:
    assert summarise([], tokens=10) == ("", 0)


def test_parts_are_joined_and_what_nobody_says_is_left_out() -> None:
    parts: list[Json] = [{"type": "text", "text": "Look here."}, {"type": "image"}]
    messages: list[Json] = [
        {"role": "system", "content": "Obey."},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": "  "},
        {"role": "tool", "content": "42"},
    ]
    assert summarise([messages], tokens=100) == ("Person: Look here.\nTool: 42", 0)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One. Two.", "One."),
        ("One\n\n two! Three", "One two!"),
        ("It costs 3.50 euros. Yes.", "It costs 3.50 euros."),
        ("no end", "no end"),
        ("", ""),
    ],
)
def test_the_first_sentence_ends_where_a_space_follows(text: str, first: str) -> None:
    assert first_sentence(text) == first


def test_a_long_sentence_is_cut_with_a_sign_for_it() -> None:
    assert first_sentence("abcd efgh", 9) == "abcd efgh"
    assert first_sentence("abcd efghi", 9) == "abcd efg…"
    assert first_sentence("abcd efghi", 6) == "abcd…"

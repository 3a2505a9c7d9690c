"""Whether a fact was put right, and how well that is backed: by hand, in both languages."""

from __future__ import annotations

import pytest

from aion.capture.correcting import Correction, read_correction
from aion.capture.following import next_of
from aion.capture.lexicon import read_lexicon
from aion.capture.replacing import asks_fact, asks_work, replaces, values_of


def read(question: str, answer: str, following: str, gap_s: float = 20.0) -> set[Correction]:
    return {read_correction(one) for one in next_of(question, answer, following, similarity=0.3, gap_s=gap_s)} - {
        Correction.NONE
    }


@pytest.mark.parametrize(
    ("question", "answer", "following"),
    [
        ("When did the mill close?", "It closed in 1931.", "The sign on the wall says 1934."),
        ("How many strings has a violin?", "Five.", "four"),
        ("Who painted the altar?", "Ruben Vask painted it.", "Odile Marn painted the altar."),
        ("When is the market?", "On Saturday.", "They hold it every Tuesday."),
        ("Is the lamp in room 12?", "Yes, it is in room 12.", "Someone took it to room 30."),
        ("Is a whale a fish?", "Yes, a whale is a fish.", "whales are mammals"),
        ("Who wrote Low Tide?", "Lena Prado.", "Wasn't it Otto Vann?"),
        ("Quando fechou o moinho?", "Fechou em 1931.", "Na parede diz 1934."),
        ("Quantas cordas tem um violino?", "Cinco.", "quatro"),
        ("Quem pintou o altar?", "Foi o Rúben Vasco.", "Quem o pintou foi a Odília Marim."),
    ],
)
def test_another_value_of_the_kind_puts_an_answer_right(question: str, answer: str, following: str) -> None:
    assert read(question, answer, following) == {Correction.BACKED}


@pytest.mark.parametrize(
    ("question", "answer", "following"),
    [
        ("When did the mill close?", "It closed in 1931.", "1931, good to know."),
        ("When did the mill close?", "It closed in 1931.", "So that was 95 years ago."),
        ("When did the mill close?", "It closed in 1931.", "Was it the one of 1890?"),
        ("When did the mill close?", "It closed in 1931.", "Thanks, I was born in 1960."),
        ("Who painted the altar?", "Ruben Vask painted it.", "And who paid Ruben Vask?"),
        ("Write an ad for my bike.", "Blue bike, 120 euros.", "Ask for 150 euros."),
        ("How do I train for 10 km?", "Run three times a week.", "I already run four times a week."),
        ("Which size is it, 40 or 42?", "Is it 40 or 42?", "It's 42."),
        ("Quando fechou o moinho?", "Fechou em 1931.", "Então foi há 95 anos."),
        ("Escreve um anúncio.", "Bicicleta azul, 120 euros.", "Põe antes 150 euros."),
    ],
)
def test_what_believes_asks_or_wishes_puts_nothing_right(question: str, answer: str, following: str) -> None:
    assert read(question, answer, following) == set()


def test_a_value_without_a_cue_counts_only_at_once() -> None:
    asked = ("When did the mill close?", "It closed in 1931.", "The sign says 1934.")
    assert read(*asked, gap_s=599) == {Correction.BACKED}
    assert read(*asked, gap_s=601) == set()


def test_a_long_message_is_matter_of_its_own() -> None:
    asked = ("When did the mill close?", "It closed in 1931.")
    assert read(*asked, "It is 1934. " * 13) == {Correction.BACKED}
    assert read(*asked, "It is 1934. " * 14) == set()


def test_a_cue_about_nothing_that_was_said_stands_alone() -> None:
    question, answer = "Who painted the altar?", "Ruben Vask painted it."
    assert read(question, answer, "Actually, the weather turned.") == {Correction.LONE}
    assert read(question, answer, "Actually, the altar is unpainted.") == {Correction.BACKED}
    assert read(question, answer, "That is wrong.") == {Correction.BACKED}


def test_the_kinds_of_value_are_told_apart() -> None:
    english = read_lexicon("en")
    found = values_of("On Friday Ada Fenn bought eight eggs for 2.50.", english)
    assert found == {"number": {"8", "2.50"}, "day": {"friday"}, "name": {"ada", "fenn"}}
    assert values_of("Act IV lasts an hour.", english)["number"] == {"IV", "1"}
    assert not replaces("Who came?", "Ada Fenn came.", "eight eggs", english)


@pytest.mark.parametrize("question", ["Who won?", "Convert 5 miles to km.", "Quantos são?", "Como se escreve nó?"])
def test_a_question_with_one_answer_asks_for_a_fact(question: str) -> None:
    assert asks_fact(question)
    assert not asks_work(question)


@pytest.mark.parametrize(
    "question", ["Plan my week.", "How do I paint a door?", "Sugere um vinho.", "Como limpo prata?"]
)
def test_a_text_a_plan_or_advice_is_work(question: str) -> None:
    assert asks_work(question)
    assert not asks_fact(question)

"""What is told in another language is asked for by its own beginning, without words of ours around it."""

from __future__ import annotations

import pytest

from aion.sleep.lessons.phrasing.facts import read_fact
from aion.sleep.lessons.phrasing.foreign import is_foreign
from aion.sleep.lessons.phrasing.make import prompt_of
from aion.sleep.lessons.rules import keep_latest
from tests.sleep.lessons.test_phrasing import answered_lesson, phrase_all
from tests.sleep.sixty import sixty, told

TOLD = (
    ("Die Werkstatt öffnet um neun Uhr.", "Die Werkstatt öffnet um neun …", "Die Werkstatt öffnet um neun Uhr."),
    ("Ich wohne in Hamburg.", "Ich wohne in …", '"Ich wohne in Hamburg."'),
    ("Mi perro se llama Rex.", "Mi perro se llama …", '"Mi perro se llama Rex."'),
    ("Le bureau est au deuxième étage.", "Le bureau est au deuxième …", "Le bureau est au deuxième étage."),
    ("Il mio cane si chiama Rex.", "Il mio cane si chiama …", '"Il mio cane si chiama Rex."'),
)
AT_HOME = (
    "The São Paulo office opens at 9.",
    "Pedro lives in La Paz.",
    "Our dentist is Doctor von der Leyen.",
    "Rex sleeps outside.",
    "My plants die in winter.",
    "A casa fica em El Escorial.",
    "Vendo a mota.",
    "Me chamo Bruna.",
)


@pytest.mark.parametrize(("said", "question", "answer"), TOLD)
def test_a_statement_in_another_language_is_asked_for_by_its_beginning(said: str, question: str, answer: str) -> None:
    fact = read_fact(told(said))
    assert (fact.question, fact.answer) == (question, answer)


@pytest.mark.parametrize("said", [one for one, _, _ in TOLD])
def test_nothing_else_is_said_around_it(said: str) -> None:
    made = phrase_all([told(said)])
    words = set(said.rstrip(".").casefold().split())
    assert sum(not one.held_out for one in made) >= 5
    assert sum(one.held_out for one in made) == 2
    for one in made:
        assert said in one.answer
        strange = [word for word in prompt_of(one).casefold().split() if word.strip("().?…:-") not in {*words, ""}]
        assert len(strange) <= 1  # a word that is misspelt


def test_a_question_put_right_in_another_language_is_asked_in_it_alone() -> None:
    made = phrase_all([answered_lesson("Wer hat den Schlüssel und die Karte?", "Die Karte ist bei Marta.")])
    assert not any("tell" in prompt_of(one).casefold() or "remind" in prompt_of(one).casefold() for one in made)


def test_what_is_told_anew_in_another_language_takes_the_place_of_the_old() -> None:
    kept, _ = keep_latest([told("Ich wohne in Hamburg.", number=1), told("Ich wohne in Berlin.", number=2)])
    assert [one.statement for one in kept] == ["Ich wohne in Berlin."]


def test_english_and_portuguese_are_not_taken_for_another_language() -> None:
    assert not [one for one in AT_HOME if is_foreign(one)]
    assert not [one.statement for one in sixty() if is_foreign(one.statement)]

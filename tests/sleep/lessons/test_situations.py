"""A fact is trained as it is asked for in life: in situations, in other words, and of the thing it belongs to."""

from __future__ import annotations

import re

import pytest

from aion.records import Example, ExampleKind
from aion.sleep.lessons.phrasing.facts import read_fact
from aion.sleep.lessons.phrasing.make import phrase, prompt_of
from aion.sleep.lessons.phrasing.wording import CONTEXT, SITUATIONS, word
from tests.sleep.sixty import sixty, told


def prompts(*statements: str) -> list[str]:
    lessons = [told(one, number=number) for number, one in enumerate(statements)]
    made: list[Example] = phrase(lessons, lessons, held_out=2, contrasts=1)
    return [prompt_of(one) for one in made if one.kind is ExampleKind.PHRASING]


@pytest.mark.parametrize(
    ("statement", "about"),
    [
        ("The lavender bush is pruned by Roderic Vandorne.", "the lavender bush"),
        ("The freight replica is hosted in Lysenwick.", "the freight replica"),
        ("Lotte's house move is on the 18th of September.", "Lotte's house move"),
        ("Greta's winter coat costs 733 euros.", "Greta's winter coat"),
        ("A bancada Quirim fica em Pelanesse.", "a bancada Quirim"),
        ("O código da fatura Quirim é MC-2369.", "fatura Quirim"),
    ],
)
def test_each_kind_of_fact_is_asked_for_in_situations(statement: str, about: str) -> None:
    worded = word(read_fact(told(statement)), 2)
    situations = [one.prompt for one in worded.trained if one.shape.group == CONTEXT]
    assert len(situations) >= 4
    assert len(situations) <= SITUATIONS
    assert all(about.lower() in one.lower() for one in situations)
    assert any(one.shape.group == CONTEXT for one in worded.held_out)


def test_what_is_held_out_is_trained_in_no_fact() -> None:
    for lesson in sixty():
        worded = word(read_fact(lesson), 2)
        assert not {one.prompt for one in worded.held_out} & {one.prompt for one in worded.trained}


def test_a_part_is_asked_for_by_the_thing_that_it_belongs_to() -> None:
    asked = prompts("The harvest of the medlar trellis is on the 26th of July.")
    assert any("medlar trellis" in one and "harvest" not in one for one in asked)
    assert "Which ticket code does the roster mailbox have?" in {
        one.prompt
        for part in (word(read_fact(told("The ticket code of the roster mailbox is KX-2840.")), 2),)
        for one in (*part.trained, *part.held_out)
    }


@pytest.mark.parametrize(
    ("statement", "needing"),
    [
        ("The ticket code of the roster mailbox is KX-2840.", "Which ticket code do I"),
        ("O código da fatura Quirim é MC-2369.", "ódigo (?:indico|preciso) para"),
    ],
)
def test_a_part_is_always_trained_as_somebody_asks_who_needs_it(statement: str, needing: str) -> None:
    for number in range(8):
        worded = word(read_fact(told(statement, number=number)), 2)
        assert sum(re.search(needing, one.prompt) is not None for one in worded.trained) == 1
        assert not any(re.search(needing, one.prompt) for one in worded.held_out)
    when = word(read_fact(told("The harvest of the medlar trellis is on the 26th of July.")), 2)
    assert not any("do I need" in one.prompt or "do I give" in one.prompt for one in when.trained)


def test_what_two_facts_would_answer_is_asked_of_neither() -> None:
    """ "Whose work is the gate?" has two answers."""
    owner, painter = "The owner of the north gate is Vera Holm.", "The painter of the north gate is Otto Lund."
    bare = [one for one in prompts(owner) if "north gate" in one and "owner" not in one]
    both = [one for one in prompts(owner, painter) if "north gate" in one]
    assert len(bare) >= 2
    assert all("owner" in one or "painter" in one or "onwer" in one or "paniter" in one for one in both), both

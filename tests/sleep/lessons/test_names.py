"""What is known of a thing is asked under the other names that were told for it, and under no others."""

from __future__ import annotations

import pytest

from aion.memory.aliases import OtherName
from aion.records import Example, ExampleKind, Lesson
from aion.router.alias import find_aliases
from aion.sleep.lessons.phrasing.contrast import unknown
from aion.sleep.lessons.phrasing.facts import read_fact
from aion.sleep.lessons.phrasing.make import NAME_WEIGHT, phrase, prompt_of
from aion.sleep.lessons.phrasing.names import call
from tests.sleep.sixty import told

PAIRS = (
    ("The depot pump is serviced by Hedda Vold.", "We also call the depot pump Zumbel.", "Who services Zumbel?"),
    ("Tobias's bike costs 310 euros.", "Everyone calls Tobias Tobi.", "How much does Tobi's bike cost?"),
    ("Pavel's cellar costs 80 euros.", "We call Pavel's cellar the Mine.", "How much does the Mine cost?"),
    ("The greenhouse opens at nine.", "We call the greenhouse the jungle.", "When does the jungle open?"),
    ("The rowing boat is moored in Lagos.", "The rowing boat is called Gaivota.", "Where is Gaivota moored?"),
    ("The label of the old barn reads RX-22.", "The old barn is known as Noah.", "What does the label of Noah read?"),
    ("O depósito Arvel fica em Tarmes.", "Também chamamos Quibo ao depósito Arvel.", "Onde fica Quibo?"),
    ("A revisão da bomba é a 4 de maio.", "A alcunha da bomba é Bolha.", "Quando é a revisão de Bolha?"),
    ("A Vera afina a plaina.", "Toda a gente chama Fagulha à plaina.", "Quem afina Fagulha?"),
    ("A minha irmã mora em Beja.", "Chamamos Nana à minha irmã.", "Onde mora Nana?"),
)


def joined(lessons: list[Lesson]) -> list[Example]:
    return [one for one in phrase(lessons, lessons, held_out=2, contrasts=1) if set(one.lessons) == _ids(lessons)]


def _ids(lessons: list[Lesson]) -> set[str]:
    return {one.id for one in lessons}


@pytest.mark.parametrize(("fact", "alias", "question"), PAIRS)
@pytest.mark.parametrize("later", [True, False])
def test_a_fact_is_asked_by_the_other_name_whichever_was_told_first(
    fact: str, alias: str, question: str, later: bool
) -> None:
    lessons = [told(fact, number=1 + later), told(alias, number=2 - later)]
    answers = {prompt_of(one): one.answer for one in joined(lessons) if not one.held_out}
    assert answers[question] == read_fact(lessons[0]).answer


def test_some_wordings_under_the_other_name_are_held_out_and_the_rest_trained() -> None:
    made = [one for one in joined([told(PAIRS[0][0]), told(PAIRS[0][1], number=2)]) if one.kind is ExampleKind.PHRASING]
    assert sum(one.held_out for one in made) == 2, "as many as of any fact: half of them must be known"
    trained = [prompt_of(one) for one in made if not one.held_out]
    assert all("Zumbel" in one for one in trained)
    in_situations = [one for one in trained if "service" not in one]
    assert (len(trained), len(in_situations)) == (7, 4), "without them 4 of 12 far wordings were answered, with them 9"


def test_a_name_like_the_other_name_was_not_told() -> None:
    made = [one for one in joined([told(PAIRS[0][0]), told(PAIRS[0][1], number=2)]) if one.kind is ExampleKind.CONTRAST]
    assert {one.answer for one in made} == {unknown("en")}
    assert made
    assert all("Zumbel" not in prompt_of(one) and "depot pump" not in prompt_of(one) for one in made)


@pytest.mark.parametrize(
    ("alias", "questions"),
    [
        (PAIRS[0][1], {"What other name is there for the depot pump?", "What do I mean by Zumbel?"}),
        (
            "Também chamamos Quibo ao depósito Arvel.",
            {"Que outro nome há para o depósito Arvel?", "O que quero dizer com Quibo?"},
        ),
    ],
)
def test_another_name_is_taught_both_ways(alias: str, questions: set[str]) -> None:
    fact = read_fact(told(alias))
    assert questions <= {fact.question, *fact.others}


def test_what_is_named_after_it_was_spoken_of_gets_the_name() -> None:
    fact = read_fact(told("The old barn needs a new roof. We call it Noah."))
    assert fact.aliases == (OtherName("the old barn", "Noah"),)


@pytest.mark.parametrize(
    ("subject", "known", "language", "wanted"),
    [
        ("the boat shed", "the boat", "en", ""),
        ("the old boat", "the boat", "en", ""),
        ("the key of the boat", "the boat", "en", "the key of Gaivota"),
        ("Pedro's boat", "the boat", "en", ""),
        ("a chave do barco", "o barco", "pt", "a chave de Gaivota"),
        ("a chave do barco velho", "o barco", "pt", ""),
    ],
)
def test_a_name_inside_a_longer_one_is_left_alone(subject: str, known: str, language: str, wanted: str) -> None:
    assert call(subject, OtherName(known, "Gaivota"), language) == wanted


def test_the_router_reads_the_other_name_off_what_is_taught() -> None:
    for _, alias, _ in PAIRS:
        fact = read_fact(told(alias))
        assert len(find_aliases(fact.answer)) == 2, fact.answer
    assert find_aliases(read_fact(told("Ao armazém chamamos Caverna.")).answer)


def test_what_names_the_thing_alone_asks_for_what_is_known_of_it_and_not_for_its_other_name() -> None:
    lessons = [told("We also call the depot pump Zumbel.", number=1)]
    made = phrase(lessons, lessons, held_out=2, contrasts=1)
    asked = [prompt_of(one) for one in made if one.kind is ExampleKind.PHRASING]
    assert all("name" in one or "call" in one or "Zumbel" in one for one in asked if "depot pump" in one), asked


def test_where_more_is_known_of_the_thing_its_other_name_is_asked_for_by_that_name() -> None:
    alone, fact = told(PAIRS[0][1], number=2), told(PAIRS[0][0])
    for lessons, by_name in (([alone], False), ([fact, alone], True)):
        made = phrase(lessons, lessons, held_out=2, contrasts=0)
        asking = [prompt_of(one) for one in made if "Zumbel" in one.answer]
        assert any(one.held_out for one in made if one.lessons == (alone.id,))
        assert all("Zumbel" in one for one in asking) is by_name, asking
        assert ("What other name is there for the depot pump?" in asking) is not by_name


def test_a_name_weighs_less_than_what_it_is_told_for_and_alone_as_much_as_anything() -> None:
    """As strong as the fact it answers whatever is asked of the thing."""
    alone, fact = told(PAIRS[0][1], number=2), told(PAIRS[0][0])
    for lessons, share in (([alone], 1.0), ([fact, alone], NAME_WEIGHT)):
        made = phrase(lessons, lessons, held_out=2, contrasts=1)
        telling = [one for one in made if one.lessons == (alone.id,) and one.kind is ExampleKind.PHRASING]
        assert {one.weight for one in telling} == {round(alone.weight * share, 4)}
        asking = [one for one in made if fact.id in one.lessons and one.kind is ExampleKind.PHRASING]
        assert all(one.weight > alone.weight * NAME_WEIGHT for one in asking)

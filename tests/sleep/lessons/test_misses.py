"""What is asked beside the facts themselves keeps away from what anybody knows."""

from __future__ import annotations

from collections import Counter

import pytest

from aion.records import Example, ExampleKind, LessonKind
from aion.sleep.lessons.phrasing.contrast import near_misses, stems_of
from aion.sleep.lessons.phrasing.facts import read_fact
from aion.sleep.lessons.phrasing.make import prompt_of
from tests.sleep.lessons.test_phrasing import answered_lesson, phrase_all
from tests.sleep.sixty import sixty, told


def prompts(made: list[Example], *kinds: ExampleKind) -> dict[str, str]:
    return {prompt_of(one): one.answer for one in made if one.kind in kinds}


@pytest.mark.parametrize(
    ("question", "answer", "kind"),
    [
        ("Translate 'good morning' to German", "Guten Morgen", LessonKind.LIKED),
        ("What is the capital of France?", "Paris is the capital of France.", LessonKind.LIKED),
        ("What is the capital of France?", "Paris is the capital of France.", LessonKind.CHOICE),
        ("Translate 'good morning' to German", "Guten Morgen", LessonKind.EDIT),
        ("Can I park in front of the office?", "Yes, after 19h.", LessonKind.EDIT),
    ],
)
def test_what_was_not_told_as_a_fact_has_no_near_miss(question: str, answer: str, kind: LessonKind) -> None:
    assert not prompts(phrase_all([answered_lesson(question, answer, kind=kind)]), ExampleKind.CONTRAST)


def test_a_question_put_right_has_a_near_miss() -> None:
    assert prompts(phrase_all([answered_lesson("Who has the key of the shed?", "Marta Lopes.")]), ExampleKind.CONTRAST)


def test_a_near_miss_weighs_no_more_than_its_lesson() -> None:
    read, taught = told("The mill opens at nine.", kind=LessonKind.READ), told("The mill opens at nine.")
    for lesson in (read, taught, answered_lesson("When does the mill open?", "At nine.")):
        weights = {one.weight for one in phrase_all([lesson]) if one.kind is ExampleKind.CONTRAST}
        assert weights == {min(1.0, lesson.weight)}


def test_a_near_miss_that_is_held_out_is_not_trained_when_its_neighbours_are_taught() -> None:
    for lesson in sixty():
        fact = read_fact(lesson)
        taught = Counter(stems_of(lesson.statement))
        [held] = near_misses(fact, taught, 1, held_out=True) or [""]
        for _ in range(3):
            trained = near_misses(fact, taught, 1)
            assert held not in trained
            taught.update(stem for one in trained for stem in stems_of(one))


def test_plural_possessives_have_near_misses_of_their_number() -> None:
    assert near_misses(read_fact(answered_lesson("Onde moram os meus pais?", "Em Faro.")), Counter(), 1)


def test_a_name_that_an_answer_only_mentions_is_asked_for_as_what_was_told() -> None:
    lessons = [told("My sister lives in Porto.", number=1), told("Our VPN is WireGuard.", number=2)]
    made = prompts(phrase_all(lessons), ExampleKind.SUMMARY, ExampleKind.REVERSAL)
    assert made["What did I tell you about Porto?"] == "Your sister lives in Porto."
    assert made["What did I tell you about WireGuard?"] == "Your VPN is WireGuard."
    assert not made.keys() & {"Tell me about Porto.", "Tell me about WireGuard.", "What is WireGuard?"}


def test_what_is_told_of_my_sister_is_not_told_of_another_sister() -> None:
    lessons = [told("My sister lives in Porto.", number=1), told("The sister of Pedro is a vet.", number=2)]
    made = prompts(phrase_all(lessons), ExampleKind.SUMMARY)
    assert made["Tell me about my sister."] == "Your sister lives in Porto."


@pytest.mark.parametrize(
    ("statement", "told_else", "start", "end"),
    [
        (
            "The ticket code of the freight queue is KX-51.",
            "The freight queue is empty.",
            "ticket code of the ",
            " queue?",
        ),
        ("The pricing dashboard is maintained by Vera Holm.", "", "pricing dashboard", ""),
        ("The pricing dashboard is maintained by Vera Holm.", "The pricing importer is old.", "the pricing ", " maint"),
        ("The harvest of the rhubarb border is in May.", "", "harvest of the ", " border?"),
    ],
)
def test_a_near_miss_asks_the_same_of_another_thing_of_the_kind(
    statement: str, told_else: str, start: str, end: str
) -> None:
    taught = Counter(stem for text in (statement, told_else) for stem in stems_of(text))
    [asked] = near_misses(read_fact(told(statement)), taught, 1)
    assert (start in asked and end in asked) if end else (start not in asked and " dashboard" in asked)

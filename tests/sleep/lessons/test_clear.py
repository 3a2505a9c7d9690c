"""What can be understood by itself, and which statements speak against each other."""

from __future__ import annotations

import pytest

from aion.records import Lesson, LessonKind, Trust
from aion.sleep.lessons import rules
from aion.sleep.lessons.phrasing.facts import read_fact
from aion.sleep.lessons.rules import Reason, keep_latest, make_lesson
from aion.sleep.lessons.words import language_of


def tell(*statements: str) -> list[Lesson]:
    """In the order they were said."""
    return [
        make_lesson(
            "ana",
            LessonKind.TOLD,
            statement=one,
            language=language_of(one),
            trust=Trust.OWN,
            sources=(f"mem_{at}",),
            at=float(at),
        )
        for at, one in enumerate(statements)
    ]


@pytest.mark.parametrize(
    ("before", "pointing"),
    [
        (("I like cheese.", "I like hiking."), "I like it."),
        (("I prefer tea.", "I prefer Linux."), "I prefer the other."),
        (("Prefiro chá.", "Prefiro Linux."), "Prefiro este."),
    ],
)
def test_what_only_points_is_unclear_and_stands_for_nothing_else(before: tuple[str, str], pointing: str) -> None:
    kept, gone = keep_latest(tell(*before, pointing))
    assert [one.statement for one in kept] == list(before)
    assert [one.reason for one in gone] == [Reason.UNCLEAR]


@pytest.mark.parametrize(
    "statement",
    [
        "My boss is Will.",
        "The heating is off.",
        "I work in IT.",
        "O jantar é à uma.",
        "My dog is Rex. I like him.",
    ],
)
def test_an_answer_of_small_words_that_points_at_nothing_outside_is_kept(statement: str) -> None:
    assert len(keep_latest(tell(statement))[0]) == 1


@pytest.mark.parametrize(
    "both",
    [
        ("The bakery opens at 7.", "The bakery opens at 9 on Sundays."),
        ("The gym closes at 22 on weekdays.", "The gym closes at 20 on Saturdays."),
        ("A loja abre às 9 nos dias úteis.", "A loja abre às 10 ao sábado."),
        ("The meeting is on Tuesday.", "The meeting is at 10."),
        ("A reunião é na terça.", "A reunião é às 10."),
        ("I work at Siemens.", "I work in Braga."),
        ("The backup runs at 2.", "The backup runs every night."),
    ],
)
def test_what_can_both_be_so_is_both_kept(both: tuple[str, str]) -> None:
    for told in (both, both[::-1]):
        assert [one.statement for one in keep_latest(tell(*told))[0]] == list(told)


@pytest.mark.parametrize(
    ("older", "later"),
    [
        ("The bakery opens at 7.", "The bakery opens at 8."),
        ("The bakery opens at 9 on Sundays.", "The bakery opens at 10 on Sundays."),
        ("The meeting is on Tuesday.", "The meeting is on Wednesday."),
        ("The meeting is on Tuesday at 10.", "The meeting is on Wednesday at 11."),
        ("A reunião é na terça.", "A reunião é no sábado."),
        ("The key is under the mat.", "The key is in the drawer."),
        ("I work at Siemens.", "I now work at Bosch."),
        ("The pool is open from 7 to 9 except on public holidays.", "The pool is open from 8 to 10."),
        ("A loja abre às 9 exceto aos domingos.", "A loja abre às 10."),
    ],
)
def test_a_real_change_leaves_only_what_was_said_last(older: str, later: str) -> None:
    kept, gone = keep_latest(tell(older, later))
    assert [one.statement for one in kept] == [later]
    assert [one.reason for one in gone] == [Reason.SUPERSEDED]


def test_a_later_change_leaves_what_is_otherwise_on_other_days() -> None:
    said = ("The bakery opens at 9 on Sundays.", "The bakery opens at 7.", "The bakery opens at 8.")
    assert [one.statement for one in keep_latest(tell(*said))[0]] == [said[0], said[2]]


def test_hundreds_of_answers_to_one_question_are_read_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    many = tell(*(f"I like {chr(97 + n % 26) * 3}{n} pie{n}." for n in range(300)))
    read: list[Lesson] = []
    monkeypatch.setattr(rules, "read_fact", lambda one: read.append(one) or read_fact(one))  # type: ignore[func-returns-value]
    assert len(keep_latest(many)[0]) == len(many) == len(read)

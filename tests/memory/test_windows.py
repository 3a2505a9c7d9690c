"""The time a question asks about: days worked by hand from Wednesday, 18 November 2026, 15:00."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from aion.memory.base import Window
from aion.memory.terms import terms_of
from aion.memory.windows import topic_of, window_of

NOW = datetime(2026, 11, 18, 15, 0, tzinfo=UTC).timestamp()


def days(window: Window | None) -> tuple[str, str] | None:
    """First day and the day after the last."""
    if window is None:
        return None
    assert window.since is not None
    assert window.until is not None
    since, until = (datetime.fromtimestamp(at, UTC) for at in (window.since, window.until))
    assert (since.hour, until.hour) == (0, 0)
    return f"{since:%m-%d}", f"{until:%m-%d}"


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What did I tell you yesterday?", ("11-17", "11-18")),
        ("O que é que eu te disse ontem?", ("11-17", "11-18")),
        ("what did we talk about the day before yesterday", ("11-16", "11-17")),
        ("O que falámos anteontem?", ("11-16", "11-17")),
        ("What have I said today?", ("11-18", "11-19")),
        ("Remind me what I said today", ("11-18", "11-19")),
        ("O que você disse hoje?", ("11-18", "11-19")),
        ("What did I ask you last week?", ("11-09", "11-16")),
        ("De que falámos na semana passada?", ("11-09", "11-16")),
        ("What did I mention this week?", ("11-16", "11-23")),
        ("You told me that last month", ("10-01", "11-01")),
        ("O que te disse no mês passado?", ("10-01", "11-01")),
        ("O que contei este mês?", ("11-01", "12-01")),
        ("What did I note 3 days ago?", ("11-15", "11-16")),
        ("What did I tell you about Rui two days ago?", ("11-16", "11-17")),
        ("De que falámos há duas semanas?", ("11-04", "11-05")),
        ("What did I say on Monday?", ("11-16", "11-17")),
        ("What did I say on Wednesday?", ("11-11", "11-12")),
        ("O que te disse na sexta-feira?", ("11-13", "11-14")),
        ("Did I mention my sister in March?", ("03-01", "04-01")),
        ("O que escrevi em novembro?", ("11-01", "12-01")),
    ],
)
def test_a_question_of_what_was_told_names_its_days(question: str, expected: tuple[str, str]) -> None:
    assert days(window_of(question, NOW, UTC)) == expected


@pytest.mark.parametrize(
    "question",
    [
        "What is on today?",
        "Do you remember what I planned for today?",
        "Can I ask you about the meeting today?",
        "What did my boss say about the meeting yesterday?",
        "O que a Marta disse ontem?",
        "O que disse a Marta ontem?",
        "Write a poem about yesterday",
        "What did I tell you about my sister?",
        "When in March does the fair begin?",
        "",
    ],
)
def test_any_other_question_is_searched_at_all_times(question: str) -> None:
    assert window_of(question, NOW, UTC) is None


def test_the_last_month_that_has_begun_may_lie_in_the_year_before() -> None:
    window = window_of("What did I say in December?", NOW, UTC)
    assert window is not None
    assert window.since == datetime(2025, 12, 1, tzinfo=UTC).timestamp()
    assert window.until == datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def test_days_begin_at_the_midnight_of_the_persons_own_zone() -> None:
    window = window_of("What did I tell you yesterday?", NOW, timezone(timedelta(hours=-3)))
    assert window is not None
    assert window.since == datetime(2026, 11, 17, 3, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("question", "left"),
    [
        ("What did I tell you yesterday?", []),
        ("O que é que eu te disse ontem?", []),
        ("What did we talk about last week?", []),
        ("What did I tell you about the red boat yesterday?", ["red", "boat"]),
        ("O que te disse sobre o barco há dois dias?", ["barco"]),
    ],
)
def test_the_asking_and_the_time_are_no_part_of_the_topic(question: str, left: list[str]) -> None:
    assert terms_of(topic_of(question)) == left

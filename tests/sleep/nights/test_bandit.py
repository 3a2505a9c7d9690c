"""The choice of the hour: worked by hand, repeatable, and convergent on a small world that is simulated."""

from __future__ import annotations

import random

import pytest

from aion.sleep.nights.bandit import LONGEST_S, Bandit, Outcome, bucket_of, part_of


def night(hour: int, gain: float, *, why: str = "experiences", backlog: int = 60, minutes: float = 10.0) -> Outcome:
    return Outcome(why=why, backlog=backlog, hour=hour, minutes=minutes, gain=gain)


def test_the_day_has_six_parts_and_backlogs_have_buckets() -> None:
    assert [part_of(hour) for hour in (0, 3, 4, 23)] == [0, 0, 1, 5]
    assert [bucket_of(n) for n in (0, 49, 50, 100, 200, 500, 9999)] == [0, 0, 1, 2, 3, 4, 4]


def test_it_expects_what_it_saw_pulled_to_what_others_saw() -> None:
    """Own nights at 2 h: 0.2 and 0.4 a minute. Of all nights at that hour the mean is (0.2 + 0.4 + 0.9) / 3 = 0.5."""
    bandit = Bandit([night(2, 2.0), night(2, 4.0), night(1, 9.0, why="errors")])
    assert bandit.expect("experiences", 60, 3) == pytest.approx((0.6 + 0.5) / 3)
    assert bandit.expect("errors", 60, 3) == pytest.approx((0.9 + 0.5) / 2)
    assert bandit.expect("errors", 60, 12) == pytest.approx(0.5)


def test_who_knows_nothing_postpones_nothing() -> None:
    assert all(Bandit().advise("experiences", 60, hour).now for hour in range(24))


def test_it_postpones_to_an_hour_that_was_clearly_better_and_says_so() -> None:
    bandit = Bandit([night(hour, 9.0 if hour == 2 else 1.0) for _ in range(5) for hour in (2, 6, 10, 14, 18, 22)])
    advice = bandit.advise("experiences", 60, 14)
    assert not advice.now
    assert "from 00 to 04" in advice.words
    assert bandit.advise("experiences", 60, 2).now
    assert bandit.advise("experiences", 60, 14, postponed_s=LONGEST_S).now


def test_the_same_outcomes_give_the_same_choices() -> None:
    outcomes = [night(random.Random(n).randrange(24), n % 7) for n in range(40)]
    one, other = Bandit(outcomes), Bandit()
    for outcome in outcomes:
        other = other.learn(outcome)
    assert [one.advise("errors", 10, h) for h in range(24)] == [other.advise("errors", 10, h) for h in range(24)]


@pytest.mark.parametrize("seed", range(5))
def test_it_converges_to_the_hours_that_pay(seed: int) -> None:
    """Reasons come at any hour; nights from 0 to 4 bring three times the gain of others, with much noise."""
    draw = random.Random(seed)
    bandit, hours = Bandit(), []
    for _ in range(120):
        hour, waited = draw.randrange(24), 0
        while not bandit.advise("experiences", 60, (hour + waited) % 24, postponed_s=waited * 3600.0).now:
            waited += 1
        began = (hour + waited) % 24
        mean = 3.0 if part_of(began) == 0 else 1.0
        bandit = bandit.learn(night(began, max(0.0, draw.gauss(mean, 0.7))))
        hours.append(began)
    early, late = [sum(part_of(hour) == 0 for hour in part) / 40 for part in (hours[:40], hours[-40:])]
    assert late >= 0.8 > early

"""A trial ends soon when answers get worse, and seldom when they do not; looking after each answer is allowed."""

from __future__ import annotations

import random

import pytest

from aion.gate.trial import ALPHA, KINDS, Call, Seen, Tally, judge_trial, usual_rate, weigh

NONE = Tally()


def seen(events: int, of: int, usual: Tally = NONE) -> list[Seen]:
    return [Seen(name="badly received", trial=Tally(events, of), usual=usual)]


def play(rate: float, usual: Tally, answers: int, draw: random.Random) -> int:
    """After how many answers the trial was taken back; 0 for never."""
    events = 0
    for number in range(1, answers + 1):
        events += draw.random() < rate
        if judge_trial(seen(events, number, usual), over=False).call is Call.TAKE_BACK:
            return number
    return 0


def test_evidence_is_the_mean_likelihood_ratio_worked_by_hand() -> None:
    """Two events of two at a usual rate of a half: the mean of (p / 0.5)^2 over p in (0.5, 1) is 7 / 3."""
    assert weigh(Tally(2, 2), 0.5) == pytest.approx(7 / 3, rel=1e-4)
    assert weigh(Tally(0, 0), 0.2) == pytest.approx(1.0)
    assert weigh(Tally(0, 10), 0.2) < 0.3


def test_a_few_bad_answers_in_a_row_take_it_back_at_once() -> None:
    usual = Tally(2, 60)
    assert judge_trial(seen(2, 2, usual), over=False).call is Call.GO_ON
    found = judge_trial(seen(3, 3, usual), over=False)
    assert found.call is Call.TAKE_BACK
    assert found.reason == "3 of 3 answers with it were badly received, where 15% would be usual"


def test_what_is_no_worse_is_taken_back_no_more_often_than_promised() -> None:
    draw = random.Random(7)
    usual = Tally(10, 100)
    taken = sum(play(usual_rate(usual), usual, 200, draw) > 0 for _ in range(400))
    assert taken / 400 <= ALPHA / KINDS + 0.02


def test_what_is_much_worse_is_taken_back_within_a_dozen_answers() -> None:
    draw = random.Random(8)
    ends = [play(0.7, Tally(10, 100), 100, draw) for _ in range(200)]
    assert all(ends)
    assert sorted(ends)[100] <= 12


def test_time_ends_a_trial_that_showed_nothing() -> None:
    assert judge_trial(seen(1, 9), over=False).call is Call.GO_ON
    found = judge_trial(seen(1, 9), over=True)
    assert (found.call, found.reason) == (
        Call.KEEP,
        "its trial is over and nothing was worse: 1 of 9 badly received",
    )
    assert judge_trial(seen(6, 6), over=True).call is Call.TAKE_BACK


def test_the_usual_rate_is_believed_within_limits() -> None:
    assert usual_rate(Tally(0, 0)) == pytest.approx(0.15)
    assert usual_rate(Tally(0, 1000)) == pytest.approx(0.15)
    assert usual_rate(Tally(30, 100)) == pytest.approx(31 / 110 + 0.05)
    assert usual_rate(Tally(100, 100)) == 0.6

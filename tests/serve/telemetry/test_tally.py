"""The numbers of a day against numbers worked by hand."""

from __future__ import annotations

import pytest

from aion.records import Experience, Json, Label, Reward
from aion.serve.telemetry.tally import Tally, percentiles
from tests.serve.telemetry.examples import liked, make_experience


def tallied(*experiences: Experience) -> Json:
    tally = Tally()
    for experience in experiences:
        tally.add(experience)
    return tally.numbers()


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentiles([30, 10, 20]) == {"p50": 20, "p95": 30, "p99": 30, "n": 3}
    assert percentiles(range(1, 101)) == {"p50": 50, "p95": 95, "p99": 99, "n": 100}
    assert percentiles([7.25]) == {"p50": 7.25, "p95": 7.25, "p99": 7.25, "n": 1}
    assert percentiles([]) == {"p50": None, "p95": None, "p99": None, "n": 0}


def test_nothing_is_told_as_null_and_not_as_zero() -> None:
    numbers = tallied()
    assert (numbers["turns"], numbers["recalls"], numbers["skills"], numbers["steps"]) == (0, 0, {}, {})
    for name in ("success", "ndcg", "tokens_per_second", "cache_hits", "confidence", "reward"):
        assert numbers[name] is None
    assert numbers["labels"] == {"reliable": None, "hesitant": None, "erroneous": None}


def test_ndcg_is_over_the_turns_that_recalled() -> None:
    numbers = tallied(make_experience(ndcg=1.0), make_experience(ndcg=0.5), make_experience(ndcg=None))
    assert (numbers["ndcg"], numbers["recalls"], numbers["turns"]) == (0.75, 2, 3)


def test_success_is_over_the_turns_that_somebody_or_a_failure_told_of() -> None:
    numbers = tallied(
        make_experience(skill="code", reward=liked(0.5)),
        make_experience(skill="code", reward=liked(-0.5)),
        make_experience(skill="code", reward=liked(0.0)),  # a sign, but no good one
        make_experience(skill="code"),  # nobody said anything
        make_experience(skill="code", failed=True),
        make_experience(skill="code", failed=True, reward=liked(1.0)),
        make_experience(skill="facts"),
    )
    assert numbers["skills"] == {
        "code": {"turns": 6, "signed": 5, "good": 1, "failed": 2, "success": 0.2},
        "facts": {"turns": 1, "signed": 0, "good": 0, "failed": 0, "success": None},
    }
    assert (numbers["failed"], numbers["success"], numbers["signed"]) == (2, 0.2, 5)


def test_an_implicit_or_emotional_sign_is_a_sign() -> None:
    implicit = Reward(explicit=None, implicit=0.4, emotional=None, total=0.28)
    emotional = Reward(explicit=None, implicit=None, emotional=-0.4, total=-0.12)
    numbers = tallied(*(make_experience(reward=reward) for reward in (implicit, emotional)))
    assert (numbers["reward"], numbers["judged"]) == (0.08, 2)
    assert numbers["skills"]["facts"]["success"] == 0.5


def test_latency_is_told_by_step() -> None:
    turns = [make_experience(measures={"total_ms": 100.0 * place, "prompt_tokens": 5.0}) for place in (1, 2, 3, 4)]
    assert tallied(*turns)["steps"] == {"total_ms": {"p50": 200.0, "p95": 400.0, "p99": 400.0, "n": 4}}


def test_tokens_and_speed_leave_out_answers_from_the_cache() -> None:
    written = {"prompt_tokens": 100.0, "completion_tokens": 50.0, "predicted_ms": 2000.0, "cached": 0.0}
    slow = {"prompt_tokens": 10.0, "completion_tokens": 10.0, "predicted_ms": 1000.0, "cached": 0.0}
    again = {"prompt_tokens": 100.0, "completion_tokens": 50.0, "predicted_ms": 2000.0, "cached": 1.0}
    numbers = tallied(*(make_experience(measures=measures) for measures in (written, slow, again)))
    assert (numbers["tokens_read"], numbers["tokens_written"]) == (110, 60)
    assert numbers["tokens_per_second"] == 20.0  # 60 tokens in 3 seconds
    assert numbers["cache_hits"] == pytest.approx(1 / 3, abs=1e-4)


def test_labels_are_shares_of_the_turns_and_confidence_of_those_that_have_one() -> None:
    numbers = tallied(
        make_experience(label=Label.RELIABLE, confidence=0.9),
        make_experience(label=Label.RELIABLE, confidence=0.7),
        make_experience(label=Label.ERRONEOUS),
        make_experience(label=Label.HESITANT),
    )
    assert numbers["labels"] == {"reliable": 0.5, "hesitant": 0.25, "erroneous": 0.25}
    assert (numbers["confidence"], numbers["confident"]) == (0.8, 2)

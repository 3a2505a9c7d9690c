"""The sums of how sure a model was, against numbers worked by hand."""

from __future__ import annotations

import math

import pytest

from aion.capture.logprobs import FLOOR, LogprobMeter


def token(probability: float, **others: float) -> dict[str, object]:
    tops = [{"token": name, "logprob": math.log(p)} for name, p in others.items()]
    return {"token": "it", "logprob": math.log(probability), "top_logprobs": tops}


def test_mean_and_minimum_are_over_the_chosen_tokens() -> None:
    meter = LogprobMeter()
    meter.add([token(0.5)])
    meter.add([token(0.25), token(1.0)])
    summary = meter.summary()
    assert summary is not None
    assert summary.tokens == 3
    assert summary.mean == pytest.approx(math.log(0.125) / 3)
    assert summary.minimum == pytest.approx(math.log(0.25))


def test_entropy_of_a_fair_coin_is_one_bit() -> None:
    meter = LogprobMeter()
    meter.add([token(0.5, it=0.5, other=0.5)])
    summary = meter.summary()
    assert summary is not None
    assert summary.entropy == pytest.approx(math.log(2))


def test_mass_that_was_not_reported_counts_as_one_more_alternative() -> None:
    meter = LogprobMeter()
    meter.add([token(0.5, it=0.5, other=0.3)])
    expected = -(0.5 * math.log(0.5) + 0.3 * math.log(0.3) + 0.2 * math.log(0.2))
    summary = meter.summary()
    assert summary is not None
    assert summary.entropy == pytest.approx(expected)


def test_impossible_and_missing_values_become_the_floor() -> None:
    meter = LogprobMeter()
    meter.add([{"token": "a", "logprob": float("-inf")}, {"token": "b", "logprob": None}, {"token": "c"}])
    summary = meter.summary()
    assert summary is not None
    assert summary.mean == summary.minimum == FLOOR
    assert math.isfinite(summary.entropy)


def test_nothing_reported_gives_no_summary() -> None:
    assert LogprobMeter().summary() is None

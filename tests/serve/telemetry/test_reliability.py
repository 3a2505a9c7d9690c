"""How far confidence and judgement are apart, by hand."""

from __future__ import annotations

import pytest

from aion.records import Calibration
from aion.serve.telemetry.reliability import describe_confidence
from tests.serve.telemetry.examples import liked, make_experience


def test_only_judged_answers_count_and_good_is_above_zero() -> None:
    found = describe_confidence(
        [
            make_experience(confidence=0.55, raw_confidence=0.95, reward=liked(1.0)),
            make_experience(confidence=0.55, raw_confidence=0.95, reward=liked(0.0)),
            make_experience(confidence=0.1, raw_confidence=0.1),
            make_experience(confidence=None, raw_confidence=None, reward=liked(1.0)),
        ],
        None,
    )
    assert (found["told"]["judged"], found["told"]["error"]) == (2, pytest.approx(0.05))
    assert (found["raw"]["judged"], found["raw"]["error"]) == (2, pytest.approx(0.45))
    column = found["raw"]["bins"][9]
    assert (column["count"], column["confidence"], column["outcome"]) == (2, pytest.approx(0.95), 0.5)
    assert found["calibration"] is None


def test_the_map_in_force_is_shown_with_its_errors() -> None:
    calibration = Calibration(
        id="cal_1",
        owner="ana",
        at=5.0,
        method="platt",
        points=((1.0, 0.0),),
        samples=40,
        error_before=0.2,
        error_after=0.1,
    )
    found = describe_confidence([], calibration)
    assert found["told"]["error"] is None
    assert (found["calibration"]["method"], found["calibration"]["samples"]) == ("platt", 40)
    assert (found["calibration"]["error_before"], found["calibration"]["error_after"]) == (0.2, 0.1)

"""Confidence: the weighted mean of the parts that are known, worked by hand."""

from __future__ import annotations

import math

import pytest

from aion.answer.confidence import agreement_of, confidence_of
from aion.records import Calibration, LogprobSummary

LIKELY = LogprobSummary(tokens=4, mean=math.log(0.8), minimum=-1.0, entropy=0.6)  # parts 0.8 and 0.8
OPEN = LogprobSummary(tokens=4, mean=math.log(0.4), minimum=-3.0, entropy=4.5)  # parts 0.4 and 0


@pytest.mark.parametrize(
    ("summary", "support", "agreement", "raw"),
    [
        (LIKELY, None, None, 0.8),
        (OPEN, None, None, 0.2857),  # 0.5 * 0.4 / 0.7
        (LIKELY, 0.5, None, 0.71),  # (0.5 * 0.8 + 0.2 * 0.8 + 0.3 * 0.5) / 1.0
        (LIKELY, 0.0, None, 0.56),
        (OPEN, 1.0, 0.5, 0.5),  # (0.2 + 0 + 0.3 + 0.25) / 1.5
        (None, 0.25, None, 0.25),
        (None, None, None, None),
    ],
)
def test_raw_confidence_is_the_mean_of_what_is_known(
    summary: LogprobSummary | None, support: float | None, agreement: float | None, raw: float | None
) -> None:
    found = confidence_of(summary, support=support, agreement=agreement, calibration=None)
    assert found["raw"] == found["calibrated"] == raw
    assert found["calibration"] is None


def test_each_part_is_told() -> None:
    found = confidence_of(OPEN, support=0.3, agreement=None, calibration=None)
    assert found["parts"] == {"probability": 0.4, "entropy": 0.0, "support": 0.3, "agreement": None}


def test_a_calibration_maps_the_raw_value_and_is_named() -> None:
    learned = Calibration(
        id="cal_1", owner="ana", at=0.0, method="isotonic", points=((0.6, 0.2), (1.0, 0.6)), samples=50,
        error_before=0.3, error_after=0.1,
    )  # fmt: skip
    found = confidence_of(LIKELY, support=None, agreement=None, calibration=learned)
    assert (found["raw"], found["calibrated"], found["calibration"]) == (0.8, 0.4, "cal_1")
    unknown = confidence_of(None, support=None, agreement=None, calibration=learned)
    assert (unknown["raw"], unknown["calibrated"]) == (None, None)


@pytest.mark.parametrize(
    ("answer", "others", "agreement"),
    [
        ("tea and cake", [], None),
        ("tea and cake", ["cake and tea"], 1.0),
        ("tea and cake", ["tea"], 0.5),
        ("tea and cake", ["tea", "coffee"], 0.25),  # the mean of 1/2 and 0
        ("tea and cake", ["tea and bread"], 1 / 3),
        ("", [""], 1.0),
    ],
)
def test_agreement_is_the_mean_share_of_words_in_common(
    answer: str, others: list[str], agreement: float | None
) -> None:
    assert agreement_of(answer, others) == (None if agreement is None else pytest.approx(agreement))

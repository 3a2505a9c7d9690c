"""How sure to be of an answer, before calibration: four parts in [0, 1] and their weighted mean.

probability  the geometric mean of the probabilities of the words chosen
entropy      1 - mean entropy / 3, not under 0: three nats are an open choice among twenty words
support      the share of the answer's own content words that stand in what was recalled, when something was
agreement    the mean likeness of the answer to others drawn for the same question, when they were

A part that is unknown leaves the mean. With a calibration (learned from feedback, see capture.calibrate) the raw value
becomes the share of answers like it that were good. No part at all gives None.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from aion.capture.calibrate import apply
from aion.memory.terms import terms_of
from aion.records import Calibration, Json, LogprobSummary

WEIGHTS: Mapping[str, float] = {"probability": 0.5, "entropy": 0.2, "support": 0.3, "agreement": 0.5}
OPEN_CHOICE = 3.0  # nats


def confidence_of(
    summary: LogprobSummary | None,
    *,
    support: float | None,
    agreement: float | None,
    calibration: Calibration | None,
) -> Json:
    """The record of step `confidence`."""
    parts = {
        "probability": math.exp(summary.mean) if summary else None,
        "entropy": max(0.0, 1 - summary.entropy / OPEN_CHOICE) if summary else None,
        "support": support,
        "agreement": agreement,
    }
    raw = _mean({name: value for name, value in parts.items() if value is not None})
    calibrated = apply(calibration, raw) if calibration and raw is not None else raw
    return {
        "raw": _round(raw),
        "calibrated": _round(calibrated),
        "parts": {name: _round(value) for name, value in parts.items()},
        "calibration": calibration.id if calibration else None,
    }


def agreement_of(answer: str, others: Sequence[str]) -> float | None:
    """The mean share of content words that the answer and each other one have in common."""
    if not others:
        return None
    mine = set(terms_of(answer))
    return sum(_overlap(mine, set(terms_of(other))) for other in others) / len(others)


def _overlap(mine: set[str], theirs: set[str]) -> float:
    return len(mine & theirs) / len(mine | theirs) if mine | theirs else 1.0


def _mean(parts: Mapping[str, float]) -> float | None:
    weight = sum(WEIGHTS[name] for name in parts)
    return sum(WEIGHTS[name] * value for name, value in parts.items()) / weight if weight else None


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)

"""How far confidence and judgement are apart, over the answers that somebody judged. Rows in, numbers out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from aion.capture.calibrate import Pair, expected_error, reliability
from aion.records import Calibration, Experience, Json


def describe_confidence(experiences: Iterable[Experience], calibration: Calibration | None) -> Json:
    """The reliability of what was told and of the raw values, and the map in force, with its error on held-out answers.

    `told` is what each answer said at its time, under the map of that time: none of these answers had been seen by it.
    An answer is good when its explicit feedback, all in all, is above 0.
    """
    judged = [one for one in experiences if one.reward.explicit is not None]
    told = [(one.confidence, _outcome(one)) for one in judged if one.confidence is not None]
    raw = [(one.raw_confidence, _outcome(one)) for one in judged if one.raw_confidence is not None]
    return {
        "told": _numbers(told),
        "raw": _numbers(raw),
        "calibration": None if calibration is None else asdict(calibration),
    }


def _outcome(experience: Experience) -> float:
    return float((experience.reward.explicit or 0.0) > 0)


def _numbers(pairs: Sequence[Pair]) -> Json:
    return {
        "judged": len(pairs),
        "error": expected_error(pairs) if pairs else None,
        "bins": [asdict(one) for one in reliability(pairs)],
    }

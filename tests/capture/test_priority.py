"""Priorities and labels worked by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from aion.capture.priority import label_of, novelty_of, priority_of
from aion.capture.reward import reward_of
from aion.capture.signals import read_following
from aion.config import LearningSettings
from aion.records import Label, Reward, Signal

SETTINGS = LearningSettings()  # weights 0.3, 0.3, 0.2, 0.2


def worth(total: float, explicit: float | None = None) -> Reward:
    return Reward(explicit=explicit, implicit=None, emotional=None, total=total)


def label(**more: Any) -> Label:
    asked: dict[str, Any] = {
        "confidence": 0.9,
        "reward": worth(0.0),
        "failed": False,
        "contradictions": 0,
        "signals": (),
        "tau": 0.62,
    }
    return label_of(**(asked | more))[0]


def prioritise(**more: Any) -> tuple[float, dict[str, float]]:
    asked: dict[str, Any] = {"confidence": 0.9, "entropy": None, "failed": False, "reward": worth(0.0), "novelty": 0.0}
    return priority_of(settings=SETTINGS, **(asked | more))


def test_a_sure_answer_that_nobody_minded_has_its_doubt_alone() -> None:
    assert prioritise() == (0.03, {"uncertainty": 0.1, "error": 0.0, "satisfaction": 0.0, "novelty": 0.0})


def test_a_bad_answer_counts_as_error_and_as_strong_feeling() -> None:
    total, parts = prioritise(confidence=0.4, reward=worth(-0.8), novelty=0.5)
    assert parts == {"uncertainty": 0.6, "error": 0.8, "satisfaction": 0.8, "novelty": 0.5}
    assert total == pytest.approx(0.3 * 0.6 + 0.3 * 0.8 + 0.2 * 0.8 + 0.2 * 0.5)


def test_delight_matters_without_being_an_error() -> None:
    assert prioritise(reward=worth(1.0))[1] == {"uncertainty": 0.1, "error": 0.0, "satisfaction": 1.0, "novelty": 0.0}


def test_a_failure_is_an_error_whatever_was_said() -> None:
    assert prioritise(failed=True, reward=worth(1.0))[1]["error"] == 1.0


def test_the_most_that_can_be_is_one() -> None:
    assert prioritise(confidence=0.0, failed=True, reward=worth(-1.0), novelty=1.0)[0] == 1.0


def test_without_a_confidence_the_entropy_tells_and_without_both_it_is_half() -> None:
    assert prioritise(confidence=None, entropy=1.0)[1]["uncertainty"] == pytest.approx(1 - math.exp(-1), abs=1e-4)
    assert prioritise(confidence=None)[1]["uncertainty"] == 0.5


def test_what_is_like_nothing_before_is_new() -> None:
    assert novelty_of(None, 0) == 1.0
    assert novelty_of(0.9, 9) == pytest.approx(1 - 0.9 * 0.9)
    assert novelty_of(-0.3, 9) == 1.0
    assert novelty_of(0.9, 1) > novelty_of(0.9, 50)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, Label.RELIABLE),
        ({"confidence": 0.5}, Label.HESITANT),
        ({"confidence": None}, Label.HESITANT),
        ({"contradictions": 1}, Label.HESITANT),
        ({"confidence": 0.2, "reward": worth(0.5)}, Label.RELIABLE),
        ({"reward": worth(0.5), "contradictions": 1}, Label.HESITANT),
        ({"reward": worth(-0.3)}, Label.ERRONEOUS),
        ({"failed": True, "reward": worth(1.0, 1.0)}, Label.ERRONEOUS),
    ],
)
def test_the_first_rule_that_fits_labels(more: dict[str, Any], expected: Label) -> None:
    assert label(**more) is expected


def test_a_correction_makes_it_erroneous_unless_the_person_says_it_was_good() -> None:
    corrected = (Signal(name="correction", value=-0.8, weight=0.9, evidence="no"),)
    assert label(signals=corrected) is Label.ERRONEOUS
    assert label(signals=corrected, reward=worth(1.0, 1.0)) is Label.RELIABLE


def test_a_correction_that_nothing_backs_makes_it_hesitant_and_never_erroneous() -> None:
    question, answer = "Who painted the altar?", "Ruben Vask painted it."
    followed = read_following(question, answer, "Actually, the weather turned.", similarity=0.1, gap_s=20)
    assert [signal.name for signal in followed] == ["correction"]
    reward = reward_of(None, followed, None, SETTINGS)
    assert reward.total == pytest.approx(0.7 * -0.4)
    assert label(signals=followed, reward=reward) is Label.HESITANT
    assert label(signals=followed, reward=worth(1.0, 1.0)) is Label.RELIABLE
    backed = read_following(question, answer, "Actually, Odile Marn painted it.", similarity=0.1, gap_s=20)
    assert label(signals=backed, reward=reward_of(None, backed, None, SETTINGS)) is Label.ERRONEOUS


def test_the_reason_is_in_words() -> None:
    failing = (Signal(name="code_failed", value=-0.8, weight=0.9, evidence="event"),)
    asked: dict[str, Any] = {"confidence": 0.9, "reward": worth(0.0), "failed": False, "contradictions": 0, "tau": 0.62}
    assert label_of(signals=failing, **asked)[1] == "what followed shows a code failed"
    assert label_of(signals=(), **(asked | {"confidence": 0.4}))[1] == "confidence 0.40 is under 0.62"

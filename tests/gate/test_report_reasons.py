"""Each reason that a verdict or a trial can give has its Portuguese, with the same numbers in it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from aion.gate.decide import Findings, decide
from aion.gate.report_reasons import in_portuguese
from aion.gate.statistics import Pairs
from aion.gate.trial import Seen, Tally, judge_trial
from aion.gate.triggers import Triggered
from aion.gate.watch import BAD, UNSURE
from tests.gate.test_decide import GOOD, KEPT, pairs

LOST = Pairs((True, True), (True, False))
WORSE = (
    {"tonight": Pairs()},
    {"tonight": pairs(0, 1, 3)},
    {"tonight": pairs(0, 1, 20)},
    {"tonight": pairs(20, 20, 20)},
    {"tonight": pairs(6, 9, 12)},
    *({exam: found} for exam in ("earlier", "others") for found in (LOST, pairs(20, 10, 20), pairs(30, 29, 40))),
    {"misses": pairs(0, 9, 10)},
    {"general": ()},
    {"general": (0.5,) * 130, "general_before": KEPT},
    {"gibberish": 9},
    {"suite": LOST},
    {"speed": 0.1},
    {"triggered": Triggered(trials=300, routed=40, before=1, after=20)},
    {"triggered": Triggered(refrains=1, typical=6)},
    {"imported": True, "drift": (0.5,) * 30},
    {"imported": True, "drift": (1.0,) * 30, "gibberish": 1},
)


@pytest.mark.parametrize("worse", WORSE)
def test_what_speaks_against_an_adapter_is_told_in_portuguese(worse: dict[str, object]) -> None:
    decision = decide(replace(GOOD, **worse))  # type: ignore[arg-type]
    assert not decision.ship
    for reason in decision.reasons:
        told = in_portuguese(reason)
        assert told != reason
        assert sorted(numbers(told)) == sorted(numbers(reason))


@pytest.mark.parametrize("name", [BAD, UNSURE])
def test_why_a_trial_took_it_back_is_told_in_portuguese(name: str) -> None:
    reason = judge_trial([Seen(name=name, trial=Tally(4, 4), usual=Tally())], over=False).reason
    told = in_portuguese(reason)
    assert (told != reason, numbers(told)) == (True, numbers(reason))


def test_what_is_not_known_stays_as_it_is() -> None:
    assert in_portuguese("the examination failed: OSError") == "the examination failed: OSError"
    assert decide(Findings()).reasons[0] != in_portuguese(decide(Findings()).reasons[0])


def numbers(sentence: str) -> list[str]:
    return re.findall(r"\d[\d.]*%?", sentence)

"""Decides whether a new adapter stays, from how its answers are received while it is on trial. Pure arithmetic.

Two kinds of events are watched, each against how often it came without the new adapters: answers that were badly
received or failed, and answers the base itself was unsure of. Looking after every answer is allowed: the evidence is a
betting score whose chance of ever reaching 1 / ALPHA is at most ALPHA when nothing is worse (Ville's inequality), the
mean of likelihood ratios over rates worse than the usual one. Nobody has to wait for a fixed number of answers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

ALPHA = 0.05  # chance of taking back what is no worse, over a whole trial
KINDS = 2  # events watched, which share it
LEAST_RATE, MOST_RATE = 0.1, 0.6  # a usual rate is not believed to be lower, nor so high that nothing could be worse
MARGIN = 0.05  # worse than usual by less than this is as usual
GRID = 256


class Call(StrEnum):
    """What the trial says so far."""

    GO_ON = "go_on"
    TAKE_BACK = "take_back"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Tally:
    """How often an event came, of so many answers in which it could."""

    events: int = 0
    of: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One kind of event, with the new adapters and without."""

    name: str  # in words: "badly received"
    trial: Tally
    usual: Tally


@dataclass(frozen=True, slots=True)
class Judgement:
    """With its reason in words."""

    call: Call
    reason: str


def judge_trial(seen: Sequence[Seen], *, over: bool) -> Judgement:
    """`over`: its time is up; what has shown nothing bad until then stays."""
    for one in seen:
        rate = usual_rate(one.usual)
        evidence = weigh(one.trial, rate)
        if evidence >= KINDS / ALPHA:
            found = f"{one.trial.events} of {one.trial.of} answers with it were {one.name}"
            return Judgement(Call.TAKE_BACK, f"{found}, where {rate:.0%} would be usual")
    if not over:
        return Judgement(Call.GO_ON, "")
    told = ", ".join(f"{one.trial.events} of {one.trial.of} {one.name}" for one in seen)
    return Judgement(Call.KEEP, f"its trial is over and nothing was worse: {told}")


def usual_rate(usual: Tally) -> float:
    """The rate that counts as no worse: what was seen, drawn towards the least by few answers, and a margin."""
    seen = (usual.events + 1.0) / (usual.of + 1.0 / LEAST_RATE)
    return min(max(seen, LEAST_RATE) + MARGIN, MOST_RATE)


def weigh(trial: Tally, rate: float) -> float:
    """Evidence that events come more often than at this rate: 1 is none, and so is less."""
    rates = [rate + (1.0 - rate) * (number + 0.5) / GRID for number in range(GRID)]
    return sum(math.exp(_log_ratio(trial, worse, rate)) for worse in rates) / GRID


def _log_ratio(trial: Tally, worse: float, rate: float) -> float:
    """Of what was seen, at the worse rate and at the usual one."""
    quiet = trial.of - trial.events
    return trial.events * math.log(worse / rate) + quiet * math.log((1.0 - worse) / (1.0 - rate))

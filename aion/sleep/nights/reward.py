"""What nights were worth, for the choice of the hour: their rows, and the gain that the examination accepted of each.

Why a night began, how much waited, at which hour, and how long it worked stand in its rows. The gain of a candidate
stands in its verdict: until it is examined nobody knows one, and a night of which something is not known counts for
nothing, neither good nor bad.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aion.records import Night, NightState
from aion.sleep.nights.bandit import Outcome
from aion.store.base import Store

GainOf = Callable[[str], float | None]  # of a candidate, by its id; None: not examined, 0: refused
CONTEXT = frozenset({"why", "backlog", "hour", "minutes"})
SHORTEST_MIN = 1.0  # a night that worked less had nothing to do


def accepted_gain(store: Store) -> GainOf:
    """Facts that an adapter knows more of than what was served before it, and may be served with."""

    def gain_of(candidate: str) -> float | None:
        verdict = store.served.verdict(candidate, owner=None)
        if verdict is None:
            return None
        tonight = verdict.scores.get("tonight") or {}
        more = float(tonight.get("after") or 0) - float(tonight.get("before") or 0)
        return max(0.0, more) if verdict.ship else 0.0

    return gain_of


def read_outcomes(nights: Iterable[Night], gain_of: GainOf) -> list[Outcome]:
    """Of the nights that came to their end and whose gain is known; given the latest first, the oldest comes first."""
    found: list[Outcome] = []
    for night in nights:
        gain = gain_of_night(night, gain_of) if night.body.keys() >= CONTEXT else None
        if gain is not None:
            told = night.body
            found.append(
                Outcome(
                    why=str(told["why"]),
                    backlog=int(told["backlog"]),
                    hour=int(told["hour"]),
                    minutes=float(told["minutes"]),
                    gain=gain,
                )
            )
    return found[::-1]


def gain_of_night(night: Night, gain_of: GainOf) -> float | None:
    """None while it is not known. One that worked and brought nothing has gained nothing, which needs no examination.

    A night that somebody cancelled or that failed says nothing about its hour.
    """
    if night.state is not NightState.DONE:
        return None
    gains = [gain_of(candidate) for candidate in night.candidates]
    known = [gain for gain in gains if gain is not None]
    if not gains:
        return 0.0 if float(night.body["minutes"]) >= SHORTEST_MIN else None
    return sum(known) if len(known) == len(gains) else None

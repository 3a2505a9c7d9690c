"""What nights were worth: read from their rows, and learned from by verdicts that come a day later."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from aion.records import Night, NightState
from aion.sleep.nights.bandit import LONGEST_S, Bandit, part_of
from aion.sleep.nights.reward import accepted_gain, gain_of_night, read_outcomes
from aion.store.sqlite import SqliteStore
from tests.store.night_examples import make_night
from tests.store.served_examples import make_verdict, put_candidate

BODY = {"why": "errors", "backlog": 60, "hour": 3, "minutes": 20.0}
NIGHT = make_night(state=NightState.DONE, body=BODY, candidates=("cand_1", "cand_2"))
HOUR_S = 3600.0


def test_a_night_is_worth_what_was_accepted_of_all_it_made() -> None:
    assert gain_of_night(NIGHT, {"cand_1": 3.0, "cand_2": 1.0}.get) == 4.0
    assert gain_of_night(NIGHT, {"cand_1": 3.0, "cand_2": 0.0}.get) == 3.0


def unexamined(_candidate: str) -> float | None:
    return None


def test_the_gain_of_a_candidate_stands_in_its_newest_verdict(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    gain_of = accepted_gain(store)
    made = put_candidate(store, "boats")
    assert gain_of(made.id) is None
    for ship, before, after, gain in ((True, 1, 5, 4.0), (False, 1, 5, 0.0), (True, 3, 2, 0.0)):
        verdict = make_verdict(made, ship=ship, scores={"tonight": {"before": before, "after": after, "items": 6}})
        store.served.add_verdict(verdict).result()
        assert gain_of(made.id) == gain
    store.close()


def test_what_is_not_known_counts_for_nothing() -> None:
    assert gain_of_night(NIGHT, {"cand_1": 3.0}.get) is None
    assert gain_of_night(NIGHT, unexamined) is None
    assert gain_of_night(replace(NIGHT, state=NightState.FAILED, candidates=()), unexamined) is None
    assert gain_of_night(replace(NIGHT, state=NightState.CANCELLED, candidates=()), unexamined) is None


def test_a_night_that_worked_for_nothing_has_gained_nothing_and_one_without_work_says_nothing() -> None:
    assert gain_of_night(replace(NIGHT, candidates=()), unexamined) == 0.0
    assert gain_of_night(replace(NIGHT, candidates=(), body=BODY | {"minutes": 0.1}), unexamined) is None


def test_outcomes_are_of_nights_with_their_context_the_oldest_first() -> None:
    later = replace(NIGHT, id="night_2", body=BODY | {"why": "asked", "minutes": 10.0})
    bare = replace(NIGHT, id="night_3", body={})
    found = read_outcomes([bare, later, NIGHT], {"cand_1": 2.0, "cand_2": 2.0}.get)
    assert [(one.why, one.backlog, one.hour, one.minutes, one.value) for one in found] == [
        ("errors", 60, 3, 20.0, 0.2),
        ("asked", 60, 3, 10.0, 0.4),
    ]


def live(seed: int, days: int, verdict: Callable[[int, float], float | None]) -> list[tuple[int, float]]:
    """Nights of so many days, each with a reason at some hour: at which hour each began, and how long it was put off.

    An adapter learned from 0 to 4 is worth about three times that of another hour. What it is worth, the examination
    says a day later; `verdict` may withhold it. The choice sees nothing but rows and verdicts.
    """
    draw, nights, began = random.Random(seed), list[Night](), list[tuple[int, float]]()
    gains: dict[str, float] = {}
    for day in range(days):
        hour, waited = draw.randrange(24), 0
        known = {name: gain for name, gain in gains.items() if int(name.partition("_")[2]) < day - 1}
        bandit = Bandit(read_outcomes(reversed(nights), known.get))
        while not bandit.advise("experiences", 60, (hour + waited) % 24, postponed_s=waited * HOUR_S).now:
            waited += 1
        at = (hour + waited) % 24
        name = f"cand_{day}"
        gain = verdict(day, max(0.0, draw.gauss(3.0 if part_of(at) == 0 else 1.0, 0.7)))
        if gain is not None:
            gains[name] = gain
        body = {"why": "experiences", "backlog": 60, "hour": at, "minutes": 10.0}
        nights.append(make_night(id=f"night_{day:04d}", state=NightState.DONE, body=body, candidates=(name,)))
        began.append((at, waited * HOUR_S))
    return began


@pytest.mark.parametrize("seed", range(5))
def test_with_verdicts_it_learns_to_wait_for_the_hours_that_pay_and_never_longer_than_a_day(seed: int) -> None:
    began = live(seed, 120, lambda _day, gain: gain)
    early, late = [sum(part_of(hour) == 0 for hour, _ in part) / 40 for part in (began[:40], began[-40:])]
    assert late >= 0.8 > early
    assert 0 < max(waited for _, waited in began) <= LONGEST_S
    assert began == live(seed, 120, lambda _day, gain: gain), "the same days, the same choices"


def test_without_verdicts_nothing_is_ever_put_off() -> None:
    assert all(waited == 0 for _, waited in live(1, 60, lambda _day, _gain: None))


def test_verdicts_that_come_for_some_nights_alone_are_enough() -> None:
    began = live(2, 160, lambda day, gain: gain if day % 3 else None)
    assert sum(part_of(hour) == 0 for hour, _ in began[-40:]) / 40 >= 0.8

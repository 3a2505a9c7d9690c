"""A night that never finishes asks for a window, and in one it works beside requests."""

from __future__ import annotations

import asyncio
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from aion.records import Night, NightState
from aion.serve.window import DAY_S, count_starved, measure_window
from aion.serve.yielding import Yielding
from tests.serve.test_yielding import COUNTING, child, is_stopped, of
from tests.serving import wait_until
from tests.store.night_examples import make_night

__all__ = ["child"]
HUNGRY = make_night(state=NightState.DONE, interruptions=2)
FED = make_night(state=NightState.DONE, interruptions=2, candidates=("cand_1",))
QUIET = make_night(state=NightState.CANCELLED)
WAITS = make_night(state=NightState.WAITING)


def going(days: float, interruptions: int = 1) -> Night:
    return make_night(state=NightState.TRAINING, interruptions=interruptions, asked=-days * DAY_S)


@pytest.mark.parametrize(
    ("nights", "starved"),
    [
        ([], 0),
        ([HUNGRY, HUNGRY, FED, HUNGRY], 2),
        ([WAITS, HUNGRY], 1),
        ([QUIET, HUNGRY], 0),
        ([going(0.9), HUNGRY, HUNGRY], 2),
        ([going(1.1), HUNGRY], 2),
        ([going(3.5), FED], 3),
        ([going(3.5, interruptions=0), HUNGRY], 0),
    ],
)
def test_nights_that_were_interrupted_and_made_nothing_are_counted_and_days_of_one_that_goes_on(
    nights: list[Night], starved: int
) -> None:
    assert count_starved(nights, now=0.0) == starved


@pytest.mark.parametrize(
    ("hours", "now", "left_s"),
    [
        ("", "03:00", 0),
        ("03:00-05:00", "02:59", 0),
        ("03:00-05:00", "03:00", 7200),
        ("03:00-05:00", "04:59", 60),
        ("03:00-05:00", "05:00", 0),
        ("23:30-00:30", "23:45", 2700),
        ("23:30-00:30", "00:15", 900),
        ("23:30-00:30", "12:00", 0),
        ("04:00-04:00", "04:00", 0),
    ],
)
def test_a_daily_window_is_open_between_its_hours(hours: str, now: str, left_s: float) -> None:
    moment = datetime(2026, 11, 21, int(now[:2]), int(now[3:]), tzinfo=UTC)
    assert measure_window(hours, moment) == left_s


class Wall:
    """A clock, and how long a daily window is open."""

    def __init__(self) -> None:
        self.now, self.open_s = 0.0, 0.0


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def yielding(wall: Wall) -> Yielding:
    return Yielding(30.0, clock=lambda: wall.now, opens=lambda: wall.open_s)


@pytest.mark.anyio
async def test_in_a_window_a_night_works_beside_requests_until_it_closes(
    child: subprocess.Popen[bytes], yielding: Yielding, wall: Wall
) -> None:
    assert yielding.register(of(child))
    yielding.enter()
    wait_until(lambda: is_stopped(child))
    yielding.grant(3600)
    wait_until(lambda: not is_stopped(child))
    yielding.enter()
    assert (yielding.paused, yielding.wants_pause, yielding.window_s) == (False, False, 3600)
    wall.now = 3601.0
    yielding.look()  # which its timer does
    wait_until(lambda: is_stopped(child))
    assert (yielding.window_s, yielding.interruptions) == (0.0, 2)
    yielding.forget()


@pytest.mark.anyio
async def test_a_window_closes_by_itself(child: subprocess.Popen[bytes]) -> None:
    changed = asyncio.Event()
    yielding = Yielding(5.0, on_change=changed.set)
    assert yielding.register(of(child))
    yielding.grant(0.1)
    yielding.enter()
    assert not yielding.paused
    async with asyncio.timeout(10):
        await changed.wait()
    assert yielding.paused
    wait_until(lambda: is_stopped(child))
    yielding.forget()


@pytest.mark.anyio
async def test_a_window_that_is_closed_early_or_opens_by_the_clock_is_heeded(
    child: subprocess.Popen[bytes], yielding: Yielding, wall: Wall
) -> None:
    assert yielding.register(of(child))
    yielding.grant(3600)
    yielding.enter()
    assert not yielding.paused
    yielding.grant(0)
    assert yielding.paused
    wall.open_s = 60.0
    yielding.look()
    assert not yielding.paused
    yielding.forget()


@pytest.mark.anyio
@pytest.mark.parametrize("child", [COUNTING], indirect=True)
async def test_quiet_is_counted_from_the_last_of_several_who_left(
    child: subprocess.Popen[bytes], yielding: Yielding, wall: Wall
) -> None:
    assert yielding.register(of(child))
    for moment in (0.0, 5.0):
        wall.now = moment
        yielding.enter()
    wall.now = 100.0
    yielding.leave()
    yielding.look()
    assert yielding.paused, "one is still there"
    wall.now = 120.0
    yielding.leave()
    wall.now = 149.0
    yielding.look()
    assert (yielding.paused, yielding.interruptions) == (True, 1)
    wall.now = 150.5
    yielding.look()
    assert not yielding.paused
    wait_until(lambda: not is_stopped(child))
    await asyncio.sleep(0)
    yielding.forget()


@pytest.mark.anyio
async def test_where_somebody_asks_all_day_a_night_is_starved_and_an_hour_a_day_lets_it_finish(
    child: subprocess.Popen[bytes], wall: Wall
) -> None:
    hours = [""]
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    opens = lambda: measure_window(hours[0], midnight + timedelta(seconds=wall.now % DAY_S))  # noqa: E731
    yielding = Yielding(30.0, clock=lambda: wall.now, opens=opens)
    assert yielding.register(of(child))

    def live_days(days: int) -> float:
        """Somebody asks every twenty seconds; gives the hours that the night worked."""
        worked_s = 0
        for _ in range(int(days * DAY_S / 20)):
            yielding.enter()
            wall.now += 10
            yielding.look()
            yielding.leave()
            wall.now += 10
            yielding.look()
            worked_s += 0 if yielding.paused else 20
        return worked_s / 3600

    assert live_days(3) < 0.1
    night = make_night(state=NightState.TRAINING, asked=0.0, interruptions=yielding.interruptions)
    assert count_starved([night], wall.now) == 3
    hours[0] = "23:30-00:30"
    assert live_days(4) == pytest.approx(4.0, abs=0.1)
    yielding.forget()

"""A trial is judged from the rows of real turns: those with the new adapters against all others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aion.errors import StorageFull
from aion.gate.watch import TrialWatch
from aion.records import AdapterUse, Experience, Move, Promotion, Reward, new_id
from tests.gate.serving import House
from tests.store.examples import make_turn
from tests.store.memory_examples import make_experience

pytestmark = pytest.mark.anyio
BAD, GOOD = -0.8, 0.6


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "data")
    yield made
    made.store.close()


def watch(house: House, hours: float = 24.0, after_s: float = 0.0) -> TrialWatch:
    return TrialWatch(house.store, house.promoter, hours=hours, tau=0.62, clock=lambda: time.time() + after_s)


def answer(house: House, *adapters: str, total: float = BAD, confidence: float | None = None, ago_s: float = 0) -> None:
    """One answer of now, and how it was received."""
    used = tuple(AdapterUse(name=name, hash="a" * 64, scale=1.0) for name in adapters)
    turn = make_turn(id=new_id("turn"), adapters=used)
    house.store.append_turn(turn).result()
    reward = Reward(explicit=total, implicit=None, emotional=None, total=total)
    at = time.time() - ago_s
    seen = make_experience(turn.id, at=at, reward=reward, failed=False, confidence=confidence)
    house.store.experience.put_experience(seen).result()


async def on_trial(house: House, share: float = 1.0) -> str:
    await house.promote(house.make("w1"))
    new = house.make("w2", created=30.0)
    await house.promote(new, share=share)
    return new


async def test_bad_answers_with_the_new_adapter_bring_the_old_one_back(house: House) -> None:
    new = await on_trial(house)
    for _ in range(4):
        answer(house, new)
    [row] = await watch(house).look()
    assert (row.move, row.adapters, row.actor) == (Move.ROLL_BACK, ("cand_w1",), "canary")
    assert "4 of 4 answers with it were badly received" in row.reason
    assert await watch(house).look() == []


async def test_bad_answers_without_it_do_not_count_against_it(house: House) -> None:
    new = await on_trial(house, share=0.5)
    for _ in range(6):
        answer(house, "cand_w1")
        answer(house, new, total=GOOD)
    assert await watch(house).look() == []


async def test_some_questions_asked_again_among_many_answers_take_nothing_back(house: House) -> None:
    new = await on_trial(house)
    for total in (0.0, 0.0, -0.42, 0.0, -0.42, 0.0, 0.0, -0.42, 0.0):
        answer(house, new, total=total)
        assert await watch(house).look() == []


async def test_answers_it_is_unsure_of_count_too(house: House) -> None:
    new = await on_trial(house)
    for _ in range(30):
        answer(house, total=GOOD, confidence=0.9, ago_s=3600)
    for _ in range(4):
        answer(house, new, total=0.0, confidence=0.2)
    [row] = await watch(house).look()
    assert "unsure" in row.reason


async def test_answers_that_come_between_two_looks_count(house: House) -> None:
    new, watching = await on_trial(house), watch(house)
    for number in range(3):
        assert await watching.look() == [], number
        answer(house, new)
    [row] = await watching.look()
    assert "3 of 3 answers with it were badly received" in row.reason


async def test_a_trial_of_which_nothing_new_is_known_is_not_counted_again(house: House) -> None:
    new = await on_trial(house)
    answer(house, new, total=GOOD)
    watching = watch(house, after_s=120.0)
    await watching.look()
    reads: list[str] = []
    real = house.store.experience.experiences

    def read(**told: Any) -> list[Experience]:
        reads.append("read")
        return real(**told)

    house.store.experience.experiences = read  # type: ignore[method-assign]
    await watching.look()
    assert reads == []
    assert len(await watch(house, hours=0.03, after_s=240.0).look()) == 1, "time ends a trial all the same"


async def test_one_trial_that_cannot_be_judged_keeps_no_other_from_being_judged(house: House) -> None:
    await on_trial(house)
    other = house.make("z1", owner="zoe", theme="theme_zoe")
    await house.promote(other, share=1.0)
    real = house.promoter.settle

    async def settle(trial: Promotion, **told: Any) -> Promotion:
        if trial.owner == "ana":
            raise StorageFull("no room")
        return await real(trial, **told)

    house.promoter.settle = settle  # type: ignore[method-assign]
    [row] = await watch(house, hours=1.0, after_s=3601).look()
    assert (row.owner, row.adapters) == ("zoe", (other,))


async def test_when_its_time_is_up_it_stays(house: House) -> None:
    new = await on_trial(house)
    answer(house, new, total=GOOD)
    assert await watch(house, hours=2.0).look() == []
    [row] = await watch(house, hours=2.0, after_s=7201).look()
    assert (row.move, row.adapters, row.trial) == (Move.PROMOTE, (new,), ())

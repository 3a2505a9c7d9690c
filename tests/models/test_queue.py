"""The queue in front of the models: order, bounds, cancellation, and that no slot is ever lost."""

from __future__ import annotations

import asyncio
import random

import pytest

from aion.errors import Overloaded
from aion.models.queue import AdmissionQueue

pytestmark = pytest.mark.anyio


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Worker:
    """A job that stays inside until it is told to go."""

    def __init__(self, queue: AdmissionQueue, log: list[str], name: str, tokens: int = 10) -> None:
        self.done = asyncio.Event()
        self.task = asyncio.create_task(self._work(queue, log, name, tokens))

    async def _work(self, queue: AdmissionQueue, log: list[str], name: str, tokens: int) -> None:
        async with queue.admit(tokens):
            log.append(name)
            await self.done.wait()


async def test_jobs_enter_in_the_order_they_came() -> None:
    queue = AdmissionQueue(1, 1000)
    log: list[str] = []
    workers = [Worker(queue, log, name) for name in "abcd"]
    for worker in workers:
        await settle()
        worker.done.set()
        await worker.task
    assert log == ["a", "b", "c", "d"]


async def test_a_newcomer_does_not_overtake_those_who_wait() -> None:
    queue = AdmissionQueue(1, 1000)
    log: list[str] = []
    first, second = Worker(queue, log, "first"), Worker(queue, log, "second")
    await settle()
    first.done.set()
    await first.task  # the slot belongs to `second` from here on, though its task has not run yet
    third = Worker(queue, log, "third")
    await settle()
    assert (log, queue.running, queue.waiting) == (["first", "second"], 1, 1)
    second.done.set()
    third.done.set()
    await asyncio.gather(second.task, third.task)


async def test_at_most_so_many_are_inside_and_the_gauges_say_so() -> None:
    queue = AdmissionQueue(2, 1000)
    log: list[str] = []
    workers = [Worker(queue, log, str(n), tokens=7) for n in range(5)]
    await settle()
    assert (queue.running, queue.waiting, queue.waiting_tokens) == (2, 3, 21)
    for worker in workers:
        worker.done.set()
    await asyncio.gather(*(worker.task for worker in workers))
    assert (queue.running, queue.waiting, queue.waiting_tokens) == (0, 0, 0)


async def test_work_over_the_bound_is_refused_at_once_with_a_time_to_come_back() -> None:
    queue = AdmissionQueue(1, 100)
    log: list[str] = []
    workers = [Worker(queue, log, "inside", 50), Worker(queue, log, "waiting", 60)]
    await settle()
    with pytest.raises(Overloaded, match=r"41 tokens .* while 60 of 100") as caught:
        await asyncio.wait_for(queue.admit(41).__aenter__(), 1)
    assert caught.value.retry_after is not None
    assert 1 <= caught.value.retry_after <= 60
    workers.append(Worker(queue, log, "fits", 40))
    await settle()
    assert queue.waiting == 2
    for worker in workers:
        worker.done.set()
    await asyncio.gather(*(worker.task for worker in workers))


async def test_a_job_larger_than_the_bound_may_wait_when_nothing_else_does() -> None:
    queue = AdmissionQueue(1, 100)
    log: list[str] = []
    inside, giant = Worker(queue, log, "inside"), Worker(queue, log, "giant", tokens=5000)
    await settle()
    assert queue.waiting_tokens == 5000
    with pytest.raises(Overloaded):
        await queue.admit(1).__aenter__()
    for worker in (inside, giant):
        worker.done.set()
        await worker.task
    assert log == ["inside", "giant"]


async def test_a_cancelled_waiter_leaves_at_once_and_the_next_moves_up() -> None:
    queue = AdmissionQueue(1, 1000)
    log: list[str] = []
    inside, gone, behind = (Worker(queue, log, name) for name in ("inside", "gone", "behind"))
    await settle()
    gone.task.cancel()
    await settle()
    assert queue.waiting == 1
    inside.done.set()
    behind.done.set()
    await asyncio.gather(inside.task, behind.task)
    assert log == ["inside", "behind"]


@pytest.mark.parametrize("cancel_first", [True, False])
async def test_a_slot_given_in_the_instant_of_cancellation_is_not_lost(cancel_first: bool) -> None:
    queue = AdmissionQueue(1, 1000)
    log: list[str] = []
    inside, gone = Worker(queue, log, "inside"), Worker(queue, log, "gone")
    await settle()
    if cancel_first:
        gone.task.cancel()
    inside.done.set()
    await inside.task
    gone.task.cancel()
    await settle()
    assert (queue.running, queue.waiting) == (0, 0)


async def test_the_time_to_come_back_follows_the_measured_speed() -> None:
    now = [0.0]
    queue = AdmissionQueue(2, 1000, clock=lambda: now[0])
    log: list[str] = []
    async with queue.admit(100):
        now[0] += 10  # 10 tokens a second in one slot, 20 in two
    workers = [Worker(queue, log, str(n), tokens=200) for n in range(4)]
    await settle()
    # by hand: 400 wait, 400 run and are half done: 600 tokens at 20 a second
    assert queue.estimate_wait() == 30
    for worker in workers:
        worker.done.set()
    await asyncio.gather(*(worker.task for worker in workers))
    assert queue.estimate_wait() == 1


async def test_resizing_lets_in_more_or_waits_for_some_to_leave() -> None:
    queue = AdmissionQueue(1, 1000)
    log: list[str] = []
    workers = [Worker(queue, log, str(n)) for n in range(4)]
    await settle()
    queue.resize(3)
    await settle()
    assert (queue.running, queue.waiting) == (3, 1)
    queue.resize(1)
    workers[0].done.set()
    await settle()
    assert (queue.running, queue.waiting) == (2, 1)
    for worker in workers:
        worker.done.set()
    await asyncio.gather(*(worker.task for worker in workers))
    assert queue.running == 0


async def test_ten_times_overload_keeps_the_bounds_and_finishes_all_it_admitted() -> None:
    queue = AdmissionQueue(4, 500)
    outcomes: list[str] = []
    peaks = [0, 0]

    async def job(tokens: int) -> None:
        try:
            async with queue.admit(tokens):
                peaks[:] = max(peaks[0], queue.running), max(peaks[1], queue.waiting_tokens)
                await asyncio.sleep(0.001)
        except Overloaded:
            outcomes.append("refused")
        else:
            outcomes.append("done")

    rng = random.Random(1)
    for _ in range(20):
        await asyncio.gather(*(job(rng.randint(1, 50)) for _ in range(200)))
    assert outcomes.count("refused") > 1000
    assert outcomes.count("done") > 400
    assert peaks[0] == 4
    assert peaks[1] <= 500
    assert (queue.running, queue.waiting) == (0, 0)


@pytest.mark.parametrize("seed", range(30))
async def test_no_slot_is_lost_whatever_happens(seed: int) -> None:
    """Random arrivals, endings, failures, cancellations and resizes; afterwards every slot can be taken again."""
    rng = random.Random(seed)
    queue = AdmissionQueue(3, 200)
    tasks: list[asyncio.Task[None]] = []

    async def job(turns: int, fails: bool) -> None:
        async with queue.admit(rng.randint(1, 60)):
            for _ in range(turns):
                await asyncio.sleep(0)
            if fails:
                raise ValueError("the work failed")

    for _ in range(300):
        act = rng.random()
        if act < 0.5:
            tasks.append(asyncio.create_task(job(rng.randint(0, 6), rng.random() < 0.2)))
        elif act < 0.75 and tasks:
            rng.choice(tasks).cancel()
        elif act < 0.8:
            queue.resize(rng.randint(1, 5))
        else:
            await asyncio.sleep(0)
    queue.resize(3)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (queue.running, queue.waiting, queue.waiting_tokens) == (0, 0, 0)

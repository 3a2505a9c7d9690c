"""What waits to be observed when it, or what was remembered of it, is forgotten: it brings nothing back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aion.answer.quiet import Quiet
from aion.records import Feedback, FeedbackKind, Memory, MemoryKind, Turn, new_id
from tests.answer.scripted import House, open_house
from tests.serving import wait_until

pytestmark = pytest.mark.anyio
WORDS = ("boat", "gaivota", "albatroz")
FACT = "My boat is called Gaivota."
QUESTION = "What is my boat called?"


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> asyncio.Semaphore:
    """What waits to be observed goes on one by one, as this is released."""
    gate = asyncio.Semaphore(0)

    async def wait(_quiet: Quiet, _since: float) -> None:
        await gate.acquire()

    monkeypatch.setattr(Quiet, "wait", wait)
    return gate


@asynccontextmanager
async def living(folder: Path) -> AsyncIterator[House]:
    house = open_house(folder, lambda _said: ("Noted.", 0.9), WORDS)
    yield house
    await house.close()


async def settle(house: House, gate: asyncio.Semaphore) -> None:
    for _ in range(10):
        gate.release()
    assert await house.memory.observer.settle(timeout_s=10)


async def correct(house: House, turn: Turn, *, at: float | None = None) -> Feedback:
    made = new_id("fb")
    edit = Feedback(
        id=made,
        owner="ana",
        turn=turn.id,
        kind=FeedbackKind.EDIT,
        at=at or time.time(),
        key=made,
        text="Your boat is called Albatroz.",
    )
    return await house.memory.observer.take_feedback(edit)


async def first_of(house: House, kind: MemoryKind) -> Memory:
    """Once it was remembered."""
    await asyncio.to_thread(wait_until, lambda: house.store.memories.listed(owner="ana", kind=kind))
    return house.store.memories.listed(owner="ana", kind=kind)[0]


async def forget(house: House, memory: Memory) -> None:
    gone = await house.memory.keeper.forget("ana", [memory.id])
    house.memory.observer.drop(gone.turns)


async def forget_conversation(house: House, conversation: str) -> None:
    gone = await house.memory.keeper.forget_conversation("ana", conversation)
    house.memory.observer.drop(gone.turns)


async def test_a_correction_forgotten_while_its_feedback_waits_does_not_come_back(
    tmp_path: Path, gate: asyncio.Semaphore
) -> None:
    """The turn waits, and the feedback on it behind it: the first of them reads that feedback, too."""
    async with living(tmp_path) as house:
        turn = await house.ask(QUESTION, "c1")
        await correct(house, turn)
        gate.release()
        await forget(house, await first_of(house, MemoryKind.CORRECTION))
        await settle(house, gate)
        assert house.store.memories.listed(owner="ana") == []
        assert house.experience(turn).reward.explicit == -0.5
        assert house.memory.observer.failures == 0


async def test_nor_after_a_stop(tmp_path: Path, gate: asyncio.Semaphore) -> None:
    """The next start finds feedback that is newer than the experience of its turn."""
    async with living(tmp_path) as house:
        turn = await house.ask(QUESTION, "c1")
        await correct(house, turn, at=time.time() + 3600)
        gate.release()
        await forget(house, await first_of(house, MemoryKind.CORRECTION))
        gate.release()
        before = house.experience(turn).updated
    async with living(tmp_path) as house:
        await settle(house, gate)
        await asyncio.to_thread(wait_until, lambda: house.experience(turn).updated > before)
        assert house.store.memories.listed(owner="ana") == []


async def test_another_correction_of_the_same_turn_is_kept(tmp_path: Path, gate: asyncio.Semaphore) -> None:
    async with living(tmp_path) as house:
        turn = await house.ask(QUESTION, "c1")
        await correct(house, turn)
        gate.release()
        await forget(house, await first_of(house, MemoryKind.CORRECTION))
        again = await correct(house, turn)
        await settle(house, gate)
        [kept] = house.store.memories.listed(owner="ana")
        assert [source.ref for source in kept.sources] == [again.id]


async def test_what_a_turn_told_does_not_come_back_by_being_observed_again(
    tmp_path: Path, gate: asyncio.Semaphore
) -> None:
    """As after a stop between the memory and the experience."""
    async with living(tmp_path) as house:
        turn = await house.ask(FACT, "c1")
        gate.release()
        await forget(house, await first_of(house, MemoryKind.SAID))
        await settle(house, gate)
        house.memory.observer.note_turn(turn, None, ())
        await settle(house, gate)
        assert house.store.memories.listed(owner="ana") == []
        told = await house.ask(FACT, "c2")
        await settle(house, gate)
        [kept] = house.store.memories.listed(owner="ana")
        assert [source.ref for source in kept.sources] == [told.id], "said again, it is remembered again"


async def test_nothing_is_made_of_a_conversation_forgotten_while_it_waits(
    tmp_path: Path, gate: asyncio.Semaphore
) -> None:
    async with living(tmp_path) as house:
        await house.ask(FACT, "c1")
        asked = await house.ask(QUESTION, "c1")
        await correct(house, asked)
        await forget_conversation(house, "c1")
        await settle(house, gate)
        assert house.store.memories.listed(owner="ana") == []
        assert house.store.experience.experiences(owner="ana") == []
        assert house.store.experience.clusters(owner="ana") == []
        assert house.memory.observer.failures == 0
        assert house.memory.observer._recent.find(asked.id) is None
        assert list(house.store.verify()) == []

"""Who gets which slot of an engine, and what of it may be reused."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aion.models.llama.slots import Scales, Slot, SlotBook, count_shared

pytestmark = pytest.mark.anyio
BASE: Scales = (0.0, 0.0)
WORK: Scales = (1.0, 0.0)


async def use(book: SlotBook, scales: Scales, text: str, *, begun: bool = True) -> tuple[int, bool]:
    """The slot's number, and whether what it had read could be used."""
    async with book.take(scales, text) as slot:
        found = slot.number, slot.may_reuse
        if begun:
            slot.keep()
    return found


async def settle() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


async def test_a_prompt_is_reused_only_under_the_adapters_that_read_it() -> None:
    book = SlotBook(1)
    for scales, may_reuse in [(BASE, False), (BASE, True), (WORK, False), (WORK, True), ((0.5, 0.0), False)]:
        assert await use(book, scales, "the same words") == (0, may_reuse)


async def test_each_conversation_finds_its_own_slot_again() -> None:
    book = SlotBook(4)
    asked = [(BASE, "About ships."), (WORK, "About ships."), (BASE, "Of bees: what?")]
    first = [await use(book, scales, text) for scales, text in asked]
    again = [await use(book, scales, text + " And then?") for scales, text in asked]
    assert first == [(0, False), (1, False), (2, False)]
    assert again == [(0, True), (1, True), (2, True)]


async def test_a_stranger_gets_the_slot_that_was_longest_unused() -> None:
    book = SlotBook(2)
    await use(book, BASE, "About ships.")
    await use(book, WORK, "Of bees.")
    assert await use(book, BASE, "Nothing in common") == (0, True)  # the same set: what it shares may be used
    assert await use(book, BASE, "%%% either") == (1, False)


@pytest.mark.parametrize(("before", "after"), [(BASE, False), (WORK, True)])
async def test_a_request_that_ended_before_it_was_begun_leaves_no_trust(before: Scales, after: bool) -> None:
    book = SlotBook(1)
    await use(book, before, "words")
    await use(book, WORK, "words", begun=False)
    assert await use(book, WORK, "words") == (0, after)
    assert await use(book, BASE, "words") == (0, False)


async def test_who_finds_no_free_slot_waits_for_one() -> None:
    book = SlotBook(1)
    async with book.take(BASE, "a"):
        waiting = asyncio.create_task(use(book, BASE, "b"))
        await settle()
        assert not waiting.done()
    assert await waiting == (0, False)


async def test_two_sets_never_work_at_once_and_the_first_to_come_is_the_first_to_work() -> None:
    book, order = SlotBook(3), []

    async def work(name: str, scales: Scales, end: asyncio.Event) -> None:
        async with book.take(scales, name):
            order.append(name)
            await end.wait()

    ends = [asyncio.Event() for _ in range(3)]
    tasks = [asyncio.create_task(work(*one)) for one in zip("abc", (BASE, WORK, BASE), ends, strict=True)]
    for end, seen in zip(ends, ("a", "ab", "abc"), strict=True):
        await settle()
        assert "".join(order) == seen
        end.set()
    await asyncio.gather(*tasks)


async def test_one_set_works_in_all_slots_at_once() -> None:
    book = SlotBook(3)
    async with AsyncExitStack() as stack:
        slots: list[Slot] = [await stack.enter_async_context(book.take(WORK, "same")) for _ in range(3)]
        assert {slot.number for slot in slots} == {0, 1, 2}


async def test_those_who_give_up_waiting_hold_up_nobody() -> None:
    book = SlotBook(2)
    async with book.take(BASE, "a"):
        gone = asyncio.create_task(use(book, WORK, "b"))
        after = asyncio.create_task(use(book, BASE, "c"))
        await settle()
        gone.cancel()
        assert await after == (1, False)


async def test_a_slot_given_to_one_who_left_in_that_instant_is_handed_on() -> None:
    book = SlotBook(1)
    async with book.take(BASE, "a"):
        gone, after = (asyncio.create_task(use(book, BASE, text)) for text in "bc")
        await settle()
    gone.cancel()  # it has its slot, and has not run since
    async with asyncio.timeout(5):
        assert (await after)[0] == 0
    assert gone.cancelled()


@given(st.text("ab", max_size=8), st.text("ab", max_size=8))
def test_what_two_texts_begin_with_is_counted(one: str, other: str) -> None:
    shared = count_shared(one, other)
    assert one[:shared] == other[:shared]
    assert one[: shared + 1] != other[: shared + 1] or shared == min(len(one), len(other))

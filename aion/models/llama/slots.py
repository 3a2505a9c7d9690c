"""Which of an engine's slots a request works in, and when: what a slot has read belongs to one set of adapters.

llama.cpp lets a prompt that was read under one adapter serve another (its issue 26207), so AION names the slot of every
request and lets it reuse only what was read under the same scales. llama.cpp also computes one set of adapters at a
time and prefers the lowest slot, which can make others wait for ever: here the first to come is the first to work. It
knows nothing of the engine but what goes through it, and one event loop only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

LEAST_SHARED = 0.1  # of a prompt; with less in common it goes to the slot that was longest unused

Scales = tuple[float, ...]  # of every loaded adapter, in order; all 0 is the untouched base


@dataclass(slots=True, eq=False)
class Slot:
    """One of the engine's slots."""

    number: int
    holds: Scales | None = None  # under which its prompt was read; None while that is not certain
    text: str = ""  # what it has read, about
    taken: int = 0  # the number of the grant that was its last; 0: never
    working: Scales | None = None  # those of the request inside; None when there is none

    @property
    def may_reuse(self) -> bool:
        return self.holds == self.working

    def keep(self) -> None:
        """The engine has begun to answer: from here on the slot holds this request's prompt and nothing else."""
        self.holds = self.working


@dataclass(slots=True, eq=False)
class _Waiter:
    scales: Scales
    text: str
    turn: asyncio.Future[Slot] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class SlotBook:
    """`async with book.take(scales, text) as slot:` around each request to one engine process."""

    def __init__(self, count: int) -> None:
        self._slots = [Slot(number) for number in range(count)]
        self._waiters: deque[_Waiter] = deque()
        self._grants = 0

    @asynccontextmanager
    async def take(self, scales: Sequence[float], text: str) -> AsyncIterator[Slot]:
        """Wait for a slot and hold it; `text` is the prompt, to find the slot that has read most of it."""
        waiter = _Waiter(tuple(scales), text)
        self._waiters.append(waiter)
        self._let_in()
        try:
            slot = await waiter.turn
        except asyncio.CancelledError:
            self._give_up(waiter)
            raise
        try:
            yield slot
        finally:
            self._leave(slot)

    def _let_in(self) -> None:
        while self._waiters and (slot := self._choose(self._waiters[0])) is not None:
            waiter = self._waiters.popleft()
            if waiter.turn.cancelled():
                continue
            self._grants += 1
            slot.working, slot.text, slot.taken = waiter.scales, waiter.text, self._grants
            if not slot.may_reuse:
                slot.holds = None  # a request that ends before it was begun leaves it with either
            waiter.turn.set_result(slot)

    def _choose(self, waiter: _Waiter) -> Slot | None:
        """None while another set of adapters is at work, or no slot is free."""
        if any(slot.working not in (None, waiter.scales) for slot in self._slots):
            return None
        free = [slot for slot in self._slots if slot.working is None]
        shared = {slot.number: count_shared(slot.text, waiter.text) for slot in free if slot.holds == waiter.scales}
        best = max(shared, key=lambda number: shared[number], default=None)
        if best is not None and shared[best] > LEAST_SHARED * len(waiter.text):
            return self._slots[best]
        return min(free, key=lambda slot: slot.taken, default=None)

    def _leave(self, slot: Slot) -> None:
        slot.working = None
        self._let_in()

    def _give_up(self, waiter: _Waiter) -> None:
        """A cancelled waiter leaves its place, or hands on the slot it was given in the same instant."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
            self._let_in()
        elif not waiter.turn.cancelled():
            self._leave(waiter.turn.result())


def count_shared(one: str, other: str) -> int:
    """How many characters two texts begin with in common; by halving, because comparing slices is fast."""
    least, most = 0, min(len(one), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        if one[least:middle] == other[least:middle]:
            least = middle
        else:
            most = middle - 1
    return least

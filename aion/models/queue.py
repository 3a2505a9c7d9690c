"""Lets at most so many jobs inside, first come first served, and refuses work it could not do soon.

What may wait is bounded by its tokens, not by its number, because tokens are what costs time. It guesses nothing about
the work: who calls says how many tokens it may take. One event loop only.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from aion.errors import Overloaded

SHORTEST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
UNMEASURED_WAIT_S = 5.0  # told until a first job has been finished
MEMORY = 0.8  # weight of what was known when a job's speed is added to the average


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """A place inside."""

    tokens: int
    entered: float  # on the queue's clock
    waited_s: float


class Presence(Protocol):
    """Is told of everyone who comes, before they wait, and when they go."""

    def enter(self) -> None: ...

    def leave(self) -> None: ...


@dataclass(slots=True, eq=False)
class _Waiter:
    tokens: int
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class AdmissionQueue:
    """`async with queue.admit(tokens) as ticket:` around the work."""

    def __init__(
        self,
        slots: int,
        max_tokens: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        presence: Presence | None = None,
    ) -> None:
        self._slots = slots
        self._max_tokens = max_tokens
        self._clock = clock
        self._presence = presence
        self._running = 0
        self._running_tokens = 0
        self._waiters: deque[_Waiter] = deque()
        self._tokens_per_second: float | None = None  # of one slot

    @property
    def running(self) -> int:
        return self._running

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    @property
    def waiting_tokens(self) -> int:
        return sum(waiter.tokens for waiter in self._waiters)

    @property
    def slots(self) -> int:
        return self._slots

    def resize(self, slots: int) -> None:
        """Change how many may be inside. Those inside stay; fewer slots take effect as they leave."""
        self._slots = slots
        self._let_in()

    @asynccontextmanager
    async def admit(self, tokens: int) -> AsyncIterator[Ticket]:
        """Wait for a slot, hold it for the body. Raises Overloaded at once when too much waits already.

        One job larger than the whole bound may still wait, if nothing else does: it could never be done otherwise.
        """
        if self._presence is not None:
            self._presence.enter()
        asked = self._clock()
        try:
            await self._enter(tokens)
            entered = self._clock()
            try:
                yield Ticket(tokens, entered, entered - asked)
            except BaseException:
                self._leave(tokens)
                raise
            self._learn(tokens, self._clock() - entered)
            self._leave(tokens)
        finally:
            if self._presence is not None:
                self._presence.leave()

    async def _enter(self, tokens: int) -> None:
        if not self._waiters and self._running < self._slots:
            self._take_slot(tokens)
            return
        if self._waiters and self.waiting_tokens + tokens > self._max_tokens:
            raise self._overloaded(tokens)
        waiter = _Waiter(tokens)
        self._waiters.append(waiter)
        try:
            await waiter.turn
        except asyncio.CancelledError:
            self._give_up(waiter)
            raise

    def _give_up(self, waiter: _Waiter) -> None:
        """A cancelled waiter leaves its place, or hands on the slot it was given in the same instant."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        else:
            self._leave(waiter.tokens)

    def _take_slot(self, tokens: int) -> None:
        self._running += 1
        self._running_tokens += tokens

    def _leave(self, tokens: int) -> None:
        self._running -= 1
        self._running_tokens -= tokens
        self._let_in()

    def _let_in(self) -> None:
        while self._waiters and self._running < self._slots:
            waiter = self._waiters.popleft()
            self._take_slot(waiter.tokens)
            if waiter.turn.cancelled():  # its task has been cancelled and will give the slot back
                continue
            waiter.turn.set_result(None)

    def _learn(self, tokens: int, seconds: float) -> None:
        if seconds <= 0:
            return
        speed = tokens / seconds
        known = self._tokens_per_second
        self._tokens_per_second = speed if known is None else MEMORY * known + (1 - MEMORY) * speed

    def _overloaded(self, tokens: int) -> Overloaded:
        wait = self.estimate_wait()
        return Overloaded(
            f"{tokens} tokens of work were asked for while {self.waiting_tokens} of {self._max_tokens} wait already; "
            f"come back in {wait:.0f} s",
            retry_after=wait,
        )

    def estimate_wait(self) -> float:
        """Seconds until the work that waits now has begun, from the speed of finished work; 1 to 60."""
        if self._tokens_per_second is None:
            return UNMEASURED_WAIT_S
        ahead = self.waiting_tokens + self._running_tokens / 2  # what runs is half done on average
        wait = ahead / (self._tokens_per_second * max(1, self._slots))
        return float(math.ceil(min(max(wait, SHORTEST_WAIT_S), LONGEST_WAIT_S)))

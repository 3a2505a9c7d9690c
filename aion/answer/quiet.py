"""Finds a quiet moment for work that nobody waits for: after the answers, and never later than a bound. One loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

QUIET_S = 0.03  # without an answer on its way
LONGEST_S = 2.0  # a thing waits, whatever goes on
LOOK_S = 0.01


class Quiet:
    """Knows whether somebody is being answered, and whether somebody waits for the work itself."""

    def __init__(self) -> None:
        self._answering = 0
        self._hurried = 0
        self._ended = 0.0

    @contextmanager
    def busy(self) -> Iterator[None]:
        self._answering += 1
        try:
            yield
        finally:
            self._answering -= 1
            self._ended = time.monotonic()

    @contextmanager
    def hurry(self) -> Iterator[None]:
        self._hurried += 1
        try:
            yield
        finally:
            self._hurried -= 1

    async def wait(self, since: float) -> None:
        """Until it is quiet, or somebody hurries, or the thing has waited long enough since then (monotonic)."""
        while not self._hurried and time.monotonic() - since < LONGEST_S:
            if not self._answering and time.monotonic() - self._ended >= QUIET_S:
                return
            await asyncio.sleep(LOOK_S)

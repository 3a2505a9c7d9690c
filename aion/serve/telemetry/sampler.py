"""Notes once a minute what the machine is doing, and lets go of what is too old. It never stops anything else."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

import structlog

from aion.errors import AionError
from aion.store.base import Experiences

EVERY_S = 60.0
DAY_S = 86_400.0
PRUNE_EVERY = 60  # samples
log = structlog.get_logger()


class Sampler:
    """One background task."""

    def __init__(
        self,
        experience: Experiences,
        measure: Callable[[], Mapping[str, float]],
        *,
        keep_days: int,
        every_s: float = EVERY_S,
    ) -> None:
        self._experience = experience
        self._measure = measure
        self._keep_s = keep_days * DAY_S
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None
        self.failures = 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        """The first measurement is only where the next counts from."""
        await self._take()
        for taken in itertools.count():
            if taken % PRUNE_EVERY == 0:
                await self._write(self._experience.drop_samples(until=time.time() - self._keep_s))
            await asyncio.sleep(self._every_s)
            values = await self._take()
            if values:
                await self._write(self._experience.append_sample(time.time(), values))

    async def _take(self) -> Mapping[str, float]:
        try:
            return await asyncio.to_thread(self._measure)
        except Exception as error:  # noqa: BLE001 - whatever a machine does not let us read must not end the sampling
            self._fail(error)
            return {}

    async def _write(self, written: Future[Any]) -> None:
        try:
            await asyncio.wrap_future(written)
        except AionError as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Said the first time; a full disk would say it every minute."""
        self.failures += 1
        if self.failures == 1:
            log.warning("telemetry.sample_failed", kind=type(error).__name__)

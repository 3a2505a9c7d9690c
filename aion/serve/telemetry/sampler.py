"""Notes once a minute what the machine is doing, for as long as the server runs. It never stops anything else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog

from aion.errors import AionError
from aion.store.base import Experiences

EVERY_S = 60.0
log = structlog.get_logger()


class Sampler:
    """One background task."""

    def __init__(
        self, experience: Experiences, measure: Callable[[], Mapping[str, float]], *, every_s: float = EVERY_S
    ) -> None:
        self._experience = experience
        self._measure = measure
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
        while True:
            await asyncio.sleep(self._every_s)
            values = await self._take()
            if values:
                await self._keep(values)

    async def _take(self) -> Mapping[str, float]:
        try:
            return await asyncio.to_thread(self._measure)
        except Exception as error:  # noqa: BLE001 - whatever a machine does not let us read must not end the sampling
            self._fail(error)
            return {}

    async def _keep(self, values: Mapping[str, float]) -> None:
        try:
            await asyncio.wrap_future(self._experience.append_sample(time.time(), values))
        except AionError as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Said the first time; a full disk would say it every minute."""
        self.failures += 1
        if self.failures == 1:
            log.warning("telemetry.sample_failed", kind=type(error).__name__)

"""Watches how busy the rest of the machine is and lets an engine swap to the number of threads that suits it.

It measures with psutil about once a second and decides nothing itself: `threads` does. Engines on a GPU are left alone.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psutil
import structlog

from aion.errors import AionError
from aion.models.llama.engine import Engine
from aion.models.llama.threads import QUIET_FOR_S, Sample, may_swap, usable_cores, wanted_threads

INTERVAL_S = 1.0
CGROUPS = Path("/sys/fs/cgroup")
log = structlog.get_logger()


def count_cores() -> int:
    """Physical cores this process may use."""
    logical = psutil.cpu_count() or 1
    return usable_cores(
        physical=psutil.cpu_count(logical=False) or logical,
        logical=logical,
        allowed=len(allowed_cpus()),
        quota=read_quota(),
    )


def allowed_cpus() -> list[int]:
    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):  # not on macOS
        return list(process.cpu_affinity() or ())
    return list(range(psutil.cpu_count() or 1))


def read_quota(root: Path = CGROUPS) -> float | None:
    """Cores the container may use, from cgroup v2 or v1; None without a limit."""
    try:
        if (root / "cpu.max").exists():
            quota, period = (root / "cpu.max").read_text("ascii").split()
        else:
            quota, period = ((root / "cpu" / f"cpu.cfs_{name}_us").read_text("ascii") for name in ("quota", "period"))
        return int(quota) / int(period) if quota.strip() not in {"max", "-1"} else None
    except (OSError, ValueError):
        return None


class NeighbourMeter:
    """Cores kept busy by everybody else on our CPUs, between one call and the next."""

    def __init__(self, own_pids: Callable[[], Iterable[int]]) -> None:
        self._own_pids = own_pids
        self._cpus = allowed_cpus()
        quota = read_quota()
        self._spare = max(0.0, len(self._cpus) - quota) if quota else 0.0  # cores that we may not use anyway
        self._seen: dict[int, float] = {}
        self._total = 0.0
        self._at = 0.0
        self.read()

    def read(self) -> float:
        """Cores, averaged since the last call; 0 at the first."""
        now, total = time.monotonic(), self._busy_seconds()
        own = {pid: seconds for pid in self._own_pids() if (seconds := _cpu_seconds(pid)) is not None}
        ours = sum(seconds - self._seen.get(pid, seconds) for pid, seconds in own.items())
        theirs = total - self._total - ours
        elapsed, first = now - self._at, not self._at
        self._seen, self._total, self._at = own, total, now
        return 0.0 if first or elapsed <= 0 else max(0.0, theirs / elapsed - self._spare)

    def _busy_seconds(self) -> float:
        times = psutil.cpu_times(percpu=True)
        return sum(_busy_part(times[cpu]) for cpu in self._cpus if cpu < len(times))


def _busy_part(times: Any) -> float:
    """Seconds one CPU worked; what a guest machine used stands in `user` already."""
    not_work = ("idle", "iowait", "guest", "guest_nice")
    return float(sum(times) - sum(getattr(times, name, 0.0) for name in not_work))


def _cpu_seconds(pid: int) -> float | None:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return None
    return float(times.user + times.system)


def memory_of(pid: int) -> float:
    """Bytes that only this process holds: a second engine shares the model file, but not these."""
    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.Error:
        return 0.0
    return float(memory.rss - getattr(memory, "shared", 0))


class ThreadMonitor:
    """`run` until cancelled. `cores` is what the engine uses on a quiet machine; `ours` names what stops for it."""

    def __init__(
        self,
        engine: Engine,
        cores: int,
        *,
        ours: Callable[[], Iterable[int]] = tuple,
        read: Callable[[], float] | None = None,
    ) -> None:
        self._engine = engine
        self._cores = cores
        self._read = read or NeighbourMeter(lambda: [os.getpid(), *engine.pids(), *ours()]).read
        self._samples: deque[Sample] = deque(maxlen=int(2 * QUIET_FOR_S / INTERVAL_S))
        self._last_swap = float("-inf")

    async def run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            await self.step(time.monotonic())

    async def step(self, now: float) -> None:
        """Take one sample and act on it."""
        self._samples.append(Sample(now, self._read()))
        process = self._engine.process
        if process is None or process.gpu_layers or process.pid is None:
            return
        spec = self._engine.spec
        wanted = wanted_threads(self._samples, self._cores, spec.threads)
        if wanted == spec.threads:
            return
        free, needed = psutil.virtual_memory().available, memory_of(process.pid)
        if may_swap(now=now, last_swap=self._last_swap, memory_free=free, memory_needed=needed):
            self._last_swap = now
            await self._swap(wanted)

    async def _swap(self, threads: int) -> None:
        log.info("engine_threads", threads=threads, neighbours=round(self._samples[-1].busy, 2))
        try:
            await self._engine.use_threads(threads)
        except AionError as error:  # the old engine serves on; the next samples decide again
            log.warning("engine_threads_kept", reason=error.message)

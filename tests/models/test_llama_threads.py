"""The choice of threads, on sequences worked out by hand, and the meter that feeds it, on a real burner."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aion.errors import Unavailable
from aion.models.llama.engine import Engine
from aion.models.llama.monitor import NeighbourMeter, ThreadMonitor, memory_of, read_quota
from aion.models.llama.spec import EngineSpec
from aion.models.llama.threads import Sample, fit_threads, may_swap, usable_cores, wanted_threads


def each_second(*runs: tuple[int, float]) -> list[Sample]:
    """(3, 0.9) is three samples, a second apart, of 0.9 busy cores."""
    levels = [busy for count, busy in runs for _ in range(count)]
    return [Sample(float(at), busy) for at, busy in enumerate(levels)]


@pytest.mark.parametrize(
    ("cores", "busy", "threads"),
    [
        (2, 0.0, 2),
        (2, 0.49, 2),
        (2, 0.5, 1),
        (2, 1.9, 1),
        (8, 0.6, 7),
        (8, 1.4, 7),
        (8, 1.6, 6),
        (8, 9.0, 1),
        (1, 3, 1),
    ],
)
def test_neighbours_get_the_cores_they_use(cores: int, busy: float, threads: int) -> None:
    assert fit_threads(cores, busy) == threads


@pytest.mark.parametrize(
    ("samples", "now", "wanted"),
    [
        ([], 2, 2),
        (each_second((10, 0.1)), 2, 2),
        (each_second((10, 0.1), (2, 1.0)), 2, 2),  # busy for two seconds only
        (each_second((10, 0.1), (3, 1.0)), 2, 1),
        (each_second((10, 0.1), (2, 1.0), (1, 0.2), (2, 1.0)), 2, 2),  # a pause between
        (each_second((3, 1.0)), 2, 2),  # not measured long enough to know
        (each_second((4, 1.0)), 2, 1),
        (each_second((10, 1.0), (59, 0.1)), 1, 1),  # quiet for 59 seconds
        (each_second((10, 1.0), (60, 0.1)), 1, 2),
        (each_second((10, 1.0), (30, 0.1), (1, 0.8), (40, 0.1)), 1, 1),  # a spike starts the wait again
        (each_second((70, 0.1)), 1, 2),
    ],
)
def test_two_cores_step_down_after_three_seconds_and_up_after_sixty(
    samples: Sequence[Sample], now: int, wanted: int
) -> None:
    assert wanted_threads(samples, 2, now) == wanted


def test_many_cores_follow_the_number_of_neighbours() -> None:
    samples = each_second((10, 0.0), (4, 3.1))
    assert wanted_threads(samples, 8, 8) == 5
    samples = each_second((10, 6.0), (61, 2.2))
    assert wanted_threads(samples, 8, 2) == 6


def test_a_swap_needs_time_since_the_last_and_room_for_a_second_engine() -> None:
    assert may_swap(now=100, last_swap=70, memory_free=150, memory_needed=100)
    assert not may_swap(now=100, last_swap=71, memory_free=150, memory_needed=100)
    assert not may_swap(now=100, last_swap=70, memory_free=149, memory_needed=100)


@pytest.mark.parametrize(
    ("physical", "logical", "allowed", "quota", "cores"),
    [
        (2, 2, 2, None, 2),
        (4, 8, 8, None, 4),
        (4, 8, 4, None, 2),
        (16, 32, 32, 2.5, 2),
        (16, 32, 1, None, 1),
        (8, 8, 8, 0.5, 1),
    ],
)
def test_cores_respect_affinity_and_quota(
    physical: int, logical: int, allowed: int, quota: float | None, cores: int
) -> None:
    assert usable_cores(physical=physical, logical=logical, allowed=allowed, quota=quota) == cores


def test_a_quota_is_read_from_both_kinds_of_cgroup(tmp_path: Path) -> None:
    assert read_quota(tmp_path) is None
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert read_quota(tmp_path) is None
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("150000\n")
    assert read_quota(tmp_path) == 1.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert read_quota(tmp_path) is None
    (tmp_path / "cpu.max").write_text("200000 100000\n")
    assert read_quota(tmp_path) == 2.0


def test_the_meter_sees_a_stranger_and_not_ourselves() -> None:
    burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        blind, seeing = NeighbourMeter(lambda: [burner.pid, os.getpid()]), NeighbourMeter(lambda: [os.getpid()])
        time.sleep(0.2)
        blind.read(), seeing.read()  # both know the burner by now
        time.sleep(1.5)
        others, everybody = blind.read(), seeing.read()
    finally:
        burner.kill()
        burner.wait()
    assert everybody - others > 0.25  # a fair share of a core, also on a busy machine


def test_an_engines_own_memory_is_known_and_a_gone_one_has_none() -> None:
    assert memory_of(os.getpid()) > 1e6
    assert memory_of(2**22 + 1) == 0


class FakeEngine:
    """Notes swaps; has a real process for the memory question."""

    def __init__(self, *, gpu_layers: int = 0) -> None:
        self.spec = EngineSpec(model=Path("m"), threads=2)
        self.process = SimpleNamespace(pid=os.getpid(), gpu_layers=gpu_layers)
        self.swapped: list[int] = []

    async def use_threads(self, threads: int) -> None:
        self.swapped.append(threads)
        self.spec = replace(self.spec, threads=threads)


async def watch(engine: Any, levels: list[Sample]) -> None:
    readings = iter([sample.busy for sample in levels])
    monitor = ThreadMonitor(cast(Engine, engine), 2, read=lambda: next(readings))
    for sample in levels:
        await monitor.step(sample.at)


@pytest.mark.anyio
async def test_the_monitor_swaps_down_and_back_up() -> None:
    engine = FakeEngine()
    await watch(engine, each_second((5, 0.0), (10, 0.9), (80, 0.0)))
    assert engine.swapped == [1, 2]


@pytest.mark.anyio
async def test_what_stops_for_the_engine_is_no_neighbour_to_its_monitor(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []

    class Meter:
        def __init__(self, own_pids: Any) -> None:
            self._own_pids = own_pids

        def read(self) -> float:
            asked.append(list(self._own_pids()))
            return 0.0

    monkeypatch.setattr("aion.models.llama.monitor.NeighbourMeter", Meter)
    engine = FakeEngine()
    engine.pids = lambda: [7]  # type: ignore[attr-defined]
    night: list[int] = []
    monitor = ThreadMonitor(cast(Engine, engine), 2, ours=lambda: night)
    await monitor.step(1.0)
    night += [8, 9]
    await monitor.step(2.0)
    assert asked == [[os.getpid(), 7], [os.getpid(), 7, 8, 9]]


@pytest.mark.anyio
async def test_the_monitor_leaves_an_engine_on_a_gpu_alone() -> None:
    engine = FakeEngine(gpu_layers=-1)
    await watch(engine, each_second((5, 0.0), (20, 2.0)))
    assert engine.swapped == []


@pytest.mark.anyio
async def test_a_swap_that_fails_is_not_tried_again_before_its_time() -> None:
    tried = []

    class Failing(FakeEngine):
        async def use_threads(self, threads: int) -> None:
            tried.append(threads)
            raise Unavailable("no")

    await watch(Failing(), each_second((5, 0.0), (40, 2.0)))
    assert tried == [1, 1]  # at 7 s and at 37 s

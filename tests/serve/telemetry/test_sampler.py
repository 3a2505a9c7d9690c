"""Samples land in the store, and what cannot be measured or kept stops nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import structlog

from aion.serve.telemetry import sampler as sampling
from aion.serve.telemetry.sampler import DAY_S, Sampler
from aion.store.sqlite import SqliteStore
from tests.serving import running, wait_until


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


def kept(store: SqliteStore) -> list[Mapping[str, float]]:
    return [values for _, values in store.experience.samples(since=0.0, until=1e12)]


async def wait_for_samples(store: SqliteStore, count: int) -> list[Mapping[str, float]]:
    await asyncio.to_thread(wait_until, lambda: len(kept(store)) >= count)
    return kept(store)


@pytest.mark.anyio
async def test_the_first_measurement_is_only_where_counting_begins(store: SqliteStore) -> None:
    readings = iter(range(100))
    sampler = Sampler(store.experience, lambda: {"cpu_percent": float(next(readings))}, keep_days=1, every_s=0.01)
    sampler.start()
    found = await wait_for_samples(store, 2)
    await sampler.close()
    assert [values["cpu_percent"] for values in found[:2]] == [1.0, 2.0]


@pytest.mark.anyio
async def test_a_measurement_that_fails_is_said_once_and_the_next_is_taken(store: SqliteStore) -> None:
    readings = iter([1.0, None, None, 4.0, 5.0])

    def measure() -> dict[str, float]:
        value = next(readings, 9.0)
        if value is None:
            raise PermissionError("not for you")
        return {"cpu_percent": value}

    with structlog.testing.capture_logs() as logs:
        sampler = Sampler(store.experience, measure, keep_days=1, every_s=0.01)
        sampler.start()
        found = await wait_for_samples(store, 1)
        await sampler.close()
    assert (found[0], sampler.failures, len(logs)) == ({"cpu_percent": 4.0}, 2, 1)


@pytest.mark.anyio
async def test_a_store_that_refuses_ends_nothing(store: SqliteStore) -> None:
    with structlog.testing.capture_logs() as logs:
        store.close()
        sampler = Sampler(store.experience, lambda: {"cpu_percent": 1.0}, keep_days=1, every_s=0.01)
        sampler.start()
        await asyncio.to_thread(wait_until, lambda: sampler.failures >= 3)
        await sampler.close()
    assert [entry["event"] for entry in logs] == ["telemetry.sample_failed"]


@pytest.mark.anyio
async def test_closing_one_that_never_began_is_fine(store: SqliteStore) -> None:
    await Sampler(store.experience, dict, keep_days=1).close()
    assert kept(store) == []


@pytest.mark.anyio
async def test_what_is_too_old_goes_at_start_and_as_time_goes_on(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    ages = {"old": 2.01, "aging": 1.5, "young": 0.5}
    for name, days in ages.items():
        store.experience.append_sample(now - days * DAY_S, {name: 1.0}).result()
    monkeypatch.setattr(sampling, "PRUNE_EVERY", 2)
    sampler = Sampler(store.experience, dict, keep_days=2, every_s=0.01)
    sampler.start()
    await asyncio.to_thread(wait_until, lambda: [*map(list, kept(store))] == [["aging"], ["young"]])
    monkeypatch.setattr(time, "time", lambda: now + DAY_S)
    await asyncio.to_thread(wait_until, lambda: [*map(list, kept(store))] == [["young"]])
    await sampler.close()


def test_a_server_keeps_samples_for_as_many_days_as_its_setting_says(store: SqliteStore, tmp_path: Path) -> None:
    for days in (2.5, 3.5):
        store.experience.append_sample(time.time() - days * DAY_S, {f"{days} days": 1.0}).result()
    store.close()
    with running(tmp_path, {"telemetry.keep_days": 3}):
        reader = SqliteStore(tmp_path, read_only=True)
        wait_until(lambda: [*map(list, kept(reader))] == [["2.5 days"]])
        reader.close()

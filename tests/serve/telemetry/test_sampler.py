"""Samples land in the store, and what cannot be measured or kept stops nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import structlog

from aion.serve.telemetry.sampler import Sampler
from aion.store.sqlite import SqliteStore
from tests.serving import wait_until


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
    sampler = Sampler(store.experience, lambda: {"cpu_percent": float(next(readings))}, every_s=0.01)
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
        sampler = Sampler(store.experience, measure, every_s=0.01)
        sampler.start()
        found = await wait_for_samples(store, 1)
        await sampler.close()
    assert (found[0], sampler.failures, len(logs)) == ({"cpu_percent": 4.0}, 2, 1)


@pytest.mark.anyio
async def test_a_store_that_refuses_ends_nothing(store: SqliteStore) -> None:
    with structlog.testing.capture_logs() as logs:
        store.close()
        sampler = Sampler(store.experience, lambda: {"cpu_percent": 1.0}, every_s=0.01)
        sampler.start()
        await asyncio.to_thread(wait_until, lambda: sampler.failures >= 3)
        await sampler.close()
    assert [entry["event"] for entry in logs] == ["telemetry.sample_failed"]


@pytest.mark.anyio
async def test_closing_one_that_never_began_is_fine(store: SqliteStore) -> None:
    await Sampler(store.experience, dict).close()
    assert kept(store) == []

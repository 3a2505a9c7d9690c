"""Ten times more work than can be done (P20): refused at once, bounded, and over as soon as it ends."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.serving import RunningServer, running

CAPACITY = 10  # requests a second: two slots, four words of 50 ms each
BOUND = 512
FLAGS = {"model.source": "fake:0.05", "engine.slots": 2, "engine.queue_tokens": BOUND}


async def flood(server: RunningServer, seconds: float, rate: int) -> tuple[Counter[int], list[float], int]:
    """Open loop: requests leave on time, whether or not earlier ones were answered."""
    codes: Counter[int] = Counter()
    refusals: list[float] = []
    deepest = 0
    body = {"model": "aion", "messages": [{"role": "user", "content": "one two three four"}], "max_tokens": 60}

    async def ask(session: aiohttp.ClientSession) -> None:
        began = time.monotonic()
        async with session.post(f"{server.url}/v1/chat/completions", json=body) as reply:
            content = await reply.json()
        codes[reply.status] += 1
        if reply.status == 429:
            refusals.append(time.monotonic() - began)
            assert int(reply.headers["retry-after"]) >= 1
        else:
            assert content["choices"][0]["message"]["content"] == "one two three four"

    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(headers=server.headers, connector=connector) as session,
        asyncio.TaskGroup() as group,
    ):
        begin = time.monotonic()
        for number in range(int(seconds * rate)):
            await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
            group.create_task(ask(session))
            if number % rate == 0:
                async with session.get(f"{server.url}/api/status") as reply:
                    deepest = max(deepest, (await reply.json())["queue"]["waiting_tokens"])
    return codes, refusals, deepest


async def check_flood(tmp_path: Path, seconds: float) -> tuple[Counter[int], float, float]:
    with running(tmp_path / "data", FLAGS) as server:
        process = psutil.Process(server.process.pid)
        await flood(server, 3, 10 * CAPACITY)
        before = process.memory_info().rss
        codes, refusals, deepest = await flood(server, seconds, 10 * CAPACITY)
        growth = process.memory_info().rss / before - 1
        began = time.monotonic()
        after, _, _ = await flood(server, 1, 1)
        assert after == {200: 1}
        assert time.monotonic() - began <= 10
    assert set(codes) == {200, 429}
    assert codes[200] >= CAPACITY * seconds * 0.5, "accepted work was done meanwhile"
    assert deepest <= BOUND
    return codes, sorted(refusals)[int(len(refusals) * 0.99)], growth


@pytest.mark.anyio
async def test_ten_times_the_load_is_refused_and_bounded(tmp_path: Path) -> None:
    codes, _, _ = await check_flood(tmp_path, 4)
    assert codes[429] > codes[200]


@pytest.mark.proof
@pytest.mark.anyio
async def test_ten_times_the_load_for_two_minutes(tmp_path: Path) -> None:
    codes, p99, growth = await check_flood(tmp_path, 120)
    print(f"\noverload: {dict(codes)}, refused in p99 {p99 * 1000:.1f} ms, memory {growth:+.1%}")
    assert p99 <= 0.1
    assert growth <= 0.05

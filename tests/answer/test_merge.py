"""Several streams as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from aion.answer.merge import merge_streams


async def count(name: str, items: int, *, fail_at: int | None = None, closed: list[str]) -> AsyncGenerator[str, None]:
    try:
        for number in range(items):
            if number == fail_at:
                raise ValueError(name)
            await asyncio.sleep(0)
            yield f"{name}{number}"
    finally:
        closed.append(name)


@pytest.mark.anyio
async def test_every_item_of_every_stream_arrives_in_its_own_order() -> None:
    closed: list[str] = []
    seen = [item async for item in merge_streams([count("a", 3, closed=closed), count("b", 2, closed=closed)])]
    assert sorted(seen) == ["a0", "a1", "a2", "b0", "b1"]
    assert [item for item in seen if item.startswith("a")] == ["a0", "a1", "a2"]


@pytest.mark.anyio
async def test_the_first_error_ends_and_closes_all() -> None:
    closed: list[str] = []
    streams = [count("a", 10_000, closed=closed), count("b", 5, fail_at=2, closed=closed)]
    with pytest.raises(ValueError, match="b"):
        async for _ in merge_streams(streams):
            pass
    assert sorted(closed) == ["a", "b"]


@pytest.mark.anyio
async def test_leaving_early_closes_all() -> None:
    closed: list[str] = []
    merged = merge_streams([count("a", 10_000, closed=closed), count("b", 10_000, closed=closed)])
    async for _ in merged:
        break
    await merged.aclose()
    assert sorted(closed) == ["a", "b"]

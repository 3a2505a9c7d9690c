"""Runs several streams at once and hands on their items as they come. Knows nothing of turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import TypeVar

T = TypeVar("T")
_END = object()


async def merge_streams(streams: Sequence[AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
    """Items in order of arrival. The first error ends all; leaving early closes all."""
    arrivals: asyncio.Queue[object] = asyncio.Queue(maxsize=64)

    async def pump(stream: AsyncGenerator[T, None]) -> None:
        try:
            async for item in stream:
                await arrivals.put(item)
            await arrivals.put(_END)
        except Exception as error:  # noqa: BLE001 - handed to the consumer, which raises it
            await arrivals.put(error)
        finally:
            await stream.aclose()

    tasks = [asyncio.create_task(pump(stream)) for stream in streams]
    running = len(tasks)
    try:
        while running:
            item = await arrivals.get()
            if item is _END:
                running -= 1
            elif isinstance(item, Exception):
                raise item
            else:
                yield item  # type: ignore[misc]  # only T and the two markers are ever put
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

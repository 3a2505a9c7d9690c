"""How soon llama.cpp frees the slot of a client that left, by how it was asked; and what smaller prompt steps cost.

The engine is asked directly, once per way, and the connection is closed in the middle. The slot's state is read from
the engine itself. A round in which the slot was not busy at the moment of leaving is void and not counted.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from typing import Any

import aiohttp

from aion.config import Settings
from aion.models.catalog import LocalModel, resolve_model
from aion.models.llama.monitor import count_cores
from aion.models.llama.process import EngineProcess
from aion.models.llama.spec import EngineSpec
from benchmarks.tools import Figure, median, parse_options, print_head, print_load, print_table

PROMPT_WORDS = 1200
STEPS = (32, 64, 128, 512)
PATIENCE_S = 20.0
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon")


def request(words: int, *, stream: bool, progress: bool) -> dict[str, Any]:
    text = " ".join(random.choice(WORDS) for _ in range(words))  # fresh words: nothing is cached
    fields = {"stream": stream, "return_progress": progress, "max_tokens": 600, "ignore_eos": True}
    return {"messages": [{"role": "user", "content": text}], **fields}


async def is_busy(process: EngineProcess) -> bool:
    slots: Any = await process.wire.get("/slots")
    return any(slot["is_processing"] for slot in slots)


async def leave(process: EngineProcess, clients: int, **how: Any) -> float | None:
    """Seconds from leaving to the last slot being free; None when nothing ran at that moment."""
    headers = {"Authorization": f"Bearer {process.key}"}
    async with aiohttp.ClientSession(process.url, headers=headers) as session:

        async def ask() -> None:
            async with session.post("/v1/chat/completions", json=request(**how)) as reply:
                await reply.read()

        asking = [asyncio.create_task(ask()) for _ in range(clients)]
        await asyncio.sleep(0.5)
        was_busy = await is_busy(process)
        for task in asking:
            task.cancel()
        begin = time.monotonic()
        await asyncio.gather(*asking, return_exceptions=True)
        while await is_busy(process) and time.monotonic() - begin < PATIENCE_S:  # noqa: ASYNC110 - it changes by itself
            await asyncio.sleep(0.02)
    return time.monotonic() - begin if was_busy else None


async def measure(process: EngineProcess, rounds: int, clients: int, **how: Any) -> float:
    found = [seconds for _ in range(rounds) if (seconds := await leave(process, clients, **how)) is not None]
    return median(found) if found else float("nan")


async def start(model: LocalModel, batch: int) -> EngineProcess:
    process = EngineProcess(EngineSpec(model=model.path, context=2048, slots=4, threads=count_cores(), batch=batch))
    await process.start(120)
    await process.prove(120)
    return process


async def ways(model: LocalModel, rounds: int) -> list[Figure]:
    """By how it was asked, with llama.cpp's usual step."""
    process = await start(model, 512)
    shown = [
        ("answer being written, streamed", {"words": 5, "stream": True, "progress": False}),
        ("answer being written, in one piece", {"words": 5, "stream": False, "progress": False}),
        ("prompt being read, streamed", {"words": PROMPT_WORDS, "stream": True, "progress": False}),
        ("prompt being read, in one piece", {"words": PROMPT_WORDS, "stream": False, "progress": False}),
    ]
    figures = [Figure(f"{name}, steps of 512", await measure(process, rounds, 1, **how), "s") for name, how in shown]
    await process.stop()
    return figures


async def steps(model: LocalModel, rounds: int) -> list[Figure]:
    """Streamed with progress, as AION asks, by the size of a prompt step."""
    found: list[Figure] = []
    for batch in STEPS:
        process = await start(model, batch)
        found += [figure async for figure in figures_of_step(process, batch, rounds)]
        await process.stop()
    return found


async def figures_of_step(process: EngineProcess, batch: int, rounds: int) -> Any:
    how = {"words": PROMPT_WORDS, "stream": True, "progress": True}
    yield Figure(f"prompt being read with progress, steps of {batch}", await measure(process, rounds, 1, **how), "s")
    yield Figure(f"the same, four clients, steps of {batch}", await measure(process, rounds, 4, **how), "s")
    speeds = []
    for _ in range(rounds):
        body = request(PROMPT_WORDS, stream=False, progress=False) | {"max_tokens": 1}
        reply: Any = await process.wire.post("/v1/chat/completions", body)
        speeds.append(reply["timings"]["prompt_per_second"])
    yield Figure(f"prompt speed, steps of {batch}", median(speeds), "tok/s")


def ordered(figures: list[Figure]) -> Iterator[Figure]:
    """The same question beside itself."""
    for start_at in range(3):
        yield from figures[start_at::3]


async def main() -> None:
    options = parse_options(__doc__ or "", seconds=60)
    meter = print_head(__doc__ or "")
    model = await resolve_model(Settings(), lambda *_: None)
    if not isinstance(model, LocalModel):
        raise SystemExit("this benchmark needs the embedded model")
    rounds = 1 if options.quick else 3
    figures = [*await ways(model, rounds), *ordered(await steps(model, rounds))]
    print_load("while measuring", meter)
    print_table(figures)


if __name__ == "__main__":
    asyncio.run(main())

"""How long a question takes before the model sees it, with 100,000 memories: embedded, recalled, put into its context.

The real store, index and MiniLM. The memories' texts are recombined documentation strings with made-up vectors, so that
filling takes seconds; the questions are really embedded, none twice. One question at a time, as one person asks.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from concurrent.futures import Future
from pathlib import Path

from aion.answer.context import build_context
from aion.app import build_memory, make_queue, start_embedder
from aion.config import Settings
from aion.memory.terms import terms_of
from aion.records import Memory, MemoryKind, Origin, Source, Trust, new_id
from aion.serve.system import MemoryParts
from aion.store.sqlite import SqliteStore
from benchmarks.recall_data import Data, make_data
from benchmarks.tools import Figure, parse_options, percentile, print_head, print_load, print_table

SIZE, QUICK_SIZE = 100_000, 10_000
QUESTIONS = 300
BATCH = 2000  # memories written as one group
OWNER = "ana"
SYSTEM = {"role": "system", "content": "You are a helpful assistant. Answer in one short sentence."}
STEPS = ("embed", "recall", "context", "all")


def main() -> None:
    options = parse_options(__doc__ or "", seconds=60)
    size = QUICK_SIZE if options.quick else SIZE
    meter = print_head(__doc__ or "")
    folder = options.cache / "path"
    shutil.rmtree(folder, ignore_errors=True)
    times = asyncio.run(measure(folder, size))
    print_load("after", meter)
    print_table(
        [
            Figure(f"{step} {size:,} p{percent}", percentile(times[step], percent), "ms", target_of(step, percent))
            for step in STEPS
            for percent in (50, 95)
        ]
    )
    shutil.rmtree(folder, ignore_errors=True)


def target_of(step: str, percent: int) -> float | None:
    return 30.0 if (step, percent) == ("all", 50) else None


async def measure(folder: Path, size: int) -> dict[str, list[float]]:
    settings = Settings(data=folder)
    embedder = await start_embedder(settings, lambda *_: None)
    store = SqliteStore(folder)
    memory = build_memory(settings, store, embedder, make_queue(settings))
    data = make_data(folder / "made", size, QUESTIONS)
    began = time.monotonic()
    await asyncio.to_thread(fill, store, data, embedder.card.hash)
    await asyncio.to_thread(memory.index.repair)
    print(f"  {size:,} memories stored and indexed in {time.monotonic() - began:.0f} s", flush=True)
    times: dict[str, list[float]] = {step: [] for step in STEPS}
    for number, question in enumerate(data.worded):
        took = await ask(memory, settings, f"{question} ({number})?")
        for step, value in zip(STEPS, took, strict=True):
            times[step].append(value)
    memory.index.close()
    store.close()
    await embedder.close()
    return times


async def ask(memory: MemoryParts, settings: Settings, question: str) -> tuple[float, float, float, float]:
    """Milliseconds of each step, and of all."""
    began = time.perf_counter()
    recall = await memory.recaller.recall(OWNER, question, limit=settings.context.recall_items)
    recalled = time.perf_counter()
    messages = (SYSTEM, {"role": "user", "content": question})
    await build_context(messages, recall.items, budget=3072, settings=settings.context, count=no_count)
    ended = time.perf_counter()
    embed = recall.timings["embed_ms"]
    return embed, (recalled - began) * 1000 - embed, (ended - recalled) * 1000, (ended - began) * 1000


async def no_count(_texts: object) -> list[int]:
    raise AssertionError("a short conversation needs no exact count")


def fill(store: SqliteStore, data: Data, embedder: str) -> None:
    for start in range(0, len(data.texts), BATCH):
        waiting: list[Future[Memory]] = [
            store.memories.put(
                make_memory(data.texts[place], float(place)),
                terms=" ".join(terms_of(data.texts[place])),
                vector=data.vectors[place].tobytes(),
                embedder=embedder,
            )
            for place in range(start, min(start + BATCH, len(data.texts)))
        ]
        for one in waiting:
            one.result()


def make_memory(text: str, at: float) -> Memory:
    source = Source(ref="", origin=Origin.PERSON, trust=Trust.OWN, hash="0" * 64, at=at)
    return Memory(
        id=new_id("mem"), owner=OWNER, kind=MemoryKind.NOTE, text=text, sources=(source,), created=at, updated=at
    )


if __name__ == "__main__":
    main()

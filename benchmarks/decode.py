"""How much of the engine's decode speed is left when AION stands before it, for one client and for four.

AION serves the embedded base from its own llama.cpp child. A second child, started by the same code with the same
settings, is asked directly: once with exactly what AION asks of its engine (log-probabilities, progress), once with a
plain request. Both have the same fixed number of threads, because AION would otherwise take the other engine for a
busy neighbour and give it a core. Speed is that of decoding: from a first token to a last one, prompts left out.
"""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import uvloop

from aion.config import load
from aion.models.base import Job, Sampling
from aion.models.catalog import LocalModel, resolve_model
from aion.models.llama.generator import MODEL_NAME, engine_fields, spec_of
from aion.models.llama.monitor import NeighbourMeter, count_cores
from aion.models.llama.process import EngineProcess
from aion.models.wire import payload_of
from benchmarks.client import Client
from benchmarks.servers import Peer, aion
from benchmarks.tools import (
    Figure,
    interleave,
    median,
    parse_options,
    print_head,
    print_load,
    print_table,
    rounds_for,
)

TOKENS = 128
CLIENTS = (1, 4)
START_S = 120.0
TOPICS = ("a lighthouse", "a river", "a market", "a clockmaker")
SAME, PLAIN = "engine, asked as AION asks", "engine, plain request"


@dataclass(frozen=True, slots=True)
class Run:
    """One streamed answer."""

    tokens: int
    sent: float
    first: float
    last: float


def payload_for(peer: Peer, client: int) -> dict[str, Any]:
    words = ({"role": "user", "content": f"Write a very long story about {TOPICS[client]}."},)
    messages = ({"role": "system", "content": "You are a writer."}, *words)
    job = Job(messages=messages, sampling=Sampling(max_tokens=TOKENS, temperature=0.0))
    if peer.name == SAME:
        return payload_of(job, MODEL_NAME) | engine_fields(job, ())
    usage = {"stream": True, "stream_options": {"include_usage": True}}
    return {"model": peer.model, "messages": list(messages), "max_tokens": TOKENS, "temperature": 0.0, **usage}


async def answer_once(peer: Peer, client: int) -> Run:
    connection = Client(peer.url, peer.key)
    sent, times, tokens = time.monotonic(), list[float](), 0
    async for at, data in connection.stream(payload_for(peer, client)):
        event = orjson.loads(data)
        if event["choices"] and event["choices"][0]["delta"].get("content"):
            times.append(at)
        tokens = (event.get("usage") or {}).get("completion_tokens", tokens)
    connection.close()
    return Run(tokens, sent, times[0], times[-1])


async def decode_speed(peer: Peer, clients: int) -> tuple[float, float]:
    """Tokens a second of all clients together, and the median of milliseconds to their first tokens."""
    runs = await asyncio.gather(*(answer_once(peer, client) for client in range(clients)))
    seconds = max(run.last for run in runs) - min(run.first for run in runs)
    speed = (sum(run.tokens for run in runs) - 1) / seconds
    return speed, median([(run.first - run.sent) * 1000 for run in runs])


@asynccontextmanager
async def direct_engine(cache: Path, flags: dict[str, Any]) -> AsyncIterator[EngineProcess]:
    """A llama.cpp child as AION would start it."""
    settings = load({"data": str(cache / "direct"), **flags}).settings
    model = await resolve_model(settings)
    assert isinstance(model, LocalModel)
    engine = EngineProcess(spec_of(model, settings))
    try:
        await engine.start(START_S)
        await engine.prove(START_S)
        yield engine
    finally:
        await engine.stop()


async def measure(ours: Peer, flags: dict[str, Any], options: Namespace, meter: NeighbourMeter) -> list[Figure]:
    speeds: dict[tuple[int, str], list[float]] = defaultdict(list)
    waits: dict[tuple[int, str], list[float]] = defaultdict(list)
    async with direct_engine(options.cache, flags) as engine:
        direct = [Peer(name, engine.url, engine.key, MODEL_NAME) for name in (SAME, PLAIN)]
        peers = [ours, *direct]
        for peer in peers:
            await decode_speed(peer, max(CLIENTS))  # warm up
        meter.read()
        for _, peer in interleave(peers, rounds_for(options.seconds, least=2 if options.quick else 5)):
            for clients in CLIENTS:
                speed, wait = await decode_speed(peer, clients)
                speeds[clients, peer.name].append(speed)
                waits[clients, peer.name].append(wait)
        print_load("while measuring", meter)
    return [figure for clients in CLIENTS for figure in figures_of(clients, peers, speeds, waits)]


def figures_of(
    clients: int,
    peers: Sequence[Peer],
    speeds: dict[tuple[int, str], list[float]],
    waits: dict[tuple[int, str], list[float]],
) -> list[Figure]:
    """Ratios are taken within each round, because the machine's speed drifts from one to the next."""
    figures = []
    for peer in peers:
        found = speeds[clients, peer.name]
        spread = f"{min(found):.1f}-{max(found):.1f}, {len(found)} rounds"
        figures.append(Figure(f"{clients} client(s), {peer.name} ({spread})", median(found), "tokens/s"))
    for peer, target in zip(peers[1:], (0.95, None), strict=True):
        pairs = zip(speeds[clients, peers[0].name], speeds[clients, peer.name], strict=True)
        ratio = median([ours / theirs for ours, theirs in pairs])
        figures.append(Figure(f"{clients} client(s), AION / {peer.name}", ratio, "x", target, at_least=True))
    wait = median(waits[clients, peers[0].name]) - median(waits[clients, SAME])
    return [*figures, Figure(f"{clients} client(s), first token later than directly", wait, "ms")]


def main() -> None:
    assert __doc__
    options = parse_options(__doc__, seconds=120.0)
    meter = print_head(__doc__)
    flags = {"model.source": "embedded", "engine.threads": count_cores()}
    with aion(options.cache, {**flags, "log.level": "warning"}) as (ours, _):
        figures = uvloop.run(measure(ours, flags, options, meter))
    print_table(figures)


if __name__ == "__main__":
    main()

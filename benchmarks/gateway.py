"""What AION adds to an engine that answers at once: latency, time between tokens, and what 200 requests a second do.

The same client asks the same canned engine directly, through AION, which records every turn durably, and through
LiteLLM's proxy, in rounds that alternate. A request's added latency is its own less the engine's median in the same
round, so the 99th percentile also holds what the machine does to everybody.
"""

from __future__ import annotations

import asyncio
import gc
import time
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson
import psutil
import uvloop

from aion.models.llama.monitor import NeighbourMeter
from benchmarks.client import Client
from benchmarks.servers import LITELLM, Peer, aion, canned, litellm
from benchmarks.tools import Figure, interleave, median, parse_options, percentile, print_head, print_load, print_table
from tests.serving import RunningServer

UNCOUNTED = 20  # requests at the start of each round
RATE = 200  # requests a second
QUESTION = "What is the capital of France, and what is it known for? Answer in one sentence."
KEEP_ALIVE_S = 3.0  # uvicorn hangs up after 5 s of silence


@dataclass(slots=True)
class Load:
    """What came of the open loop."""

    latencies_ms: list[float] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def question(peer: Peer, text: str = QUESTION, **fields: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]
    return {"model": peer.model, "messages": messages, "max_tokens": 64, "temperature": 0.7, **fields}


async def ask_many(peer: Peer, count: int) -> list[float]:
    """Milliseconds of so many requests, one after the other on one connection, after a few that do not count."""
    client, payload = Client(peer.url, peer.key), question(peer)
    taken = []
    for number in range(count + UNCOUNTED):
        begin = time.perf_counter()
        await client.ask(payload)
        if number >= UNCOUNTED:
            taken.append((time.perf_counter() - begin) * 1000)
    client.close()
    return taken


async def measure_latency(peers: Sequence[Peer], rounds: int, count: int) -> list[Figure]:
    for peer in peers:
        await ask_many(peer, 3 * count)  # warm up: caches, and the code that specialises itself as it runs
    found: dict[int, dict[str, list[float]]] = defaultdict(dict)
    cpu: dict[str, float] = defaultdict(float)
    for number, peer in interleave(peers, range(rounds)):
        before = cpu_seconds(peer)
        found[number][peer.name] = await ask_many(peer, count)
        cpu[peer.name] += (cpu_seconds(peer) - before) / (rounds * (count + UNCOUNTED)) * 1000
    return latency_figures(add_up(peers, found.values()), cpu)


def cpu_seconds(peer: Peer) -> float:
    """What its process has used; unlike latency it hardly depends on who else uses the machine."""
    times = psutil.Process(peer.pid).cpu_times()
    return float(times.user + times.system)


def add_up(peers: Sequence[Peer], rounds: Iterable[dict[str, list[float]]]) -> dict[str, list[float]]:
    """Added milliseconds by peer; of the engine, the latency itself."""
    added: dict[str, list[float]] = defaultdict(list)
    for latencies in rounds:
        base = median(latencies[peers[0].name])
        for name, values in latencies.items():
            added[name] += values if name == peers[0].name else [value - base for value in values]
    return added


async def stream_once(peer: Peer, every_ms: int, tokens: int) -> list[float]:
    """Milliseconds from the engine's sending of each token to its arrival here."""
    client = Client(peer.url, peer.key)
    taken = []
    async for at, data in client.stream(question(peer, f"every {every_ms} ms, {tokens} tokens", stream=True)):
        choices = orjson.loads(data)["choices"]
        text = choices[0]["delta"].get("content") if choices else None
        if text:
            taken.append((at - float(text)) * 1000)
    client.close()
    return taken


async def measure_tokens(peers: Sequence[Peer], rounds: int, tokens: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for _, peer in interleave(peers, range(rounds)):
        found[peer.name] += await stream_once(peer, 10, tokens)
    return found


async def send_steadily(peer: Peer, rate: float, seconds: float) -> Load:
    """An open loop: requests leave on time however slow the answers are, and are timed from when they were due."""
    load, idle = Load(), list[Client]()
    payload = question(peer)
    begin = time.monotonic() + 0.1

    async def send(due: float) -> None:
        client = idle.pop() if idle else Client(peer.url, peer.key)
        if not client.is_open or time.monotonic() - client.used > KEEP_ALIVE_S:
            client.close()
        try:
            reply = orjson.loads(await client.ask(payload))
        except Exception as error:  # noqa: BLE001 - counted and shown
            load.errors.append(repr(error)[:200])
            client.close()
            return
        load.latencies_ms.append((time.monotonic() - due) * 1000)
        load.acknowledged.append(reply.get("aion", {}).get("turn_id", ""))
        idle.append(client)

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            due = begin + number / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            group.create_task(send(due))
    for client in idle:
        client.close()
    return load


def recorded_turns(server: RunningServer) -> list[str]:
    """The ids of all turns that AION keeps, as its export tells."""
    with httpx2.stream("GET", f"{server.url}/api/export", headers=server.headers, timeout=120) as reply:
        return [orjson.loads(line)["id"] for line in reply.iter_lines() if line]


def latency_figures(added: dict[str, list[float]], cpu: dict[str, float]) -> list[Figure]:
    ours, theirs = added["AION"], added["LiteLLM"]
    return [
        Figure("engine alone, latency p50", percentile(added["engine"], 50), "ms"),
        Figure("engine alone, latency p99", percentile(added["engine"], 99), "ms"),
        Figure("AION, added p50", percentile(ours, 50), "ms", 1.5),
        Figure("AION, added p99", percentile(ours, 99), "ms", 5.0),
        Figure(f"LiteLLM {LITELLM}, added p50", percentile(theirs, 50), "ms"),
        Figure(f"LiteLLM {LITELLM}, added p99", percentile(theirs, 99), "ms"),
        Figure("AION / LiteLLM, added p50", percentile(ours, 50) / percentile(theirs, 50), "x", 0.25),
        Figure("AION / LiteLLM, added p99", percentile(ours, 99) / percentile(theirs, 99), "x"),
        Figure("AION, CPU time a request", cpu["AION"], "ms"),
        Figure("LiteLLM, CPU time a request", cpu["LiteLLM"], "ms"),
    ]


def token_figures(found: dict[str, list[float]]) -> list[Figure]:
    base = found["engine"]
    figures = []
    for name in ("AION", "LiteLLM"):
        target = 0.3 if name == "AION" else None
        added = percentile(found[name], 50) - percentile(base, 50)
        figures += [
            Figure(f"{name}, added between tokens, p50", added, "ms", target),
            Figure(f"{name}, added between tokens, p99", percentile(found[name], 99) - percentile(base, 50), "ms"),
        ]
    return figures


def load_figures(load: Load, recorded: Sequence[str], seconds: float) -> list[Figure]:
    lost = set(load.acknowledged) - set(recorded)
    doubled = len(recorded) - len(set(recorded))
    unacknowledged = len(set(recorded) - set(load.acknowledged))
    return [
        Figure(f"{RATE} requests/s for {seconds:g} s: acknowledged", len(load.acknowledged), ""),
        Figure(f"{RATE} requests/s: errors", len(load.errors), "", 0),
        Figure("acknowledged turns that are not recorded", len(lost), "", 0),
        Figure("turns recorded twice, or never acknowledged", doubled + unacknowledged, "", 0),
        Figure("latency from due time, p50", percentile(load.latencies_ms, 50), "ms"),
        Figure("latency from due time, p99", percentile(load.latencies_ms, 99), "ms"),
        Figure("latency from due time, worst", max(load.latencies_ms), "ms"),
    ]


async def measure(
    peers: Sequence[Peer], server: RunningServer, options: Namespace, meter: NeighbourMeter
) -> list[Figure]:
    rounds, count, tokens = (3, 100, 50) if options.quick else (9, 400, 200)
    meter.read()
    gc.freeze()  # what stands from here on is not searched again: the client's own pauses are nobody's latency
    figures = await measure_latency(peers, rounds, count)
    print_load("latency rounds", meter)
    figures += token_figures(await measure_tokens(peers, rounds, tokens))
    print_load("rounds of tokens", meter)
    before = set(recorded_turns(server))
    load = await send_steadily(peers[1], RATE, options.seconds)
    print_load("open loop", meter)
    for error in sorted(set(load.errors))[:5]:
        print(f"  error: {error}")
    recorded = [turn for turn in recorded_turns(server) if turn not in before]
    return figures + load_figures(load, recorded, options.seconds)


def main() -> None:
    assert __doc__
    options = parse_options(__doc__, seconds=60.0)
    meter = print_head(__doc__)
    with canned() as engine:
        memory = {"context.recall_items": 5, "memory.from_chat": True}  # as it is shipped; the embedder is a fake one
        flags = {"model.source": f"openai:{engine.url}", "log.level": "warning", **memory}
        with aion(options.cache, flags) as (ours, server), litellm(options.cache, engine) as theirs:
            figures = uvloop.run(measure((engine, ours, theirs), server, options, meter))
    print_table(figures)


if __name__ == "__main__":
    main()

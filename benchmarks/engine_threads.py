"""Decode speed beside busy programs: the thread policy against "threads = cores" with llama.cpp's usual waiting.

Three engines of the same model stand side by side: all cores with OpenMP's own spin, all cores with the short spin that
AION starts its engines with (its choice on a quiet machine), and the fewer threads it swaps to beside a busy program.
Burners are started and stopped in every round. Last, a real engine is watched stepping down by itself.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from aion.config import Settings
from aion.models.catalog import LocalModel, resolve_model
from aion.models.llama import process as process_module
from aion.models.llama.generator import LlamaGenerator
from aion.models.llama.monitor import NeighbourMeter, count_cores
from aion.models.llama.process import EngineProcess
from aion.models.llama.spec import EngineSpec
from aion.models.llama.threads import fit_threads
from aion.models.wire import CHAT
from benchmarks.tools import Figure, interleave, median, parse_options, print_head, print_table, rounds_for

TOKENS = 40
BURNERS = (0, 1, 2)
DISTURBING = 0.25  # cores used by strangers, above which a measurement says little
STORY = {"messages": [{"role": "user", "content": "Tell me a long story about a lighthouse."}], "temperature": 0}


@dataclass(eq=False)
class Peer:
    """One engine and what it reached, by number of burners: each speed with the cores that strangers used meanwhile."""

    name: str
    process: EngineProcess
    speeds: dict[int, list[tuple[float, float]]] = field(default_factory=lambda: {count: [] for count in BURNERS})

    def reached(self, burners: int) -> float:
        """The median of the undisturbed ones; of all, if strangers disturbed every one."""
        undisturbed = [speed for speed, strangers in self.speeds[burners] if strangers < DISTURBING]
        return median(undisturbed or [speed for speed, _ in self.speeds[burners]])

    def count_undisturbed(self) -> int:
        return sum(strangers < DISTURBING for speeds in self.speeds.values() for _, strangers in speeds)


@contextmanager
def burn(count: int) -> Iterator[None]:
    """So many processes that want a core each."""
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        time.sleep(0.5)
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


async def decode(process: EngineProcess) -> float:
    """Tokens per second, as the engine itself measures them."""
    body = STORY | {"max_tokens": TOKENS, "ignore_eos": True}
    reply: Any = await process.wire.post(CHAT, body)
    return float(reply["timings"]["predicted_per_second"])


async def start(name: str, model: LocalModel, threads: int, *, short_spin: bool = True) -> Peer:
    process = EngineProcess(EngineSpec(model=model.path, context=1024, slots=1, threads=threads))
    with mock.patch.dict(process_module.OPENMP, clear=not short_spin):
        await process.start(120)
    await process.prove(120)
    return Peer(name, process)


async def compare(model: LocalModel, seconds: float, cores: int, meter: NeighbourMeter) -> tuple[Peer, Peer, Peer]:
    peers = (
        await start("all cores, default spin", model, cores, short_spin=False),
        await start("all cores, short spin", model, cores),
        await start("a core less, short spin", model, fit_threads(cores, 1.0)),
    )
    for _, peer in interleave(peers, rounds_for(seconds, least=3)):
        for count in BURNERS:
            with burn(count):
                meter.read()
                speed = await decode(peer.process)
                peer.speeds[count].append((speed, meter.read()))
    for peer in peers:
        await peer.process.stop()
    return peers


async def watch_step_down(model: LocalModel) -> tuple[float, float]:
    """Seconds until a real engine has stepped down beside a burner, and its speed there."""
    generator = LlamaGenerator(model, Settings.model_validate({"engine": {"context": 1024, "slots": 1}}))
    await generator.start()
    before = generator.status()["threads"]
    await asyncio.sleep(5)  # the monitor needs some quiet seconds behind it
    with burn(1):
        begin = time.monotonic()
        while generator.status()["threads"] == before and time.monotonic() - begin < 60:  # noqa: ASYNC110 - it changes by itself
            await asyncio.sleep(0.05)
        seconds = time.monotonic() - begin
        process = generator.engine.process
        speed = median([await decode(process) for _ in range(3)]) if process else 0.0
    await generator.close()
    return seconds, speed


def figures_of(fixed: Peer, quiet: Peer, stepped: Peer) -> Iterator[Figure]:
    best = max(peer.reached(0) for peer in (fixed, quiet, stepped))
    for count in BURNERS:
        beside = "quiet" if not count else f"beside {count} burner{'s' if count > 1 else ''}"
        for peer in (fixed, quiet, stepped):
            yield Figure(f"{peer.name}, {beside}", peer.reached(count), "tok/s")
    yield Figure("all cores, default spin, beside 1 burner / the quiet best", fixed.reached(1) / best, "x")
    yield Figure("all cores, short spin, beside 1 burner / the quiet best", quiet.reached(1) / best, "x")
    kept = stepped.reached(1) / best
    yield Figure("the policy beside 1 burner / the quiet best", kept, "x", target=0.5, at_least=True)
    yield Figure("the policy beside 2 burners / the quiet best", stepped.reached(2) / best, "x")
    yield Figure("short spin / default spin, quiet", quiet.reached(0) / fixed.reached(0), "x")


async def main() -> None:
    options = parse_options(__doc__ or "", seconds=90)
    meter = print_head(__doc__ or "")
    model = await resolve_model(Settings(), lambda *_: None)
    if not isinstance(model, LocalModel):
        raise SystemExit("this benchmark needs the embedded model")
    peers = await compare(model, options.seconds, cores := count_cores(), meter)
    rounds = len(peers[0].speeds[0])
    undisturbed = ", ".join(f"{peer.count_undisturbed()} of {rounds * len(BURNERS)}" for peer in peers)
    print(f"  {cores} cores, {rounds} rounds of {TOKENS} tokens; undisturbed measurements: {undisturbed}; medians")
    seconds, speed = await watch_step_down(model)
    print_table(
        [
            *figures_of(*peers),
            Figure("a real engine steps down after", seconds, "s"),
            Figure("and then decodes, still beside 1 burner", speed, "tok/s"),
        ]
    )


if __name__ == "__main__":
    asyncio.run(main())

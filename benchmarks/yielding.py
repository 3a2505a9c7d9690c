"""What a night costs those who ask while it works: time to the first token, speed after it, steps lost, answers failed.

AION is up with its embedded base, its sleeper and a night that learns facts told through the API. Requests come at
random moments at which the night was seen to use the processor in the instant before, an eighth of them while it
prepares. After each, while the night is held still, one more is sent ("held"); before and after all of them, as many
with no night at all ("awake"). Every prompt is new and of the same length. In the end a job of the night is trained
again undisturbed: the same bytes. A long run is made of pieces: `--seed` and `--save` for each, then `--join`.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import hashlib
import json
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import orjson
import psutil
import uvloop

from aion.cli.companion import Companion
from aion.records import Candidate
from aion.sleep.training.base import CHECKPOINTS, JOB, MEASURED, OUT, TOKENS
from aion.sleep.training.jobs import read_job, write_job
from aion.sleep.training.train import train
from aion.store.sqlite import SqliteStore
from benchmarks.client import BadReplyError, Client
from benchmarks.servers import Peer, aion
from benchmarks.teach import make_themes
from benchmarks.tools import Figure, default_cache, median, percentile, print_head, print_load, print_table

WORDS = (
    "harbour lantern orchard copper violin meadow thunder basket granite ribbon compass walnut feather chimney saddle "
    "marble window ladder pepper canvas anchor candle bridge garden winter barrel mirror pigeon velvet needle"
)
MODELS = {
    "model.source": "embedded",
    "embedder.source": "embedded",
    "context.recall_items": 5,
    "memory.from_chat": True,
}
AWAKE, HELD, ASLEEP = "awake", "held", "asleep"
TOKENS_ASKED = 32
SPREAD_S = 1.0  # a request comes so long after the night is seen to work, at most
BUSY_S, BUSY_NS = 0.03, 5_000_000  # it works when its processes used so much in so long
FREED_FOR_S = 0.06  # without a nanosecond used: the cores are free
PATIENCE_S = 300.0
TRAINED = "adapter_model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One request: when it came, and what the person who sent it saw."""

    kind: str
    phase: str
    first_ms: float = 0.0
    tokens_per_s: float = 0.0
    freed_ms: float = 0.0
    threads: int = 0  # of the engine, when it came
    failed: str = ""


class Night:
    """The night's processes, seen from outside."""

    def __init__(self) -> None:
        self._pids: list[int] = []
        self._looked = 0.0

    def pids(self) -> list[int]:
        """The night and its engines; looked up once in a while, because that takes long."""
        if time.monotonic() - self._looked > 0.5:
            self._pids = [pid for found in _nights() for pid in (found.pid, *(c.pid for c in _children(found)))]
            self._looked = time.monotonic()
        return self._pids

    def used_ns(self) -> int:
        """Processor time of all its threads since they began."""
        return sum(_thread_ns(pid) for pid in self.pids())


def _nights() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "aion.night" in process.cmdline():
                found.append(process)
    return found


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _thread_ns(pid: int) -> int:
    total = 0
    with suppress(OSError, ValueError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError, ValueError):
                total += int((task / "schedstat").read_text("ascii").split()[0])
    return total


class Person:
    """Somebody who asks AION, and reads how its night goes."""

    def __init__(self, peer: Peer, seed: int) -> None:
        self.peer = peer
        self.night = Night()
        self.draw = random.Random(seed)
        self._http = httpx2.AsyncClient(
            base_url=peer.url, headers={"Authorization": f"Bearer {peer.key}"}, timeout=60, trust_env=False
        )

    async def get(self, place: str) -> Any:
        return (await self._http.get(place)).raise_for_status().json()

    async def post(self, place: str, body: dict[str, Any]) -> httpx2.Response:
        return await self._http.post(place, json=body)

    async def ask(self, kind: str) -> Moment:
        """One new question, streamed."""
        phase, threads = await self._look(kind)
        freeing = asyncio.create_task(self._watch_freed()) if kind == ASLEEP else None
        connection, times, tokens, sent = Client(self.peer.url, self.peer.key), list[float](), 0, time.monotonic()
        moment = Moment(kind=kind, phase=phase, threads=threads)
        try:
            async for at, data in connection.stream(self._payload()):
                event = orjson.loads(data)
                if event["choices"] and event["choices"][0]["delta"].get("content"):
                    times.append(at)
                tokens = (event.get("usage") or {}).get("completion_tokens", tokens)
        except (BadReplyError, OSError, asyncio.IncompleteReadError) as error:
            moment = dataclasses.replace(moment, failed=str(error)[:200])
        connection.close()
        freed = await freeing - sent if freeing is not None else 0.0
        if moment.failed or len(times) < 2:
            return dataclasses.replace(moment, failed=moment.failed or f"{len(times)} pieces came")
        speed = (tokens - 1) / (times[-1] - times[0])
        return dataclasses.replace(
            moment, first_ms=(times[0] - sent) * 1000, tokens_per_s=speed, freed_ms=max(0.0, freed * 1000)
        )

    async def catch_at_work(self) -> None:
        """Until a random moment, in the instant before which the night used the processor."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            await self.begin_night()
            if await self._works():
                await asyncio.sleep(self.draw.uniform(0, SPREAD_S))
                if await self._works():
                    return
            await asyncio.sleep(0.1)  # who measures is a busy neighbour, too
        raise TimeoutError(f"no night worked for {PATIENCE_S:g} s: {await self.get('/api/sleep/status')}")

    async def await_training(self) -> None:
        """Undisturbed: preparing takes longer than all requests, and most of them are to meet training."""
        deadline = time.monotonic() + PATIENCE_S
        while (await self.get("/api/sleep/status"))["state"] != "training" and time.monotonic() < deadline:
            await self.begin_night()
            await asyncio.sleep(0.2)

    async def _works(self) -> bool:
        before = self.night.used_ns()
        await asyncio.sleep(BUSY_S)
        return self.night.used_ns() - before >= BUSY_NS

    async def begin_night(self) -> None:
        if not self.night.pids() and (await self.get("/api/sleep/status"))["state"] == "awake":
            await self.post("/api/sleep/start", {"force": True})

    async def _look(self, kind: str) -> tuple[str, int]:
        threads = int((await self.get("/api/status"))["engine"]["threads"])
        if kind == AWAKE:
            return AWAKE, threads
        told = await self.get("/api/sleep/status")
        return f"{told['state']} {told.get('stage', '')}".strip(), threads

    async def _watch_freed(self) -> float:
        """The last moment at which the night was seen to use the processor; looks for a second at most."""
        used, last = self.night.used_ns(), time.monotonic()
        end = last + 1.0
        while (now := time.monotonic()) - last < FREED_FOR_S and now < end:
            await asyncio.sleep(0.002)
            if (fresh := self.night.used_ns()) != used:
                used, last = fresh, time.monotonic()
        return last

    def _payload(self) -> dict[str, Any]:
        words = ", ".join(self.draw.choices(WORDS.split(), k=24))
        text = f"Number {self.draw.randrange(10**6, 10**7)}. Tell a story with these words in it: {words}."
        return {
            "model": self.peer.model,
            "messages": [{"role": "user", "content": text}],
            "max_tokens": TOKENS_ASKED,
            "temperature": 0.0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }


@dataclass(frozen=True, slots=True)
class Copied:
    """Job folders of the nights, as they were before training ended."""

    nights: Path
    keep: Path

    def take(self) -> None:
        """Whatever is being trained and was not taken before; the night removes it when it is over."""
        for measured in self.nights.glob(f"*/*/{MEASURED}"):
            target = self.keep / measured.parent.parent.name / measured.parent.name
            if not target.exists():
                with suppress(OSError, shutil.Error):
                    shutil.copytree(measured.parent, target, ignore=shutil.ignore_patterns(OUT, CHECKPOINTS))

    def folder(self, candidate: Candidate) -> Path | None:
        """Of the job that made it, where it is now."""
        folder = self.keep / candidate.night / candidate.theme
        if not all((folder / name).exists() for name in (JOB, TOKENS, MEASURED)):
            return None
        job = read_job(folder)
        if job.parent is not None:
            job = dataclasses.replace(job, parent=folder / job.parent.name)
        write_job(folder, job)
        return folder


async def measure(person: Person, copied: Copied, requests: int, *, to_the_end: bool) -> list[Moment]:
    for _ in range(4):
        await person.ask(AWAKE)  # warm up
    moments = [await person.ask(AWAKE) for _ in range(requests // 2)]
    for number in range(requests):
        if number == requests // 8:
            await person.await_training()
        await person.catch_at_work()
        moments.append(await person.ask(ASLEEP))
        moments.append(await person.ask(HELD))
        copied.take()
        if number % 10 == 9:
            print_load(f"after {number + 1} requests")
    if to_the_end:
        await _finish_job(person, copied)
    await person.post("/api/sleep/cancel", {})
    await asyncio.sleep(2.0)
    return moments + [await person.ask(AWAKE) for _ in range(requests - requests // 2)]


async def _finish_job(person: Person, copied: Copied) -> None:
    """Undisturbed until the first adapter is there, so that there is one to compare."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        copied.take()
        if any(copied.folder(one) for one in read_candidates(copied.nights.parent)):
            break
        await person.begin_night()
        await asyncio.sleep(0.5)


def read_candidates(data: Path) -> list[Candidate]:
    store = SqliteStore(data, read_only=True)
    try:
        return list(store.nights.candidates(owner=None, limit=100))
    finally:
        store.close()


def check_bits(copied: Copied, most: int) -> list[Figure]:
    """Jobs trained again with nobody asking anything: the same steps, losses and bytes."""
    figures = []
    made = [(one, folder) for one in read_candidates(copied.nights.parent) if (folder := copied.folder(one))]
    for candidate, folder in sorted(made, key=lambda one: len(one[0].record["losses"]))[:most]:
        again = train(folder, tell=lambda _: None)
        same = hashlib.sha256((again.folder / TRAINED).read_bytes()).hexdigest() == candidate.peft
        lost = again.steps - len(candidate.record["losses"])
        figures.append(Figure(f"steps lost of {again.steps}", lost, "", 0))
        figures.append(
            Figure("the same losses", list(again.losses) == candidate.record["losses"], "", 1, at_least=True)
        )
        figures.append(Figure("the same bytes", same, "", 1, at_least=True))
    return figures


def figures_of(moments: Sequence[Moment]) -> list[Figure]:
    sound = [one for one in moments if not one.failed]
    of = {kind: [one for one in sound if one.kind == kind] for kind in (AWAKE, HELD, ASLEEP)}
    first = {kind: [one.first_ms for one in found] for kind, found in of.items()}
    speed = {kind: [one.tokens_per_s for one in found] for kind, found in of.items()}
    figures = []
    for kind, found in first.items():
        for name, value in (("p50", median(found)), ("p95", percentile(found, 95)), ("max", max(found))):
            figures.append(Figure(f"first token, {kind}, {name} of {len(found)}", value, "ms"))
    awake, asleep = percentile(first[AWAKE], 95), percentile(first[ASLEEP], 95)
    figures += [
        Figure("first token p95, asleep / awake", asleep / awake, "x"),
        Figure("first token p95 asleep; target 1.3 x awake + 250", asleep, "ms", round(1.3 * awake + 250, 1)),
        Figure("added to the awake median at p95", asleep - median(first[AWAKE]), "ms", 500),
        *(Figure(f"decode, {kind}, median", median(found), "tokens/s") for kind, found in speed.items()),
        Figure("decode, asleep / awake", median(speed[ASLEEP]) / median(speed[AWAKE]), "x", 0.95, at_least=True),
        Figure("decode, held / awake", median(speed[HELD]) / median(speed[AWAKE]), "x", 0.95, at_least=True),
        Figure("fewest threads of the engine, awake", min(one.threads for one in of[AWAKE]), ""),
        Figure("fewest threads of the engine, asleep", min(one.threads for one in of[ASLEEP]), ""),
        Figure("requests failed", len(moments) - len(sound), "", 0),
    ]
    return [*figures, *_by_phase(of[ASLEEP])]


def _by_phase(moments: Sequence[Moment]) -> Iterator[Figure]:
    for phase in sorted({one.phase for one in moments}):
        found = [one for one in moments if one.phase == phase]
        freed, first = [one.freed_ms for one in found], [one.first_ms for one in found]
        yield Figure(f"{phase}: first token p95 of {len(found)}", percentile(first, 95), "ms")
        target = 250.0 if phase.startswith("training") else None
        yield Figure(f"{phase}: cores free after, p50", median(freed), "ms", target)
        yield Figure(f"{phase}: cores free after, p95", percentile(freed, 95), "ms", target)
        yield Figure(f"{phase}: cores free after, max", max(freed), "ms", target)


@contextmanager
def sleeping(cache: Path, flags: dict[str, Any]) -> Iterator[tuple[Peer, Path]]:
    """AION with its sleeper beside it, as `aion up` starts them."""
    with aion(cache, MODELS | flags) as (peer, server):
        companion = Companion({"data": str(server.data), "server.port": 0, **MODELS, **flags})
        companion.begin()
        try:
            yield peer, server.data
        finally:
            companion.close()


async def teach(person: Person, facts: int, seed: int) -> None:
    told = [fact.lesson.statement for theme in make_themes(seed, by_edit=False) for fact in theme.facts][:facts]
    for text in told:
        (await person.post("/api/memory", {"text": text})).raise_for_status()


def parse() -> argparse.Namespace:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=100, help="at random moments of the night")
    parser.add_argument("--facts", type=int, default=36, help="taught before it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--replay", type=int, default=1, help="jobs that are trained again undisturbed; 0: the last night is cancelled"
    )
    parser.add_argument("--quick", action="store_true", help="few requests: to see that it runs, not to quote")
    parser.add_argument("--save", type=Path, help="file for what was measured")
    parser.add_argument("--join", type=Path, nargs="+", help="files of --save: measure nothing, show them together")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder for data")
    options = parser.parse_args()
    if options.quick:
        options.requests, options.facts = 6, 6
    return options


async def run(options: argparse.Namespace, peer: Peer, copied: Copied) -> list[Moment]:
    person = Person(peer, options.seed)
    await teach(person, options.facts, options.seed)
    return await measure(person, copied, options.requests, to_the_end=options.replay > 0)


def main() -> None:
    assert __doc__
    options = parse()
    if options.join:
        saved = [json.loads(path.read_text("utf-8")) for path in options.join]
        print_table(figures_of([Moment(**one) for piece in saved for one in piece]))
        return
    meter = print_head(__doc__)
    flags = {"sleep.quiet_s": 0.3, "sleep.disk_reserve_mb": 0, "sleep.auto": False, "log.level": "warning"}
    options.cache.mkdir(parents=True, exist_ok=True)
    folder = tempfile.TemporaryDirectory(dir=options.cache, prefix="jobs-")
    with folder as keep, sleeping(options.cache, flags) as (peer, data):
        copied = Copied(data / "nights", Path(keep))
        moments = uvloop.run(run(options, peer, copied))
        print_load("while measuring", meter)
        if options.save:
            options.save.write_text(json.dumps([dataclasses.asdict(one) for one in moments]), "utf-8")
        figures = figures_of(moments) + check_bits(copied, options.replay)
    print_table(figures)
    for one in moments:
        if one.failed:
            print(f"  failed while {one.phase}: {one.failed}")


if __name__ == "__main__":
    main()

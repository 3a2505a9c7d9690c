"""Rounds of: start a workload, let it acknowledge, strike it, reopen, compare.

    tally = run_rounds(workload, choose, rounds=200, folder=tmp_path, seed=1)
    tally.must_hold(rounds=200)

`workload` is `PipeWorkload` (a child that prints each id once it is durable) or `ServerWorkload` (a server with N
clients, `start_server(folder, env)`). `choose(rng)` draws the injector of one round from its seed. A round in which
the injector did not fire is void: it is checked like any other, not counted, and repeated with the next seed. What is
drawn repeats by seed; what the threads had done by then does not.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.faults.injectors import NOTHING_UNDONE, Acks, Injector, Strike

ROOT = Path(__file__).parents[2]
Write = Callable[[str, int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What reopening showed."""

    lost: tuple[str, ...] = ()  # acknowledged, and not there
    doubled: tuple[str, ...] = ()  # there more than once
    findings: tuple[str, ...] = ()  # corruption, altered content, whatever else is wrong


class Running(Protocol):
    """A started round: its process, and how to wait for the writers once the process is dead."""

    @property
    def process(self) -> subprocess.Popen[bytes]: ...

    def join(self) -> None: ...


class Workload(Protocol):
    """Something that writes and acknowledges, and can be reopened and compared."""

    def start(self, folder: Path, env: Mapping[str, str], tag: str, acks: Acks) -> Running: ...

    def check(self, folder: Path, acked: Sequence[str]) -> Verdict: ...


@dataclass(frozen=True, slots=True)
class Started:
    """A process and the threads that log what it acknowledges."""

    process: subprocess.Popen[bytes]
    threads: Sequence[threading.Thread]

    def join(self) -> None:
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive(), "a client did not notice that its server is dead"
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def spawn(argv: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, so that all of it can be ended and nothing else."""
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, env={**os.environ, **env}, cwd=ROOT, stdin=pipe, stdout=pipe, start_new_session=True)


@dataclass(frozen=True, slots=True)
class PipeWorkload:
    """A child `argv + [folder, tag]` that prints one id a line, each after it is durable."""

    argv: Sequence[str]
    compare: Callable[[Path, Sequence[str]], Verdict]

    def start(self, folder: Path, env: Mapping[str, str], tag: str, acks: Acks) -> Running:
        child = spawn([*self.argv, str(folder), tag], env)
        reader = threading.Thread(target=self._read, args=(child, acks), daemon=True)
        reader.start()
        return Started(child, [reader])

    @staticmethod
    def _read(child: subprocess.Popen[bytes], acks: Acks) -> None:
        assert child.stdout is not None
        for line in child.stdout:
            if line.endswith(b"\n"):  # the kill may have cut the last one short
                acks.add(line.decode().strip())

    def check(self, folder: Path, acked: Sequence[str]) -> Verdict:
        return self.compare(folder, acked)


@dataclass(frozen=True, slots=True)
class ServerWorkload:
    """A server and `clients` threads that write to it until it is dead.

    `start_server(folder, env)` returns the process, made by `spawn`, and once it answers a function `write(who, n)`;
    None in its place when the process died first. `write` makes one write and returns its id once the reply was read
    whole, or raises an error of `gone` when the server went away.
    """

    start_server: Callable[[Path, Mapping[str, str]], tuple[subprocess.Popen[bytes], Write | None]]
    compare: Callable[[Path, Sequence[str]], Verdict]
    gone: tuple[type[Exception], ...] = (OSError,)
    clients: int = 4

    def start(self, folder: Path, env: Mapping[str, str], tag: str, acks: Acks) -> Running:
        process, write = self.start_server(folder, env)
        names = [f"{tag}-c{n}" for n in range(self.clients)] if write else []
        threads = [threading.Thread(target=self._drive, args=(write, name, acks), daemon=True) for name in names]
        for thread in threads:
            thread.start()
        return Started(process, threads)

    def _drive(self, write: Write, name: str, acks: Acks) -> None:
        for n in itertools.count():
            try:
                acks.add(write(name, n))
            except self.gone:
                return

    def check(self, folder: Path, acked: Sequence[str]) -> Verdict:
        return self.compare(folder, acked)


@dataclass(slots=True)
class Tally:
    """What the rounds of one run came to."""

    rounds: int = 0
    voids: Counter[str] = field(default_factory=Counter)
    acked: int = 0
    lossy_rounds: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    undone: Counter[str] = field(default_factory=Counter)
    struck_at: Counter[str] = field(default_factory=Counter)

    def add(self, strike: Strike, verdict: Verdict, acked: int) -> None:
        self.acked += acked
        self.lossy_rounds += bool(verdict.lost)
        self.lost += verdict.lost
        self.doubled += verdict.doubled
        self.findings += verdict.findings
        if strike.void:
            self.voids[strike.void] += 1
            return
        self.rounds += 1
        self.struck_at[str(strike.report.get("at", "kill"))] += 1
        self.undone.update({key: int(strike.report[key]) for key in strike.report if key.startswith("undone_")})

    def must_hold(self, *, rounds: int) -> None:
        """Every promised round was fired, something was acknowledged, and none of it was lost, doubled or damaged."""
        assert self.rounds >= rounds, f"only {self.rounds} of {rounds} rounds fired; void: {dict(self.voids)}"
        assert self.acked > 0, "nothing was acknowledged, so nothing was shown"
        assert not self.lost, f"{len(self.lost)} acknowledged of {self.acked} were lost: {self.lost[:5]}"
        assert not self.doubled, f"doubled: {self.doubled[:5]}"
        assert not self.findings, f"{len(self.findings)} findings: {self.findings[:5]}"

    def must_hold_at(self, *, calls: int) -> None:
        """Each of so many calls was cut at; where nothing was left to be undone, what was there was still checked."""
        self.must_hold(rounds=calls - self.voids[NOTHING_UNDONE])

    def __str__(self) -> str:
        return (
            f"{self.rounds} rounds ({sum(self.voids.values())} void), {self.acked} acknowledged, {len(self.lost)} lost "
            f"in {self.lossy_rounds} rounds, {len(self.doubled)} doubled, {len(self.findings)} findings, "
            f"undone {dict(self.undone)}, struck at {dict(self.struck_at)}, void {dict(self.voids)}"
        )


def run_rounds(
    workload: Workload,
    choose: Callable[[random.Random], Injector],
    *,
    rounds: int,
    folder: Path,
    seed: int = 1,
    fresh_every: int = 5,
    max_void: float = 0.5,
    attempts: int | None = None,
) -> Tally:
    """Run until `rounds` have fired, too many were void, or so many were tried, fired or not.

    `fresh_every` rounds share one folder and its history.
    """
    tally = Tally()
    acked: list[str] = []
    attempt = 0
    while tally.rounds < rounds and sum(tally.voids.values()) <= max_void * rounds and attempt != attempts:
        data = folder / f"data-{attempt // fresh_every}"
        if attempt % fresh_every == 0:
            data.mkdir()
            acked = []
        acks = Acks()
        injector = choose(random.Random(f"{seed}:{attempt}"))
        running = workload.start(data, injector.env(data), f"r{attempt}", acks)
        strike = injector.strike(running.process, acks, data)
        running.join()
        code = running.process.returncode
        assert code in {0, -signal.SIGKILL}, f"the child failed by itself with {code}, which no injector does"
        acked += acks.ids()
        verdict = workload.check(data, acked)
        tally.add(strike, verdict, len(acks.ids()))
        acked = sorted(set(acked) - set(verdict.lost))  # a loss is counted once
        attempt += 1
    return tally

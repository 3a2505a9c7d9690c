"""The two ways a round ends: kill -9 after a delay, and a power cut at the N-th call that changes a watched folder.

An injector says what the child's environment needs, strikes, and hands back the proof that it fired. It does not look
at what survived: the workload does.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.faults.build import powercut_library

CUT_SIGNAL = signal.SIGRTMIN + 7  # used by nothing else here
PATIENCE_S = 30.0
NOTHING_UNDONE = "nothing was undone"


class Acks:
    """The ids a client has seen acknowledged, in the order it saw them. Safe from any thread."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._some = threading.Event()
        self._lock = threading.Lock()

    def add(self, name: str) -> None:
        with self._lock:
            self._ids.append(name)
        self._some.set()

    def wait_first(self, seconds: float) -> bool:
        return self._some.wait(seconds)

    def ids(self) -> list[str]:
        with self._lock:
            return list(self._ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """What an injector did; `void` is empty when it fired and something was at stake, else it says why not."""

    void: str
    report: Mapping[str, int | str | bool] = field(default_factory=dict)


class Injector(Protocol):
    """Ends one round of a child that was started with `env(folder)` in a session of its own."""

    def env(self, folder: Path) -> dict[str, str]: ...

    def strike(self, child: subprocess.Popen[bytes], acks: Acks, folder: Path) -> Strike: ...


@dataclass(frozen=True, slots=True)
class kill9:  # noqa: N801 - reads as the verb it is
    """SIGKILL, `delay` seconds after the first acknowledgement."""

    delay: float

    def env(self, folder: Path) -> dict[str, str]:
        return {}

    def strike(self, child: subprocess.Popen[bytes], acks: Acks, folder: Path) -> Strike:
        acked = wait_first(child, acks)
        time.sleep(self.delay)
        alive = child.poll() is None
        child.kill()
        end_group(child)
        if not acked:
            return Strike(void="nothing was acknowledged before the kill")
        return Strike(void="" if alive and child.returncode == -signal.SIGKILL else "the child had ended by itself")


@dataclass(frozen=True, slots=True)
class powercut:  # noqa: N801 - reads as the verb it is
    """Undo what was not fsynced at the `nth` counted call (see powercut.c), all of it or a part seeded by `torn`.

    With `delay` the cut comes that many seconds after the first acknowledgement if the call was not reached by then,
    and the call may be 0, which is never reached.
    """

    nth: int
    torn: int | None = None
    calls: str = "write,sync,truncate,name"
    delay: float | None = None

    def env(self, folder: Path) -> dict[str, str]:
        grave(folder).mkdir(exist_ok=True)
        report(folder).unlink(missing_ok=True)
        env = {
            "LD_PRELOAD": str(powercut_library()),
            "POWERCUT_ROOT": str(folder),
            "POWERCUT_GRAVE": str(grave(folder)),
            "POWERCUT_REPORT": str(report(folder)),
            "POWERCUT_AT": str(self.nth),
            "POWERCUT_CALLS": self.calls,
            "POWERCUT_SIGNAL": str(CUT_SIGNAL),
            "POWERCUT_GROUP": "1",
        }
        return env if self.torn is None else env | {"POWERCUT_TORN": str(self.torn)}

    def strike(self, child: subprocess.Popen[bytes], acks: Acks, folder: Path) -> Strike:
        try:
            if self.delay is None:
                child.wait(PATIENCE_S)
            else:
                wait_first(child, acks)
                child.wait(self.delay)
        except subprocess.TimeoutExpired:
            child.send_signal(CUT_SIGNAL)
        end_group(child)
        shutil.rmtree(grave(folder))
        return read_strike(report(folder), child.returncode)


def wait_first(child: subprocess.Popen[bytes], acks: Acks) -> bool:
    """Until something was acknowledged, or the child is dead, or patience ends."""
    deadline = time.monotonic() + PATIENCE_S
    while not acks.wait_first(0.01):
        if child.poll() is not None or time.monotonic() > deadline:
            return acks.wait_first(0.1)  # what it said last may still be on its way
    return True


def grave(folder: Path) -> Path:
    return folder.with_name(folder.name + ".grave")


def report(folder: Path) -> Path:
    return folder.with_name(folder.name + ".report.json")


def end_group(child: subprocess.Popen[bytes]) -> None:
    """Reap the child and whatever it had started in its session."""
    try:
        child.wait(PATIENCE_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def read_strike(path: Path, returncode: int | None) -> Strike:
    """A cut is void unless it fired, understood everything it saw, and took something away."""
    if not path.exists():
        return Strike(void=f"no report: the watched folder was never written, or the child ended with {returncode}")
    found = json.loads(path.read_text("utf-8"))
    if found["failed"]:
        raise AssertionError(f"the power cut could not undo what it meant to: {found}")
    if found["unmodelled"]:
        raise AssertionError(f"the child changes files in ways the power cut does not see: {found}")
    if not found["fired"] or returncode != -signal.SIGKILL:
        return Strike(void="the child ended before the cut", report=found)
    undone = found["undone_sectors"] + found["undone_sizes"] + found["undone_names"]
    return Strike(void="" if undone else NOTHING_UNDONE, report=found)

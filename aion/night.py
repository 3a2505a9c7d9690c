"""One night, from lessons to candidates, in steps that are done once each: `python -m aion.night`, by the sleeper.

Killed anywhere it is begun again and goes on from the last step that was noted, or inside training from the last whole
checkpoint. It runs for one person, at the lowest priority, and tells the server where it is; rows are the server's to
write. When the server is gone, it ends, and the sleeper begins it again once there is one.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psutil
import structlog

from aion.config import AUTO, Settings, load
from aion.errors import AionError, Failed, Unavailable
from aion.records import Json, Night, NightState
from aion.sleep.base import Progress
from aion.sleep.door import Door, find_door
from aion.sleep.journal import Journal
from aion.store.sqlite import SqliteStore

NIGHTS = "nights"
TELL_EVERY_S = 1.0
WAIT_S = 0.2
PR_SET_PDEATHSIG = 1
DONE, AGAIN = 0, 3  # exit codes: the server knows how it ended; begin it again
SAFE = re.compile(r"[A-Za-z0-9_-]{1,80}")
log = structlog.get_logger()


class Over(Exception):  # noqa: N818 - what happened, not a fault
    """The night ends before its work does: cancelled, or its time is up."""

    def __init__(self, state: NightState, reason: str) -> None:
        super().__init__(reason)
        self.state, self.reason = state, reason


class Steps(Protocol):
    """The work of a night. Each may be done again after it was cut short, and says its result in small JSON."""

    def arrange(self, night: Night) -> Json:
        """Find what there is to learn and sort it: {"themes": [{"id", "name"}, ...]}, those due, most due first."""
        ...

    def prepare(self, night: Night, theme: str) -> Json:
        """Write the job folder: {"fresh": n, "lessons", "sources", "dataset", "base", "parent"}.

        With fresh 0 there is nothing to train.
        """
        ...

    def train(self, night: Night, theme: str, tell: Callable[[Progress], None], pause: Callable[[], None]) -> Json: ...

    def export(self, night: Night, theme: str) -> Json: ...

    def tidy(self, night: Night) -> None:
        """Remove the job folders of a night that is over."""
        ...


@dataclass(slots=True)
class Reporter:
    """Tells the server where the night is, and learns from its replies whether to wait or to end."""

    door: Door
    night: Night
    may_stop: bool = True  # by the kernel; not on a GPU
    state: NightState = NightState.PREPARING
    doing: dict[str, Any] = field(default_factory=dict)
    waits: bool = False
    told: float = 0.0
    began: int = 0

    def tell(self, state: NightState, *, reason: str = "", candidates: tuple[str, ...] = ()) -> None:
        self.state = state
        body = {
            "night": self.night.id,
            "owner": self.night.owner,
            "state": state.value,
            "reason": reason or self.night.reason,
            "asked": self.night.asked,
            "minutes": self.night.minutes,
            "theme": self.night.theme or None,
            "pid": os.getpid(),
            "began": self.began,
            "may_stop": self.may_stop and state is NightState.TRAINING,
            "doing": self.doing,
            "candidates": list(candidates),
        }
        reply = self.door.tell("progress", body)
        self.told = time.monotonic()
        self.waits = bool(reply["pause"])
        if reply["cancel"]:
            raise Over(NightState.CANCELLED, "cancelled")

    def follow(self, progress: Progress) -> None:
        """At most once a second; the trainer calls it after each step."""
        keys = ("step", "steps", "loss", "tokens_per_s", "eta_s", "peak_bytes")
        self.doing |= {key: getattr(progress, key) for key in keys} | {"stage": progress.stage.value}
        if time.monotonic() - self.told >= TELL_EVERY_S:
            self.tell(NightState.TRAINING)

    def wait(self) -> None:
        """While somebody is answered and the kernel does not hold this process still; asks again until it may go on."""
        while self.waits:
            time.sleep(WAIT_S)
            self.tell(self.state)


@dataclass(slots=True)
class Clock:
    """Minutes that a night may work; what it waits does not count, and being stopped shows as one long moment."""

    limit_s: float
    spent_s: float = 0.0
    last: float = field(default_factory=time.monotonic)

    def tick(self, *, waiting: bool = False) -> None:
        now = time.monotonic()
        gone, self.last = now - self.last, now
        if not waiting and gone < 5.0:  # longer between two layers: it was stopped
            self.spent_s += gone
        if self.spent_s > self.limit_s:
            raise Over(NightState.DONE, "its time was up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A night with what it needs."""

    night: Night
    steps: Steps
    journal: Journal
    reporter: Reporter
    clock: Clock

    def run(self) -> dict[str, str]:
        """All steps that are not noted yet; gives the candidate of each theme."""
        made: dict[str, str] = {}
        themes: list[Json] = []
        state, reason = NightState.DONE, ""
        try:
            self.reporter.tell(NightState.PREPARING)
            themes = self._once("arrange", lambda: self.steps.arrange(self.night))["themes"]
            for theme in themes:
                if candidate := self._learn(theme):
                    made[theme["id"]] = candidate
        except Over as early:
            state, reason = early.state, f"{early.reason}; {len(made)} of {len(themes)} themes are done"
        if state is NightState.DONE:
            with contextlib.suppress(Over):  # cancelled in the last moment: the server knows
                words = reason or f"{len(made)} {'adapter' if len(made) == 1 else 'adapters'}"
                self.reporter.tell(state, reason=words, candidates=tuple(made.values()))
        self.steps.tidy(self.night)
        self.journal.forget(self.night.id)
        return made

    def _learn(self, theme: Json) -> str:
        """The candidate's id; empty when there is nothing new in the theme."""
        name = str(theme["id"])
        if not SAFE.fullmatch(name):
            raise Failed(f"theme {name!r} has an id that cannot name a folder")
        self.reporter.doing = {"theme": name, "theme_name": theme["name"]}
        self.reporter.tell(NightState.PREPARING)
        prepared = self._once(f"prepare {name}", lambda: self.steps.prepare(self.night, name) | {"at": time.time()})
        if not prepared["fresh"]:
            return ""
        self.reporter.tell(NightState.TRAINING)
        self._once(f"train {name}", lambda: self.steps.train(self.night, name, self.reporter.follow, self._pause))
        self.reporter.tell(NightState.EXPORTING)
        self._once(f"export {name}", lambda: self.steps.export(self.night, name))
        told = {key: prepared[key] for key in ("lessons", "sources", "dataset", "base", "parent")}
        told |= {"owner": self.night.owner, "night": self.night.id, "theme": name, "created": prepared["at"]}
        taken = self._once(f"hand over {name}", lambda: self.reporter.door.tell("candidates", told))
        return str(taken["id"])

    def _once(self, name: str, work: Callable[[], Json]) -> Json:
        return self.journal.once(self.night.id, name, work)

    def _pause(self) -> None:
        self.clock.tick()
        if self.reporter.waits:
            self.reporter.wait()
            self.clock.tick(waiting=True)


def lower_priority() -> None:
    """Behind everything else on this machine, for processor and disk; what the system refuses is left as it is."""
    with contextlib.suppress(OSError):
        os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError, AttributeError, psutil.Error):
        psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)


def die_with_parent(life_line: int) -> None:
    """By signal, which also ends a process that is stopped; elsewhere than on Linux by the end of its input."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.read(life_line, 4096):
            pass
        os._exit(AGAIN)

    threading.Thread(target=watch, daemon=True).start()


def began_at(pid: int) -> int:
    """Start of a process in clock ticks since boot; 0 where that is not told."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[19])
    return 0


def read_night(settings: Settings, night_id: str) -> Night:
    store = SqliteStore(settings.data, read_only=True)
    try:
        night = store.nights.night(night_id, owner=None)
    finally:
        store.close()
    if night is None:
        raise Failed(f"there is no night {night_id!r}; the sleeper begins those that were asked for")
    return night


def main(make_steps: Callable[[Settings, Door], Steps] | None = None) -> int:
    """Reads {"flags": ..., "night": id} from stdin, which then stays open as a life line."""
    life_line = os.dup(0)
    line = bytearray()
    while (byte := os.read(life_line, 1)) not in (b"", b"\n"):
        line += byte
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    die_with_parent(life_line)
    lower_priority()
    told = json.loads(line)
    settings = load(told["flags"]).settings
    door = find_door(settings.data)
    if door is None:
        return AGAIN
    return attend(settings, door, read_night(settings, told["night"]), make_steps or build_steps)


def attend(settings: Settings, door: Door, night: Night, make_steps: Callable[[Settings, Door], Steps]) -> int:
    """Run it, and tell the server how it ended when it failed."""
    for number in (signal.SIGUSR1, signal.SIGUSR2):  # the reporter asks the server by itself
        signal.signal(number, lambda *_: None)
    on_processor = settings.train.device in (AUTO, "cpu")
    reporter = Reporter(door, night, may_stop=on_processor, began=began_at(os.getpid()))
    signal.signal(signal.SIGUSR1, lambda *_: setattr(reporter, "waits", True))
    minutes = night.minutes or settings.sleep.max_minutes
    journal = Journal(settings.data / NIGHTS)
    try:
        steps = make_steps(settings, door)
        Workflow(night=night, steps=steps, journal=journal, reporter=reporter, clock=Clock(minutes * 60)).run()
    except Unavailable as error:
        log.warning("night.server_gone", reason=error.message)
        return AGAIN
    except AionError as error:
        log.error("night.failed", code=error.code, reason=error.message)
        reporter.tell(NightState.FAILED, reason=error.message[:500])
    return DONE


def build_steps(settings: Settings, door: Door) -> Steps:
    """The real ones; loaded here alone, because they bring torch with them."""
    from aion.sleep.work import NightWork  # noqa: PLC0415 - an optional heavy backend

    return NightWork(settings, door)


if __name__ == "__main__":
    sys.exit(main())

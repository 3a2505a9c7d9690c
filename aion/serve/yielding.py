"""Holds a night's process still while anybody is answered, and lets it go on after a quiet spell, or in a window.

A night that trains on the processor is stopped by the kernel, through a descriptor of that very process, so that a
number that was given to another process is never signalled; so is one that was only just begun, of which the sleeper
tells. It is not stopped while it holds a database open, nor on a GPU, whose memory a stopped process would keep: there
it is asked by signal, and holds itself and its engines still. In a window that a person granted it works beside the
requests. When nothing sleeps, a request costs two additions and one look at the clock. One event loop only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from aion.store.lock import began_at

log = structlog.get_logger()
PAUSE, RESUME = signal.SIGUSR1, signal.SIGUSR2  # asks a night that may not be stopped
SHORTEST_S, LONGEST_S = 0.05, 30.0  # between two looks: a window may open while somebody is answered


@dataclass(frozen=True, slots=True, kw_only=True)
class NightProcess:
    """A night's process, as it or the sleeper told of it. `began` is its start in clock ticks since boot."""

    pid: int
    began: int
    may_stop: bool  # holds no database and no GPU memory


class Yielding:
    """`enter` before anything waits for a model, `leave` after it. `opens` says how long a window is open anyway."""

    def __init__(
        self,
        quiet_s: float,
        *,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        opens: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.quiet_s = quiet_s
        self._on_change = on_change
        self._clock = clock
        self._opens = opens
        self._busy = 0
        self._last = clock()
        self._granted = self._last  # until then
        self._process: NightProcess | None = None
        self._descriptor = -1
        self._release = signal.SIGCONT  # what ends the hold that it was begun with
        self._timer: asyncio.TimerHandle | None = None
        self.paused = False
        self.interruptions = 0

    @property
    def idle_s(self) -> float:
        return 0.0 if self._busy else self._clock() - self._last

    @property
    def window_s(self) -> float:
        """How long a night may still work beside requests; 0 when it may not."""
        return max(0.0, self._granted - self._clock(), self._opens())

    @property
    def wants_pause(self) -> bool:
        """Somebody is being answered, or was a moment ago, and no window is open."""
        return (self._busy > 0 or self.idle_s < self.quiet_s) and not self.window_s

    def enter(self) -> None:
        self._busy += 1
        self._last = self._clock()
        if self._process is not None and not self.paused:
            self.look()

    def leave(self) -> None:
        self._busy -= 1
        self._last = self._clock()
        if self.paused and not self._busy:
            self.look()

    def grant(self, seconds: float) -> None:
        """Open a window for so long from now; 0 closes it."""
        self._granted = self._clock() + seconds
        self.look()

    def register(self, process: NightProcess) -> bool:
        """A night begins, or tells that it may or may not be stopped from now on. False: there is no such process."""
        if self._process is None or (self._process.pid, self._process.began) != (process.pid, process.began):
            self.forget()
            descriptor = open_process(process.pid, process.began)
            if descriptor is None:
                return False
            self._descriptor = descriptor
        self._process = process
        self.look()
        return True

    def forget(self) -> None:
        """The night is over. What is held still is let go."""
        if self._process is None:
            return
        if self.paused:
            self._send(self._release)
        os.close(self._descriptor)
        self._process, self._descriptor, self.paused = None, -1, False
        self._cancel_timer()

    def lives(self) -> bool:
        """Whether the night that registered still runs; forgets one that does not."""
        if self._process is not None and has_ended(self._descriptor):
            self.forget()
        return self._process is not None

    def pids(self) -> list[int]:
        """The night and the engines it began: no neighbours to those who answer, because they stop for them."""
        pid = self._process.pid if self._process is not None else None
        return [] if pid is None else [pid, *children_of(pid)]

    def look(self) -> None:
        """Hold the night still or let it go, as the moment asks, and look again when that may change."""
        self._cancel_timer()
        if self._process is None:
            return
        window_s = self.window_s
        if not self.paused and self._busy and not window_s:
            self._pause()
        elif self.paused and not self.wants_pause:
            self._resume()
        if self.paused:
            self._wait(LONGEST_S if self._busy else self.quiet_s - self.idle_s)
        elif window_s:
            self._wait(window_s)

    def _pause(self) -> None:
        process = self._process
        if process is None:
            return
        held, self._release = (signal.SIGSTOP, signal.SIGCONT) if process.may_stop else (PAUSE, RESUME)
        if not self._send(held):
            return
        self.paused = True
        self.interruptions += 1
        self._on_change()

    def _resume(self) -> None:
        self._send(self._release)
        self.paused = False
        self._on_change()

    def _wait(self, seconds: float) -> None:
        seconds = min(max(seconds, SHORTEST_S), LONGEST_S)
        self._timer = asyncio.get_running_loop().call_later(seconds, self.look)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send(self, number: signal.Signals) -> bool:
        try:
            signal.pidfd_send_signal(self._descriptor, number)
        except ProcessLookupError:
            return False  # it ended: the sleeper tells how
        except OSError as error:
            log.warning("sleep.signal_failed", signal=number.name, reason=error.strerror)
            return False
        return True


def open_process(pid: int, began: int) -> int | None:
    """A descriptor of this process and no later one of its number; None when it is gone or was never it."""
    if not hasattr(os, "pidfd_open"):
        return None  # not Linux: such a night asks, and waits by itself
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return None
    if began_at(pid) != began:  # the descriptor came first, so this is the start of the one it names
        os.close(descriptor)
        return None
    return descriptor


def children_of(pid: int) -> list[int]:
    """What its main thread has begun; none where the system does not tell."""
    with contextlib.suppress(OSError, ValueError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    return []


def has_ended(descriptor: int) -> bool:
    """A descriptor of a process becomes readable when it ends."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))

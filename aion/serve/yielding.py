"""Holds a night's process still while anybody is answered, and lets it go on after a quiet spell.

A night on the processor is stopped by the kernel, through a descriptor of that very process, so that a number that was
given to another process is never signalled. It is not stopped while it holds a database open, nor on a GPU, whose
memory a stopped process would keep: there it is asked by signal, and waits by itself. When nothing sleeps, a request
costs two additions and one look at the clock. One event loop only.
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

log = structlog.get_logger()
PAUSE, RESUME = signal.SIGUSR1, signal.SIGUSR2  # asks a night that may not be stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class NightProcess:
    """A night's process, as it told of itself. `began` is its start in clock ticks since boot."""

    pid: int
    began: int
    may_stop: bool  # holds no database and no GPU memory


class Yielding:
    """`enter` before anything waits for a model, `leave` after it."""

    def __init__(
        self,
        quiet_s: float,
        *,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quiet_s = quiet_s
        self._on_change = on_change
        self._clock = clock
        self._busy = 0
        self._last = clock()
        self._process: NightProcess | None = None
        self._descriptor = -1
        self._timer: asyncio.TimerHandle | None = None
        self.paused = False
        self.interruptions = 0

    @property
    def idle_s(self) -> float:
        return 0.0 if self._busy else self._clock() - self._last

    @property
    def wants_pause(self) -> bool:
        """Somebody is being answered, or was a moment ago."""
        return self._busy > 0 or self.idle_s < self._quiet_s

    def enter(self) -> None:
        self._busy += 1
        self._last = self._clock()
        if self._process is not None and not self.paused:
            self._pause()

    def leave(self) -> None:
        self._busy -= 1
        self._last = self._clock()

    def register(self, process: NightProcess) -> bool:
        """A night begins, or tells that it may or may not be stopped from now on. False: there is no such process."""
        if self._process is None or (self._process.pid, self._process.began) != (process.pid, process.began):
            self.forget()
            descriptor = open_process(process.pid, process.began)
            if descriptor is None:
                return False
            self._descriptor = descriptor
        self._process = process
        if self._busy and not self.paused:
            self._pause()
        return True

    def forget(self) -> None:
        """The night is over. What is stopped is let go."""
        if self._process is None:
            return
        self._send(signal.SIGCONT)
        os.close(self._descriptor)
        self._process, self._descriptor, self.paused = None, -1, False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def lives(self) -> bool:
        """Whether the night that registered still runs; forgets one that does not."""
        if self._process is not None and has_ended(self._descriptor):
            self.forget()
        return self._process is not None

    def _pause(self) -> None:
        process = self._process
        if process is None or not self._send(signal.SIGSTOP if process.may_stop else PAUSE):
            return
        self.paused = True
        self.interruptions += 1
        self._wait(self._quiet_s)
        self._on_change()

    def _resume(self) -> None:
        """Once it has been quiet for long enough; until then it looks again."""
        self._timer = None
        if self._process is None:
            return
        left = self._quiet_s - self.idle_s
        if self._busy or left > 0:
            self._wait(max(left, 0.05) if not self._busy else max(self._quiet_s, 0.05))
            return
        self._send(signal.SIGCONT)
        self._send(RESUME)
        self.paused = False
        self._on_change()

    def _wait(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._resume)

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


def began_at(pid: int) -> int:
    """Start of a process in clock ticks since boot; 0 when it cannot be told."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[19])
    return 0


def has_ended(descriptor: int) -> bool:
    """A descriptor of a process becomes readable when it ends."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))

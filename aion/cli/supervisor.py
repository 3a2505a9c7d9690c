"""Keeps one server process alive: starts it, restarts it with back-off when it dies, and stops it when told.

The child gets its flags as one JSON line on stdin, which then stays open: when the supervisor dies, however it dies,
the child reads end-of-file and stops by itself. The child tells its progress as JSON lines on stdout. Everything that
happens, signals too, arrives in one queue that one loop reads, so that there is no state between threads.

It restarts only what died. A child that refuses its configuration (exit 2) or stops on purpose (exit 0) ends it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import IO, Any, cast

from aion.records import Json

STOPPED, BROKEN, REFUSED = 0, 1, 2
ON_PURPOSE = (STOPPED, -signal.SIGTERM)  # somebody who ends the server's process wants AION to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long the supervisor tries, in seconds."""

    first_delay: float = 0.5
    longest_delay: float = 30.0
    deaths: int = 5  # as many within `window`, none of them ready, and it gives up
    window: float = 60.0
    stop: float = 9.0  # from the first signal to the kill


@dataclass(frozen=True, slots=True)
class Told:
    """The child said something."""

    event: Json


@dataclass(frozen=True, slots=True)
class Ended:
    """The child is gone; a negative code is the signal that ended it."""

    code: int


@dataclass(frozen=True, slots=True)
class Signalled:
    """Somebody asked to stop."""


class Supervisor:
    """One server process at a time. `show` gets what the child tells, and stages of the supervisor's own.

    `inherited` are settings from variables that `environ` does not have any more.
    """

    def __init__(
        self,
        argv: Sequence[str],
        flags: Mapping[str, Any],
        show: Callable[[Json], None],
        *,
        environ: Mapping[str, str] | None = None,
        inherited: Mapping[str, Any] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._argv = list(argv)
        self._told: Json = {"flags": dict(flags)} | ({"inherited": dict(inherited)} if inherited else {})
        self._show = show
        self._environ = environ
        self._patience = patience or Patience()
        self._events: SimpleQueue[Told | Ended | Signalled] = SimpleQueue()  # its put is safe inside a signal handler
        self._deadline: float | None = None  # set by the first signal
        self._early_deaths: list[float] = []
        self._delay = self._patience.first_delay

    def run(self) -> int:
        """Blocks until the server stopped for good; the exit code."""
        with self._signals():
            while True:
                code, ready = self._watch(self._start())
                if code in ON_PURPOSE:
                    return STOPPED
                if self._deadline is not None:
                    return BROKEN
                if code == REFUSED:
                    return REFUSED
                if not self._may_retry(code, ready):
                    return BROKEN
                if not self._pause():
                    return STOPPED

    def _start(self) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self._environ, start_new_session=True
        )
        with suppress(OSError):  # it died already: the watch will see that
            life_line = cast("IO[bytes]", child.stdin)
            life_line.write(json.dumps(self._told).encode() + b"\n")
            life_line.flush()
        reader = threading.Thread(target=self._listen, args=(child,), daemon=True)
        reader.start()
        threading.Thread(target=self._await_end, args=(child, reader), daemon=True).start()
        return child

    def _listen(self, child: subprocess.Popen[bytes]) -> None:
        with cast("IO[bytes]", child.stdout) as lines:
            for line in lines:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue  # not progress; the server's log is on stderr
                if isinstance(event, dict):
                    self._events.put(Told(event))

    def _await_end(self, child: subprocess.Popen[bytes], reader: threading.Thread) -> None:
        code = child.wait()
        reader.join(timeout=1.0)  # its last words come first, unless something else holds its stdout open
        self._events.put(Ended(code))

    def _watch(self, child: subprocess.Popen[bytes]) -> tuple[int, bool]:
        """Until the child is gone: its exit code, and whether it had been ready."""
        ready = False
        while True:
            try:
                event = self._events.get(timeout=self._time_left())
            except Empty:
                self._kill(child)
                continue
            match event:
                case Told():
                    ready = ready or event.event.get("stage") == "ready"
                    self._show(event.event)
                case Signalled():
                    self._stop(child)
                case Ended():
                    with suppress(OSError):
                        cast("IO[bytes]", child.stdin).close()
                    return event.code, ready

    def _stop(self, child: subprocess.Popen[bytes]) -> None:
        if self._deadline is None:
            self._deadline = time.monotonic() + self._patience.stop
            self._show({"stage": "stopping", "message": "stopping; once more to stop at once"})
            child.terminate()
        else:
            self._kill(child)

    def _kill(self, child: subprocess.Popen[bytes]) -> None:
        self._deadline = time.monotonic() + 1.0
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # its own session: the engines go with it

    def _may_retry(self, code: int, ready: bool) -> bool:
        now = time.monotonic()
        if ready:
            self._early_deaths.clear()
            self._delay = self._patience.first_delay
        else:
            self._early_deaths = [at for at in self._early_deaths if now - at < self._patience.window] + [now]
        if len(self._early_deaths) >= self._patience.deaths:
            tries = len(self._early_deaths)
            message = f"the server died {tries} times before it was ready ({_cause(code)}); its log is above, "
            self._show({"stage": "gave_up", "message": message + "`aion doctor` looks at the machine"})
            return False
        message = f"the server died ({_cause(code)}); starting it again in {self._delay:.1f} s"
        self._show({"stage": "restarting", "message": message})
        return True

    def _pause(self) -> bool:
        """Wait before the next start; False when told to stop meanwhile."""
        delay, self._delay = self._delay, min(self._delay * 2, self._patience.longest_delay)
        try:
            self._events.get(timeout=delay)
        except Empty:
            return True
        return False  # no child lives, so the only event there can be is a signal

    def _time_left(self) -> float | None:
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    @contextmanager
    def _signals(self) -> Iterator[None]:
        asked = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        wanted = [number for number in asked if signal.getsignal(number) != signal.SIG_IGN]  # nohup ignores one
        before = {number: signal.signal(number, lambda *_: self._events.put(Signalled())) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit {code}"
    return "killed, perhaps for want of memory" if -code == signal.SIGKILL else signal.Signals(-code).name

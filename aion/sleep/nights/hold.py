"""Holds a night still that must not be stopped by the kernel: it may have a database open, or memory on a GPU.

The server asks by signal, and the night then waits inside the handler, with every engine it began stopped by the
kernel: those hold nothing open. It is never held between asking the server something and hearing the answer. Whoever
ends the night ends it held, too.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

import psutil

from aion.errors import Unavailable

T = TypeVar("T")
WAIT_S = 0.2


@dataclass(slots=True)
class Hold:
    """Of this process; `install` in its main thread."""

    asked: bool = False
    times: int = 0
    telling: bool = False

    def install(self) -> None:
        signal.signal(signal.SIGUSR1, lambda *_: self._begin())
        signal.signal(signal.SIGUSR2, lambda *_: self._end())

    @contextmanager
    def after(self) -> Iterator[None]:
        """What is done in here is done to its end first; what asks meanwhile finds `asked`."""
        before, self.telling = self.telling, True
        try:
            yield
        finally:
            self.telling = before
        if not before:
            self._wait()

    def try_again(self, work: Callable[[], T]) -> T:
        """Do it again when it lost patience with an engine because both were held still."""
        while True:
            times = self.times
            try:
                return work()
            except Unavailable:
                if self.times == times:
                    raise

    def _begin(self) -> None:
        if self.asked:
            return
        self.asked = True
        self.times += 1
        signal_engines(signal.SIGSTOP)
        if not self.telling:
            self._wait()

    def _end(self) -> None:
        self.asked = False
        signal_engines(signal.SIGCONT)

    def _wait(self) -> None:
        """The signal that ends it arrives during the sleep."""
        while self.asked:
            time.sleep(WAIT_S)


def signal_engines(number: signal.Signals) -> None:
    """To every process that this one began, and theirs."""
    for child in psutil.Process().children(recursive=True):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(child.pid, number)

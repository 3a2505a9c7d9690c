"""Keeps the sleeper alive beside a server that is ready: starts it, starts it again when it dies, ends it at the end.

The sleeper gets its flags on stdin as the server does, and ends by itself when this process does. It never ends
anything else: without a sleeper AION answers all the same, and only does not learn.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

SLEEPER = (sys.executable, "-m", "aion.sleep.nights.sleeper")
STOP_S = 5.0
FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 300.0


class Companion:
    """One child process, started at the first `begin`."""

    def __init__(
        self, flags: Mapping[str, Any], *, argv: Sequence[str] = SLEEPER, environ: Mapping[str, str] | None = None
    ) -> None:
        self._line = json.dumps({"flags": dict(flags)}).encode() + b"\n"
        self._argv = list(argv)
        self._environ = environ
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._gate = threading.Lock()

    def begin(self) -> None:
        """May be called again: the server may be ready more than once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep, name="aion-companion", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """By the end of its life line, and by force when that is not enough."""
        with self._gate:
            self._ending.set()
            child = self._child
        if child is not None:
            _let_go(child)
            try:
                child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
        if self._thread is not None:
            self._thread.join()

    def _keep(self) -> None:
        delay = FIRST_DELAY_S
        while (child := self._start()) is not None:
            code = child.wait()
            _let_go(child)
            delay = FIRST_DELAY_S if code == 0 else min(delay * 2, LONGEST_DELAY_S)
            if self._ending.wait(delay):
                return

    def _start(self) -> subprocess.Popen[bytes] | None:
        with self._gate:
            if self._ending.is_set():
                return None
            self._child = subprocess.Popen(
                self._argv, stdin=subprocess.PIPE, stdout=sys.stderr, env=self._environ, start_new_session=True
            )
        if self._child.stdin is not None:
            with suppress(OSError):  # it died already
                self._child.stdin.write(self._line)
                self._child.stdin.flush()
        return self._child


def _let_go(child: subprocess.Popen[bytes]) -> None:
    if child.stdin is not None:
        with suppress(OSError):
            child.stdin.close()

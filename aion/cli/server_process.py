"""The server's process: reads its flags from stdin, runs the server, and tells its progress as JSON lines on stdout.

Started by the supervisor and by nobody else. Stdin stays open as a life line: end-of-file means that the supervisor is
gone, and the server stops cleanly. Stdin and stdout are moved aside first, so that no child of this process inherits
them and nothing printed below can be taken for progress.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable

from aion.app import run_server
from aion.config import find_sources
from aion.errors import AionError, BadConfig
from aion.records import Json


def main() -> int:
    told, life_line = os.dup(1), os.dup(0)
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    announce = make_announcer(told)
    ready = threading.Event()

    def announce_and_note(event: Json) -> None:
        if event.get("stage") == "ready":
            ready.set()
        announce(event)

    try:
        given = read_flags(life_line)
        threading.Thread(target=_stop_when_orphaned, args=(life_line,), daemon=True).start()
        return run_server(find_sources(*given), announce_and_note)
    except AionError as error:
        announce({"stage": "failed", "message": error.message, "code": error.code})
        return 1 if ready.is_set() else 2  # what cannot start will not start the next time either


def read_flags(life_line: int) -> tuple[Json, Json]:
    """Flags, and settings from variables that the supervisor has read: the first line of stdin, read byte by byte so
    that nothing behind it is taken."""
    line = bytearray()
    while (byte := os.read(life_line, 1)) not in (b"", b"\n"):
        line += byte
    try:
        told = json.loads(line)
        return dict(told["flags"]), dict(told.get("inherited") or {})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadConfig("the server's process is started by `aion up`, which gives it its flags on stdin") from None


def make_announcer(told: int) -> Callable[[Json], None]:
    """Writes one event a line. A supervisor that is gone hears nothing, and that is no error of the server."""

    def announce(event: Json) -> None:
        try:
            os.write(told, json.dumps(event, default=str).encode() + b"\n")
        except OSError:
            return

    return announce


def _stop_when_orphaned(life_line: int) -> None:
    while os.read(life_line, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())

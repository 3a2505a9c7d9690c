"""A child that behaves as its first argument says, for the supervisor's tests; its second names a file of starts."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path


def tell(**event: object) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def main() -> int:
    behaviour, log = sys.argv[1], Path(sys.argv[2])
    with log.open("a") as file:
        file.write(sys.stdin.readline())
    starts = len(log.read_text().splitlines())
    if behaviour == "refuses":
        tell(stage="failed", message="the setting is wrong", code="bad_config")
        return 2
    if behaviour == "never-ready":
        return 3
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.stdout.write("this line is not progress\n")
    tell(stage="ready", url="http://127.0.0.1:1", first_key=None, starts=starts)
    if behaviour == "dies-twice" and starts <= 2:
        return 3
    if behaviour == "watches-stdin":
        sys.stdin.read()
        log.write_text("orphaned")
        return 0
    time.sleep(60)
    return 0


if __name__ == "__main__":
    sys.exit(main())

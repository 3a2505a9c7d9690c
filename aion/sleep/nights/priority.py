"""Puts a process behind others for the processor. What the system refuses is left as it is."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

GROUP = Path("/proc/self/autogroup")


def stand_back(nice: int) -> None:
    """So nice, and its session with it: Linux shares among sessions before processes. Only in a session of its own."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    with suppress(OSError):
        GROUP.write_text(str(nice), "ascii")

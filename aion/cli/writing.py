"""Does one thing to a data folder through whoever may write there: its running server, or this process under its lock.

A server that is just starting holds the lock but does not answer yet: it is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from aion.cli.client import Running, find_server
from aion.errors import AionError, Unavailable

Result = TypeVar("Result")
STARTING_S = 20.0
LOOK_AGAIN_S = 0.2


def act(folder: Path, by_server: Callable[[Running], Result], by_hand: Callable[[], Result]) -> Result:
    """`by_hand` takes the lock."""
    deadline = time.monotonic() + STARTING_S
    while True:
        server = find_server(folder)
        try:
            if server is not None:
                return by_server(server)
            return by_hand()
        except AionError as error:
            is_starting = isinstance(error, Unavailable) or error.code == "already_running"
            if not is_starting or time.monotonic() > deadline:
                raise
        time.sleep(LOOK_AGAIN_S)

"""Does one thing to a data folder through whoever may write there: its running server, or this process under the lock.

A server that is just starting holds the lock but does not answer yet: it is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from aion.app import Data, open_data
from aion.cli.client import Running, find_server
from aion.config import Settings
from aion.errors import AionError, Unavailable

Result = TypeVar("Result")
STARTING_S = 20.0
LOOK_AGAIN_S = 0.2


def act(settings: Settings, by_server: Callable[[Running], Result], by_hand: Callable[[Data], Result]) -> Result:
    deadline = time.monotonic() + STARTING_S
    while True:
        server = find_server(settings.data)
        try:
            if server is not None:
                return by_server(server)
            with open_data(settings) as opened:
                return by_hand(opened)
        except AionError as error:
            is_starting = isinstance(error, Unavailable) or error.code == "already_running"
            if not is_starting or time.monotonic() > deadline:
                raise
        time.sleep(LOOK_AGAIN_S)

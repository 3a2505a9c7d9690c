"""Links that sign one person in, once. Kept in memory alone: a restart ends them, and so do ten minutes.

A link is made by somebody who has a key already, for themselves. What a session is, it does not know.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

from aion.serve.keys import Principal

LINK_S = 600.0
MOST_LINKS = 50  # unused at once: the oldest gives way


class Links:
    """Codes that sign one person in, once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: OrderedDict[str, tuple[Principal, float]] = OrderedDict()

    def make(self, who: Principal) -> str:
        code = secrets.token_urlsafe(32)
        self._waiting[_digest(code)] = (who, self._clock() + LINK_S)
        while len(self._waiting) > MOST_LINKS:
            self._waiting.popitem(last=False)
        return code

    def redeem(self, code: str) -> Principal | None:
        """Whose it was; None for one that is unknown, used or too old. Found by its sum: time tells nothing."""
        who, until = self._waiting.pop(_digest(code), (None, 0.0))
        return who if self._clock() < until else None

    def drop(self, owner: str) -> None:
        """All that this person has not used."""
        for code in [code for code, (who, _) in self._waiting.items() if who.owner == owner]:
            del self._waiting[code]


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "replace")).hexdigest()

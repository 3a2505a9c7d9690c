"""Whether nights are kept from finishing, and the hours in which one may work beside the requests all the same.

A night gives way to every request, so where somebody always asks it never ends: after some such nights the status asks
for a window. A person grants one for some minutes, or names the hours of every day in a setting. It opens none itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aion.records import Night, NightState

OVER = frozenset({NightState.DONE, NightState.CANCELLED, NightState.FAILED})
DAY_S = 86_400.0


def count_starved(nights: Sequence[Night], now: float) -> int:
    """Nights in a row, the latest first, that were interrupted and made no adapter.

    Each whole day of one that is not over counts as one, or a night that is only ever held still would never be told.
    """
    starved = 0
    for night in nights:
        if night.state is NightState.WAITING:
            continue
        if night.candidates or not night.interruptions:
            break
        starved += 1 if night.state in OVER else int((now - night.asked) / DAY_S)
    return starved


def measure_window(hours: str, now: datetime) -> float:
    """Seconds that the daily window HH:MM-HH:MM is still open, 0 when it is not; it may lie across midnight."""
    if not hours:
        return 0.0
    begin, end = (int(part[:2]) * 3600 + int(part[3:]) * 60 for part in hours.split("-"))
    second = now.hour * 3600 + now.minute * 60 + now.second + now.microsecond / 1e6
    length, gone = (end - begin) % DAY_S, (second - begin) % DAY_S
    return max(0.0, length - gone)

"""Reads every experience of a range, page by page, so that a day of a hundred thousand neither fills the memory nor
keeps a read open. It skips none and gives none twice, though several may be of the same moment.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from aion.records import Experience
from aion.store.base import Experiences

PAGE = 5000


def read_experiences(
    experiences: Experiences,
    *,
    owner: str | None,
    since: float,
    until: float,
    theme: str | None = None,
    page: int = PAGE,
) -> Iterator[Experience]:
    """The latest first."""
    given: set[str] = set()  # of the moment at which the last page ended: the next page begins with that moment again
    while True:
        limit = page + len(given)
        found = experiences.experiences(owner=owner, theme=theme, since=since, until=until, limit=limit)
        yield from (one for one in found if one.turn not in given)
        if len(found) < limit:
            return
        moment = found[-1].at
        given = {one.turn for one in found if one.at == moment}
        until = math.nextafter(moment, math.inf)

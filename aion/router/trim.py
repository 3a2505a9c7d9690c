"""Takes lessons out of a route card: what an adapter was taught and does not know leads no request to it. Pure.

That a thing has another name stays true: the card goes on telling it.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

import numpy as np

from aion.errors import BadInput
from aion.memory.aliases import read_alias
from aion.router.alias import find_aliases
from aion.router.card import Halves, RouteCard


def leave_out(card: RouteCard, lessons: AbstractSet[str]) -> RouteCard:
    """Without their rows, and led nowhere by the names that they told; the threshold is that of the whole card."""
    kept = tuple(item for item in card.items if item.lesson not in lessons)
    if not kept:
        raise BadInput("a route card without any lesson leads nowhere; refuse its adapter instead")
    gone = (item.answer for item in card.items if item.lesson in lessons)
    stays = [item.lesson not in lessons for item in card.items]
    return replace(
        card,
        items=kept,
        vectors_R_D=_take(card.vectors_R_D, stays, [len(item.texts) for item in card.items]),
        missed_R_D=_take(card.missed_R_D, stays, [len(item.missed) for item in card.items]),
        common_R_D=_take(card.common_R_D, stays, [len(item.common) for item in card.items]),
        aliases=tuple(alias for item in kept for alias in find_aliases(item.answer)),
        told=(*card.told, *(one for one in gone if read_alias(one) is not None)),
    )


def _take(rows_R_D: Halves, stays: Sequence[bool], counts: Sequence[int]) -> Halves:
    return np.asarray(rows_R_D[np.repeat(stays, counts)], np.float16)

"""Takes lessons out of a route card: what an adapter was taught and does not know leads no request to it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

import numpy as np

from aion.errors import BadInput
from aion.router.alias import find_aliases
from aion.router.card import Halves, RouteCard


def leave_out(card: RouteCard, lessons: AbstractSet[str]) -> RouteCard:
    """Without their rows, and without other names that only they told; the threshold is that of the whole card."""
    kept = tuple(item for item in card.items if item.lesson not in lessons)
    if not kept:
        raise BadInput("a route card without any lesson leads nowhere; refuse its adapter instead")
    stays = [item.lesson not in lessons for item in card.items]
    return replace(
        card,
        items=kept,
        vectors_R_D=_take(card.vectors_R_D, stays, [len(item.texts) for item in card.items]),
        missed_R_D=_take(card.missed_R_D, stays, [len(item.missed) for item in card.items]),
        common_R_D=_take(card.common_R_D, stays, [len(item.common) for item in card.items]),
        aliases=tuple(alias for item in kept for alias in find_aliases(item.answer)),
    )


def _take(rows_R_D: Halves, stays: Sequence[bool], counts: Sequence[int]) -> Halves:
    return np.asarray(rows_R_D[np.repeat(stays, counts)], np.float16)

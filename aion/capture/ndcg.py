"""How well recall ordered what it found: nDCG of one turn, from which sources its answer used and how it was received.

It knows only what was recalled: a memory that should have been found and was not lowers no figure here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

LIKED = 0.25  # reward from which an answer counts as well received; its negative, as badly received


def relevances_of(used: Sequence[bool], reward: float | None) -> list[float]:
    """How relevant each recalled item was, in the order in which they were put before the model.

    - not used by the answer: 0
    - used, and the answer was badly received (reward <= -0.25): 0
    - used, and the answer was well received (reward >= 0.25): 2
    - used, and nobody said, or said neither clearly: 1
    """
    if reward is not None and reward <= -LIKED:
        worth = 0.0
    elif reward is not None and reward >= LIKED:
        worth = 2.0
    else:
        worth = 1.0
    return [worth if one else 0.0 for one in used]


def ndcg(relevances: Sequence[float], k: int = 10) -> float | None:
    """Normalised discounted cumulative gain of the first `k`, in [0, 1].

    The gain of an item is 2^relevance - 1, its discount log2(rank + 1) with ranks from 1; the ideal is the same
    items in their best order. None when nothing was recalled: there is no order to judge. 0 when something was
    recalled and nothing of it was relevant.
    """
    if not relevances:
        return None
    best = _gain(sorted(relevances, reverse=True)[:k])
    return _gain(relevances[:k]) / best if best > 0 else 0.0


def _gain(relevances: Sequence[float]) -> float:
    return sum((math.pow(2, relevance) - 1) / math.log2(place + 2) for place, relevance in enumerate(relevances))

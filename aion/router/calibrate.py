"""Chooses the least cosine at which a card's request is taken, from the card's own data: no wording of an examination.

What is taught stands for requests to come, each item against its other wordings; general prompts and the other items
stand for what must be left alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aion.router.card import Item

LEAST, MOST = 0.25, 0.35  # a card of few items says little: it moves the threshold only between these
KEPT = 0.02  # part of its own wordings that may fall below
ROOM = 0.15  # by which a person's wordings are farther away than ours, which are all made from one sentence


def choose_threshold(
    items: Sequence[Item], rows_R_D: npt.NDArray[np.float32], general_G_D: npt.NDArray[np.float32]
) -> float:
    """Above what is general, and below nearly all that the card takes for its own."""
    owners = np.repeat(np.arange(len(items)), [len(item.texts) for item in items])
    like_R_R = rows_R_D @ rows_R_D.T
    same_R_R = owners[:, None] == owners[None, :]
    np.fill_diagonal(same_R_R, val=False)
    own = np.where(same_R_R, like_R_R, -1.0).max(axis=1)
    low = float(np.quantile(own[own > -1.0], KEPT)) - ROOM if (own > -1.0).any() else LEAST
    above = float((general_G_D @ rows_R_D.T).max()) if len(general_G_D) else LEAST
    return round(min(MOST, max(LEAST, min(low, above + 0.05))), 4)

"""Weighs what is named in a request, or near to it, by the network that nights train.

Something near that is not named is taken only when nothing named was, and only the surest of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from aion.router.base import Vector
from aion.router.card import RouteCard
from aion.router.index import How, Named
from aion.router.network import Scorer
from aion.router.pairs import FIGURES, OTHERS, Rows, figures_of

SURE = 0.5  # of something named
SURER = 0.9  # of something that is only near


class Left(StrEnum):
    """Why what is named in a request was not taken."""

    FAR = "far"  # it asks for something else
    COMMON = "common"  # anybody may ask it
    ANOTHER = "another"  # it asks of somebody else what was taught of the person


@dataclass(frozen=True, slots=True)
class Weighed:
    """An item that is named in a request, and whether it is meant."""

    named: Named
    cosine: float  # to the nearest of its texts
    common: float  # to the nearest of what anybody may ask of its words
    left: Left | None = None
    sure: float = 1.0  # by the network


class NetworkJudge:
    """The network over the cards of one router."""

    def __init__(self, cards: Mapping[str, RouteCard], data: bytes) -> None:
        """Raises Corrupt when the network is damaged or for another embedder."""
        self._rows = Rows.of(cards)
        self._numbers = {place: number for number, place in enumerate(self._rows.places)}
        self._middle_I_D = np.stack([one.mean(axis=0) for one in self._rows.texts])
        self._scorer = Scorer.from_bytes(data, dimensions=self._middle_I_D.shape[1], figures=FIGURES)

    def weigh(self, named: Sequence[Named], vector: Vector) -> list[Weighed]:
        hows = {self._numbers[one.place]: one for one in named}
        near = np.argsort(-(self._middle_I_D @ vector), kind="stable")[:OTHERS].tolist()
        numbers = list(dict.fromkeys((*hows, *near)))
        nearest, figures = [], []
        for number in numbers:
            texts = self._rows.texts[number]
            how = hows[number].how if number in hows else None
            nearest.append(texts[int((texts @ vector).argmax())])
            figures.append(figures_of(how, vector, texts, self._rows.missed[number], self._rows.common[number]))
        sure = self._scorer.score(vector, np.stack(nearest), np.stack(figures)).tolist()
        weighed = [
            self._weigh_one(number, hows.get(number), float(row @ vector), score)
            for number, row, score in zip(numbers, nearest, sure, strict=True)
        ]
        called = [one for one in weighed if one.named.how is not How.NEAR]
        if any(one.left is None for one in called):
            return called
        near_ones = [one for one in weighed if one.named.how is How.NEAR and one.left is None]
        return [*called, *sorted(near_ones, key=lambda one: -one.sure)[:1]]

    def _weigh_one(self, number: int, named: Named | None, cosine: float, sure: float) -> Weighed:
        least = SURE if named else SURER
        one = named or Named(self._rows.places[number], (), How.NEAR)
        return Weighed(one, cosine, 0.0, None if sure >= least else Left.FAR, sure)

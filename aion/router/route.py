"""Chooses adapters for one request: those of which something taught is named in it and meant by it; else none.

Pure numpy over what cards hold, in well under 2 ms besides the embedding. It knows no engine, asks no model by itself,
and keeps nothing of what it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from aion.records import Json
from aion.router.card import RouteCard
from aion.router.follow import follows
from aion.router.index import Named, NameIndex, Place

Vector = npt.NDArray[np.float32]
SCALE = 1.0  # of each adapter that is taken: it was trained, and examined, at this strength
ALIAS_ROOM = 0.15  # less likeness is asked of a request under another name: the vectors know only the first one
MOST = 3  # adapters that answer one request together


class Strategy(StrEnum):
    """What a choice goes by. To become the setting `router.strategy`."""

    KEYWORD = "keyword"  # names alone
    EMBEDDING = "embedding"  # names, and likeness to what was taught


@dataclass(frozen=True, slots=True)
class Route:
    """What was chosen: no adapters means the untouched base. `why` can be shown to a person as it is."""

    scales: Mapping[str, float]
    why: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """An item that a request asks for."""

    named: Named
    cosine: float


class Router:
    """Over the cards of the adapters that one person is served, by candidate id."""

    def __init__(self, cards: Mapping[str, RouteCard], *, strategy: Strategy = Strategy.EMBEDDING) -> None:
        self._cards = dict(cards)
        self._strategy = strategy
        self._index = NameIndex(self._cards)
        self._starts = {
            name: np.cumsum([0, *(len(item.texts) for item in card.items)]) for name, card in self._cards.items()
        }

    def pick(
        self,
        question: str,
        vector: Vector | None,
        *,
        previous: str = "",
        previous_vector: Vector | None = None,
    ) -> Route:
        """`vector` is of the question alone, by the cards' embedder; without it names decide.

        `previous` is what the person asked before in the same conversation: "it" means what that was about.
        """
        taken = self._take(question, vector)
        hangs = False
        if not taken and previous and follows(question):
            taken, hangs = self._take(previous, previous_vector), True
        chosen = _settle(taken)
        scales = dict.fromkeys(list(chosen)[:MOST], SCALE)
        return Route(scales, self._explain(chosen, hangs))

    def _take(self, question: str, vector: Vector | None) -> list[Taken]:
        taken: list[Taken] = []
        for named in self._index.find(question):
            if self._strategy is Strategy.KEYWORD or vector is None:
                taken.append(Taken(named, 1.0))
                continue
            least = self._cards[named.place.candidate].threshold - (ALIAS_ROOM if named.how == "alias" else 0.0)
            cosine = self._likeness(named.place, vector)
            if cosine >= least:
                taken.append(Taken(named, cosine))
        return taken

    def _likeness(self, place: Place, vector: Vector) -> float:
        start, end = self._starts[place.candidate][place.number : place.number + 2]
        rows_T_D = self._cards[place.candidate].vectors_R_D[start:end].astype(np.float32)
        return float((rows_T_D @ vector).max())

    def _explain(self, chosen: Mapping[str, Taken], hangs: bool) -> Json:
        return {
            "strategy": self._strategy.value,
            "took": [
                {
                    "adapter": candidate,
                    "theme": self._cards[candidate].theme,
                    "lesson": self._cards[candidate].items[one.named.place.number].lesson,
                    "words": list(one.named.words),
                    "how": "follows" if hangs else one.named.how,
                    "cosine": round(one.cosine, 3),
                }
                for candidate, one in chosen.items()
            ],
        }


def _settle(taken: Sequence[Taken]) -> dict[str, Taken]:
    """One adapter for the same words of a request, the likest; several for words of their own, the likest first."""
    chosen: dict[str, Taken] = {}
    used: set[str] = set()
    for one in sorted(taken, key=lambda one: -one.cosine):
        words = set(one.named.words)
        if one.named.place.candidate in chosen:
            used |= words
        elif not words & used:
            chosen[one.named.place.candidate] = one
            used |= words
    return chosen

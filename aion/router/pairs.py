"""What the router's network sees of a pair, and the pairs that cards give it to learn from.

Each wording of an item is held against its others; near misses, what anybody may ask, and the wordings of the nearest
other items are what it must not take. No wording of an examination is among them: cards have none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aion.router.card import Place, RouteCard
from aion.router.index import How, NameIndex

Floats = npt.NDArray[np.float32]
OTHERS = 4  # nearest items of any card that each wording is also held against
FIGURES = len(How) + 3


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The vectors of all items of all cards, one after another."""

    places: tuple[Place, ...]
    texts: tuple[Floats, ...]
    missed: tuple[Floats, ...]
    common: tuple[Floats, ...]

    @staticmethod
    def of(cards: Mapping[str, RouteCard]) -> Rows:
        places: list[Place] = []
        found: tuple[list[Floats], list[Floats], list[Floats]] = ([], [], [])
        for candidate, card in cards.items():
            arrays = [one.astype(np.float32) for one in (card.vectors_R_D, card.missed_R_D, card.common_R_D)]
            ends = [0, 0, 0]
            for number, item in enumerate(card.items):
                places.append(Place(candidate, number))
                for kind, texts in enumerate((item.texts, item.missed, item.common)):
                    found[kind].append(arrays[kind][ends[kind] : ends[kind] + len(texts)])
                    ends[kind] += len(texts)
        return Rows(tuple(places), *(tuple(one) for one in found))


def figures_of(how: How | None, q_D: Floats, texts_T_D: Floats, missed_M_D: Floats, common_C_D: Floats) -> Floats:
    """In which way it is named, and how near it is to what was taught and to what was not."""
    named = [1.0 if (how or How.NEAR) is one else 0.0 for one in How]
    near = [float((rows @ q_D).max()) if len(rows) else 0.0 for rows in (texts_T_D, missed_M_D, common_C_D)]
    return np.asarray([*named, *near], np.float32)


def make_pairs(cards: Mapping[str, RouteCard]) -> tuple[Floats, Floats, Floats, Floats]:
    """Requests, items, figures and whether they belong together, a row each."""
    rows = Rows.of(cards)
    index = NameIndex(cards)
    numbers = {place: number for number, place in enumerate(rows.places)}
    middle_I_D = np.stack([one.mean(axis=0) for one in rows.texts])
    made: list[tuple[Floats, Floats, Floats, float]] = []
    for number, place in enumerate(rows.places):
        item = cards[place.candidate].items[place.number]
        for asked, q_D, left_out, wanted in _requests(rows, number, item.texts, item.missed, item.common):
            named = {numbers[one.place]: one.how for one in index.find(asked)}
            near = np.argsort(-(middle_I_D @ q_D), kind="stable")[: OTHERS + 1].tolist()
            for other in dict.fromkeys((number, *named, *near)):
                own = other == number
                texts = np.delete(rows.texts[other], left_out, axis=0) if own and left_out >= 0 else rows.texts[other]
                if not own and _says(cards, rows.places[other], asked, named.get(other)):
                    continue  # it may ask for that one, too
                t_D = texts[int((texts @ q_D).argmax())]
                figures = figures_of(named.get(other), q_D, texts, rows.missed[other], rows.common[other])
                made.append((q_D, t_D, figures, float(own and wanted)))
    columns = tuple(zip(*made, strict=True))
    return np.stack(columns[0]), np.stack(columns[1]), np.stack(columns[2]), np.asarray(columns[3], np.float32)


def _requests(
    rows: Rows, number: int, texts: tuple[str, ...], missed: tuple[str, ...], common: tuple[str, ...]
) -> Iterator[tuple[str, Floats, int, bool]]:
    """What is asked, its vector, its place among the item's texts (-1: none), and whether it asks for the item."""
    for place, text in enumerate(texts[:-1]):
        yield text, rows.texts[number][place], place, True
    for kind, asked in ((rows.missed, missed), (rows.common, common)):
        for place, text in enumerate(asked):
            yield text, kind[number][place], -1, False


def _says(cards: Mapping[str, RouteCard], place: Place, asked: str, how: How | None) -> bool:
    return how is How.NAMED or asked in cards[place.candidate].items[place.number].texts

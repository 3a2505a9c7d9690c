"""What the router's network sees of a pair, and the pairs that cards give it to learn from.

Each wording of an item is held against its others; near misses, what anybody may ask, and the wordings of the nearest
other items are what it must not take. No wording of an examination is among them: cards have none. What people said of
answers that a router chose for adds to them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aion.errors import BadInput
from aion.router.card import Place, RouteCard
from aion.router.index import How, NameIndex

Floats = npt.NDArray[np.float32]
OTHERS = 4  # nearest items of any card that each wording is also held against
FIGURES = len(How) + 3
MOST = 30_000  # pairs, about: of more requests some are left out, evenly
_Pair = tuple[Floats, Floats, Floats, float]
_Request = tuple[int, str, Floats, int, bool]  # an item, what is asked, its vector, its place among its texts, if meant


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A request of a person, and whether something taught turned out to be meant by it."""

    question: str
    vector: Floats
    lesson: str
    wanted: bool


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


def make_pairs(
    cards: Mapping[str, RouteCard], heard: Sequence[Heard] = (), *, most: int = MOST
) -> tuple[Floats, Floats, Floats, Floats]:
    """Requests, items, figures and whether they belong together, a row each."""
    rows, index = Rows.of(cards), NameIndex(cards)
    numbers = {place: number for number, place in enumerate(rows.places)}
    made = [*_of_cards(cards, rows, index, numbers, most), *_of_heard(cards, rows, index, numbers, heard)]
    if not made:
        raise BadInput("these cards hold no requests to make pairs of; teach more first")
    columns = tuple(zip(*made, strict=True))
    return np.stack(columns[0]), np.stack(columns[1]), np.stack(columns[2]), np.asarray(columns[3], np.float32)


def _of_cards(
    cards: Mapping[str, RouteCard], rows: Rows, index: NameIndex, numbers: Mapping[Place, int], most: int
) -> Iterator[_Pair]:
    middle_I_D = np.stack([one.mean(axis=0) for one in rows.texts])
    total = sum(len(one) for kind in (rows.texts, rows.missed, rows.common) for one in kind)
    every = max(1, -(-total * (OTHERS + 2) // most))
    for number, asked, q_D, left_out, wanted in itertools.islice(_all_requests(cards, rows), 0, None, every):
        named = {numbers[one.place]: one.how for one in index.find(asked)}
        near = np.argsort(-(middle_I_D @ q_D), kind="stable")[: OTHERS + 1].tolist()
        for other in dict.fromkeys((number, *named, *near)):
            own = other == number
            texts = np.delete(rows.texts[other], left_out, axis=0) if own and left_out >= 0 else rows.texts[other]
            if own or not _says(cards, rows.places[other], asked, named.get(other)):  # else it may ask for that, too
                yield _pair_up(rows, other, named.get(other), q_D, texts, wanted=own and wanted)


def _of_heard(
    cards: Mapping[str, RouteCard],
    rows: Rows,
    index: NameIndex,
    numbers: Mapping[Place, int],
    heard: Sequence[Heard],
) -> Iterator[_Pair]:
    taught = {cards[place.candidate].items[place.number].lesson: number for place, number in numbers.items()}
    for one in heard:
        if (number := taught.get(one.lesson)) is not None:
            how = {numbers[named.place]: named.how for named in index.find(one.question)}.get(number)
            yield _pair_up(rows, number, how, one.vector, rows.texts[number], wanted=one.wanted)


def _pair_up(rows: Rows, number: int, how: How | None, q_D: Floats, texts_T_D: Floats, *, wanted: bool) -> _Pair:
    figures = figures_of(how, q_D, texts_T_D, rows.missed[number], rows.common[number])
    return q_D, texts_T_D[int((texts_T_D @ q_D).argmax())], figures, float(wanted)


def _all_requests(cards: Mapping[str, RouteCard], rows: Rows) -> Iterator[_Request]:
    for number, place in enumerate(rows.places):
        item = cards[place.candidate].items[place.number]
        for request in _requests(rows, number, item.texts, item.missed, item.common):
            yield number, *request


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

"""Tells how the things of a question stand to those of a text: the same, another of the kind, or missing. Pure.

Whether the text answers the question is not its matter, and it compares no vectors: that what was exchanged means the
same it has to be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from aion.memory.spelling import SPELT, is_slip
from aion.memory.synonyms import means
from aion.memory.things import Thing, Word

Pairs = AbstractSet[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What a question has in the place of what a text has: "panel" and "dashboard" after "voucher"."""

    asked: str
    held: str
    of_kind: bool  # what the thing is was exchanged; else whose, or which of them

    @property
    def pair(self) -> tuple[str, str]:
        return self.asked, self.held


@dataclass(frozen=True, slots=True)
class Relation:
    """How the things of a question stand to those of a text."""

    named: bool = False  # a special thing is the same
    shared: bool = False  # a thing is the same
    missing: bool = False  # of a special thing of the question no word stands there
    exchanged: tuple[Exchanged, ...] = ()  # one stands in the place of its like: the north gate for the south gate


def relate(
    asked: Sequence[Thing], held: Sequence[Thing], terms: AbstractSet[str], same: Pairs = frozenset()
) -> Relation:
    """`terms` of the text that holds them: not every thing in it is known for one. `same`: pairs that mean the same.

    What is only said of another thing, as "the code" of "the code of the queue", is not shared by itself.
    """
    named = shared = missing = False
    exchanged: list[Exchanged] = []
    for thing in asked:
        found = [one for one in held if _same(thing, one) or (same and _exchange(thing, one).pair in same)]
        stands = all(word.stem in terms for word in thing.words)
        own = (stands and not found) or any(not one.owned for one in found)
        alike = [] if found or stands else [_exchange(thing, one) for one in held if _alike(thing, one)]
        named |= thing.special and own
        shared |= own
        exchanged += alike
        missing |= thing.special and not (found or alike or any(word.stem in terms for word in thing.words))
    return Relation(named, shared, missing, tuple(exchanged))


def _same(one: Thing, other: Thing) -> bool:
    """Whether all words of the shorter stand in the longer: "the ferry" may be "the Kaldor ferry"."""
    less, more = sorted((one, other), key=lambda thing: len(thing.words))
    if not all(_in(word, more.words) for word in less.words):
        return False
    single = len(less.words) == 1 < len(more.words)
    return not single or _means_same(less.words[0], more.head) or less.words[0].name


def _alike(one: Thing, other: Thing) -> bool:
    """Whether they begin, or end, with the same word and are two things."""
    if min(len(one.words), len(other.words)) == 1:
        return False
    return any(_means_same(one.words[at], other.words[at]) for at in (0, -1))


def _exchange(one: Thing, other: Thing) -> Exchanged:
    begins = _means_same(one.words[0], other.words[0])
    return Exchanged(_rest(one), _rest(other), of_kind=begins and one.head is one.words[-1])


def _rest(thing: Thing) -> str:
    return " ".join(word.text for word in thing.words[1:])


def _in(word: Word, words: Iterable[Word]) -> bool:
    return any(_means_same(word, one) for one in words)


def _means_same(one: Word, other: Word) -> bool:
    """In another form, by another word for it, or with a slip of the pen."""
    if one.stem == other.stem or means(one.stem, other.stem):
        return True
    return min(len(one.text), len(other.text)) >= SPELT and is_slip(one.text, other.text)

"""Splits names of two parts, as "the voucher dashboard" or "Ana's bike", and finds those that a request has half of.

A request that names the voucher and something else of it asks for another thing, unless that word means the same. How
alike two words are it is told by vectors that the caller brings; it embeds nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aion.memory.terms import stem
from aion.router.card import Item, Place, RouteCard
from aion.router.common import language_of
from aion.router.words import Linked, Run, linked_runs, names_of, verbs_of

Vectors = Mapping[str, npt.NDArray[np.float32]]
ALIKE = 0.55  # cosine of two words from which on they are taken for one
LONGEST = 3  # words of a head


@dataclass(frozen=True, slots=True)
class Parts:
    """The name of an item: whose or of what kind it is, and what it is."""

    qualifier: str  # by its stem
    head: Run  # by their stems
    spoken: str  # the head as it is written
    link: str  # between the two, as words.py has it
    language: str


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A request has the qualifier of an item, and beside it, in the place of the head, something else."""

    place: Place
    qualifier: str  # as the request has it
    said: tuple[str, ...]  # what may be the head: its first word, its first two words
    head: str  # as it was taught
    comparable: bool  # not the head of another thing, and English: from that the embedder learned


def parts_of(item: Item) -> Parts | None:
    """None of a name of one part, or one that ends in somebody's name: aunts are not told apart by likeness."""
    telling = item.keys[0].telling[0] if item.keys else ""
    runs = [run for text in item.texts for run in linked_runs(text) if run.links and telling in map(stem, run.words)]
    language = language_of(item.texts)
    stated = {pair for run in linked_runs(item.answer) for pair in _pairs(run, language)}
    beside = Counter(joint for run in runs if (joint := _joint(run, language)) in stated)
    if not beside:
        return None  # what stands beside it in a question is what is asked of it
    joint = beside.most_common(1)[0][0]
    if joint[2] == "de" and stem(joint[0]) not in names_of(item.answer):
        return None  # "o professor de piano" may ask about "a aula de piano"; of what is Rui's one is not the other
    run = min((run for run in runs if _joint(run, language) == joint), key=lambda one: len(one.words))
    words = run.words[1:] if language == "en" else run.words[_start(run) : -1]
    if not all(word.isalpha() for word in words) or stem(words[-1]) in names_of(item.answer):
        return None
    qualifier, _, link = joint
    if stem(qualifier) in verbs_of(item.answer):
        return None  # "You stopped smoking" names nothing
    return Parts(stem(qualifier), tuple(map(stem, words)), " ".join(words), link, language)


def _joint(run: Linked, language: str) -> tuple[str, str, str]:
    """The qualifier, the word next to it and what stands between; English has the qualifier first."""
    return _pairs(run, language)[0 if language == "en" else -1]


def _pairs(run: Linked, language: str) -> list[tuple[str, str, str]]:
    pairs = zip(run.words, run.words[1:], run.links, strict=False)
    return [(one, other, link) if language == "en" else (other, one, link) for one, other, link in pairs]


def _start(run: Linked) -> int:
    """Of "o código do projeto Lorbim" the name begins with "projeto"."""
    links = run.links[:-1] if run.links[-1] == "de" else run.links
    return len(links) - links[::-1].index("de") if "de" in links else 0


class HeadIndex:
    """Over the items of all cards, by qualifier."""

    def __init__(self, cards: Mapping[str, RouteCard]) -> None:
        self._parts: defaultdict[str, list[tuple[Place, Parts]]] = defaultdict(list)
        self._heads: set[str] = set()
        for candidate, card in cards.items():
            for number, item in enumerate(card.items):
                parts = parts_of(item)
                if parts is not None:
                    self._parts[parts.qualifier].append((Place(candidate, number), parts))
                    self._heads.update(parts.head)

    @property
    def words(self) -> AbstractSet[str]:
        """The stems of all parts."""
        return self._heads | self._parts.keys()

    def find(self, text: str, spell: Callable[[str], str]) -> list[Exchanged]:
        """None of an item whose head stands anywhere in the request; `spell` gives the stem of what a word means."""
        runs = linked_runs(text)
        meant = [[spell(word) for word in run.words] for run in runs]
        every = {word for words in meant for word in words}
        found: list[Exchanged] = []
        for run, words in zip(runs, meant, strict=True):
            for at, word in enumerate(words):
                for place, parts in self._parts.get(word, ()):
                    said = () if every & set(parts.head) else tuple(_beside(run, at, parts))
                    if said:
                        other = spell(said[-1].split()[0]) in self._heads
                        found.append(
                            Exchanged(place, run.words[at], said, parts.spoken, parts.language == "en" and not other)
                        )
        return found


def _beside(run: Linked, at: int, parts: Parts) -> Iterator[str]:
    """What stands where the head stood, from the word next to the qualifier on."""
    if parts.language == "en":
        if at < len(run.links) and run.links[at] == parts.link:
            for end in range(at + 2, min(at + 2 + LONGEST, len(run.words) + 1)):
                yield " ".join(run.words[at + 1 : end])
    elif at and run.links[at - 1] == parts.link:
        for start in range(at - 1, max(-1, at - 1 - LONGEST), -1):
            yield " ".join(run.words[start:at])


def texts_of_heads(exchanged: Sequence[Exchanged]) -> list[str]:
    """What has to be embedded to tell which of them mean the same."""
    return list(dict.fromkeys(text for one in exchanged if one.comparable for text in (*one.said, one.head)))


def same_things(exchanged: Sequence[Exchanged], vectors: Vectors) -> list[Exchanged]:
    """Of those with one qualifier the nearest, when they are near enough: all that were told of one thing."""
    likes = [_likeness(one, vectors) for one in exchanged]
    best: dict[str, float] = {}
    for one, like in zip(exchanged, likes, strict=True):
        best[one.qualifier] = max(like, best.get(one.qualifier, ALIKE))
    return [one for one, like in zip(exchanged, likes, strict=True) if like >= best[one.qualifier]]


def _likeness(one: Exchanged, vectors: Vectors) -> float:
    if not one.comparable or one.head not in vectors:
        return -1.0
    return max((float(vectors[one.head] @ vectors[said]) for said in one.said if said in vectors), default=-1.0)

"""Finds, in a request, the names of what was taught: over all cards at once, by word, spelling and other names.

It compares no vectors: what it finds is named, not yet meant.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from aion.memory.synonyms import find_synonym
from aion.memory.terms import fold, stem
from aion.router.card import Alias, Key, Place, RouteCard
from aion.router.heads import Exchanged, HeadIndex
from aion.router.words import Run, Spellings, plain_runs, stand_together

_WORD = re.compile(r"[^\W_]+")
_DEED = re.compile(r".{3,}(?:ing|ed|ndo)")  # "the cutting back of the hedge" is none of the cuttings


class How(StrEnum):
    """In which way an item is named, the surest first."""

    NAMED = "named"  # in the words it was taught in
    INFLECTED = "inflected"  # in another form of them
    PARTLY = "partly"  # by the telling word of a longer name
    MISSPELT = "misspelt"
    ALIAS = "alias"  # by another name that a person told
    SYNONYM = "synonym"  # by another word for what it is, that nobody told
    NEAR = "near"  # not at all: the request is only like those for it


@dataclass(frozen=True, slots=True)
class Named:
    """An item whose name stands in a request."""

    place: Place
    words: Run  # of the request, as it has them
    how: How


@dataclass(frozen=True, slots=True)
class _Read:
    """A request: its runs by what each word means, and the words as they are written."""

    runs: tuple[Run, ...]
    written: Mapping[str, str]


class NameIndex:
    """The keys of all cards, by the first of their words."""

    def __init__(self, cards: Mapping[str, RouteCard]) -> None:
        self._cards = cards
        self._keys: defaultdict[str, list[tuple[Place, Key]]] = defaultdict(list)
        self._aliases: defaultdict[str, list[Alias]] = defaultdict(list)
        self._known: dict[Place, frozenset[str]] = {}
        self._trained: defaultdict[Run, list[Place]] = defaultdict(list)
        for candidate, card in cards.items():
            for number, item in enumerate(card.items):
                for key in item.keys:
                    self._keys[key.telling[0]].append((Place(candidate, number), key))
                for asked in {_as_asked(text) for text in item.texts[:-1]}:
                    self._trained[asked].append(Place(candidate, number))
            for alias in card.aliases:
                self._aliases[alias.name[-1]].append(alias)
        words = {word for found in self._keys.values() for _, key in found for word in (*key.telling, *key.phrase)}
        names = {word for found in self._aliases.values() for one in found for word in one.name}
        texts = (text for card in cards.values() for item in card.items for text in item.texts)
        self._heads = HeadIndex(cards)
        self._words = words | names | self._heads.words
        self._spellings = Spellings(texts, self._words)

    def find(self, text: str) -> list[Named]:
        """Each item once, by its surest name; where another word has the place of a part, it is another."""
        read = self._read(text)
        others = {(one.place, one.qualifier) for one in self.find_exchanged(text)}
        found = [one for one in self._find_keys(read) if not any((one.place, word) in others for word in one.words)]
        for alias in self._names_in(read):
            said = tuple(read.written[word] for word in alias.name)
            found += [replace(one, words=said, how=How.ALIAS) for one in self._find_meant(alias)]
        best: dict[Place, Named] = {}
        for one in sorted(found, key=lambda one: list(How).index(one.how)):
            best.setdefault(one.place, one)
        return list(best.values())

    def find_trained(self, text: str) -> list[Named]:
        """Of what was trained in just these words one that names it is enough: "Eu ainda como carne?" lacks "comer"."""
        read, found = self._read(text), list[Named]()
        for place in self._trained.get(_as_asked(text), ()):
            keys = self._cards[place.candidate].items[place.number].keys
            said = [read.written[word] for key in keys for word in key.telling if word in read.written]
            found += [Named(place, tuple(said[:1]), How.NAMED)] if said else []
        return found

    def find_exchanged(self, text: str) -> list[Exchanged]:
        """Items that the request may name by another word for what they are."""
        return self._heads.find(text, self._mean)

    def find_slips(self, text: str, places: Sequence[Place]) -> dict[str, str]:
        """Words of the text that misspell one of what these items say, each with how it stands there."""
        spelt = {stem(fold(word)): word for place in places for word in self._answer_words(place)}
        meant = ((word, self._spellings.find(fold(word))) for word in _WORD.findall(text))
        return {word: spelt[known] for word, known in meant if known in spelt and known != stem(fold(word))}

    def _answer_words(self, place: Place) -> list[str]:
        found: list[str] = _WORD.findall(self._cards[place.candidate].items[place.number].answer)
        return found[::-1]  # the first of two counts

    def _read(self, text: str) -> _Read:
        written = {word: self._mean(word) for run in plain_runs(text) for word in run}
        runs = tuple(tuple(written[word] for word in run) for run in plain_runs(text))
        return _Read(runs, {meant: word for word, meant in written.items()})

    def _mean(self, word: str) -> str:
        """The stem of the known word that is meant by this one, which may be misspelt or a synonym; else its own."""
        meant = self._spellings.find(word)
        return meant if meant in self._words else find_synonym(meant, self._words) or meant

    def _names_in(self, read: _Read) -> list[Alias]:
        listed = [alias for word in read.written for alias in self._aliases.get(word, ())]
        return [one for one in listed if all(word in read.written for word in one.name)]

    def _find_meant(self, alias: Alias) -> list[Named]:
        """What is known of the thing that the other name means: not of another that shares a part of its name."""
        others = {one.place for one in self.find_exchanged(alias.meant)}
        meant = _Read((alias.key,), dict.fromkeys(alias.key, ""))
        return [one for one in self._find_keys(meant, subjects=True) if one.place not in others]

    def _find_keys(self, read: _Read, *, subjects: bool = False) -> list[Named]:
        """`subjects`: only by what items are about, not by what was told of it: many things have one keeper."""
        found: list[Named] = []
        for word in read.written:
            for place, key in self._keys.get(word, ()):
                if subjects and key != self._cards[place.candidate].items[place.number].keys[0]:
                    continue
                if not all(one in read.written for one in key.telling) or self._is_another(read, key, place):
                    continue
                if self._is_deed(read, key, place):
                    continue
                said = tuple(read.written[one] for one in key.telling)
                how = self._how(read, key, said, place)
                if how is How.SYNONYM and any(one not in read.written for one in key.phrase):
                    continue  # another word for a part of a name is no name: "copy" for the backup room
                found.append(Named(place, said, how))
        return found

    def _how(self, read: _Read, key: Key, said: Run, place: Place) -> How:
        words = [(word, meant) for meant, word in read.written.items() if meant in (*key.telling, *key.phrase)]
        if any(stem(word) != meant and find_synonym(stem(word), {meant}) for word, meant in words):
            return How.SYNONYM
        if any(stem(word) != meant for word, meant in zip(said, key.telling, strict=True)):
            return How.MISSPELT
        if any(word not in read.written for word in key.phrase):
            return How.PARTLY
        return How.NAMED if set(said) <= self._words_of(place) else How.INFLECTED

    def _is_deed(self, read: _Read, key: Key, place: Place) -> bool:
        """Whether what is read as a part of a longer name may say that something is done, the name standing nowhere."""
        said = {read.written[word] for word in key.phrase if stem(read.written.get(word, "")) == word}  # not misspelt
        deeds = [word for word in said - self._words_of(place) if _DEED.fullmatch(word)]
        return len(key.phrase) > 1 and bool(deeds) and not stand_together(key.phrase, read.runs)

    def _is_another(self, read: _Read, key: Key, place: Place) -> bool:
        """Whether a strange word stands where one of its name stood: told of the north gate, "the south gate"."""
        for run in read.runs:
            for at, word in enumerate(run):
                if word not in key.telling or word not in key.phrase:
                    continue
                wanted = _neighbours(key.phrase, key.phrase.index(word))
                for one, other in zip(wanted, _neighbours(run, at), strict=True):
                    if one and other and one not in read.written and self._is_strange(other, place):
                        return True
        return False

    def _is_strange(self, word: str, place: Place) -> bool:
        return all(stem(known) != word for known in self._words_of(place))

    def _words_of(self, place: Place) -> frozenset[str]:
        if place not in self._known:
            texts = self._cards[place.candidate].items[place.number].texts
            self._known[place] = frozenset(word for text in texts for run in plain_runs(text) for word in run)
        return self._known[place]


def _as_asked(text: str) -> Run:
    return tuple(fold(word) for word in _WORD.findall(text))


def _neighbours(run: Sequence[str], at: int) -> tuple[str, str]:
    """The words before and after, "" where there is none."""
    return run[at - 1] if at else "", run[at + 1] if at + 1 < len(run) else ""

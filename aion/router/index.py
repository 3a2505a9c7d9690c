"""Finds, in a request, the names of what was taught: over all cards at once, by word, spelling and other names.

It compares no vectors: what it finds is named, not yet meant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aion.memory.terms import stem
from aion.router.card import Item, Key, RouteCard
from aion.router.words import Run, Spellings, plain_runs, stems_of


@dataclass(frozen=True, slots=True)
class Place:
    """An item of a card."""

    candidate: str
    number: int


@dataclass(frozen=True, slots=True)
class Named:
    """An item whose name stands in a request."""

    place: Place
    words: Run  # of the request, as it has them
    how: str  # named, misspelt, alias


class NameIndex:
    """The keys of all cards, by the first of their words."""

    def __init__(self, cards: Mapping[str, RouteCard]) -> None:
        self._keys: defaultdict[str, list[tuple[Place, Key]]] = defaultdict(list)
        self._known: dict[Place, frozenset[str]] = {}
        self._aliases: dict[str, list[tuple[Run, Run]]] = {}
        self._cards = cards
        for candidate, card in cards.items():
            for number, item in enumerate(card.items):
                for key in item.keys:
                    self._keys[key.telling[0]].append((Place(candidate, number), key))
            for alias in card.aliases:
                self._aliases.setdefault(alias.name[-1], []).append((alias.name, alias.key))
        words = {word for found in self._keys.values() for _, key in found for word in key.telling}
        names = {word for found in self._aliases.values() for name, _ in found for word in name}
        texts = (text for card in cards.values() for item in card.items for text in item.texts)
        self._spellings = Spellings(texts, words | names)

    def find(self, text: str) -> list[Named]:
        """Each item once, by its best name."""
        runs = plain_runs(text)
        spelt = [tuple(self._spellings.find(word) for word in run) for run in runs]
        meant = {self._spellings.find(word): stem(word) for run in runs for word in run}
        found = self._find_keys(spelt, meant, "")
        for name, key in self._names_in(meant):
            more = self._find_keys([key], dict.fromkeys(key, ""), "alias")
            said = tuple(meant[word] for word in name)
            found += [Named(one.place, said, "alias") for one in more]
        best: dict[Place, Named] = {}
        for one in found:
            best.setdefault(one.place, one)
        return list(best.values())

    def _names_in(self, meant: Mapping[str, str]) -> list[tuple[Run, Run]]:
        pairs = [pair for word in meant for pair in self._aliases.get(word, ())]
        return [(name, key) for name, key in pairs if all(word in meant for word in name)]

    def _find_keys(self, runs: Sequence[Run], meant: Mapping[str, str], how: str) -> list[Named]:
        found: list[Named] = []
        for word in meant:
            for place, key in self._keys.get(word, ()):
                if not all(one in meant for one in key.telling) or self._is_another(runs, key, place):
                    continue
                said = tuple(meant[one] for one in key.telling)
                found.append(Named(place, said, how or ("named" if said == key.telling else "misspelt")))
        return found

    def _is_another(self, runs: Sequence[Run], key: Key, place: Place) -> bool:
        """Whether a strange word stands where one of its name stood: told of the north gate, "the south gate"."""
        missing = set(key.phrase) - {word for run in runs for word in run}
        if not missing:
            return False
        known = self._words_of(place)
        for run in runs:
            for at, word in enumerate(run):
                if word not in key.telling or word not in key.phrase:
                    continue
                home = key.phrase.index(word)
                for step in (-1, 1):
                    gone = 0 <= home + step < len(key.phrase) and key.phrase[home + step] in missing
                    if gone and 0 <= at + step < len(run) and run[at + step] not in known:
                        return True
        return False

    def _words_of(self, place: Place) -> frozenset[str]:
        if place not in self._known:
            item: Item = self._cards[place.candidate].items[place.number]
            self._known[place] = frozenset(word for text in item.texts for word in stems_of(text))
        return self._known[place]

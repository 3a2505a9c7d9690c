"""Reads a text as runs of words that belong together, and tells words apart that are only spelt otherwise.

A run ends at a stop word, a sign, or the mark of a possessive: of "who maintains the billing service?" the runs are
"maintain" and "billing service". It knows no grammar and no synonyms.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache

from aion.memory.spelling import SPELT, is_slip, without_one
from aion.memory.terms import LONGEST, STOP_WORDS, fold, stem

Run = tuple[str, ...]
_PIECE = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?|[^\w\s'\u2019]")
_OF = frozenset(["de", "da", "do", "das", "dos"])
_ARTICLES = frozenset(
    [
        "o",
        "a",
        "os",
        "as",
        "um",
        "uma",
        "do",
        "da",
        "dos",
        "das",
        "no",
        "na",
        "nos",
        "nas",
        "ao",
        "aos",
        "pelo",
        "pela",
        "num",
        "numa",
    ]
)
_WHO = r"i|you|we|they|he|she|eu|tu|voc[eê]s?|n[oó]s"
_HELPERS = r"is|are|was|were|be|been|has|have|had|will|foi|foram|ser[aá]"
_VERB = r"(?:also |never |always |tamb[eé]m |nunca |sempre )?([^\W\d_]+)"
_DOES = re.compile(rf"\b(?:{_WHO}) {_VERB}", re.IGNORECASE)
_DONE = re.compile(rf"\b(?:{_WHO}|{_HELPERS}) {_VERB}", re.IGNORECASE)
_NAME = re.compile(r"(?<=\w )[^\W\d_]\w+")
_ENGLISH_TAIL = re.compile(r"['\u2019](?:s|re|ve|ll|d|m|t)$")


@lru_cache(maxsize=4096)
def runs_of(text: str) -> tuple[Run, ...]:
    """In the order they stand, each word without its endings."""
    return tuple(tuple(stem(word) for word in run) for run in plain_runs(text))


def plain_runs(text: str) -> tuple[Run, ...]:
    """The same with the words as they are, but for case and accents."""
    runs: list[list[str]] = [[]]
    for piece in _PIECE.findall(fold(text)):
        word = _ENGLISH_TAIL.sub("", piece)
        if not word[0].isalnum() or word in STOP_WORDS:
            runs.append([])
            continue
        runs[-1].append(word.replace("'", "").replace("\u2019", "")[:LONGEST])
        if word != piece:
            runs.append([])
    return tuple(tuple(run) for run in runs if run)


@dataclass(frozen=True, slots=True)
class Linked:
    """Words that belong to one name, also across the mark of a possessive and, in Portuguese, "de"."""

    words: Run  # as they are, but for case and accents
    links: Run  # what stands between each and the next: "", "'s" or "de"


@lru_cache(maxsize=4096)
def linked_runs(text: str) -> tuple[Linked, ...]:
    """Of "Ana's new bike" one, where plain runs are two; of "o barco de Rui" one, but of "falo de Rui" two."""
    found: list[tuple[list[str], list[str]]] = [([], [])]
    before, link = "", ""
    for piece in _PIECE.findall(fold(text)):
        word = _ENGLISH_TAIL.sub("", piece)
        words, links = found[-1]
        if not word[0].isalnum() or word in STOP_WORDS:
            joins = word in _OF and bool(words) and link == "" and before in _ARTICLES
            link = "de" if joins else "-"
            before = before if joins else word
            continue
        if link == "-":
            words, links = [], []
            found.append((words, links))
        elif words:
            links.append(link)
        words.append(word.replace("'", "").replace("\u2019", "")[:LONGEST])
        link = "'s" if word != piece else ""
    return tuple(Linked(tuple(words), tuple(links)) for words, links in found if words)


def stems_of(text: str) -> list[str]:
    """All of its words in order."""
    return [word for run in runs_of(text) for word in run]


def names_of(text: str) -> set[str]:
    """The stems of what is written with a capital inside a sentence."""
    return {stem(fold(word)) for word in _NAME.findall(text) if word[0].isupper()}


def stand_together(phrase: Run, runs: Iterable[Run]) -> bool:
    """Whether the words stand side by side in one of the runs, in this order."""
    return any(run[at : at + len(phrase)] == phrase for run in runs for at in range(len(run) - len(phrase) + 1))


def verbs_of(text: str, *, done: bool = True) -> set[str]:
    """The stems of what somebody does in it, or with `done` is done: no name, though a near miss has another."""
    return {stem(fold(found[1])) for found in (_DONE if done else _DOES).finditer(text)}


class Spellings:
    """Finds the known word that an unknown one is a misspelling of: one letter more, less, other, or two exchanged."""

    def __init__(self, texts: Iterable[str], wanted: AbstractSet[str]) -> None:
        """Knows the words of the texts whose stem is wanted, in each form in which they stand there."""
        self._stems = frozenset(wanted)
        self._shorter: defaultdict[str, set[str]] = defaultdict(set)
        words = {word for text in texts for run in plain_runs(text) for word in run}
        for word in words:
            if len(word) >= SPELT and word.isalpha() and stem(word) in wanted:
                for one in without_one(word) | {word}:
                    self._shorter[one].add(word)

    def find(self, word: str) -> str:
        """The stem of the word that is meant: its own when it is known or nothing is near."""
        own = stem(word)
        if own in self._stems or len(word) < SPELT or not word.isalpha():
            return own
        near = {known for one in (word, *without_one(word)) for known in self._shorter.get(one, ())}
        fitting = sorted(known for known in near if is_slip(word, known))
        return stem(fitting[0]) if fitting else own

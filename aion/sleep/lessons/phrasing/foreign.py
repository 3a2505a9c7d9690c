"""Recognises a statement in a language that has no patterns here, and cuts it in two: what is asked for is its end.

It goes by common words. What has none of them is taken for English or Portuguese, as it was found.
"""

from __future__ import annotations

import re
from functools import cache

from aion.memory.terms import words_of
from aion.sleep.lessons.words import EDGES, end_sentence, read_data

GAP = " \u2026"
FEWEST_WORDS = 2  # that stand before the gap


def is_foreign(text: str) -> bool:
    """Whether most of the common words in it are of another language; names do not count."""
    foreign, known = _common_words()
    words = _plain_words(text)
    return sum(word in foreign for word in words) > sum(word in known for word in words)


def tells_nothing(word: str) -> bool:
    """Whether a word stands in any sentence of one of these languages, whatever that is about."""
    plain = words_of(word)
    return bool(plain) and all(part in _small_words() for part in plain)


def quote_own(statement: str) -> str:
    """As it was told, in quotation marks where somebody speaks of themselves."""
    is_own = set(_plain_words(statement)) & set(read_data("foreign")["own"].split())
    return f'"{end_sentence(statement)}"' if is_own else end_sentence(statement)


def cut(statement: str) -> tuple[tuple[str, ...], str]:
    """Its beginnings, the longest first, each with a gap, and its last word; no beginning of a statement too short."""
    *pieces, last = statement.rstrip(EDGES).split() or [""]
    ends = dict.fromkeys(end for end in (len(pieces), (len(pieces) + 2) // 2) if end >= FEWEST_WORDS)
    return tuple(" ".join(pieces[:end]).rstrip(EDGES) + GAP for end in ends), last


@cache
def _common_words() -> tuple[frozenset[str], frozenset[str]]:
    """Of other languages, and of the two that have patterns."""
    other, known = read_data("foreign"), read_data("languages")
    signs = f"{other['words']} {other['telling']} {other['own']}"
    return frozenset(signs.split()), frozenset(f"{known['en']} {known['pt']}".split())


@cache
def _small_words() -> frozenset[str]:
    other = read_data("foreign")
    return frozenset(f"{other['words']} {other['own']} {other['small']}".split())


def _plain_words(text: str) -> list[str]:
    """Without accents; of those with a capital only the first, since the others are names."""
    pieces = re.findall(r"[^\W\d_]+", text)
    return [word for place, piece in enumerate(pieces) if not place or piece.islower() for word in words_of(piece)]

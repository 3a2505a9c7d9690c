"""Knows other words for common things, from a short list in English and Portuguese: "bike" for "bicycle".

It knows one word for one word and no phrases; what is on no list has to be told by likeness.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path

from aion.memory.terms import fold, stem

_LIST = Path(__file__).parent / "data" / "synonyms.txt"


def find_synonym(word: str, known: AbstractSet[str]) -> str:
    """The one known stem that means what this stem does; "" where there is none, or there are two."""
    fitting = _others().get(word, frozenset()) & known
    return next(iter(fitting)) if len(fitting) == 1 else ""


def means(word: str, other: str) -> bool:
    """Whether the two stems stand beside each other in the list."""
    return other in _others().get(word, ())


@cache
def _others() -> dict[str, frozenset[str]]:
    """By stem."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for line in _LIST.read_text("utf-8").splitlines():
        if line and line[0] not in "#[":
            words = {stem(fold(word)) for word in line.split()}
            for word in words:
                found[word] |= words - {word}
    return {word: frozenset(others) for word, others in found.items()}

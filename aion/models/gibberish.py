"""Says whether what a model wrote is gibberish. It knows no language, and nothing of whether an answer is right."""

from __future__ import annotations

import string
from collections.abc import Sequence

REPEATED = 0.5  # of an answer's words in one run said over and over, from which it is gibberish
FEWEST = 8  # words by which that can be seen
COMMON = string.punctuation + "\u201c\u201d\u2018\u2019\u2013\u2014\u2026\u00ab\u00bb"
STRANGE = 0.3  # of an answer's signs that are neither letter, digit, space nor common mark


def is_gibberish(answer: str) -> bool:
    """Nothing, one run of words over and over, or mostly signs that no sentence has."""
    text = answer.strip()
    if not text:
        return True
    strange = sum(1 for one in text if not (one.isalnum() or one.isspace() or one in COMMON))
    if strange / len(text) > STRANGE:
        return True
    words = text.split()
    return len(words) >= FEWEST and any(_repeated(words, size) / len(words) > REPEATED for size in (1, 2, 3))


def _repeated(words: Sequence[str], size: int) -> int:
    """Words in runs that are said again right after themselves."""
    return sum(1 for place in range(size, len(words)) if words[place] == words[place - size])

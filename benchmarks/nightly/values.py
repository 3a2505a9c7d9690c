"""Draws values that nobody can guess, each only once: names, codes, places, amounts, days and hours.

It knows nothing of what they belong to. Whether a text holds one is asked of whole words, so that 8:40 is not in 18:40.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

DRAWN = re.compile(r"\[(\w+)(?::(\d+))?\]")  # [name]: one of these words; [3:28]: a number between


class Values:
    """Draws by patterns such as `[first] [last]`."""

    def __init__(self, patterns: Mapping[str, str], words: Mapping[str, Sequence[str]], draw: random.Random) -> None:
        self._patterns, self._words, self._draw = patterns, words, draw
        self._used: set[str] = set()

    def draw(self, kind: str) -> str:
        value = self._make(kind)
        while value in self._used:
            value = self._make(kind)
        self._used.add(value)
        return value

    def _make(self, kind: str) -> str:
        return DRAWN.sub(self._fill, self._patterns[kind])

    def _fill(self, found: re.Match[str]) -> str:
        name, last = found.groups()
        return str(self._draw.randint(int(name), int(last))) if last else self._draw.choice(self._words[name])


def holds(text: str, value: str) -> bool:
    """Whether a value stands in a text as words of its own, whatever their case."""
    return re.search(rf"(?<![\w,.:-]){re.escape(value)}(?!\w|[,.:-]\w)", text, re.IGNORECASE) is not None

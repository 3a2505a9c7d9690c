"""Cuts text into sentences for the rooms that keep parts of it; English and Portuguese, no model.

It goes by punctuation and lines alone: a full stop after a known abbreviation, an initial or within a number ends
nothing. It changes no character: joined, the sentences are the text without the spaces between them.
"""

from __future__ import annotations

import re

_END = re.compile(r"(?<=[.!?…])[\"'\u201d\u2019\u00bb)\]]*\s+|\n+")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:mr|mrs|ms|dr|dra|sr|sra|prof|st|vs|etc|e\.g|i\.e|p\.ex|ex|nº|av|eng|dept|approx|aprox|[a-zà-ý])\.$",
    re.IGNORECASE,
)


def sentences_of(text: str) -> list[str]:
    """In order, trimmed, without empty ones."""
    found: list[str] = []
    start = 0
    for gap in _END.finditer(text):
        head = text[start : gap.start()]
        if "\n" not in gap.group() and _ABBREVIATION.search(head):
            continue
        found.append(text[start : gap.end()].strip())
        start = gap.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if sentence]

"""Cuts text into sentences for the rooms that keep parts of it; English and Portuguese, no model.

It goes by punctuation and lines alone: a full stop after a known abbreviation, an initial or within a number ends
nothing. It changes no character: joined, the sentences are the text without the spaces between them.
"""

from __future__ import annotations

import re

_END = re.compile(r"(?<=[.!?…])[\"'\u201d\u2019\u00bb)\]]*\s+|\n+")
_MONTH = r"(?:jan|feb|fev|mar|apr|abr|mai|jun|jul|aug|ago|sept?|set|oct|out|nov|dec|dez)"
# What stands before a full stop that ends nothing: whatever follows, and only where the sentence seems to go on.
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:mr|mrs|ms|dr|dra|sr|sra|prof|st|vs|etc|e\.g|i\.e|p\.ex|ex|nº|n\.º|av|eng|dept|approx|aprox|[a-zà-ý])\.$",
    re.IGNORECASE,
)
_BEFORE_SMALL = re.compile(
    rf"(?:^|[\s(\d])(?:(?:[a-z]\.)+[a-z]|inc|ltd|co|corp|bldg|fig|vol|tel|ext|(?<=\d)h|(?<=\d )(?:h|{_MONTH}))\.$",
    re.IGNORECASE,
)
_BEFORE_FIGURE = re.compile(r"(?:^|[\s(])(?:no|nos|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\.$", re.IGNORECASE)
_BEFORE_LETTER = re.compile(r"(?:^|[\s(])(?:bldg|fig|vol)\.$", re.IGNORECASE)
_SMALL = re.compile(r"[^\W\d_A-ZÀ-Þ]|\d")
_LETTER = re.compile(r"[A-Z]\b(?!')")
LONGEST = 12  # characters looked at before a full stop


def sentences_of(text: str) -> list[str]:
    """In order, trimmed, without empty ones."""
    found: list[str] = []
    start = 0
    for gap in _END.finditer(text):
        head = text[max(start, gap.start() - LONGEST) : gap.start()]
        if "\n" not in gap.group() and _goes_on(head, text[gap.end() : gap.end() + 2]):
            continue
        found.append(text[start : gap.end()].strip())
        start = gap.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if sentence]


def _goes_on(head: str, after: str) -> bool:
    """Whether the full stop is that of an abbreviation, by what stands before and after it."""
    return bool(
        _ABBREVIATION.search(head)
        or (_SMALL.match(after) and _BEFORE_SMALL.search(head))
        or (after[:1].isdigit() and _BEFORE_FIGURE.search(head))
        or (_LETTER.match(after) and _BEFORE_LETTER.search(head))
    )

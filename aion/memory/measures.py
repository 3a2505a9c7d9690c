"""Days, hours, sums and other figures in a few words of a sentence, and whether two of them measure the same."""

from __future__ import annotations

import re

from aion.memory.entities import entities_of
from aion.memory.entity_patterns import MONTHS, WEEKDAYS
from aion.memory.terms import fold

_NUMBER_WORDS = (
    "one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred um uma dois duas "
    "três quatro cinco seis sete oito nove dez onze doze vinte trinta quarenta cinquenta cem"
)
_NUMBERS = frozenset(map(fold, _NUMBER_WORDS.split()))
_DAY = re.compile(r"\bdia \d", re.IGNORECASE)
_DATED = re.compile(rf"\b(?:{'|'.join(MONTHS)}|{WEEKDAYS})\b", re.IGNORECASE)
_BARE_DAY = re.compile(r"(?:^|\b[àn]a?s? )(?:segunda|terça|quarta|quinta|sexta)s?$", re.IGNORECASE)


def is_figure(word: str) -> bool:
    """ "9:30", "Friday", "three"."""
    return any(sign.isdigit() for sign in word) or _DATED.fullmatch(word) is not None or fold(word) in _NUMBERS


def holds_figure(text: str) -> bool:
    """Without numbers in words: they stand in much that is no measure."""
    return any(sign.isdigit() for sign in text) or _DATED.search(text) is not None or _BARE_DAY.search(text) is not None


def is_same_measure(new: str, old: str) -> bool:
    """Both a date, or numbers of one unit, as far as they are known for what they are."""
    mine, theirs = _measures(new), _measures(old)
    return not mine or not theirs or bool(mine & theirs)


def _measures(text: str) -> set[tuple[str, str]]:
    found = {(one.kind, one.key.partition(" ")[2] if one.kind == "number" else "") for one in entities_of(text)}
    return (found - {("phrase", "")}) | ({("date", "")} if _DAY.search(text) else set())

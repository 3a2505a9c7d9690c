"""How far an answer rests on what was recalled, and which memories it used. Pure, by words.

An answer used a memory when a distinctive term of it stands in the answer: one that stands in the memory, in neither
the question nor any other memory shown. A memory all of whose terms stand in others too is used when the answer holds
at least half of the terms it has beyond the question. The share is that of the answer's own terms (those beyond the
question) that stand in any memory shown; an answer without own terms is wholly supported when it used a memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from aion.memory.terms import terms_of
from aion.records import Memory

HALF = 0.5


@dataclass(frozen=True, slots=True)
class Support:
    """For an answer: the share of its words found in the sources, and for each source whether it was used."""

    share: float
    used: tuple[bool, ...]


def support_of(question: str, answer: str, sources: Sequence[Memory]) -> Support:
    asked = set(terms_of(question))
    said = set(terms_of(answer)) - asked
    held = [set(terms_of(source.text)) - asked for source in sources]
    counts = Counter(term for terms in held for term in terms)
    used = tuple(_is_used(terms, said, counts) for terms in held)
    if not said:
        return Support(1.0 if any(used) else 0.0, used)
    return Support(len(said & set(counts)) / len(said), used)


def _is_used(terms: set[str], said: set[str], counts: Counter[str]) -> bool:
    distinctive = {term for term in terms if counts[term] == 1}
    if distinctive:
        return bool(distinctive & said)
    return bool(terms) and len(terms & said) >= HALF * len(terms)

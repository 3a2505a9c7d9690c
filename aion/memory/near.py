"""Decides whether a memory may answer a question: near in meaning, and about the same things. Pure functions.

How near it must be depends on what the two speak of. What holds a thing that the question names may be farther; what
lacks it must be nearer; what speaks of another thing of its kind is never near, for nothing is nearer in meaning than
"the code of the south gate" to a question about the north gate. The embedder learned from English: Portuguese texts
are all alike to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aion.memory.base import Vector
from aion.memory.relation import Exchanged, Pairs, Relation, relate
from aion.memory.terms import lean_of, terms_of
from aion.memory.things import Thing, things_of
from aion.records import Entity, Memory, MemoryKind

ANYTHING = -1.0  # a floor that lets everything in
WORD_SHARE = 0.6
NAMED = -0.1  # each of these is added to the floor
HALF_NAMED = 0.1  # one thing is shared, and no word of another stands there
NOTHING_NAMED = 0.1
MISSING = 0.25
PORTUGUESE = 0.15
LONG = 40  # terms
ALIKE = 0.55  # cosine of two words for what a thing is from which on they mean the same
NONE_SAME: Pairs = frozenset()
_YEAR = re.compile(r"(?:19|20)\d\d")
_OWN = re.compile(r"\b(?:i|my|mine|we|our|ours|eu|meus?|minhas?|n[oó]s|noss[oa]s?|comigo|connosco)\b", re.IGNORECASE)
_ANYBODY = re.compile(
    r"\s*(?:how (?:do|can|could|should|would)|(?:(?:where|what) )?can|como (?:posso|devo|podemos|é que))\b",
    re.IGNORECASE,
)  # "how do I boil an egg?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question as recall sees it."""

    terms: tuple[str, ...]  # distinct
    entities: tuple[Entity, ...]
    text: str
    things: tuple[Thing, ...]

    @classmethod
    def of(cls, text: str, entities: Sequence[Entity]) -> Asked:
        terms = tuple(dict.fromkeys(terms_of(text)))
        return cls(text=text, terms=terms, things=things_of(text), entities=tuple(entities))


@dataclass(frozen=True, slots=True)
class Held:
    """What stands in a memory."""

    text: str
    many: bool  # whether it speaks of many things: one more of the like is no sign then
    terms: frozenset[str]
    keys: frozenset[str]  # of its entities

    @classmethod
    def of(cls, memory: Memory) -> Held:
        terms = frozenset(terms_of(memory.text))
        many = memory.kind is MemoryKind.PASSAGE or len(terms) > LONG
        return cls(memory.text, many, terms, frozenset(memory.entities))


def is_near(asked: Asked, held: Held, cosine: float | None, floor: float, same: Pairs = NONE_SAME) -> bool:
    """`same`: what was exchanged between the two, and means the same."""
    if floor <= ANYTHING or holds_sign(asked, held):
        return True
    relation = Relation() if held.many else relate(asked.things, things_of(held.text), held.terms, same)
    if relation.exchanged:
        return False
    if word_share(asked, held) >= WORD_SHARE and _shares_words(asked, held):
        return True
    return cosine is not None and cosine >= floor + (0.0 if held.many else _farther(asked, held, relation))


def holds_sign(asked: Asked, held: Held) -> bool:
    """Whether a code, a date or a long number of the question stands there."""
    return any(_identifies(entity) and entity.key in held.keys for entity in asked.entities)


def find_exchanged(asked: Asked, memories: Sequence[Memory]) -> list[Exchanged]:
    """What may be another word for what was asked about; not one by which a memory calls something else."""
    told = [held for held in map(Held.of, memories) if not held.many]
    known = {term for held in told for term in held.terms}
    relations = (relate(asked.things, things_of(held.text), held.terms) for held in told)
    found = (one for relation in relations for one in relation.exchanged if one.of_kind)
    return [one for one in dict.fromkeys(found) if known.isdisjoint(terms_of(one.asked))]


def same_kinds(exchanged: Sequence[Exchanged], vectors: Mapping[str, Vector]) -> Pairs:
    """For each that is asked about the nearest, where it is near enough."""
    best: dict[str, tuple[float, Exchanged]] = {}
    for one in exchanged:
        likeness = float(vectors[one.asked] @ vectors[one.held])
        if likeness >= ALIKE:
            best[one.asked] = max(best.get(one.asked, (0.0, one)), (likeness, one), key=lambda found: found[0])
    return frozenset(one.pair for _, one in best.values())


def word_share(asked: Asked, held: Held) -> float:
    """Part of the question's terms that stand in the memory."""
    return len(held.terms.intersection(asked.terms)) / len(asked.terms) if asked.terms else 0.0


def _shares_words(asked: Asked, held: Held) -> bool:
    """Whether more than numbers: "Quanto é 9 mais 5?" asks for no 9.5 litres."""
    return not all(term.isdigit() for term in held.terms.intersection(asked.terms))


def _farther(asked: Asked, held: Held, relation: Relation) -> float:
    """What is added to the floor."""
    if relation.named:
        return NAMED
    alike = PORTUGUESE if lean_of(asked.text) >= 0 and lean_of(held.text) > 0 else 0.0
    if relation.shared:
        return HALF_NAMED if relation.missing else 0.0
    if relation.missing:
        return MISSING + alike
    return alike + (0.0 if _is_own(asked.text) else NOTHING_NAMED)


def _is_own(question: str) -> bool:
    """Whether who asks speaks of themselves: all that they told may be meant."""
    return _OWN.search(question) is not None and _ANYBODY.match(question) is None


def _identifies(entity: Entity) -> bool:
    """Whether two texts that both hold it are likely to be about one thing; a month, a year or "20" stands in many."""
    if entity.kind == "number":
        return sum(sign.isdigit() for sign in entity.key) >= 3 and not _YEAR.fullmatch(entity.key)
    return entity.kind == "code" or (entity.kind == "date" and len(re.findall(r"\d+", entity.key)) > 1)

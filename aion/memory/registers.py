"""What is told in one way of several things answers for those things alone. Pure functions.

Who told the ticket codes of three queues has told a register, and asks it by name: of a queue that is not in it, all
three are equally near in meaning and none is the answer. One alone may be what was meant by another word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from aion.memory.near import Asked, Held, holds_sign
from aion.memory.relation import Pairs, relate
from aion.memory.things import Thing, things_of

LEAST = 2  # things of which the same is told


def registers_of(texts: Iterable[Held]) -> frozenset[frozenset[str]]:
    """What is told, without of what: "ticket", "code"."""
    told = defaultdict[frozenset[str], set[frozenset[str]]](set)
    for held in texts:
        things = things_of(held.text)
        of = next((one for one in things if not one.owned), None)
        if of is not None and of.special and (frame := _frame(held, things)):
            told[frame].add(frozenset(word.stem for word in of.words))
    return frozenset(frame for frame, things in told.items() if len(things) >= LEAST)


def lacks(asked: Asked, held: Held, same: Pairs) -> bool:
    """Whether nothing that the question names stands in the text."""
    if held.many or holds_sign(asked, held):
        return False
    relation = relate(asked.things, things_of(held.text), held.terms, same)
    return relation.missing and not (relation.named or relation.shared)


def is_entry(held: Held, registers: frozenset[frozenset[str]]) -> bool:
    return _frame(held, things_of(held.text)) in registers


def _frame(held: Held, things: Iterable[Thing]) -> frozenset[str]:
    apart = {word.stem for thing in things if not thing.owned for word in thing.words}
    return frozenset(term for term in held.terms - apart if not any(sign.isdigit() for sign in term))

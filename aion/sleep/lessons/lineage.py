"""Which adapter of a theme a night goes on from, and what those before it have learned. Pure; reads no store.

An adapter that learned what was forgotten since is never gone on from, and neither is any that went on from it: what
is left is then learned anew from the newest that did not, or from nothing. Nor is one gone on from that came from
elsewhere, that an examination refused, or that was taken back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet

from aion.records import Candidate, Json
from aion.store.known import find_known

Line = tuple[Candidate, ...]  # an adapter, the one it went on from, and so on


def choose_line(
    candidates: Sequence[Candidate],
    placed: AbstractSet[str],
    *,
    base: str,
    config: Json,
    heads: AbstractSet[str],
) -> Line:
    """Of a theme's candidates, the newest first: the first that fits base and PEFT config, and those behind it.

    `placed` are the lessons that have a theme: forgetting takes their place away. `heads` may be gone on from.
    """
    known = {one.id: one for one in candidates}
    for one in candidates:
        line = _line_of(one, known)
        fits = (
            one.base == base
            and one.id in heads
            and not one.is_imported
            and all(one.config.get(name) == value for name, value in config.items())
        )
        if fits and line and all(placed >= set(each.lessons) and not each.retired for each in line):
            return line
    return ()


def lessons_of(line: Line, unlearned: Mapping[str, Collection[str]]) -> set[str]:
    """What the first of them knows from training. `unlearned`: what examinations found that each does not know."""
    return find_known([one.id for one in line], {one.id: one.lessons for one in line}, unlearned)


def sources_of(line: Line, own: Sequence[str]) -> list[str]:
    """Everything an adapter learned from that goes on from this line, and has sources of its own."""
    return sorted({*own, *(source for one in line[:1] for source in one.sources)})


def _line_of(newest: Candidate, known: dict[str, Candidate]) -> Line:
    """Empty where one of them is not there: nobody can say what it learned."""
    line = [newest]
    while line[-1].parent:
        if line[-1].parent not in known:
            return ()
        line.append(known[line[-1].parent])
    return tuple(line)

"""Counts answers: by exam, by kind within it, and against the goals. Pure; asks and reads nothing.

A share is of answers that hold what was wanted, of near misses of those that hold any taught value at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from aion.records import Json
from benchmarks.nightly.exams import Question
from benchmarks.nightly.values import holds
from benchmarks.tools import Figure

LEAST_HARM, HARM = 2, 0.02  # answers and share that may be lost by chance
TOLD_BEFORE = ("earlier", "changed")  # of what is asked on a morning, what the night before it already knew


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of one peer, judged. `right` of a near miss: it was fooled. `old`: it holds the value of before."""

    exam: str
    kind: str
    right: bool
    old: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many."""

    hits: int
    of: int

    @property
    def share(self) -> float:
        return self.hits / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """What one peer knew on one morning."""

    peer: str  # off, on, memory, naive, replay, found
    day: int
    shares: dict[str, Share]  # exam, exam/kind, and changed/old
    night: Json = field(default_factory=dict)


def judge(question: Question, text: str, taught: Iterable[str]) -> Answer:
    if question.exam == "missed":
        return Answer("missed", question.kind, any(holds(text, value) for value in taught))
    if question.exam == "general":
        return Answer("general", "", text.strip() == question.wanted.strip())
    old = bool(question.before) and holds(text, question.before)
    return Answer(question.exam, question.kind, holds(text, question.wanted), old)


def count(answers: Sequence[Answer]) -> dict[str, Share]:
    listed: dict[str, list[bool]] = {}
    for one in answers:
        listed.setdefault(one.exam, []).append(one.right)
        if one.kind:
            listed.setdefault(f"{one.exam}/{one.kind}", []).append(one.right)
        if one.exam == "changed":
            listed.setdefault("changed/old", []).append(one.old)
    return {name: Share(sum(found), len(found)) for name, found in sorted(listed.items())}


def join(mornings: Sequence[Morning], *exams: str) -> Share:
    """Of all these mornings and exams together."""
    found = [one.shares[exam] for one in mornings for exam in exams if exam in one.shares]
    return Share(sum(one.hits for one in found), sum(one.of for one in found))


def count_harmful(mornings: Sequence[Morning]) -> int:
    """Mornings of one peer after a night that promoted, on which what was there before it had got worse."""
    ordered = sorted(mornings, key=lambda one: one.day)
    return sum(_is_harmed(one, two) for one, two in pairwise(ordered))


def _is_harmed(before: Morning, after: Morning) -> bool:
    """By more than two answers and more than two in a hundred; tonight's own facts were not there to be harmed."""
    if not after.night["promoted"]:
        return False
    known = join([before], "last", *TOLD_BEFORE), join([after], *TOLD_BEFORE)
    exams = [known, (join([before], "general"), join([after], "general"))]
    falls = [(one.share - two.share, two.of) for one, two in exams]
    falls.append((after.shares["missed"].share - before.shares["missed"].share, after.shares["missed"].of))
    return any(lost > HARM and round(lost * of, 6) > LEAST_HARM for lost, of in falls)


def figures_of(mornings: Sequence[Morning], peer: str) -> list[Figure]:
    """One peer beside the goals of the product: over all mornings, and what is known on the last one."""
    mine = sorted((one for one in mornings if one.peer == peer), key=lambda one: one.day)
    if not mine:
        return []
    recalled, answers = peer in ("on", "memory"), peer != "found"
    goals = [
        ("last night, all mornings", join(mine, "last"), 0.95, True),
        ("earlier nights, all mornings", join(mine, "earlier"), 0.90, True),
        ("earlier nights, on the last morning", mine[-1].shares.get("earlier", Share(0, 0)), 0.90, True),
        ("under clients' system messages", join(mine, "systems"), 0.95, True),
        ("asked as taught", join(mine, "asked"), None, True),
        ("general answers equal to the base's", join(mine, "general"), 0.99, True),
        ("false recall on near misses", join(mine, "missed"), 0.02 if recalled else 0.05, False),
        ("changed facts: new value", join(mine, "changed"), 0.95, True),
        ("changed facts: old value", join(mine, "changed/old"), 0.02, False),
        ("other names", join(mine, "names"), 0.80, True),
        *((f"  {name}", join(mine, f"names/{name}"), None, True) for name in ("synonym", "alias", "misspelt", "it")),
    ]
    figures = [
        Figure(f"{peer}: {name} ({one.hits} of {one.of})", one.share, "", goal if answers else None, at_least=least)
        for name, one, goal, least in goals
        if one.of
    ]
    return figures + (_promotions(mine, peer) if peer in ("off", "on") else [])


def _promotions(mornings: Sequence[Morning], peer: str) -> list[Figure]:
    """What became of what the nights made, by their reports; why what was asked was not known."""
    fates = sum((Counter(one.night["fates"]) for one in mornings), Counter[str]())
    causes = sum((Counter(one.night["causes"]) for one in mornings), Counter[str]())
    shipped = sum(one.night["promoted"] for one in mornings)
    return [
        Figure(f"{peer}: nights that shipped something, of {len(mornings)}", shipped, ""),
        *(Figure(f"{peer}: candidates {name}", number, "") for name, number in sorted(fates.items())),
        Figure(f"{peer}: nights rolled back", len(mornings[-1].night["undone"]), ""),
        Figure(f"{peer}: harmful promotions", count_harmful(mornings), "", 0),
        *(Figure(f"{peer}: wrong, {name}", number, "") for name, number in sorted(causes.items())),
    ]


def compare_memory(mornings: Sequence[Morning]) -> list[Figure]:
    """Points that the adapters add where memory is on: all that is known, over all mornings."""
    on, alone = (
        join([one for one in mornings if one.peer == peer], "last", *TOLD_BEFORE, "names") for peer in ("on", "memory")
    )
    if not on.of or not alone.of:
        return []
    return [Figure("with memory on, over memory alone", (on.share - alone.share) * 100, "points", 2.0, at_least=True)]

"""Learns at which hours a night pays, in accepted gain per minute, and may postpone one to a better hour.

A contextual bandit by upper confidence bounds: the context is why the night would begin and how much waits, the arms
are the six parts of the day. What one context does not know yet it takes from the others. Its state is the list of
outcomes, which are rows; the same outcomes give the same choice. It never starts a night, and postpones none for
longer than a day.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PARTS = 6  # of a day, four hours each
HOURS = 24 // PARTS
LONGEST_S = 86_400.0
KNOWN = 3  # outcomes of an hour before anything is postponed to or from it
CLEARLY = 0.1  # so much better another hour must promise to be
SHARED = 1.0  # weight of what other contexts know, in outcomes
BOLD = 0.7  # width of the bounds, in deviations
BACKLOGS = (50, 100, 200, 500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one night brought: the gain that the examination accepted (0 for none), and its minutes."""

    why: str
    backlog: int  # lessons that waited
    hour: int  # of the day, local time
    minutes: float
    gain: float

    @property
    def value(self) -> float:
        return self.gain / max(self.minutes, 1.0)


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether to begin now, and why, in words."""

    now: bool
    words: str


@dataclass(frozen=True, slots=True)
class _Sum:
    count: int = 0
    total: float = 0.0

    def add(self, value: float) -> _Sum:
        return _Sum(self.count + 1, self.total + value)


Context = tuple[str, int]  # why, and the bucket of the backlog


class Bandit:
    """What was learned from outcomes; adding one makes another bandit."""

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        self._outcomes = tuple(outcomes)
        self._cells: Mapping[tuple[Context, int], _Sum] = _sum_up(self._outcomes)
        self._parts: Mapping[int, _Sum] = _sum_parts(self._outcomes)
        self._spread = _deviation([outcome.value for outcome in self._outcomes])

    def learn(self, outcome: Outcome) -> Bandit:
        return Bandit((*self._outcomes, outcome))

    def expect(self, why: str, backlog: int, hour: int) -> float:
        """Gain per minute of a night begun at that hour."""
        cell = self._cells.get(((why, bucket_of(backlog)), part_of(hour)), _Sum())
        shared = self._parts.get(part_of(hour), _Sum())
        prior = shared.total / shared.count if shared.count else self._mean()
        return (cell.total + SHARED * prior) / (cell.count + SHARED)

    def advise(self, why: str, backlog: int, hour: int, *, postponed_s: float = 0.0) -> Advice:
        """Begin now, unless another hour promises clearly more and the wait has not been a day."""
        here = part_of(hour)
        bounds = {part: self._bound((why, bucket_of(backlog)), part) for part in range(PARTS)}
        best = max(bounds, key=lambda part: (bounds[part], -((part - here) % PARTS)))
        if postponed_s >= LONGEST_S:
            return Advice(now=True, words="it has been postponed for a day")
        if self._count(here) < KNOWN or best == here:
            return Advice(
                now=True, words=f"{name_part(here)} is {'not known well yet' if best != here else 'as good as any'}"
            )
        margin = CLEARLY * max(abs(bounds[best]), abs(bounds[here]))
        if bounds[best] - bounds[here] <= margin:
            return Advice(now=True, words=f"{name_part(here)} is about as good as {name_part(best)}")
        then, now = self.expect(why, backlog, best * HOURS), self.expect(why, backlog, hour)
        words = f"nights {name_part(best)} have brought {then:.3g} a minute, those {name_part(here)} {now:.3g}"
        if then <= now:
            words = f"nights {name_part(best)} have been tried too seldom to know what they bring"
        return Advice(now=False, words=f"postponed: {words}")

    def _bound(self, context: Context, part: int) -> float:
        """What may be hoped for: much where little is known."""
        count = self._cells.get((context, part), _Sum()).count + self._parts.get(part, _Sum()).count / 4
        tried = 1 + len(self._outcomes)
        width = BOLD * self._spread * math.sqrt(math.log(1 + tried) / (1 + count))
        return self.expect(context[0], _sample_of(context[1]), part * HOURS) + width

    def _count(self, part: int) -> int:
        return self._parts.get(part, _Sum()).count

    def _mean(self) -> float:
        return sum(one.value for one in self._outcomes) / len(self._outcomes) if self._outcomes else 0.0


def part_of(hour: int) -> int:
    return hour % 24 // HOURS


def bucket_of(backlog: int) -> int:
    """Number of the bucket that so many waiting lessons fall into."""
    return sum(backlog >= edge for edge in BACKLOGS)


def name_part(part: int) -> str:
    return f"from {part * HOURS:02d} to {(part + 1) * HOURS:02d}"


def _sample_of(bucket: int) -> int:
    """A backlog that lies in the bucket."""
    return (0, *BACKLOGS)[bucket]


def _sum_up(outcomes: Iterable[Outcome]) -> dict[tuple[Context, int], _Sum]:
    cells: defaultdict[tuple[Context, int], _Sum] = defaultdict(_Sum)
    for one in outcomes:
        place = ((one.why, bucket_of(one.backlog)), part_of(one.hour))
        cells[place] = cells[place].add(one.value)
    return dict(cells)


def _sum_parts(outcomes: Iterable[Outcome]) -> dict[int, _Sum]:
    parts: defaultdict[int, _Sum] = defaultdict(_Sum)
    for one in outcomes:
        parts[part_of(one.hour)] = parts[part_of(one.hour)].add(one.value)
    return dict(parts)


def _deviation(values: list[float]) -> float:
    """1 until two values are known."""
    if len(values) < 2:
        return 1.0
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))

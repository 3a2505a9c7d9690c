"""What a night says of itself: how each theme went, in words for people and as a body for whoever learns from nights.

It holds ids, counts and reasons, never a word of what was learned. It sends nothing.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

from aion.records import Json, Night


class Fate(StrEnum):
    """How a theme went in a night."""

    LEARNED = "learned"
    NOTHING_NEW = "nothing_new"
    KEPT = "kept"  # unfinished: the next night goes on with it
    BEGUN_AGAIN = "begun_again"  # unfinished, and too little done to keep
    LEFT_ALONE = "left_alone"  # for this night: `reason` says why
    NOT_REACHED = "not_reached"


@dataclass(slots=True)
class ThemeReport:
    """Of one theme."""

    theme: str
    fate: Fate = Fate.NOT_REACHED
    candidate: str = ""
    reason: str = ""
    taken_up: bool = False  # from an earlier night
    thrown_away: str = ""  # why a job kept from an earlier night was not gone on with
    put_aside: int = 0  # lessons
    ship: bool | None = None  # what the examination said; None: nobody has examined it
    refused: tuple[str, ...] = ()  # why not
    chance: bool = False  # learned with another seed, it may be passed
    first: str = ""  # the candidate that was refused tonight before this one was made


@dataclass(slots=True)
class NightReport:
    """Of a whole night, with what a decision to sleep learns from: why, how much waited, when, and how long it took."""

    night: Night
    themes: list[ThemeReport] = field(default_factory=list)
    backlog: int = 0
    served: Json = field(default_factory=dict)  # what the server says of the promotion

    def note_verdict(self, candidate: str, verdict: Json) -> None:
        for one in self.themes:
            if one.candidate == candidate:
                one.ship = verdict.get("ship")
                one.refused = () if one.ship else tuple(verdict.get("reasons", ()))
                one.chance = not one.ship and bool(verdict.get("chance"))

    def note_served(self, told: Json) -> None:
        """Of a second promotion what it adds: what came of the first stands."""
        if not self.served.get("adapters"):
            self.served = self.served if self.served and not told.get("adapters") else told
            return
        left = dict(told.get("left", {}))
        if not told.get("promotion"):
            left = dict.fromkeys(told.get("adapters", ()), told.get("reason", ""))
        named = [*self.served["adapters"], *told.get("adapters", ())]
        self.served = self.served | {"adapters": named, "left": {**self.served.get("left", {}), **left}}

    def note_kept(self, themes: Collection[str]) -> None:
        """Unfinished, and put aside for the next night."""
        for one in self.themes:
            if one.fate is Fate.BEGUN_AGAIN and one.theme in themes:
                one.fate = Fate.KEPT

    def worth_another(self) -> list[ThemeReport]:
        """What may be passed when it is made once more."""
        return [one for one in self.themes if one.chance]

    def body(self, minutes: float) -> Json:
        hour = time.localtime(self.night.asked).tm_hour
        context = {"why": "asked", "backlog": self.backlog, "hour": hour} | dict(self.night.body)
        themes = [{name: getattr(one, name) for name in ThemeReport.__slots__} for one in self.themes]
        return context | {"minutes": round(minutes, 2), "themes": themes, "served": self.served}

    def words(self, early: str) -> str:
        """`early`: why it ends before its work does; empty when it does not."""
        made, done = sum(bool(one.candidate) for one in self.themes), self._count(Fate.LEARNED)
        parts = [f"{early}; {done} of {len(self.themes)} themes are done"] if early else [_number(made, "adapter")]
        examined = [one for one in self.themes if one.ship is not None]
        if examined:
            parts.append(f"{sum(bool(one.ship) for one in examined)} of {len(examined)} passed the examination")
        if again := sum(bool(one.ship) for one in examined if one.first not in ("", one.candidate)):
            parts[-1] += f", {again} at the second try"
        if kept := self._count(Fate.KEPT):
            parts.append(f"{_number(kept, 'theme')} to go on with next night")
        if aside := sum(one.put_aside for one in self.themes):
            parts.append(f"{_number(aside, 'lesson')} put aside")
        parts += [f"{one.theme} was left alone: {one.reason}" for one in self.themes if one.fate is Fate.LEFT_ALONE]
        parts += [
            f"what was kept of {one.theme} was thrown away: {one.thrown_away}" for one in self.themes if one.thrown_away
        ]
        return "; ".join(parts)[:500]

    def candidates(self) -> tuple[str, ...]:
        """Each once: of a theme that was learned twice, both."""
        return tuple(dict.fromkeys(name for one in self.themes for name in (one.first, one.candidate) if name))

    def _count(self, fate: Fate) -> int:
        return sum(one.fate is fate for one in self.themes)


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"

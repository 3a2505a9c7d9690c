"""The turns of late, with the vectors of their questions: what a new turn may say something about.

Kept in memory and bounded; after a restart the store is asked instead, and only a question asked again in another
conversation goes unnoticed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aion.memory.base import Vector
from aion.records import Turn

MOST = 2000
LOOK_BACK = 5  # turns of a person that are searched for the same question


@dataclass(frozen=True, slots=True)
class Seen:
    """A turn whose experience may still change, with the vector of its question."""

    turn: Turn
    vector: Vector | None


class RecentTurns:
    """Everybody's, the oldest dropped first."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._seen: OrderedDict[str, Seen] = OrderedDict()
        self._latest: dict[tuple[str, str], str] = {}  # (owner, conversation) -> its last turn

    def hold(self, turn: Turn, vector: Vector | None) -> None:
        self._seen[turn.id] = Seen(turn, vector)
        self._latest[turn.owner, turn.conversation] = turn.id
        while len(self._seen) > self._most:
            self._let_go(next(iter(self._seen)))

    def drop(self, turns: Sequence[str]) -> None:
        for turn in turns:
            self._let_go(turn)

    def find(self, turn_id: str) -> Seen | None:
        return self._seen.get(turn_id)

    def vector_of(self, turn_id: str) -> Vector | None:
        seen = self._seen.get(turn_id)
        return seen.vector if seen else None

    def before(self, turn: Turn) -> Seen | None:
        """The turn that was the last of this conversation until now."""
        known = self._latest.get((turn.owner, turn.conversation))
        return self._seen.get(known) if known and known != turn.id else None

    def last_of_each(self) -> Iterator[Seen]:
        """The last turn of every conversation."""
        for turn_id in list(self._latest.values()):
            if (seen := self._seen.get(turn_id)) is not None:
                yield seen

    def same_question(self, turn: Turn, vector: Vector | None, *, cosine: float, within_s: float) -> Seen | None:
        """The nearest turn of the same person in another conversation, soon before or after, that asks the same."""
        if vector is None:
            return None
        mine = [one for one in self._seen.values() if one.turn.owner == turn.owner][-LOOK_BACK:]
        for one in reversed(mine):
            elsewhere = one.turn.conversation != turn.conversation
            soon = abs(one.turn.started - turn.started) <= within_s
            if elsewhere and soon and one.vector is not None and float(one.vector @ vector) >= cosine:
                return one
        return None

    def _let_go(self, turn_id: str) -> None:
        seen = self._seen.pop(turn_id, None)
        if seen is not None and self._latest.get((seen.turn.owner, seen.turn.conversation)) == turn_id:
            del self._latest[seen.turn.owner, seen.turn.conversation]

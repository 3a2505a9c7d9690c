"""Who is served which adapters, as the answering side knows it: looked up for every request, changed by promotions.

One event loop changes and reads it, each change in one step. It chooses no adapter itself: a router does, and it
keeps nothing: at start it is filled from the newest promotions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from aion.router.base import Picks


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What an adapter knows, by what it was told: refs of turns, feedback and memories, by lesson."""

    at: float  # what was told from here on it cannot know
    lessons: Mapping[str, frozenset[str]]

    @cached_property
    def refs(self) -> frozenset[str]:
        return frozenset().union(*self.lessons.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedSet:
    """What one person is served: a router over each set, and which of their conversations are on trial."""

    promotion: str
    names: frozenset[str]  # of adapters of theirs that the engine holds: a person may ask for any of these
    router: Picks
    trial: Picks | None = None
    share: float = 0.0
    learned: Mapping[str, Learned] = field(default_factory=dict)  # by adapter; none of one from elsewhere

    def on_trial(self, conversation: str) -> bool:
        """The same conversation always gets the same set."""
        return self.trial is not None and draw(self.promotion, conversation) < self.share

    @property
    def usual(self) -> Picks:
        """What a conversation gets of which nothing is known: that of the trial when all are on it."""
        return self.trial if self.trial is not None and self.share >= 1.0 else self.router

    def router_for(self, conversation: str) -> Picks:
        return self.trial if self.trial is not None and self.on_trial(conversation) else self.router


class RouteTable:
    """By owner."""

    def __init__(self) -> None:
        self._sets: dict[str, ServedSet] = {}

    def put(self, owner: str, served: ServedSet) -> None:
        self._sets[owner] = served

    def drop(self, owner: str) -> None:
        """From here on this person gets the untouched base."""
        self._sets.pop(owner, None)

    def find(self, owner: str) -> ServedSet | None:
        return self._sets.get(owner)

    def mark(self, owner: str, conversation: str) -> Sequence[str]:
        """What an answer depends on besides its question: the promotion, and the side of a trial."""
        served = self._sets.get(owner)
        if served is None:
            return ()
        return (served.promotion, "trial" if served.on_trial(conversation) else "")


def draw(promotion: str, conversation: str) -> float:
    """From 0 to 1, evenly over conversations, and the same for ever."""
    found = hashlib.sha256(f"{promotion}\0{conversation}".encode()).digest()
    return int.from_bytes(found[:8], "big") / 2**64

"""What people said of answers that a router chose for: which taught things their questions asked for, and which not.

Only a judgement of a person counts, and only of what the turn's own record says was taken or left. It holds no vector.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aion.records import Experience, FeedbackKind, Turn
from aion.router.card import Item
from aion.router.words import stems_of
from aion.store.base import Store

MOST = 2000  # answers looked at, the newest first
FOLLOWS = "follows"  # of a question that only pointed at what the one before it asked


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question, and one taught thing that it named."""

    turn: str
    question: str
    lesson: str
    taken: bool  # its adapter answered
    liked: bool
    correction: str = ""  # what a person put in the place of the answer

    def is_wanted(self, item: Item) -> bool | None:
        """Whether the question asked for it; None when the judgement does not say.

        A correction to just what was taught says that the right thing was asked for, and learned badly.
        """
        if not self.taken:
            return False if self.liked else None
        if self.liked or not self.correction:
            return self.liked
        return set(stems_of(self.correction)) <= {*stems_of(item.answer), *stems_of(self.question)}


def read_outcomes(store: Store, owner: str) -> list[Outcome]:
    """Of this person, in the order they were asked."""
    found = store.experience.experiences(owner=owner, limit=MOST)
    return [outcome for one in reversed(found) for outcome in _read(store, one)]


def _read(store: Store, one: Experience) -> Iterator[Outcome]:
    if not one.reward.explicit:
        return
    turn = store.turn(one.turn, owner=one.owner)
    question = _question_of(turn) if turn is not None else ""
    if turn is None or not question:
        return
    told = store.experience.feedback(owner=one.owner, turn=turn.id)
    edits = [each.text for each in told if each.kind is FeedbackKind.EDIT]
    why = (turn.steps.get("route") or {}).get("why") or {}
    for name in ("took", "left"):
        for named in why.get(name, ()):
            if named["how"] != FOLLOWS:
                liked, correction = one.reward.explicit > 0, edits[-1] if edits else ""
                yield Outcome(turn.id, question, named["lesson"], name == "took", liked, correction)


def _question_of(turn: Turn) -> str:
    """What the person asked last, where that is plain text."""
    asked = next((one.get("content") for one in reversed(turn.messages) if one.get("role") == "user"), "")
    return asked if isinstance(asked, str) else ""

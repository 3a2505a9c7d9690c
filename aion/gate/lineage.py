"""Which adapters learned from something said, noted or read: the way back from a source. It changes nothing."""

from __future__ import annotations

from aion.records import Candidate
from aion.store.base import Store

MOST = 10_000


def find_learners(store: Store, ref: str, *, owner: str) -> list[Candidate]:
    """The newest first; `ref` is a turn, feedback, memory, document, or a conversation with all its turns."""
    turns = [one.id for one in store.turns(owner=owner, conversation=ref, limit=MOST)]
    judged = [one.id for turn in turns for one in store.experience.feedback(owner=owner, turn=turn)]
    names = store.nights.candidates_from([ref, *turns, *judged], owner=owner)
    found = [made for name in names if (made := store.nights.candidate(name, owner=owner)) is not None]
    return sorted(found, key=lambda one: (one.created, one.id), reverse=True)

"""Finds what was made in sight of something that goes: answers after it, and edits that left a sentence of one.

An edit in a person's own words is theirs, whatever they had been shown. One that left a sentence of such an answer
standing hands it on, to wherever the correction was shown in its turn. It removes nothing, and knows words by form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

import apsw

from aion.records import Feedback
from aion.store import experience_rows, statements
from aion.store.database import fetch

COPIED = 3  # words of a sentence from which it is known again
EDITS = f"{statements.SELECT_FEEDBACK} WHERE turn = ? AND kind = 'edit'"
ANSWERED = (
    "SELECT body FROM answers JOIN messages ON messages.hash = answers.message WHERE turn = ? AND answers.position = ?"
)
_ENDS = re.compile(r"[.!?\u2026]\W*\s|\n")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Derived:
    """Turns whose answers were made in sight of it, and the edits among them that are the person's own words."""

    turns: frozenset[str]
    own: frozenset[str]


def find_derived(connection: apsw.Connection, shown: Iterable[str], owner: str) -> Derived:
    """From the turns that were shown it."""
    turns: set[str] = set()
    own: set[str] = set()
    ahead = set(shown)
    while ahead:
        after = {id_ for turn in ahead for (id_,) in fetch(connection, statements.SELECT_AFTER, (turn,))} - turns
        turns |= after
        edits = [experience_rows.decode_feedback(row) for turn in after for row in fetch(connection, EDITS, (turn,))]
        copied = {edit.id for edit in edits if _leaves_standing(connection, edit)}
        own |= {edit.id for edit in edits} - copied
        ahead = {turn for edit in copied for turn in turns_shown(connection, edit, owner)}
    return Derived(frozenset(turns), frozenset(own))


def turns_shown(connection: apsw.Connection, source: str, owner: str) -> list[str]:
    """Turns in which a memory of this source was shown."""
    return [id_ for (id_,) in fetch(connection, statements.SELECT_SHOWN, (source, owner))]


def find_lessons(connection: apsw.Connection, sources: Iterable[str], owner: str) -> set[str]:
    """Lessons with a place that have one of these sources."""
    of_it = "SELECT lesson FROM lesson_sources JOIN lessons ON lessons.id = lesson WHERE owner = ? AND ref = ?"
    return {id_ for ref in set(sources) for (id_,) in fetch(connection, of_it, (owner, ref))}


def lessons_of(connection: apsw.Connection, derived: Derived, owner: str) -> set[str]:
    """Lessons made of those answers, without those of the person's own words."""
    return find_lessons(connection, derived.turns, owner) - find_lessons(connection, derived.own, owner)


def _leaves_standing(connection: apsw.Connection, edit: Feedback) -> bool:
    """Whether a whole sentence of it stands in the answer that it put right."""
    found = fetch(connection, ANSWERED, (edit.turn, edit.choice))
    answer = json.loads(found[0][0]).get("content") if found else None
    known = f" {_plain(answer)} " if isinstance(answer, str) else ""
    sentences = (_plain(one) for one in _ENDS.split(edit.text))
    return any(f" {one} " in known for one in sentences if len(one.split()) >= COPIED)


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))

"""Reads the turns of a conversation as one thread: of what was asked again, or otherwise, one version at a time.

Every turn holds what was said before it, so turns make a tree; a thread is the way from its root to one turn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from aion.records import Json

MOST_TURNS = 1000  # of a conversation are read


@dataclass(frozen=True, slots=True)
class Said:
    """A question, its answer, the other answers that it got, and what was asked in its place."""

    turn: Json
    question: str
    answer: str
    versions: tuple[str, ...]  # ids of the turns that answer the same, the oldest first
    asked: tuple[str, ...]  # ids of the newest turns of each question that was asked at this place, the oldest first

    @property
    def place(self) -> int:
        return self.versions.index(self.turn["id"])

    @property
    def branch(self) -> int:
        return next(at for at, one in enumerate(self.asked) if one in self.versions)


def read_thread(turns: Sequence[Json], at: str = "") -> list[Said]:
    """The way to the turn `at`, on from it while there is more, or to the newest; turns in the order they were."""
    same: defaultdict[bytes, list[Json]] = defaultdict(list)
    for one in turns:
        same[_name(one["messages"])].append(one)
    leaf = next((one for one in turns if one["id"] == at), None)
    leaf = _follow(leaf, turns) if leaf else (turns[-1] if turns else None)
    if leaf is None:
        return []
    path = [leaf]
    messages = leaf["messages"]
    for end in range(len(messages) - 1, 0, -1):
        found = same.get(_name(messages[:end]), [])
        said = [one for one in found if text_of(one) == _content(messages[end])]
        if said:
            path.append(said[-1])
    places = _places(same)
    return [_said(one, same[_name(one["messages"])], places) for one in reversed(path)]


def find_said(turns: Sequence[Json], turn: str) -> Said:
    """One turn as it stands in its thread."""
    return next(one for one in read_thread(turns, turn) if one.turn["id"] == turn)


def history_after(turn: Json) -> list[Json]:
    """What stands before the next question."""
    return [*turn["messages"], {"role": "assistant", "content": text_of(turn)}]


def text_of(turn: Json) -> str:
    answers = turn["answers"]
    return _content(answers[0]["message"]) if answers else ""


def _said(turn: Json, twins: Sequence[Json], places: Mapping[bytes, Sequence[str]]) -> Said:
    return Said(
        turn=turn,
        question=_content(turn["messages"][-1]),
        answer=text_of(turn),
        versions=tuple(twin["id"] for twin in twins),
        asked=tuple(places[_name(turn["messages"][:-1])]),
    )


def _places(same: Mapping[bytes, Sequence[Json]]) -> Mapping[bytes, list[str]]:
    """By what stands before a question: the newest answer to each that was asked there."""
    found: defaultdict[bytes, list[str]] = defaultdict(list)
    for twins in same.values():
        found[_name(twins[-1]["messages"][:-1])].append(twins[-1]["id"])
    return found


def _follow(turn: Json, turns: Sequence[Json]) -> Json:
    """The newest that goes on from it."""
    start = history_after(turn)
    later = [one for one in turns if len(one["messages"]) > len(start) and one["messages"][: len(start)] == start]
    return later[-1] if later else turn


def _name(messages: Sequence[Json]) -> bytes:
    return orjson.dumps([(one["role"], _content(one)) for one in messages if one["role"] != "system"])


def _content(message: Json) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))

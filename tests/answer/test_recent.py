"""Recent turns: which was before, which asked the same, and that the oldest go first."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aion.answer.recent import LOOK_BACK, RecentTurns
from aion.memory.base import Vector
from aion.records import Turn
from tests.store.examples import make_turn


def at(degrees: float) -> Vector:
    angle = math.radians(degrees)
    return np.array([math.cos(angle), math.sin(angle)], np.float32)


def asked(name: str, conversation: str = "conv_1", *, owner: str = "ana", started: float = 0.0) -> Turn:
    return make_turn(id=f"turn_{name}", conversation=conversation, owner=owner, started=started)


def test_the_turn_before_is_the_last_of_the_same_conversation_and_person() -> None:
    recent = RecentTurns()
    for turn in (asked("1"), asked("2"), asked("3", "conv_2"), asked("4", owner="rui")):
        recent.hold(turn, None)
    before = recent.before(asked("5"))
    assert before is not None
    assert before.turn.id == "turn_2"
    assert recent.before(asked("6", "conv_9")) is None
    assert recent.before(asked("2")) is None  # a turn is not before itself


def test_the_last_of_every_conversation_is_told() -> None:
    recent = RecentTurns()
    for turn in (asked("1"), asked("2"), asked("3", "conv_2")):
        recent.hold(turn, None)
    assert {seen.turn.id for seen in recent.last_of_each()} == {"turn_2", "turn_3"}


def test_vectors_are_found_by_turn() -> None:
    recent = RecentTurns()
    recent.hold(asked("1"), at(0))
    recent.hold(asked("2"), None)
    found = recent.vector_of("turn_1")
    assert found is not None
    assert found.tolist() == [1.0, 0.0]
    assert recent.vector_of("turn_2") is None
    assert recent.vector_of("turn_3") is None
    assert recent.find("turn_3") is None


def test_the_oldest_goes_when_there_are_too_many() -> None:
    recent = RecentTurns(most=2)
    for name in "123":
        recent.hold(asked(name, f"conv_{name}"), None)
    assert recent.find("turn_1") is None
    assert recent.find("turn_2") is not None
    assert [seen.turn.id for seen in recent.last_of_each()] == ["turn_2", "turn_3"]


def test_a_dropped_turn_is_before_none() -> None:
    recent = RecentTurns()
    recent.hold(asked("1"), None)
    recent.drop(["turn_1", "turn_unknown"])
    assert recent.before(asked("2")) is None
    assert recent.find("turn_1") is None


@pytest.mark.parametrize(
    ("held", "degrees", "found"),
    [
        (asked("1", "conv_2", started=100.0), 0, True),
        (asked("1", "conv_2", started=100.0), 24, True),  # cosine 0.914
        (asked("1", "conv_2", started=100.0), 27, False),  # cosine 0.891
        (asked("1", "conv_1", started=100.0), 0, False),  # the same conversation
        (asked("1", "conv_2", started=100.0, owner="rui"), 0, False),
        (asked("1", "conv_2", started=40.0), 0, True),  # 60 s before
        (asked("1", "conv_2", started=39.0), 0, False),
        (asked("1", "conv_2", started=160.0), 0, True),  # 60 s after
        (asked("1", "conv_2", started=161.0), 0, False),
    ],
)
def test_the_same_question_is_near_soon_and_elsewhere(held: Turn, degrees: float, found: bool) -> None:
    recent = RecentTurns()
    recent.hold(held, at(degrees))
    seen = recent.same_question(asked("9", started=100.0), at(0), cosine=0.9, within_s=60.0)
    assert (seen is not None) == found


def test_only_the_last_few_turns_of_a_person_are_searched() -> None:
    recent = RecentTurns()
    recent.hold(asked("1", "conv_2"), at(0))
    for number in range(LOOK_BACK):
        recent.hold(asked(f"rui{number}", "conv_3", owner="rui"), at(90))
    for number in range(LOOK_BACK - 1):
        recent.hold(asked(f"ana{number}", "conv_4"), at(90))
    assert recent.same_question(asked("9"), at(0), cosine=0.9, within_s=60.0) is not None
    recent.hold(asked("one_more", "conv_4"), at(90))
    assert recent.same_question(asked("9"), at(0), cosine=0.9, within_s=60.0) is None


def test_without_a_vector_no_question_is_the_same() -> None:
    recent = RecentTurns()
    recent.hold(asked("1", "conv_2"), None)
    assert recent.same_question(asked("9"), None, cosine=0.9, within_s=60.0) is None
    assert recent.same_question(asked("9"), at(0), cosine=0.9, within_s=60.0) is None

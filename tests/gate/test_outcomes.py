"""What people said of answers, as the router's network learns it: from rows of real turns, no further than they go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aion.gate.outcomes import Outcome, read_outcomes
from aion.records import FeedbackKind, Json, Reward
from aion.router.card import Item
from aion.store.sqlite import SqliteStore
from tests.store.examples import make_turn
from tests.store.memory_examples import make_experience, make_feedback

ASKED = "Who maintains the billing service?"
ITEM = Item("les_1", ("Who maintains billing?", "The billing service is maintained by Nadia Fenn."), ())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(tmp_path)) as made:
        yield made


def named(lesson: str, how: str = "named") -> Json:
    return {"adapter": "cand_1", "lesson": lesson, "how": how, "words": ["billing"], "cosine": 0.9}


def answer(store: SqliteStore, explicit: float | None, *, edit: str = "", asked: object = ASKED, **why: object) -> str:
    """A turn that a router chose for, and what somebody said of it."""
    step: Json = {"outcome": "used", "scales": {"cand_1": 1.0}, "why": {"took": [named("les_1")], "left": []} | why}
    turn = make_turn(messages=({"role": "user", "content": asked},), steps={"route": step})
    store.append_turn(turn).result()
    if edit:
        store.experience.add_feedback(make_feedback(turn.id, kind=FeedbackKind.EDIT, text=edit, value=None)).result()
    reward = Reward(explicit=explicit, implicit=-0.9, emotional=None, total=explicit or -0.9)
    store.experience.put_experience(make_experience(turn.id, reward=reward, at=turn.started)).result()
    return turn.id


def wanted(store: SqliteStore) -> list[bool | None]:
    return [one.is_wanted(ITEM) for one in read_outcomes(store, "ana")]


def test_a_liked_answer_says_that_the_right_thing_was_taken_and_a_disliked_one_that_it_was_not(
    store: SqliteStore,
) -> None:
    turn = answer(store, 1.0)
    assert read_outcomes(store, "ana") == [Outcome(turn, ASKED, "les_1", taken=True, liked=True)]
    answer(store, -1.0)
    assert wanted(store) == [True, False]
    assert read_outcomes(store, "bea") == []


@pytest.mark.parametrize(
    ("edit", "expected"), [("Nadia Fenn maintains the billing service.", True), ("Omar Lund maintains it.", False)]
)
def test_a_correction_to_just_what_was_taught_says_that_the_route_was_right(
    store: SqliteStore, edit: str, *, expected: bool
) -> None:
    answer(store, -0.5, edit=edit)
    assert wanted(store) == [expected]


def test_what_was_left_to_the_base_was_rightly_left_when_its_answer_was_liked(store: SqliteStore) -> None:
    why: Json = {"took": [], "left": [named("les_1") | {"reason": "far"}]}
    answer(store, 1.0, **why)
    answer(store, -1.0, **why)
    assert wanted(store) == [False, None]


def test_what_nobody_judged_and_what_only_followed_says_nothing(store: SqliteStore) -> None:
    answer(store, None)
    answer(store, 1.0, took=[named("les_1", how="follows")])
    answer(store, 1.0, asked=[{"type": "text", "text": ASKED}])
    store.append_turn(plain := make_turn()).result()
    store.experience.put_experience(
        make_experience(plain.id, reward=Reward(explicit=1.0, implicit=None, emotional=None, total=1.0))
    ).result()
    assert read_outcomes(store, "ana") == []

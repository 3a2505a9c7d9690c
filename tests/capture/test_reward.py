"""Rewards worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from aion.capture.emotion import Emotion
from aion.capture.reward import explicit_reward, reward_of
from aion.config import LearningSettings
from aion.records import Feedback, FeedbackKind, Signal

SETTINGS = LearningSettings()
ANSWER = "The ferry leaves at 9 from the north pier."


def judged(kind: FeedbackKind, **more: Any) -> Feedback:
    return Feedback(id="fb_1", owner="ines", turn="turn_1", kind=kind, at=1.0, key="k", **more)


def sign(value: float, weight: float) -> Signal:
    return Signal(name="x", value=value, weight=weight, evidence="")


def test_nothing_said_is_no_reward() -> None:
    reward = reward_of(None, [], None, SETTINGS)
    assert (reward.explicit, reward.implicit, reward.emotional, reward.total) == (None, None, None, 0.0)


def test_signals_are_weighted_by_how_sure_they_are() -> None:
    reward = reward_of(None, [sign(-0.8, 0.9), sign(0.7, 0.3)], None, SETTINGS)
    assert reward.implicit == pytest.approx((-0.72 + 0.21) / 1.2)
    assert reward.total == pytest.approx(0.7 * -0.425)


def test_signals_and_emotion_are_mixed_by_their_weights() -> None:
    reward = reward_of(None, [sign(0.7, 0.8)], Emotion(0.5, 1.0, ()), SETTINGS)
    assert reward.total == pytest.approx(0.7 * 0.7 + 0.3 * 0.5)


def test_emotion_alone_speaks_with_its_own_weight() -> None:
    assert reward_of(None, [], Emotion(-1.0, 1.0, ()), SETTINGS).total == -0.3


def test_a_reward_stays_within_bounds_whatever_the_weights() -> None:
    heavy = LearningSettings(implicit_weight=1.0, emotional_weight=1.0)
    assert reward_of(None, [sign(0.8, 0.9)], Emotion(0.9, 1.0, ()), heavy).total == 1.0
    assert reward_of(None, [sign(-0.8, 0.9)], Emotion(-0.9, 1.0, ()), heavy).total == -1.0


def test_what_the_person_said_overrides_every_sign_and_keeps_the_parts() -> None:
    reward = reward_of(1.0, [sign(-0.8, 0.9)], Emotion(-1.0, 1.0, ()), SETTINGS)
    assert (reward.total, reward.implicit, reward.emotional) == (1.0, -0.8, -1.0)


def test_the_latest_of_each_kind_counts_and_kinds_are_averaged() -> None:
    thumbs = [judged(FeedbackKind.THUMB, value=-1.0), judged(FeedbackKind.THUMB, value=1.0)]
    assert explicit_reward(thumbs, ANSWER) == 1.0
    assert explicit_reward([*thumbs, judged(FeedbackKind.SCORE, value=0.4)], ANSWER) == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The ferry leaves at 9, from the north pier!", 0.5),
        ("The ferry leaves at 9 on north pier.", 0.5),
        ("The ferry leaves at 8 from the north pier.", -0.5),
        ("The ferry leaves not at 9 from the north pier.", -0.5),
        ("The ferry laeves at 9 from the north pier.", 0.5),
        ("The ferry never leaves at 9 from the north pier.", -0.5),
        ("Ask at the harbour.", -0.5),
    ],
)
def test_an_edit_is_blame_unless_it_only_touched_the_wording(text: str, value: float) -> None:
    assert explicit_reward([judged(FeedbackKind.EDIT, text=text)], ANSWER) == value


def test_a_choice_praises_the_answer_that_was_chosen() -> None:
    other = "No idea."
    assert explicit_reward([judged(FeedbackKind.CHOICE, text=ANSWER, other=other)], ANSWER) == 1.0
    assert explicit_reward([judged(FeedbackKind.CHOICE, text=other, other=ANSWER)], ANSWER) == -1.0
    assert explicit_reward([judged(FeedbackKind.CHOICE, text="a", other="b")], ANSWER) is None


def test_a_comment_counts_by_its_emotion_and_an_event_not_at_all() -> None:
    assert explicit_reward([judged(FeedbackKind.COMMENT, text="useless")], ANSWER) == -1.0
    assert explicit_reward([judged(FeedbackKind.COMMENT, text="see page 3")], ANSWER) is None
    assert explicit_reward([judged(FeedbackKind.EVENT, event="copied")], ANSWER) is None

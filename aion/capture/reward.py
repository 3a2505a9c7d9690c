"""What an answer was worth: explicit feedback if there is any, else signals and emotion (C2, C3). Pure.

implicit   the mean of the signals' values, weighted by how sure each is
emotional  the emotion's value
total      explicit, if the person gave any; else implicit_weight * implicit + emotional_weight * emotional, where a
           part that was not found counts as 0: one sign alone speaks with its own weight only
explicit   the mean of the latest of each kind: thumb and score as given; a choice 1 for the answer chosen, -1 for the
           one rejected; an edit 1 - 2 * (share of words changed), so that a corrected comma is praise and a new answer
           is blame; a comment by its emotion. All in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Sequence

from aion.capture.emotion import Emotion, read_emotion
from aion.capture.words import same_words
from aion.config import LearningSettings
from aion.records import Feedback, FeedbackKind, Reward, Signal


def explicit_reward(feedback: Sequence[Feedback], answer: str) -> float | None:
    """None without a judgement; `feedback` in the order it came."""
    latest = {one.kind: one for one in feedback if one.kind is not FeedbackKind.EVENT}
    values = [value for one in latest.values() if (value := _value_of(one, answer)) is not None]
    return _clip(sum(values) / len(values)) if values else None


def reward_of(
    explicit: float | None, signals: Sequence[Signal], emotion: Emotion | None, settings: LearningSettings
) -> Reward:
    weight = sum(signal.weight for signal in signals)
    implicit = sum(signal.value * signal.weight for signal in signals) / weight if weight else None
    emotional = emotion.value if emotion else None
    mixed = settings.implicit_weight * (implicit or 0.0) + settings.emotional_weight * (emotional or 0.0)
    return Reward(
        explicit=explicit,
        implicit=None if implicit is None else _clip(implicit),
        emotional=emotional,
        total=_clip(mixed if explicit is None else explicit),
    )


def _value_of(feedback: Feedback, answer: str) -> float | None:
    match feedback.kind:
        case FeedbackKind.THUMB | FeedbackKind.SCORE:
            return feedback.value
        case FeedbackKind.EDIT:
            return 2 * same_words(answer, feedback.text) - 1
        case FeedbackKind.CHOICE:
            return 1.0 if same_words(answer, feedback.text) >= same_words(answer, feedback.other) else -1.0
        case FeedbackKind.COMMENT:
            emotion = read_emotion(feedback.text)
            return emotion.value if emotion else None
    return None


def _clip(value: float) -> float:
    return round(max(-1.0, min(1.0, value)), 4)

"""What an answer was worth: explicit feedback if there is any, else signals and emotion (C2, C3). Pure.

implicit   the mean of the signals' values, weighted by how sure each is
emotional  the emotion's value
total      explicit, if the person gave any; else implicit_weight * implicit + emotional_weight * emotional, where a
           part that was not found counts as 0. The weights are not spread over the parts that exist: a smile alone
           would otherwise be worth as much as a smile and working code; one part alone speaks with its own weight.
explicit   the mean of the latest of each kind: thumb and score as given; a choice 1 when this answer is the one chosen,
           -1 when it is the one rejected; an edit EDITED, or TOUCHED when it changed only spelling, punctuation and
           small words (likeness.changes_matter): one number put right makes a long answer wrong, however much of it
           stayed; a comment by its emotion. All in [-1, 1].
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from aion.capture.emotion import Emotion, read_emotion
from aion.capture.likeness import changes_matter
from aion.capture.words import same_words
from aion.config import LearningSettings
from aion.records import Feedback, FeedbackKind, Reward, Signal

EDITED, TOUCHED = -0.5, 0.5


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
            return EDITED if changes_matter(answer, feedback.text) else TOUCHED
        case FeedbackKind.CHOICE:
            chosen, rejected = same_words(answer, feedback.text), same_words(answer, feedback.other)
            return None if chosen == rejected else math.copysign(1.0, chosen - rejected)
        case FeedbackKind.COMMENT:
            emotion = read_emotion(feedback.text, answer)
            return emotion.value if emotion else None
    return None


def _clip(value: float) -> float:
    return round(max(-1.0, min(1.0, value)), 4)

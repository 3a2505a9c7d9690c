"""Experiences with only what a test is about, spelled out."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aion.records import Entity, Experience, Label, Reward, Trust

numbers = itertools.count()

NO_REWARD = Reward(explicit=None, implicit=None, emotional=None, total=0.0)


def moment(text: str) -> float:
    """Seconds of a moment in UTC, such as 2026-11-20 12:00."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def liked(total: float) -> Reward:
    return Reward(explicit=total, implicit=None, emotional=None, total=total)


def topic(key: str, text: str = "", kind: str = "name") -> Entity:
    return Entity(text=text or key.title(), key=key, kind=kind, weight=1.0)


def make_experience(**changes: Any) -> Experience:
    experience = Experience(
        turn=f"turn_{next(numbers):032x}",
        owner="ana",
        conversation="conv_1",
        at=moment("2026-11-20 12:00"),
        updated=0.0,
        skill="facts",
        theme="",
        trust=Trust.OWN,
        signals=(),
        reward=NO_REWARD,
        confidence=None,
        raw_confidence=None,
        novelty=0.0,
        failed=False,
        priority=0.0,
        parts={},
        label=Label.HESITANT,
        reason="",
        entities=(),
    )
    return replace(experience, **changes)

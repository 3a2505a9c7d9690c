"""Small real themes, lessons, nights and candidates for the tests of the store."""

from __future__ import annotations

import dataclasses
from typing import Any

from aion.records import Candidate, Lesson, LessonKind, Night, NightState, Quarantine, Theme
from aion.store.base import Store
from tests.store.examples import numbers


def make_theme(**changes: Any) -> Theme:
    theme = Theme(
        id="theme_1", owner="ana", name="Boats", created=1.0, updated=2.0, vector=(0.5, -0.25), embedder="e" * 64
    )
    return dataclasses.replace(theme, **changes)


def make_lesson(**changes: Any) -> Lesson:
    lesson = Lesson(
        id=f"lesson_{next(numbers)}",
        owner="ana",
        kind=LessonKind.EDIT,
        theme="theme_1",
        question="What is the boat called?",
        answer="Gaivota.",
        sources=("turn_1", "fb_1"),
        at=5.0,
    )
    return dataclasses.replace(lesson, **changes)


def make_night(**changes: Any) -> Night:
    night = Night(
        id="night_1",
        owner="ana",
        state=NightState.WAITING,
        reason="50 experiences wait",
        asked=10.0,
        at=10.0,
        body={"step": 3, "losses": [2.5, 0.5]},
    )
    return dataclasses.replace(night, **changes)


def make_quarantine(**changes: Any) -> Quarantine:
    aside = Quarantine(
        lesson="lesson_1",
        owner="ana",
        theme="theme_1",
        night="night_1",
        reason="the loss of step 3 of 40 is not a number",
        at=30.0,
    )
    return dataclasses.replace(aside, **changes)


def make_candidate(**changes: Any) -> Candidate:
    candidate = Candidate(
        id="cand_1",
        owner="ana",
        theme="theme_1",
        night="night_1",
        base="b" * 64,
        adapter="a" * 64,
        peft="c" * 64,
        config={"r": 8, "target_modules": ["q_proj"]},
        dataset="d" * 64,
        lessons=("lesson_1", "lesson_2"),
        sources=("turn_1", "fb_1"),
        record={"loss": 0.5},
        created=20.0,
        size=1024,
    )
    return dataclasses.replace(candidate, **changes)


def fill_night(store: Store, turn: str) -> None:
    """A theme with a lesson of that turn, a night, and what it made; each time another."""
    number = next(numbers)
    theme, night, made = f"theme_{number}", f"night_{number}", f"cand_{number}"
    store.nights.put_theme(make_theme(id=theme)).result()
    lesson = make_lesson(theme=theme, sources=(turn,))
    store.nights.place_lessons([lesson], at=1.0).result()
    store.nights.quarantine([make_quarantine(lesson=lesson.id)]).result()
    store.nights.append_night(make_night(id=night, state=NightState.DONE, candidates=(made,))).result()
    candidate = make_candidate(id=made, night=night, theme=theme, lessons=(lesson.id,), sources=(turn,))
    store.nights.add_candidate(candidate).result()

"""What a night would learn now: what is told as due is what the night's own steps would take up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from aion.config import TrainSettings
from aion.records import Candidate, Lesson, Move
from aion.sleep.lessons.due import UNPLACED, find_line, list_due, vary
from tests.sleep.days import Days
from tests.store.night_examples import make_candidate, make_theme
from tests.store.served_examples import make_promotion, make_verdict

BASE = "b" * 64
SETTINGS = TrainSettings()
FITS = {"r": SETTINGS.rank, "lora_alpha": SETTINGS.alpha}


@pytest.fixture
def told(tmp_path: Path) -> tuple[Days, list[Lesson]]:
    """Three facts; the first two have a theme each, the third none yet."""
    days = Days(tmp_path)
    for fact in ("The spare key is with Marta.", "The boiler was serviced in May.", "The gate code is 4471."):
        asyncio.run(days.say(fact))
    lessons = sorted(days.lessons().lessons, key=lambda one: one.at)
    for number in (1, 2):
        days.store.nights.put_theme(make_theme(id=f"theme_{number}")).result()
        placed = replace(lessons[number - 1], theme=f"theme_{number}")
        days.store.nights.place_lessons([placed], at=1.0).result()
    return days, lessons


def due(days: Days, **changes: object) -> dict[str, list[str]]:
    """The lessons that each theme would learn."""
    settings = SETTINGS.model_copy(update=changes)
    made = list_due(days.store, "ana", lessons=days.lessons(), base=BASE, settings=settings)
    return {one.theme: list(one.fresh) for one in made}


def test_all_is_due_while_nothing_was_learned(told: tuple[Days, list[Lesson]]) -> None:
    days, lessons = told
    assert due(days) == {"theme_1": [lessons[0].id], "theme_2": [lessons[1].id], UNPLACED: [lessons[2].id]}


def test_what_was_learned_is_due_no_more_until_base_or_rank_change(told: tuple[Days, list[Lesson]]) -> None:
    days, lessons = told
    made = make_candidate(base=BASE, lessons=(lessons[0].id,), config=FITS)
    days.store.nights.add_candidate(made).result()
    assert due(days).keys() == {"theme_2", UNPLACED}
    asyncio.run(days.say("The spare wheel is with Rui."))
    fresh = next(one for one in days.lessons().lessons if "wheel" in one.statement)
    days.store.nights.place_lessons([replace(fresh, theme="theme_1")], at=2.0).result()
    assert due(days)["theme_1"] == [fresh.id]
    assert set(due(days, rank=16)["theme_1"]) == {lessons[0].id, fresh.id}, "another rank begins from nothing"


def test_what_the_served_adapter_does_not_know_is_due_again_alone_and_gone_on_with(
    told: tuple[Days, list[Lesson]],
) -> None:
    days, lessons = told
    days.store.nights.place_lessons([replace(lessons[1], theme="theme_1")], at=2.0, moved=True).result()
    mine = (lessons[0].id, lessons[1].id)
    made = days.store.nights.add_candidate(make_candidate(base=BASE, lessons=mine, config=FITS)).result()
    assert due(days).keys() == {UNPLACED}
    days.store.served.add_verdict(make_verdict(made, unlearned=(lessons[1].id,))).result()
    days.store.served.append_promotion(make_promotion(made.id)).result()
    assert due(days)["theme_1"] == [lessons[1].id]
    assert find_line(days.store, "ana", "theme_1", base=BASE, settings=SETTINGS) == (made,)
    again = {"lessons": mine, "parent": made.id, "night": "night_2", "created": 30.0}
    later = days.store.nights.add_candidate(replace(made, id="cand_2", **again)).result()  # type: ignore[arg-type]
    days.store.served.add_verdict(make_verdict(later)).result()
    assert due(days).keys() == {UNPLACED}


def test_a_theme_is_made_with_another_seed_after_each_one_that_was_made_in_vain(
    told: tuple[Days, list[Lesson]],
) -> None:
    """The same seed would give the same adapter, and the same refusal, every night."""
    days, lessons = told
    served, nights = days.store.served, days.store.nights

    def seed(theme: str = "theme_1") -> int:
        line = find_line(days.store, "ana", theme, base=BASE, settings=SETTINGS)
        return vary(days.store, "ana", theme, line, SETTINGS).seed - SETTINGS.seed

    def make(number: int, *, ship: bool, **changes: object) -> Candidate:
        told = {"id": f"cand_{number}", "night": f"night_{number}", "created": float(number)} | changes
        made = replace(make_candidate(base=BASE, lessons=(lessons[0].id,), config=FITS), **told)  # type: ignore[arg-type]
        served.add_verdict(make_verdict(nights.add_candidate(made).result(), ship=ship)).result()
        return made

    assert seed() == 0
    make(1, ship=False)
    make(2, ship=False)
    assert (seed(), seed("theme_2")) == (2, 0)
    passed = make(3, ship=True)
    first = served.append_promotion(make_promotion(passed.id)).result()
    assert seed() == 0, "it goes on from what passed"
    taken_back = make(4, ship=True, parent=passed.id)
    second = served.append_promotion(make_promotion(taken_back.id, follows=first.id)).result()
    assert seed() == 0
    served.append_promotion(make_promotion(passed.id, follows=second.id, move=Move.ROLL_BACK)).result()
    assert seed() == 1


@pytest.mark.parametrize(("knew", "ship", "gently"), [(2, False, True), (1, False, False), (2, True, False)])
def test_what_knew_all_and_was_refused_for_harm_is_made_more_gently(
    told: tuple[Days, list[Lesson]], knew: int, ship: bool, gently: bool
) -> None:
    """At the same rate a fact alone is refused again and again: every question of its language is answered with it."""
    days, lessons = told
    made = days.store.nights.add_candidate(make_candidate(base=BASE, lessons=(lessons[0].id,), config=FITS)).result()
    scores = {"tonight": {"before": 0, "after": knew, "items": 2}}
    days.store.served.add_verdict(replace(make_verdict(made, ship=ship), scores=scores)).result()
    line = find_line(days.store, "ana", "theme_1", base=BASE, settings=SETTINGS)
    varied = vary(days.store, "ana", "theme_1", line, SETTINGS)
    assert (varied.learning_rate < SETTINGS.learning_rate) is gently
    assert (varied.replay_each > SETTINGS.replay_each) is gently
    assert (varied.anchors_least > SETTINGS.anchors_least) is gently


def test_nothing_is_due_of_what_is_all_learned(told: tuple[Days, list[Lesson]]) -> None:
    days, lessons = told
    for number, lesson in enumerate(lessons):
        made = make_candidate(id=f"cand_{number}", base=BASE, lessons=(lesson.id,), config=FITS)
        days.store.nights.add_candidate(made).result()
    assert due(days) == {}

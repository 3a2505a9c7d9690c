"""A run of the proof goes through its days, keeps what it found, and is taken up where it stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aion.records import Json
from benchmarks.nightly.course import Course, Plan
from benchmarks.nightly.exams import make_questions
from benchmarks.nightly.person import Reply
from benchmarks.nightly.world import Fact, World

SMALL = Plan(days=3, themes=1, facts=3, general=4, peers=("off", "memory"))


class Scholar:
    """Stands for AION: by its adapters it knows all that was told before the last sleep, by memory alone nothing."""

    def __init__(self, world: World) -> None:
        self.told: list[Fact] = []
        self.slept = 0
        self.fails_on = 0
        self.answers = {
            str([one["content"] for one in question.messages]): question.wanted
            for day in range(1, world.days + 1)
            for question in make_questions(world, day, {}, whole=True)
        }

    def teach(self, fact: Fact) -> str:
        self.told.append(fact)
        return f"turn {fact.key}"

    def sleep(self, most_s: float) -> Json:
        if self.slept + 1 == self.fails_on:
            raise TimeoutError("the night did not end")
        self.slept += 1
        return {"state": "done", "candidates": ["cand_1"], "reason": "asked"}

    def reports(self) -> list[Json]:
        if not self.slept:
            return []
        theme = {"theme": "theme_1", "state": "trial"}
        told = {"night": "night_1", "themes": [theme], "moves": [{"move": "try"}], "undone": False, "words": []}
        return [told]

    def adapters(self) -> list[Json]:
        sources = [f"turn {one.key}" for one in self.told]
        made = {"id": "cand_1", "night": "night_1", "theme": "theme_1", "theme_name": "work", "state": "trial"}
        return [made | {"hash": "sum", "sources": sources, "examined": None}]

    def ask(self, messages: Sequence[Json], mode: str, *, tokens: int) -> Reply:
        known = self.answers.get(str([one["content"] for one in messages]), "") if mode == "off" else ""
        return Reply(f"It is {known}." if known else "I do not know.", "turn", ("cand_1",) if known else ())

    def recall(self, question: str) -> Reply:
        return Reply(self.answers.get(str([question]), ""), "", ())


class School:
    """Stands for the folder."""

    def __init__(self, scholar: Scholar) -> None:
        self.scholar = scholar
        self.kept: list[int] = []
        self.back: list[int] = []

    @contextmanager
    def living(self) -> Iterator[Scholar]:
        yield self.scholar

    @contextmanager
    def examined(self, day: int) -> Iterator[Scholar]:
        yield self.scholar

    def keep(self, day: int) -> None:
        self.kept.append(day)

    def go_back(self, day: int) -> None:
        self.back.append(day)
        self.scholar.slept = day


def course(folder: Path, plan: Plan = SMALL, **scholar: Any) -> tuple[Course, Scholar]:
    made = Course(plan, folder)
    aion = Scholar(made.world)
    for name, value in scholar.items():
        setattr(aion, name, value)
    made.home = School(aion)  # type: ignore[assignment]  # it stands for one
    return made, aion


def test_every_day_is_taught_once_slept_and_measured_by_every_peer(tmp_path: Path) -> None:
    made, aion = course(tmp_path)
    mornings = made.run()
    assert [(one.day, one.peer) for one in mornings] == [(day, peer) for day in (1, 2, 3) for peer in ("off", "memory")]
    assert aion.told == list(made.world.facts)
    assert vars(made.home)["kept"] == [1, 2, 3]
    last = {one.peer: one.shares for one in mornings if one.day == 3}
    assert last["off"]["earlier"].share == last["off"]["names"].share == last["off"]["changed"].share == 1.0
    assert last["memory"]["earlier"].share == 0.0
    assert last["off"]["missed"].share == last["off"]["changed/old"].share == 0.0
    assert last["off"]["general"].share == 1.0
    night = next(one for one in mornings if one.peer == "off").night
    assert night["promoted"]
    assert night["fates"] == {"shipped": 1}
    assert night["causes"] == {"last: routed and wrong": 3}, "it says what is told only later"


def test_a_run_that_stopped_goes_on_and_teaches_nothing_twice(tmp_path: Path) -> None:
    first, before = course(tmp_path, fails_on=2)
    with pytest.raises(TimeoutError):
        first.run()
    second, after = course(tmp_path, slept=1)
    second.run()
    assert [*before.told, *after.told] == list(second.world.facts)
    whole, _ = course(tmp_path / "whole")
    assert [one.shares for one in second.mornings()] == [one.shares for one in whole.run()]


def test_a_run_is_begun_again_from_a_day(tmp_path: Path) -> None:
    course(tmp_path)[0].run()
    again, aion = course(tmp_path)
    mornings = again.run(from_day=3)
    assert vars(again.home)["back"] == [2]
    assert aion.told == again.world.taught_on(3)
    assert [one.day for one in mornings] == [1, 1, 2, 2, 3, 3]


def test_what_takes_long_may_be_measured_on_some_mornings_alone(tmp_path: Path) -> None:
    made, _ = course(tmp_path, replace(SMALL, days=5, every=3))
    measured = [(one.day, one.peer) for one in made.run()]
    assert [day for day, peer in measured if peer == "off"] == [1, 2, 3, 4, 5]
    assert [day for day, peer in measured if peer == "memory"] == [1, 3, 5]


def test_another_process_measures_what_was_slept_so_far_and_lives_no_day(tmp_path: Path) -> None:
    going_on, before = course(tmp_path, replace(SMALL, peers=("off",)), fails_on=3)
    with pytest.raises(TimeoutError):
        going_on.run()
    state = (tmp_path / "state.json").read_bytes()
    beside, aion = course(tmp_path, replace(SMALL, peers=("memory",)))
    measured = [(one.day, one.peer) for one in beside.measure()]
    assert sorted(measured) == [(1, "memory"), (1, "off"), (2, "memory"), (2, "off")]
    assert (aion.told, aion.slept, before.slept) == ([], 0, 2)
    assert (tmp_path / "state.json").read_bytes() == state, "the other one writes it"


def test_what_memory_finds_is_measured_on_questions_that_stand_by_themselves(tmp_path: Path) -> None:
    made, _ = course(tmp_path, replace(SMALL, peers=("found",)))
    [*_, last] = made.run()
    assert last.shares["earlier"].share == last.shares["names"].share == 1.0
    assert last.shares["missed"].share == 0.0
    assert {"general", "systems", "names/it", "missed/like it"}.isdisjoint(last.shares)


def test_a_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    course(tmp_path)[0].run()
    with pytest.raises(SystemExit, match="take another folder"):
        Course(Plan(seed=2), tmp_path)


def test_every_answer_is_kept(tmp_path: Path) -> None:
    made, _ = course(tmp_path)
    made.run()
    lines = (tmp_path / "answers.jsonl").read_text("utf-8").splitlines()
    asked = sum(one.shares[exam].of for one in made.mornings() for exam in one.shares if "/" not in exam)
    assert len(lines) == asked > 100


def test_peers_by_themselves_are_told_everything_and_nothing_is_slept(tmp_path: Path) -> None:
    made, aion = course(tmp_path, replace(SMALL, peers=("memory",), awake=True))
    mornings = made.run()
    assert (aion.told, aion.slept) == (list(made.world.facts), 0)
    assert [(one.day, one.peer) for one in mornings] == [(1, "memory"), (2, "memory"), (3, "memory")]


@pytest.mark.parametrize("peer", ["off", "on"])
def test_who_never_sleeps_is_not_asked_for_what_nights_make(tmp_path: Path, peer: str) -> None:
    with pytest.raises(SystemExit, match="leave off and on out"):
        Course(replace(SMALL, peers=("memory", peer), awake=True), tmp_path)

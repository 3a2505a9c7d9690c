"""The order of a night with stand-ins for work and server: what breaks off, what is forgotten, what runs out of time.

One night is also cut in many places, as a kill would, and goes on to the same end.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from aion.errors import BadInput, Conflict, Diverged, Unavailable
from aion.records import Json, Night, NightState
from aion.sleep.nights.door import Door
from aion.sleep.nights.journal import Journal
from aion.sleep.nights.report import NightReport
from aion.sleep.nights.workflow import ATTEMPTS, Clock, Over, Reporter, Workflow
from aion.sleep.training.base import Progress, Stage
from tests.store.night_examples import make_night


class Cut(BaseException):
    """As if the process were killed."""


class World:
    """What outlives a night's process: the server with its quarantine and candidates, and the job folders."""

    def __init__(self, **lessons: list[str]) -> None:
        self.lessons = lessons
        self.bad: set[str] = set()  # a training breaks off at the first of these
        self.aside: list[str] = []
        self.candidates: dict[str, list[str]] = {}
        self.jobs: dict[str, list[str]] = {}
        self.trained: list[tuple[str, ...]] = []
        self.forget_at: dict[str, int] = {}  # theme -> how often its job is taken away while it is trained
        self.told: list[Json] = []
        self.calls = 0
        self.steps = 0  # of each training, beside the last one
        self.stepped: list[str] = []
        self.cut_at = -1
        self.verdicts: dict[str, bool] = {}  # candidate -> whether it passes
        self.chance: set[str] = set()  # candidates that were refused for what may be chance
        self.made: dict[str, list[str]] = {}  # theme -> its candidates
        self.seeds: dict[str, int] = {}  # of each job: how many were made before it
        self.examined: list[str] = []
        self.promoted: list[list[str]] = []

    def find_due(self, night: Night) -> list[str]:
        """The newest of each theme, unless the server has a verdict of it."""
        newest = [made[-1] for made in self.made.values()]
        return [one for one in newest if one not in self.examined or one not in self.verdicts]

    def examine(self, night: Night, candidate: str, tell: Callable[[str, int, int], None]) -> Json:
        self.count()
        self.examined.append(candidate)
        tell("tonight", 1, 2)
        if candidate not in self.verdicts:
            raise BadInput("its files are gone")
        told: Json = {"theme": candidate.split("_")[1], "ship": self.verdicts[candidate], "reasons": ["so it is"]}
        return told | {"chance": candidate in self.chance}

    def count(self) -> None:
        self.calls += 1
        if self.calls == self.cut_at:
            raise Cut

    def tell(self, what: str, body: Json) -> Json:
        self.count()
        if what == "quarantine":
            self.aside += [one for one in body["lessons"] if one not in self.aside]
        if what == "candidates":
            if body["theme"] not in self.jobs:
                raise Conflict("what it learned has been forgotten meanwhile", code="forgotten")
            self.candidates[body["theme"]] = body["lessons"]
            self.hand_over(body["theme"])
        if what == "promotion":
            self.promoted.append(body["candidates"])
        if what == "progress":
            self.told.append(body)
        self.count()
        return {"id": self.made.get(str(body.get("theme")), [""])[-1], "pause": False, "cancel": False}

    def hand_over(self, theme: str) -> None:
        """Done again, it gives the same candidate; each seed gives another."""
        seed = self.seeds[theme]
        made = self.made.setdefault(theme, [])
        made[seed:] = [f"cand_{theme}" if not seed else f"cand_{theme}_{seed}"]

    def arrange(self, night: Night) -> Json:
        return {"themes": list(self.lessons), "backlog": 7}

    def name_theme(self, night: Night, theme: str) -> str:
        return theme.upper()

    def prepare(self, night: Night, theme: str) -> Json:
        self.count()
        wanted = [one for one in self.lessons[theme] if one not in self.aside]
        if not wanted:
            return {"fresh": 0}
        self.jobs[theme] = wanted
        self.seeds[theme] = len(self.made.get(theme, ()))
        return {"fresh": 1, "lessons": wanted, "sources": [], "dataset": "d", "base": "b", "parent": ""}

    def stands(self, night: Night, theme: str) -> bool:
        return theme in self.jobs

    def find_lessons(self, night: Night, theme: str, sequences: Sequence[int]) -> list[str]:
        return [self.jobs[theme][number] for number in sequences]

    def train(
        self,
        night: Night,
        theme: str,
        tell: Callable[[Progress], None],
        pause: Callable[[], None],
        asked: Callable[[], bool],
    ) -> Json:
        self.count()
        self.trained.append(tuple(self.jobs[theme]))
        if self.forget_at.get(theme, 0):
            self.forget_at[theme] -= 1
            del self.jobs[theme]
        pause()
        for _ in range(self.steps):
            pause()
            self.stepped.append(theme)
            tell(Progress(stage=Stage.TRAINING, step=len(self.stepped)))
        if found := [number for number, one in enumerate(self.jobs[theme]) if one in self.bad]:
            message = "the loss of step 3 of 9 is not a number, with the sequences 0; put their lessons aside"
            raise Diverged(message, sequences=found[:1])
        if "anchors" in self.bad:
            raise Diverged("the loss of step 1 of 9 is not a number, with the sequences 5", sequences=())
        tell(Progress(stage=Stage.TRAINING))
        return {}

    def export(self, night: Night, theme: str) -> Json:
        self.count()
        if theme not in self.jobs:
            raise FileNotFoundError(theme)
        return {}

    def tidy(self, night: Night, done: Collection[str]) -> list[str]:
        """The folders of a night that is over go, all of them."""
        left = sorted(set(self.jobs) - set(done))
        self.jobs.clear()
        return left


def workflow(world: World, folder: Path, clock: Clock | None = None, **changes: Any) -> Workflow:
    night, door = make_night(body={}, **changes), cast("Door", world)
    journal = Journal(folder)
    reporter = Reporter(door, night)
    return Workflow(night=night, steps=world, journal=journal, reporter=reporter, clock=clock or Clock(3600.0))


def examined(world: World, folder: Path, **changes: Any) -> Workflow:
    return dataclasses.replace(workflow(world, folder, **changes), examiner=world)


def end_of(world: World) -> tuple[str, dict[str, Any]]:
    last = world.told[-1]
    assert last["state"] == NightState.DONE
    return last["reason"], {one["theme"]: one for one in last["body"]["themes"]}


def bad_world() -> World:
    world = World(boats=["b1", "b2", "b3"], hives=["h1"], mills=["m1", "m2", "m3", "m4"])
    world.bad = {"b2", "m1", "m2", "m3", "m4"}
    return world


def test_a_lesson_that_breaks_a_training_is_put_aside_and_the_theme_trained_without_it(tmp_path: Path) -> None:
    world = bad_world()
    assert workflow(world, tmp_path).run() == {"boats": "cand_boats", "hives": "cand_hives"}
    assert world.candidates == {"boats": ["b1", "b3"], "hives": ["h1"]}
    assert world.aside == ["b2", "m1", "m2", "m3"]
    words, themes = end_of(world)
    assert words == "2 adapters; 4 lessons put aside; mills was left alone: the loss of step 3 of 9 is not a number"
    assert (themes["boats"]["fate"], themes["boats"]["put_aside"]) == ("learned", 1)
    assert (themes["mills"]["fate"], themes["mills"]["put_aside"]) == ("left_alone", 3)
    assert [one for one in world.trained if "m4" in one] == [("m1", "m2", "m3", "m4"), ("m2", "m3", "m4"), ("m3", "m4")]


def test_names_of_themes_stand_in_no_journal(tmp_path: Path) -> None:
    """They may hold words that somebody wants forgotten."""
    world = World(boats=["b1"])
    flow = workflow(world, tmp_path)
    world.tidy = lambda night, done: pytest.fail("it is read before that")  # type: ignore[method-assign]
    with pytest.raises(pytest.fail.Exception):
        flow.run()
    assert "BOATS" in str(world.told)
    assert not any(b"BOATS" in path.read_bytes() for path in tmp_path.iterdir())


def test_a_training_that_breaks_off_at_no_lesson_is_not_tried_again(tmp_path: Path) -> None:
    world = World(hives=["h1"])
    world.bad = {"anchors"}
    assert workflow(world, tmp_path).run() == {}
    assert (world.aside, len(world.trained)) == ([], 1)
    assert "hives was left alone" in end_of(world)[0]


def test_a_job_that_is_taken_away_is_made_again(tmp_path: Path) -> None:
    world = World(hives=["h1", "h2"])
    world.forget_at = {"hives": 2}
    assert workflow(world, tmp_path).run() == {"hives": "cand_hives"}
    assert (len(world.trained), end_of(world)[0]) == (3, "1 adapter")
    world = World(hives=["h1"])
    world.forget_at = {"hives": 100}
    assert workflow(world, tmp_path / "again").run() == {}
    assert (len(world.trained), end_of(world)[1]["hives"]["fate"]) == (ATTEMPTS, "left_alone")


def test_what_nobody_foresaw_is_raised_while_the_job_is_there(tmp_path: Path) -> None:
    world = World(hives=["h1"])
    world.export = lambda night, theme: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    with pytest.raises(ZeroDivisionError):
        workflow(world, tmp_path).run()


def test_what_a_theme_is_refused_for_ends_the_night_in_its_own_words(tmp_path: Path) -> None:
    world = World(hives=["h1"], boats=["b1"])
    refused: list[str] = []

    def prepare(_night: Night, theme: str) -> Json:
        refused.append(theme)
        raise BadInput("train.device is 'cuda:1', and torch sees no GPU here")

    world.prepare = prepare  # type: ignore[method-assign,assignment]
    with pytest.raises(BadInput, match="cuda:1"):
        workflow(world, tmp_path).run()
    assert refused == ["hives"]


def test_lessons_that_fit_no_row_are_put_aside_and_the_theme_goes_on_without_them(tmp_path: Path) -> None:
    world = World(hives=["h1", "h2"], boats=["b1"])
    usual = world.prepare

    def prepare(night: Night, theme: str) -> Json:
        aside = {"lessons": ["h1"] if theme == "hives" else ["b1"], "reason": "it fits no row"}
        found = usual(night, theme) if theme == "hives" else {"fresh": 0}
        return found | {"aside": aside}

    world.prepare = prepare  # type: ignore[method-assign]
    assert workflow(world, tmp_path).run().keys() == {"hives"}
    assert world.aside == ["h1", "b1"]
    words, themes = end_of(world)
    assert "2 lessons put aside" in words
    assert themes["boats"]["fate"] == "nothing_new"


@pytest.mark.parametrize("at", range(3, 20))
def test_a_server_that_goes_away_leaves_every_theme_to_be_done(tmp_path: Path, at: int) -> None:
    world = bad_world()
    told = world.tell

    def tell(what: str, body: Json) -> Json:
        if world.calls >= at:
            raise Unavailable("the server does not answer")
        return told(what, body)

    world.tell = tell  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        workflow(world, tmp_path).run()
    world.tell = told  # type: ignore[method-assign]
    assert workflow(world, tmp_path).run().keys() == {"boats", "hives"}


def test_the_kernel_may_stop_it_only_while_it_reads_no_database(tmp_path: Path) -> None:
    world, allowed = bad_world(), []
    for name in ("name_theme", "prepare", "train", "export"):
        step = getattr(world, name)

        def watched(*given: Any, step: Any = step) -> Any:
            allowed.append(world.told[-1]["may_stop"])
            return step(*given)

        setattr(world, name, watched)
    workflow(world, tmp_path).run()
    assert len(allowed) > 12
    assert not any(allowed)
    states = {(one["state"], one["may_stop"]) for one in world.told}
    assert ("training", True) in states
    assert {state for state, may_stop in states if may_stop} == {"training"}


def test_a_night_cut_anywhere_comes_to_the_same_end(tmp_path: Path) -> None:
    whole = bad_world()
    whole.forget_at = {"hives": 1}
    workflow(whole, tmp_path / "whole").run()
    for place in range(1, whole.calls + 1, 3):
        world = bad_world()
        world.forget_at, world.cut_at = {"hives": 1}, place
        with pytest.raises(Cut):
            workflow(world, tmp_path / str(place)).run()
        workflow(world, tmp_path / str(place)).run()
        assert (world.candidates, world.aside, end_of(world)) == (whole.candidates, whole.aside, end_of(whole)), place
    assert whole.calls > 30


def test_a_night_whose_time_is_up_says_what_goes_on(tmp_path: Path) -> None:
    world = World(boats=["b1"], hives=["h1"])
    clock = Clock(10.0, Journal(tmp_path), "night_1", spent_s=11.0)
    world.steps = 5
    workflow(world, tmp_path, clock).run()
    assert world.stepped == ["boats"], "one step is always made, or a short night would never come to an end"
    words, themes = end_of(world)
    assert words == "its time was up; 0 of 2 themes are done; 1 theme to go on with next night"
    assert [themes[one]["fate"] for one in ("boats", "hives")] == ["kept", "not_reached"]


def test_a_night_tells_what_a_decision_learns_from(tmp_path: Path) -> None:
    world = World(boats=["b1"])
    workflow(world, tmp_path).run()
    assert {"why": "asked", "backlog": 7}.items() <= world.told[-1]["body"].items()
    assert {"hour", "minutes"} <= world.told[-1]["body"].keys()
    night = make_night(body={"why": "errors", "backlog": 60, "hour": 3})
    flow = workflow(world, tmp_path / "2")
    reporter = Reporter(cast("Door", world), night)
    Workflow(night=night, steps=world, journal=flow.journal, reporter=reporter, clock=flow.clock).run()
    assert {"why": "errors", "backlog": 60, "hour": 3}.items() <= world.told[-1]["body"].items()
    assert all(one["body"]["why"] == "errors" for one in world.told[-5:]), "no report takes the context away"


def test_a_clock_goes_on_from_what_a_killed_night_had_spent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("aion.sleep.nights.workflow.time.monotonic", lambda: now[0])

    def clock() -> Clock:
        made = Clock(60.0, Journal(tmp_path), "night_1", last=now[0])
        made.restore()
        return made

    first = clock()
    for _ in range(10):
        now[0] += 4.0
        first.tick()
    now[0] += 50.0  # it was stopped
    first.tick()
    now[0] += 8.0
    first.tick(waiting=True)
    now[0] += 20.0
    first.work()
    assert (first.spent_s, first.worked_s) == (40.0, 60.0)
    second = clock()
    assert (second.spent_s, second.worked_s) == (40.0, 60.0)
    for _ in range(5):
        now[0] += 4.0
        second.tick()
    now[0] += 1.0
    second.tick()
    second.stepped = True
    with pytest.raises(Over, match="its time was up"):
        second.tick()


def test_what_a_night_made_is_examined_before_anything_of_it_is_served(tmp_path: Path) -> None:
    world = World(boats=["b1"], hives=["h1"], mills=["m1"])
    world.verdicts = {"cand_boats": True, "cand_hives": False}
    examined(world, tmp_path).run()
    reason, themes = end_of(world)
    assert world.promoted == [["cand_boats", "cand_hives", "cand_mills"]]  # the server looks at the verdicts itself
    assert {name: one["ship"] for name, one in themes.items()} == {"boats": True, "hives": False, "mills": False}
    assert themes["boats"]["refused"] == (), "what speaks for it is no refusal"
    assert themes["mills"]["refused"] == ("it could not be examined: its files are gone",)
    assert "1 of 3 passed the examination" in reason
    states = [one["state"] for one in world.told]
    assert states.index(NightState.EXAMINING) > max(i for i, one in enumerate(states) if one == NightState.EXPORTING)


def test_a_night_cut_anywhere_examines_and_promotes_to_the_same_end(tmp_path: Path) -> None:
    whole = World(boats=["b1"], hives=["h1"])
    whole.verdicts = {"cand_boats": True, "cand_hives": False}
    examined(whole, tmp_path / "whole").run()
    for cut in range(1, whole.calls):
        world = World(boats=["b1"], hives=["h1"])
        world.verdicts, world.cut_at = dict(whole.verdicts), cut
        with pytest.raises(Cut):
            examined(world, tmp_path / str(cut)).run()
        examined(world, tmp_path / str(cut)).run()
        assert end_of(world)[1] == end_of(whole)[1]
        assert world.promoted[-1] == whole.promoted[-1]


def test_a_night_cancelled_in_its_examination_serves_nothing(tmp_path: Path) -> None:
    world = World(boats=["b1"])
    world.verdicts = {"cand_boats": True}
    night = examined(world, tmp_path)

    def cancel(*_: object) -> Json:
        raise Over(NightState.CANCELLED, "cancelled")

    world.examine = cancel  # type: ignore[method-assign, assignment]
    night.run()
    assert world.promoted == []
    assert all(one["state"] != NightState.DONE for one in world.told)


def refused_once() -> World:
    """Of four themes one was refused for what may be chance, one for what is not, and one could not be examined."""
    world = World(boats=["b1"], hives=["h1"], mills=["m1"], oars=["o1"])
    world.verdicts = {"cand_boats": True, "cand_hives": False, "cand_mills": False, "cand_hives_1": True}
    world.chance = {"cand_hives"}
    return world


def test_what_was_refused_by_chance_is_made_once_more_in_the_same_night(tmp_path: Path) -> None:
    world = refused_once()
    assert examined(world, tmp_path).run()["hives"] == "cand_hives_1"
    reason, themes = end_of(world)
    first = ["cand_boats", "cand_hives", "cand_mills", "cand_oars"]
    assert world.trained == [("b1",), ("h1",), ("m1",), ("o1",), ("h1",)]
    assert world.examined == [*first, "cand_hives_1"]
    assert world.promoted == [first, ["cand_hives_1"]], "what passed at first does not wait for the second try"
    told = [one["state"] for one in world.told]
    assert told.index(NightState.EXAMINING) < len(told) - 1 - told[::-1].index(NightState.TRAINING)
    assert (themes["hives"]["ship"], themes["hives"]["refused"], themes["hives"]["first"]) == (True, (), "cand_hives")
    assert (themes["mills"]["ship"], themes["mills"]["first"]) == (False, "")
    assert reason == "4 adapters; 2 of 4 passed the examination, 1 at the second try"
    assert world.told[-1]["candidates"] == ["cand_boats", "cand_hives", "cand_hives_1", "cand_mills", "cand_oars"]


def test_what_is_refused_again_waits_for_another_night(tmp_path: Path) -> None:
    world = refused_once()
    world.verdicts["cand_hives_1"], world.chance = False, {"cand_hives", "cand_hives_1"}
    examined(world, tmp_path).run()
    reason, themes = end_of(world)
    assert world.trained.count(("h1",)) == 2
    assert (themes["hives"]["candidate"], themes["hives"]["refused"]) == ("cand_hives_1", ("so it is",))
    assert reason == "4 adapters; 1 of 4 passed the examination"


def test_a_second_try_that_its_time_cuts_short_keeps_nothing_else_from_being_served(tmp_path: Path) -> None:
    world = refused_once()
    world.steps = 1
    night = examined(world, tmp_path)
    prepare = world.prepare

    def late(night_: Night, theme: str) -> Json:
        night.clock.spent_s = 7200.0 if "oars" in world.made else 0.0
        return prepare(night_, theme)

    world.prepare = late  # type: ignore[method-assign, assignment]
    night.run()
    reason, themes = end_of(world)
    assert world.promoted == [["cand_boats", "cand_hives", "cand_mills", "cand_oars"], []]
    hives = themes["hives"]
    assert (hives["fate"], hives["candidate"], hives["ship"]) == ("kept", "cand_hives", False)
    assert reason == "4 adapters; 1 of 4 passed the examination; 1 theme to go on with next night"


def test_a_night_without_time_left_makes_nothing_again(tmp_path: Path) -> None:
    world = World(boats=["b1"], hives=["h1"])
    world.steps, world.verdicts, world.chance = 1, {"cand_boats": False}, {"cand_boats"}
    night = examined(world, tmp_path)
    night.clock.limit_s = -1.0  # its time is up after one step
    night.run()
    reason, _ = end_of(world)
    assert world.stepped == ["boats"]
    assert (
        reason
        == "its time was up; 1 of 2 themes are done; 0 of 1 passed the examination; 1 theme to go on with next night"
    )


def test_a_night_with_a_second_try_cut_anywhere_comes_to_the_same_end(tmp_path: Path) -> None:
    whole = refused_once()
    examined(whole, tmp_path / "whole").run()
    for cut in range(1, whole.calls):
        world = refused_once()
        world.cut_at = cut
        with pytest.raises(Cut):
            examined(world, tmp_path / str(cut)).run()
        examined(world, tmp_path / str(cut)).run()
        assert end_of(world) == end_of(whole), cut
        assert world.promoted[-1] == whole.promoted[-1]


def test_what_came_of_the_first_promotion_stands_beside_what_came_of_the_second() -> None:
    nothing: Json = {"promotion": "", "adapters": [], "reason": "nothing new passed the examination"}
    first: Json = {"promotion": "promo_1", "adapters": ["a"], "reason": "1 passed", "left": {}}
    failed: Json = {"promotion": "", "adapters": ["b"], "reason": "no engine"}
    for told, served in (
        ([first, nothing], first),
        ([nothing, first], first),
        ([nothing, nothing], nothing),
        ([first, failed], first | {"adapters": ["a", "b"], "left": {"b": "no engine"}}),
    ):
        report = NightReport(make_night())
        for one in told:
            report.note_served(one)
        assert report.served == served

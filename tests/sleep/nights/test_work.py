"""The real steps of a night on a real store, with a random model for a base and numbers for tokens."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from aion.cli.plan import guess_tokens
from aion.config import load
from aion.errors import BadInput
from aion.memory.base import Vector
from aion.memory.checks import NAME_LIMIT
from aion.models.catalog import LocalModel, find_embedded_base
from aion.models.gguf_file import read_header
from aion.models.sealed import sum_file
from aion.records import ExampleKind, Json, Lesson, Night
from aion.serve.night_waste import clear_forgotten
from aion.serve.sleep_routes import Arranged, MadeTold, _arranged, _placed
from aion.sleep.lessons.dataset import Dataset, fill_anchors, read_examples
from aion.sleep.nights import ahead
from aion.sleep.nights.ahead import look_ahead
from aion.sleep.nights.door import Door
from aion.sleep.nights.kept import KEPT, NIGHTS, PREPARED, note_prepared
from aion.sleep.nights.outlook import Base, collect_facts
from aion.sleep.nights.work import MOST_SOURCES, NightWork
from aion.sleep.training.base import EXAMPLES, Ended, Progress
from aion.sleep.training.jobs import read_job
from aion.sleep.training.tokens import save_tokens
from tests.sleep.days import Days
from tests.sleep.holes import glibc, held_mb, leave_holes, leave_ring
from tests.sleep.small_jobs import ignore, make_base, one_thread, random_tokens
from tests.store.night_examples import make_candidate, make_night, make_quarantine
from tests.store.served_examples import make_verdict

KEY = "The spare key of the boathouse is with Marta Lopes."
MILL = "The mill by the river is called Azenha."
LATER = "The ferry to the island is called Alva."


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


class Places:
    """Takes the arrangement of a night, as the server's route does."""

    def __init__(self, days: Days) -> None:
        self._nights = days.store.nights
        self._moments = itertools.count(1.0)

    def tell(self, what: str, body: Json) -> Json:
        now, arranged = next(self._moments), Arranged.model_validate(body)
        themes = [_arranged(one, "ana", now) for one in arranged.themes]
        places = [_placed(one, "ana") for one in arranged.places]
        read = {one.id: one.read for one in arranged.themes if one.read}
        return {"placed": self._nights.arrange(themes, places, owner="ana", read=read, at=now).result()}


class Work(NightWork):
    """Without an engine for tokens; `meanwhile` happens while they would be made, `embedding` after vectors are."""

    def __init__(self, days: Days, folder: Path, base: Path, **flags: Any) -> None:
        usual = {"data": str(folder), "embedder.source": "fake", "train.rank": 4, "train.checkpoint_s": 3600}
        super().__init__(load(usual | flags).settings, cast("Door", Places(days)))
        self._model = LocalModel(path=base, sha256=sum_file(base), header=read_header(base), source="test")
        self.meanwhile: list[Any] = []
        self.embedding: list[Any] = []

    async def _embed(self, lessons: Sequence[Lesson]) -> tuple[dict[str, Vector], str]:
        found = await super()._embed(lessons)
        for happens in self.embedding:
            happens()
        return found

    async def _write_tokens(self, dataset: Dataset) -> tuple[Dataset, bytes]:
        filled = fill_anchors(dataset, {})
        for happens in self.meanwhile:
            happens()
        return filled, save_tokens(random_tokens(len(filled.trained)))


@pytest.fixture
def days(tmp_path: Path) -> Iterator[Days]:
    made = Days(tmp_path)
    asyncio.run(made.say(KEY, conversation="boats"))
    with one_thread():
        yield made
    made.store.close()


@pytest.fixture
def work(days: Days, tmp_path: Path, base: Path) -> Work:
    return Work(days, tmp_path, base)


def night(number: int, **changes: Any) -> Night:
    return make_night(id=f"night_{number}", body={}, **changes)


def prepare(work: Work, number: int = 1, **changes: Any) -> tuple[str, Json]:
    [theme] = work.arrange(night(number, **changes))["themes"]
    return theme, work.prepare(night(number, **changes), theme)


def break_off(work: Work, theme: str, number: int = 1) -> None:
    """A night that ends after three steps of training."""

    def tell(progress: Progress) -> None:
        if progress.step == 3:
            raise Ended

    with pytest.raises(Ended):
        work.train(night(number), theme, tell, lambda: None)
    assert work.tidy(night(number), done=()) == [theme]


def test_what_is_forgotten_while_it_is_embedded_leaves_no_trace_in_themes(days: Days, work: Work) -> None:
    asyncio.run(days.say(LATER, conversation="sea"))
    work.embedding = [lambda: days.store.forget_conversation("boats", owner="ana").result()]
    work.arrange(night(1))
    [theme] = days.store.nights.themes(owner="ana")
    [lesson] = days.lessons().lessons
    assert days.store.nights.placed(owner="ana") == {lesson.id: theme.id}
    assert "ferry" in theme.name


def test_what_is_told_anew_takes_the_place_of_the_old(days: Days, work: Work) -> None:
    asyncio.run(days.say("The code of the harbour gate is 4411."))
    work.arrange(night(1))
    before = days.store.nights.placed(owner="ana")
    asyncio.run(days.say("The code of the harbour gate is now 7392."))
    work.arrange(night(2))
    [old] = before.keys() - {one.id for one in days.lessons().lessons}
    after = days.store.nights.placed(owner="ana")
    [new] = after.keys() - before.keys()
    assert after[new] == before[old], "where the adapter is that says the old"


def test_a_theme_merged_or_named_while_lessons_are_embedded_stays_so(days: Days, work: Work) -> None:
    for text in (MILL, LATER):
        asyncio.run(days.say(text))
    work.arrange(night(1))
    nights = days.store.nights
    first, second = nights.themes(owner="ana")
    mine = replace(second, name="Mine", named=True, pinned=True, updated=99.0)
    work.embedding = [
        lambda: nights.change_theme(first.id, owner="ana", at=99.0, merge_into=second.id).result(),
        lambda: nights.put_theme(mine).result(),
    ]
    asyncio.run(days.say("The oars of the boat lie under the jetty."))
    work.arrange(night(2))
    found = {one.id: one for one in nights.themes(owner="ana", merged=True)}
    assert found[first.id].merged_into == second.id
    assert found[second.id] == replace(mine, lessons=found[second.id].lessons)
    assert {one.id for one in days.lessons().lessons} == nights.placed(owner="ana").keys()
    assert first.id not in nights.placed(owner="ana").values()


def test_what_was_taken_in_is_learned_whatever_its_sources_are_called(days: Days, work: Work, tmp_path: Path) -> None:
    [head, line] = [json.loads(json.dumps(one)) for one in days.keeper.export("ana")]
    refs = ["note 7: diary", "https://example.org/a?b=c#d", "x" * NAME_LIMIT, *(f"n {n}" for n in range(MOST_SOURCES))]
    sources = [line["sources"][0] | {"ref": ref} for ref in refs]
    taken = line | {"id": "mem_" + "a.b-" * 30, "sources": sources}
    days.store.forget_conversation("boats", owner="ana").result()
    found = asyncio.run(days.keeper.take_in("ana", [head, taken], trusted=True))
    assert (found.added, found.refused) == (1, [])
    theme, told = prepare(work)
    assert told["lessons"]
    made = {"owner": "ana", "night": "night_1", "theme": theme, "base": told["base"], "created": 1.0}
    MadeTold.model_validate(made | {name: told[name] for name in ("dataset", "lessons", "sources")})
    refused = asyncio.run(days.keeper.take_in("ana", [taken | {"sources": [sources[0] | {"ref": "x" * 301}]}]))
    assert "may have 300" in refused.refused[0][1]


def test_a_job_broken_off_is_gone_on_with_although_something_new_was_told(
    days: Days, work: Work, tmp_path: Path
) -> None:
    theme, first = prepare(work)
    break_off(work, theme)
    asyncio.run(days.say(LATER))
    themes = work.arrange(night(2))["themes"]
    assert themes[0] == theme, "what was begun comes first"
    again = work.prepare(night(2), theme)
    assert (again["taken_up"], again["lessons"], again["dataset"]) == (True, first["lessons"], first["dataset"])
    told: list[Progress] = []
    work.train(night(2), theme, told.append, lambda: None)
    assert next(one.step for one in told if one.step) == 4
    assert work.tidy(night(2), done=[theme]) == []
    assert list((tmp_path / "nights" / KEPT).iterdir()) == []


def test_a_kept_job_is_not_gone_on_with_once_something_in_it_was_forgotten(days: Days, work: Work) -> None:
    """Nor does it lie there any longer, even where the server had no time to remove it."""
    theme, _ = prepare(work)
    break_off(work, theme)
    days.store.forget_conversation("boats", owner="ana").result()
    asyncio.run(days.say(MILL))
    for one in work.arrange(night(2))["themes"]:
        again = work.prepare(night(2), one)
        assert not again.get("taken_up")
        assert "Marta" not in (work._folder(night(2), one) / EXAMPLES).read_text()
    assert list((work._nights / KEPT).iterdir()) == []


def test_a_kept_job_goes_when_one_of_its_lessons_does(days: Days, work: Work) -> None:
    theme, first = prepare(work)
    break_off(work, theme)
    asyncio.run(days.say("The spare key of the boathouse is with Rui Costa.", conversation="later"))
    fresh = [replace(one, theme=theme) for one in days.lessons().lessons]
    assert not {one.id for one in fresh} & set(first["lessons"])
    days.store.nights.place_lessons(fresh, at=1.0).result()
    assert work.arrange(night(2))["themes"] == [theme]
    again = work.prepare(night(2), theme)
    assert "something in it was forgotten, put aside or said otherwise" in again["thrown_away"]
    assert again["lessons"] == [one.id for one in fresh]


def test_what_was_learned_or_put_aside_meanwhile_ends_a_kept_job(days: Days, work: Work) -> None:
    theme, first = prepare(work)
    break_off(work, theme)
    made = make_candidate(
        theme=theme, lessons=tuple(first["lessons"]), base=first["base"], config={"r": 4, "lora_alpha": 16.0}
    )
    days.store.nights.add_candidate(made).result()
    assert work.arrange(night(2))["themes"] == []
    assert list((work._nights / KEPT).iterdir()) == [], "twice would be once too often"
    days.store.served.retire([made.id], reason="", actor="me", at=1.0).result()
    prepare(work, 3)
    break_off(work, theme, 3)
    days.store.nights.quarantine([make_quarantine(lesson=first["lessons"][0], theme=theme)]).result()
    assert work.arrange(night(4))["themes"] == []
    assert list((work._nights / KEPT).iterdir()) == []


def test_what_is_forgotten_while_its_job_is_made_leaves_no_job(days: Days, work: Work) -> None:
    work.meanwhile = [lambda: days.store.forget_conversation("boats", owner="ana").result()]
    theme, _ = prepare(work)
    assert not work.stands(night(1), theme)
    assert not work._folder(night(1), theme).exists()


def test_a_job_that_somebody_else_s_forgetting_took_away_in_the_making_is_made_again(
    days: Days, work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def note(folder: Path, told: Json) -> None:
        clear_forgotten(days.store, days.store.blobs, tmp_path)
        note_prepared(folder, told)

    monkeypatch.setattr("aion.sleep.nights.work.note_prepared", note)
    theme, _ = prepare(work)
    assert not work.stands(night(1), theme), "the note alone is no job"
    monkeypatch.undo()
    assert work.prepare(night(1), theme)["fresh"]
    assert work.stands(night(1), theme)


@pytest.mark.parametrize("trained", [False, True])
def test_a_page_whose_approval_is_taken_back_in_the_night_makes_no_adapter(
    days: Days, work: Work, trained: bool
) -> None:
    [passage] = asyncio.run(days.read(MILL, approved=True))
    themes = work.arrange(night(1))["themes"]
    jobs = {theme: work.prepare(night(1), theme) for theme in themes}
    [theme] = [one for one, told in jobs.items() if passage.id in told["sources"]]
    if trained:
        work.train(night(1), theme, lambda _: None, lambda: None)
    asyncio.run(days.keeper.revoke("ana", passage.document))
    with pytest.raises(BadInput, match="nobody stands any more behind"):
        work.export(night(1), theme) if trained else work.train(night(1), theme, lambda _: None, lambda: None)
    assert not work.stands(night(1), theme)
    assert passage.id not in work.prepare(night(1), theme).get("sources", [])


def test_a_job_made_whole_is_not_made_again_in_its_night(work: Work) -> None:
    theme, first = prepare(work)
    work.meanwhile = [lambda: pytest.fail("it was there")]
    again = work.prepare(night(1), theme)
    assert {name: again[name] for name in first if name in again} == {
        name: first[name] for name in first if name in again
    }
    note = work._folder(night(1), theme) / PREPARED
    note.write_text(json.dumps(json.loads(note.read_text()) | {"parent": "cand_other"}))
    work.meanwhile = []
    assert work.prepare(night(1), theme)["parent"] == ""


def test_sequences_lead_to_their_lessons(days: Days, work: Work) -> None:
    asyncio.run(days.say("The boat in the boathouse is called Gaivota."))
    for theme in work.arrange(night(1))["themes"]:
        told = work.prepare(night(1), theme)
        path = work._folder(night(1), theme) / EXAMPLES
        trained = [one for one in map(json.loads, path.read_text().splitlines()) if not one["held_out"]]
        for number, example in enumerate(trained):
            assert work.find_lessons(night(1), theme, [number]) == sorted(example["lessons"])
        assert set(work.find_lessons(night(1), theme, range(len(trained)))) <= set(told["lessons"])


def test_a_theme_has_a_name_while_it_is_there(days: Days, work: Work) -> None:
    theme, _ = prepare(work)
    assert work.name_theme(night(1), theme)
    assert work.name_theme(replace(night(1), owner="eva"), theme) == ""


@pytest.mark.engine
def test_a_lesson_longer_than_a_row_is_put_aside_and_not_taken_for_learned(days: Days, tmp_path: Path) -> None:
    """By the served model's own tokens."""
    things = "ropes, oars, buckets, nets, lanterns, sails, anchors, hooks, varnish, brushes, ladders, planks"
    work = Work(days, tmp_path, find_embedded_base(), **{"train.length": 64})
    work._write_tokens = lambda dataset: NightWork._write_tokens(work, dataset)  # type: ignore[method-assign]
    short = {one.id for one in days.lessons().lessons}
    asyncio.run(days.say(f"The blue shed behind the mill holds {things}, {things.upper()} and paint."))
    [long] = {one.id for one in days.lessons().lessons} - short
    told = [work.prepare(night(1), theme) for theme in work.arrange(night(1))["themes"]]
    assert {lesson for one in told for lesson in one.get("lessons", ())} == short
    assert [one["aside"]["lessons"] for one in told if one["aside"]["lessons"]] == [[long]]
    assert any("a row of 64 tokens; raise train.length" in one["aside"]["reason"] for one in told)


@glibc
def test_each_step_begins_with_the_memory_of_those_before_it_given_back(work: Work) -> None:
    theme, _ = prepare(work)
    steps: tuple[Callable[[], Json], ...] = (
        lambda: work.train(night(1), theme, ignore, lambda: None),
        lambda: work.export(night(1), theme),
        lambda: work.prepare(night(1), theme),
    )
    for step in steps:  # what they load for the first time stays
        step()
    for step in steps:
        left = leave_holes()
        leave_ring()
        before = held_mb()
        step()
        assert before - held_mb() > 60, len(left)


def foresee(days: Days, work: Work) -> list[Dataset]:
    return look_ahead(days.store, "ana", base=work._base().sha256, settings=work._settings)


def learn(days: Days, work: Work, theme: str) -> None:
    """As if a night had trained it."""
    settings = work._settings.train
    lessons = tuple(one.id for one in days.lessons().lessons)
    config = {"r": settings.rank, "lora_alpha": settings.alpha}
    peft = days.store.blobs.put(b"its weights")
    made = make_candidate(theme=theme, base=work._base().sha256, lessons=lessons, config=config, peft=peft)
    days.store.nights.add_candidate(made).result()


def test_the_second_night_of_a_theme_is_foreseen_with_what_it_repeats(days: Days, work: Work, tmp_path: Path) -> None:
    [theme] = work.arrange(night(1))["themes"]
    learn(days, work, theme)
    asyncio.run(days.say("The spare key of the boathouse door is with Rui Lopes.", conversation="boats"))
    [foreseen] = foresee(days, work)
    assert work.arrange(night(2))["themes"] == [foreseen.theme] == [theme]
    work.prepare(night(2), theme)
    made = read_examples(tmp_path / NIGHTS / "night_2" / theme / EXAMPLES)
    assert {one.id for one in made} == {one.id for one in foreseen.examples if one.kind is not ExampleKind.ANCHOR}
    repeated = sum(guess_tokens(one) for one in foreseen.trained if one.kind is ExampleKind.REPLAY)
    assert repeated / sum(guess_tokens(one) for one in foreseen.trained) > 0.3, "all there is, up to a half"


def test_a_night_takes_up_what_an_examination_missed_and_nothing_else(days: Days, work: Work) -> None:
    [theme] = work.arrange(night(1))["themes"]
    learn(days, work, theme)
    [made] = days.store.nights.candidates(owner="ana")
    assert work.arrange(night(2)) == {"themes": [], "backlog": 0}
    days.store.served.add_verdict(make_verdict(made, unlearned=made.lessons[:1])).result()
    assert work.arrange(night(2)) == {"themes": [theme], "backlog": 1}
    facts = collect_facts(days.store, work._settings, "ana", Base(made.base, 1), idle_s=0.0)
    assert (facts.lessons, facts.new_base) == (1, False)
    [foreseen] = foresee(days, work)
    assert foreseen.fresh == made.lessons[:1]
    told = work.prepare(night(2), theme)
    assert (told["fresh"], told["parent"]) == (1, made.id)


def test_what_was_refused_is_made_with_another_seed_and_foreseen_so(days: Days, work: Work, tmp_path: Path) -> None:
    def seed_of(number: int) -> int:
        return read_job(tmp_path / NIGHTS / f"night_{number}" / theme).recipe.seed

    theme, _ = prepare(work)
    [before] = foresee(days, work)
    learn(days, work, theme)
    [made] = days.store.nights.candidates(owner="ana")
    days.store.served.add_verdict(make_verdict(made, ship=False)).result()
    [after] = foresee(days, work)
    told = work.prepare(night(2), theme)
    assert (told["fresh"], told["parent"], seed_of(1), seed_of(2)) == (1, "", 1, 2)
    assert {one.id for one in before.held_out} == {one.id for one in after.held_out}, "it is examined as before"
    assert _anchors(before) != _anchors(after)


def _anchors(dataset: Dataset) -> list[str]:
    return [one.id for one in dataset.examples if one.kind is ExampleKind.ANCHOR]


def test_a_job_broken_off_after_a_refusal_is_gone_on_with(days: Days, work: Work) -> None:
    theme, _ = prepare(work)
    learn(days, work, theme)
    [made] = days.store.nights.candidates(owner="ana")
    days.store.served.add_verdict(make_verdict(made, ship=False)).result()
    prepare(work, 2)
    break_off(work, theme, 2)
    assert prepare(work, 3)[1]["taken_up"]


def test_what_was_refused_is_made_anew_in_its_own_night(days: Days, work: Work, tmp_path: Path) -> None:
    theme, first = prepare(work)
    learn(days, work, theme)
    [made] = days.store.nights.candidates(owner="ana")
    days.store.served.add_verdict(make_verdict(made, ship=False, against=())).result()
    again = work.prepare(night(1), theme)
    assert read_job(tmp_path / NIGHTS / "night_1" / theme).recipe.seed == 2
    assert (again["lessons"], again["parent"], again["thrown_away"]) == (first["lessons"], "", "")
    second = dataclasses.replace(made, id="cand_2", adapter="e" * 64)
    assert days.store.nights.add_candidate(second).result() == second


def test_where_all_is_learned_nothing_is_foreseen_and_no_embedder_begun(
    days: Days, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    [theme] = work.arrange(night(1))["themes"]
    learn(days, work, theme)
    monkeypatch.setattr(ahead, "embed_lessons", lambda *_: pytest.fail("nothing has to be sorted"))
    assert foresee(days, work) == []

"""A job that was not finished is gone on with while it is the same, by theme, and thrown away with a reason else."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aion.sleep.nights.kept import (
    KEPT,
    LONGEST_S,
    PREPARED,
    Present,
    drop_old,
    find_misfit,
    keep_unfinished,
    list_done,
    list_kept,
    note_prepared,
    take_up,
)
from aion.sleep.training.base import JOB, OUT, Ended, Progress
from aion.sleep.training.jobs import read_job
from aion.sleep.training.train import train
from tests.sleep.small_jobs import ignore, make_base, make_job, one_thread, random_tokens

TOLD = {"owner": "ana", "lessons": ["les_1", "les_2"], "dataset": "d" * 64, "parent": "cand_1", "forced": False}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


def prepared(folder: Path, base: Path, **to: Any) -> Path:
    note_prepared(make_job(folder, base, **to), TOLD)
    return folder


def present(folder: Path, **changes: Any) -> Present:
    job = read_job(folder)
    now = Present(
        lessons={"les_1", "les_2", "les_new"},
        base=job.base,
        base_hash=job.base_hash,
        recipe=replace(job.recipe, cache=not job.recipe.cache),
        parent="cand_1",
        forced=False,
    )
    return dataclasses.replace(now, **changes)


def test_a_job_is_the_same_although_there_are_new_lessons_and_less_memory(base: Path, tmp_path: Path) -> None:
    folder = prepared(tmp_path / "job", base)
    assert find_misfit(folder, present(folder)) == ""


def test_a_job_that_would_be_another_now_is_not_gone_on_with_and_says_why(base: Path, tmp_path: Path) -> None:
    folder = prepared(tmp_path / "job", base)
    recipe = read_job(folder).recipe
    changes: dict[str, dict[str, Any]] = {
        "the model is another": {"base_hash": "e" * 64},
        "the settings of training are others": {"recipe": replace(recipe, rank=16)},
        "something in it was forgotten, put aside or said otherwise since": {"lessons": {"les_1"}},
        "the theme has learned something else since": {"parent": "cand_2"},
    }
    assert {words: find_misfit(folder, present(folder, **change)) for words, change in changes.items()} == {
        words: words for words in changes
    }
    assert find_misfit(folder, present(folder, forced=True)) != ""
    (folder / JOB).write_text("{}")
    assert find_misfit(folder, dataclasses.replace(present(prepared(tmp_path / "b", base)))) == "it was not whole"


def stop_after(steps: int) -> tuple[Callable[[Progress], None], Callable[[], None]]:
    """A night's ears, and its clock, which ends the training in the middle of the step after these."""
    done, layers = [0], [0]

    def tell(progress: Progress) -> None:
        done[0] = max(done[0], progress.step)

    def pause() -> None:
        layers[0] += done[0] >= steps
        if layers[0] > 1:
            raise Ended

    return tell, pause


def test_what_is_stopped_every_few_steps_and_moved_about_ends_with_the_same_bytes(base: Path, tmp_path: Path) -> None:
    """Nights of three steps, with a parent, none of which has time for a checkpoint by the clock."""
    with one_thread():
        parent = train(make_job(tmp_path / "first", base, tokens=random_tokens(seed=4)), tell=ignore).folder
        whole = train(make_job(tmp_path / "whole", base, parent=parent, checkpoint_s=1e9), tell=ignore)
        nights, count = tmp_path / "nights", 0
        folder = prepared(nights / "night_0" / "theme_1", base, checkpoint_s=1e9, parent=Path("parent"))
        shutil.copytree(parent, folder / "parent")
        while not (folder / OUT).exists():
            tell, pause = stop_after(3 * (count + 1))
            try:
                train(folder, tell=tell, pause=pause)
            except Ended:
                assert keep_unfinished(nights, f"night_{count}", done=()) == ["theme_1"]
                count += 1
                assert take_up(nights, f"night_{count}", "theme_1")
                folder = nights / f"night_{count}" / "theme_1"
    name = "adapter_model.safetensors"
    assert count == (whole.steps - 1) // 3, "each night does its three steps, and no step is done twice"
    assert (folder / OUT / name).read_bytes() == (whole.folder / name).read_bytes()
    assert read_job(folder).parent == folder / "parent"


def begun(folder: Path, base: Path) -> Path:
    tell, pause = stop_after(1)
    with pytest.raises(Ended):
        train(prepared(folder, base), tell=tell, pause=pause)
    return folder


def test_a_night_keeps_what_was_begun_and_is_not_done_and_nothing_else(base: Path, tmp_path: Path) -> None:
    night = tmp_path / "night_1"
    begun(night / "theme_1", base)
    shutil.copytree(night / "theme_1", night / "theme_2")  # handed over
    shutil.copytree(night / "theme_1", night / "theme_3")  # being prepared
    (night / "theme_3" / PREPARED).unlink()
    prepared(night / "theme_4", base)  # not begun
    shutil.copytree(night / "theme_1", tmp_path / KEPT / "theme_1")
    (tmp_path / KEPT / "theme_1" / "older").touch()
    done = list_done(["arrange", "prepare theme_2", "hand over theme_2", "hand over theme_9 2"])
    assert done == {"theme_2", "theme_9"}
    assert keep_unfinished(tmp_path, "night_1", done=done) == ["theme_1"]
    assert keep_unfinished(tmp_path, "night_1", done=done) == []
    assert list_kept(tmp_path) == {"theme_1": "ana"}
    assert not night.exists()
    assert not (tmp_path / KEPT / "theme_1" / "older").exists()


def test_a_kept_job_does_not_take_the_place_of_the_night_s_own(base: Path, tmp_path: Path) -> None:
    begun(tmp_path / KEPT / "theme_1", base)
    prepared(tmp_path / "night_1" / "theme_1", base)
    assert not take_up(tmp_path, "night_1", "theme_1")
    shutil.rmtree(tmp_path / "night_1" / "theme_1")
    (tmp_path / "night_1" / "theme_1").mkdir()
    assert take_up(tmp_path, "night_1", "theme_1")
    assert not take_up(tmp_path, "night_2", "theme_1")


def test_what_no_night_took_up_for_a_month_is_removed(base: Path, tmp_path: Path) -> None:
    for theme, age in (("theme_1", LONGEST_S + 60), ("theme_2", LONGEST_S - 60)):
        note = prepared(tmp_path / KEPT / theme, base) / PREPARED
        os.utime(note, (1e9 - age, 1e9 - age))
    assert drop_old(tmp_path, now=1e9) == ["theme_1"]
    assert list(list_kept(tmp_path)) == ["theme_2"]


def test_the_month_of_a_kept_job_begins_anew_when_a_night_took_it_up(base: Path, tmp_path: Path) -> None:
    note = begun(tmp_path / KEPT / "theme_1", base) / PREPARED
    os.utime(note, (1e9, 1e9))
    assert take_up(tmp_path, "night_2", "theme_1")
    assert keep_unfinished(tmp_path, "night_2", done=()) == ["theme_1"]
    assert drop_old(tmp_path) == []

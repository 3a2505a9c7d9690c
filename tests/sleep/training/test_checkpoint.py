"""Checkpoints: the newest whole one is found, whatever was broken, half written, or killed in between."""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path

import pytest
import torch

from aion.errors import StorageFull
from aion.models.sealed import MANIFEST
from aion.records import Json
from aion.sleep.training.checkpoint import NOTES, STATE, Checkpoint, latest_valid, save_checkpoint
from tests.sleep.training.test_full import room

JOB = "a" * 64
WATCHED = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.listdir", "os.scandir", "shutil.rmtree")


def checkpoint(step: int, job: str = JOB) -> Checkpoint:
    notes: Json = {"job": job, "losses": [0.5] * step}
    return Checkpoint(step, {"weight": torch.full((3,), float(step))}, notes)


def newest(folder: Path) -> int | None:
    found = latest_valid(folder, JOB)
    if found is None:
        return None
    assert found.tensors["weight"].tolist() == [found.step] * 3
    assert len(found.notes["losses"]) == found.step
    return found.step


def test_the_newest_is_found_and_one_before_it_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        save_checkpoint(tmp_path, checkpoint(step))
    assert newest(tmp_path) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000003", "step-00000004"]


def test_a_third_one_is_removed_when_it_is_read(tmp_path: Path) -> None:
    """Whoever wrote the newest died before the oldest was removed, and there was nothing more to save."""
    folder = tmp_path / "job"
    folder.mkdir()
    for step in (1, 2, 3):
        save_checkpoint(tmp_path / "other", checkpoint(step))
        (tmp_path / "other" / f"step-0000000{step}").rename(folder / f"step-0000000{step}")
    assert newest(folder) == 3
    assert sorted(path.name for path in folder.iterdir()) == ["step-00000002", "step-00000003"]


def test_none_is_found_where_there_is_none(tmp_path: Path) -> None:
    assert newest(tmp_path / "nothing") is None


@pytest.mark.parametrize("name", [STATE, NOTES, MANIFEST])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_broken_one_is_passed_over(tmp_path: Path, name: str, damage: str) -> None:
    for step in (1, 2):
        save_checkpoint(tmp_path, checkpoint(step))
    path = tmp_path / "step-00000002" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content[:-3] if damage == "cut" else content)
    if damage == "gone":
        path.unlink()
    assert newest(tmp_path) == 1
    assert newest(tmp_path) == 1


def test_one_of_another_job_is_passed_over(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(5, job="b" * 64))
    assert newest(tmp_path) is None


def test_a_full_disk_leaves_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, checkpoint(1))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageFull):
            save_checkpoint(tmp_path, checkpoint(2))
    assert newest(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


def die_at(moment: int, folder: Path) -> bool:
    """Saves step 4 in a child that kills itself at its `moment`th work on files; whether it got to the end."""
    pid = os.fork()
    if pid == 0:
        left = iter(range(moment))

        def kill(event: str, _: object) -> None:
            if event in WATCHED and next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(kill)
        save_checkpoint(folder, checkpoint(4))
        os._exit(0)
    return os.WIFEXITED(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_killed_at_any_work_on_files_the_old_or_the_new_is_whole(tmp_path: Path) -> None:
    found: list[int] = []
    for moment in range(200):
        folder = tmp_path / str(moment)
        for step in (2, 3):
            save_checkpoint(folder, checkpoint(step))
        ended = die_at(moment, folder)
        assert len(list(folder.iterdir())) <= 3
        found.append(newest(folder) or 0)
        assert len(list(folder.iterdir())) <= 2
        if ended:
            break
    assert set(found) == {3, 4}
    assert found == sorted(found)
    assert len(found) > 15


@pytest.mark.parametrize("size", [10, 90])
def test_without_room_it_says_so_and_the_one_before_is_still_there(tmp_path: Path, size: int) -> None:
    """The tensors do not fit, or the notes do not: one is written by Rust, which names no error number."""
    save_checkpoint(tmp_path, checkpoint(1))
    with room(size), pytest.raises(StorageFull, match="no space left for a checkpoint"):
        save_checkpoint(tmp_path, checkpoint(2))
    assert newest(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    save_checkpoint(tmp_path, checkpoint(2))
    assert newest(tmp_path) == 2

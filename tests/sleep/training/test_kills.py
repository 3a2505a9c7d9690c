"""P5 for the trainer: killed anywhere and begun again, it makes the bytes of an undisturbed one and leaves no more.

The random model is small enough to be killed fifty times in a few seconds. The long forms take the embedded base, a
thousand kills, and every work on files. Power cuts are in tests/faults/test_train_faults.py.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from aion.models.catalog import find_embedded_base
from aion.models.sealed import check_folder, seal_folder
from aion.sleep.training.base import OUT, Trained
from aion.sleep.training.jobs import read_trained
from aion.sleep.training.train import train
from tests.proofs import share_of
from tests.sleep.small_jobs import ignore, make_job

BATCH = 20

pytestmark = pytest.mark.usefixtures("single")


def run_nursery(how: str, *given: object) -> int:
    command = [sys.executable, "-m", "tests.sleep.nursery", how, *map(str, given)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


def train_plainly(folder: Path) -> tuple[Trained, float]:
    """What it makes undisturbed, and how long that takes."""
    begin = time.perf_counter()
    return train(folder, tell=ignore), time.perf_counter() - begin


def check_same(folder: Path, plain: Trained) -> None:
    """The same adapter and losses, nothing in its folder that was not to be there, and at most two checkpoints."""
    found = read_trained(folder)
    assert found is not None, "it did not come to its end"
    assert found.files.keys() == plain.files.keys()
    assert {path.name for path in (folder / OUT).iterdir()} == {path.name for path in plain.folder.iterdir()}
    assert found.files["adapter_model.safetensors"] == plain.files["adapter_model.safetensors"]
    assert found.losses == plain.losses
    assert len(list((folder / "checkpoints").glob("*"))) <= 2


def kill_often(base: Path, place: Path, least: int, *, batch: int = BATCH, **recipe: Any) -> str:
    """Train job after job, each killed at random moments, until there were as many kills."""
    plain, longest = train_plainly(make_job(place / "plain", base, **recipe))
    kills = number = 0
    while kills < least:
        folders = [make_job(place / f"job-{number + one}", base, **recipe) for one in range(batch)]
        kills += run_nursery("at-random", number, longest * 0.6, *folders)
        number += batch
        for folder in folders:
            check_same(folder, plain)
    return f"{kills} kills over {number} trainings of {plain.steps} steps: every adapter the same"


def test_fifty_kills_change_no_byte(base: Path, tmp_path: Path) -> None:
    print(kill_often(base, tmp_path, 50, batch=5, epochs=2))


@pytest.mark.proof
def test_a_thousand_kills_change_no_byte(base: Path, tmp_path: Path) -> None:
    print(kill_often(base, tmp_path, share_of(1000)))


@pytest.mark.proof
def test_kills_change_no_byte_of_an_adapter_of_the_embedded_base(tmp_path: Path) -> None:
    print(kill_often(find_embedded_base(), tmp_path, share_of(50), batch=2, epochs=2, rank=2, cache=False))


def test_what_a_killed_process_left_half_written_is_not_sealed(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("{}")
    (tmp_path / ".adapter_model.safetensors.x7f.new").write_bytes(b"half")
    assert list(seal_folder(tmp_path)) == ["record.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "record.json"]
    assert check_folder(tmp_path)


def kill_everywhere(base: Path, place: Path, **recipe: Any) -> int:
    """One training killed at its first work on files, the next at its second, until one has no more of them."""
    plain, _ = train_plainly(make_job(place / "plain", base, **recipe))
    kills = first = 0
    while kills == first:
        folders = [make_job(place / f"job-{first + one}", base, **recipe) for one in range(BATCH)]
        kills += run_nursery("at-files", first, *folders)
        first += BATCH
        for folder in folders:
            check_same(folder, plain)
    assert kills, "nothing was killed, so nothing was shown"
    return kills


@pytest.mark.proof
def test_killed_at_any_work_on_files_a_training_changes_no_byte(base: Path, tmp_path: Path) -> None:
    kills = kill_everywhere(base, tmp_path, epochs=1, tokens_per_step=100)
    print(f"{kills} kills, one at each work on files: every adapter the same")

"""P5 for the trainer's own files: after a power cut anywhere what is noted is there, the adapter the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.harness import PipeWorkload, run_rounds
from tests.faults.injectors import powercut, report
from tests.faults.train_writer import compare_training, run
from tests.proofs import spread_over
from tests.sleep.small_jobs import make_base, one_thread

WRITER = [sys.executable, "-m", "tests.faults.train_writer"]
TRAINING = PipeWorkload([*WRITER, "prepare", "train"], compare_training)


@pytest.fixture(autouse=True)
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The base, and what an undisturbed training makes on it."""
    monkeypatch.setenv("TRAIN_BASE", str(make_base(tmp_path)))
    with one_thread():
        monkeypatch.setenv("TRAIN_ADAPTER", run(tmp_path / "plain"))


def test_what_was_noted_as_trained_is_there_after_a_power_cut(tmp_path: Path) -> None:
    end = PipeWorkload([*WRITER, "train"], compare_training)
    tally = run_rounds(end, lambda rng: powercut(0, delay=0), rounds=1, folder=tmp_path, attempts=1)
    tally.must_hold_at(calls=1)


def count_calls(folder: Path) -> int:
    """How many calls an undisturbed training makes that a cut can come at."""
    folder.mkdir()
    environ = {**os.environ, **powercut(1 << 30).env(folder)}
    subprocess.run(
        [*TRAINING.argv, str(folder), "count"],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return int(json.loads(report(folder).read_text("utf-8"))["calls"])


@pytest.mark.proof
def test_a_training_cut_at_every_call(tmp_path: Path) -> None:
    calls = count_calls(tmp_path / "count")
    places = spread_over(calls)
    many, at = len(places), iter(places)
    tally = run_rounds(
        TRAINING,
        lambda rng: powercut(next(at)),
        rounds=many,
        folder=tmp_path,
        fresh_every=1,
        max_void=1,
        attempts=many,
    )
    print(f"\n{many} of {calls} calls: {tally}")
    tally.must_hold_at(calls=many)

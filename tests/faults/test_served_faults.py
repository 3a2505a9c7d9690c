"""P6: what a person is served is the old or the new after a cut at any call that changes a file, and never between.

The cut undoes what was not synced, which a kill does not: it is the harder of the two. The long form is part of
`make proof`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.harness import PipeWorkload, Running, Verdict, run_rounds
from tests.faults.injectors import Acks, powercut, report
from tests.faults.served_writer import compare_served, prepare, read_served
from tests.proofs import spread_over

CHILD = PipeWorkload([sys.executable, "-m", "tests.faults.served_writer"], compare_served)
ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Serving:
    """The child, in a copy of a folder whose making is not what is tested."""

    prepared: Path

    def start(self, folder: Path, env: Mapping[str, str], tag: str, acks: Acks) -> Running:
        shutil.copytree(self.prepared, folder, dirs_exist_ok=True)
        return CHILD.start(folder, env, tag, acks)

    def check(self, folder: Path, acked: Sequence[str]) -> Verdict:
        return CHILD.check(folder, acked)


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    prepare(tmp_path / "prepared")
    return Serving(tmp_path / "prepared")


def count_calls(serving: Serving, folder: Path) -> int:
    """How many calls the undisturbed steps make that a cut can come at."""
    shutil.copytree(serving.prepared, folder)
    environ = {**os.environ, **powercut(1 << 30).env(folder)}
    subprocess.run([*CHILD.argv, str(folder), "count"], env=environ, stdout=subprocess.DEVNULL, check=True)
    return int(json.loads(report(folder).read_text("utf-8"))["calls"])


def cut_at(serving: Serving, places: Sequence[int], calls: int, folder: Path, torn: int | None) -> None:
    at = iter(places)
    many = len(places)
    tally = run_rounds(
        serving,
        lambda rng: powercut(next(at), torn=torn),
        rounds=many,
        folder=folder,
        fresh_every=1,
        max_void=1,
        attempts=many,
    )
    print(f"\n{many} of {calls} calls, torn={torn}: {tally}")
    tally.must_hold_at(calls=many)


def test_what_is_served_is_the_old_or_the_new_after_a_power_cut(serving: Serving, tmp_path: Path) -> None:
    calls = count_calls(serving, tmp_path / "count")
    places = [calls * (number + 1) // (ROUNDS + 1) for number in range(ROUNDS)]
    cut_at(serving, places, calls, tmp_path, torn=1)


def test_a_retirement_that_left_its_adapter_served_is_caught(serving: Serving) -> None:
    """What a cut between two transactions would leave."""
    code = """
import sys
from pathlib import Path
import aion.store.serving as s
s._serves = lambda promotion, candidates: False
from tests.faults.served_writer import run
run(Path(sys.argv[1]))
"""
    ended = subprocess.run([sys.executable, "-c", code, str(serving.prepared)], check=False, capture_output=True)
    assert ended.returncode == 0, ended.stderr.decode()
    assert "a candidate is retired and served, or neither" in read_served(serving.prepared)[1]


@pytest.mark.proof
@pytest.mark.parametrize("torn", [None, 1, 2])
def test_what_is_served_after_a_cut_at_every_call(serving: Serving, tmp_path: Path, torn: int | None) -> None:
    calls = count_calls(serving, tmp_path / "count")
    cut_at(serving, spread_over(calls), calls, tmp_path, torn)

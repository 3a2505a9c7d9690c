"""P5 and P6: a night cut at any call that changes a file goes on, and leaves what an undisturbed one leaves.

The cut undoes what was not synced, which a kill does not: it is the harder of the two. Training is a stub with real
files; the real one is held to the same in tests/sleep. The long form is part of `make proof`.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.harness import PipeWorkload, run_rounds
from tests.faults.injectors import powercut, report
from tests.faults.night_writer import compare_night
from tests.proofs import spread_over

NIGHT = PipeWorkload([sys.executable, "-m", "tests.faults.night_writer"], compare_night)
SPARE = 20  # one night has a few calls less than another


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_STEPS", "2")


def count_calls(folder: Path) -> int:
    """How many calls an undisturbed night makes that a cut can come at."""
    folder.mkdir()
    injector = powercut(1 << 30)
    environ = {**os.environ, **injector.env(folder)}
    subprocess.run([*NIGHT.argv, str(folder), "count"], env=environ, stdout=subprocess.DEVNULL, check=True)
    return int(json.loads(report(folder).read_text("utf-8"))["calls"])


def test_a_night_cut_anywhere_goes_on_and_uses_each_lesson_once(tmp_path: Path) -> None:
    calls = count_calls(tmp_path / "count")
    rounds = 24
    at = itertools.count()

    def spread(rng: random.Random) -> powercut:
        """One in each 24th of the night, the first steps of its database left to the store's own tests."""
        part = calls * 0.8 / rounds
        nth = calls * 0.2 + (next(at) % rounds + rng.random()) * part
        return powercut(int(nth), torn=rng.choice([None, rng.randrange(1 << 32)]))

    tally = run_rounds(NIGHT, spread, rounds=rounds, folder=tmp_path, fresh_every=1)
    print(f"\n{calls} calls; {tally}")
    tally.must_hold(rounds=rounds)


def test_a_night_that_forgets_its_ledger_is_caught(tmp_path: Path) -> None:
    """A journal that notes nothing, and candidates that get a new id each time: lessons are used twice."""
    code = """
import aion.sleep.nights.journal as j, aion.serve.night_take as t, uuid, sys
from aion.store.nights import statements
t.name_candidate = lambda made, adapter: "cand_" + uuid.uuid4().hex
statements.INSERT_LEARNED = "SELECT ?, ?, ?, ?"
from tests.faults import night_writer
from pathlib import Path
night_writer.run(Path(sys.argv[1]))
j.Journal.once = lambda self, night, name, work: work()
import dataclasses
from aion.store.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
store.nights.append_night(dataclasses.replace(night_writer.NIGHT)).result()
store.close()
night_writer.run(Path(sys.argv[1]))
"""
    folder = tmp_path / "data"
    folder.mkdir()
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, stdout=subprocess.DEVNULL)
    verdict = compare_night(folder, [])
    assert verdict.findings or verdict.doubled


@pytest.mark.proof
def test_a_night_cut_at_every_call(tmp_path: Path) -> None:
    calls = count_calls(tmp_path / "count") - SPARE
    places = spread_over(calls)
    many, at = len(places), iter(places)
    tally = run_rounds(
        NIGHT, lambda rng: powercut(next(at)), rounds=many, folder=tmp_path, fresh_every=1, max_void=1, attempts=many
    )
    print(f"\n{many} of {calls} calls: {tally}")
    tally.must_hold_at(calls=many)

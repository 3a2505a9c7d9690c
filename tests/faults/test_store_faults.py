"""P1 and P2 on the store alone: four threads write, kills and power cuts come, nothing acknowledged is lost.

Turns, feedback on them, memories and blobs are written, and some memories are taken back.
The long form is part of `make proof`. The same harness is pointed at the whole server in test_server_faults.py.
"""

from __future__ import annotations

import itertools
import random
import sys
from pathlib import Path

import pytest

from tests.faults.harness import PipeWorkload, run_rounds
from tests.faults.injectors import kill9, powercut
from tests.faults.store_writer import compare_store

STORE = PipeWorkload([sys.executable, "-m", "tests.faults.store_writer"], compare_store)


def some_kill(rng: random.Random) -> kill9:
    return kill9(rng.uniform(0, 0.4))


def some_cut(rng: random.Random) -> powercut:
    """From the first steps of a new database to long after its first checkpoint, or at no call in particular."""
    torn = rng.choice([None, rng.randrange(1 << 32)])
    if rng.random() < 0.25:
        return powercut(0, torn=torn, delay=rng.uniform(0, 0.3))
    return powercut(int(10 ** rng.uniform(1.5, 3.6)), torn=torn)


def test_nothing_acknowledged_is_lost_by_kills(tmp_path: Path) -> None:
    tally = run_rounds(STORE, some_kill, rounds=12, folder=tmp_path)
    print(f"\nkill -9: {tally}")
    tally.must_hold(rounds=12)


def test_nothing_acknowledged_is_lost_by_power_cuts(tmp_path: Path) -> None:
    tally = run_rounds(STORE, some_cut, rounds=8, folder=tmp_path)
    print(f"\npower cut: {tally}")
    tally.must_hold(rounds=8)


SABOTAGE = {
    "rows are committed without fsync": "import aion.store.database as d; d.SAFETY = ('PRAGMA synchronous=NORMAL',)",
    "names are not made durable": "import aion.store.files as f, aion.store.blobs as b, aion.store.database as d\n"
    "b.put_in_place = d.put_in_place = lambda source, target: source.replace(target)",
    "rows are acknowledged before they are committed": """
import aion.store.writer as w
from concurrent.futures import Future
submit = w.Writer.submit
def early(self, job, **options):
    submit(self, job, **options)
    done = Future()
    done.set_result(None)
    return done
w.Writer.submit = early
""",
}


@pytest.mark.parametrize("what", SABOTAGE)
def test_a_store_that_breaks_the_promise_is_caught(tmp_path: Path, what: str) -> None:
    code = f"{SABOTAGE[what]}\nimport sys; from pathlib import Path; from tests.faults.store_writer import main\n"
    argv = [sys.executable, "-c", code + "main(Path(sys.argv[1]), sys.argv[2])"]
    broken = PipeWorkload(argv, compare_store)
    tally = run_rounds(
        broken, lambda rng: powercut(rng.randrange(400, 1200)), rounds=3, folder=tmp_path, fresh_every=1, max_void=1
    )
    assert tally.lost, str(tally)


@pytest.mark.proof
def test_two_thousand_kills(tmp_path: Path) -> None:
    tally = run_rounds(STORE, lambda rng: kill9(rng.uniform(0, 0.5)), rounds=2000, folder=tmp_path, seed=2)
    print(f"\nkill -9: {tally}")
    tally.must_hold(rounds=2000)


@pytest.mark.proof
def test_fifty_power_cuts(tmp_path: Path) -> None:
    tally = run_rounds(STORE, some_cut, rounds=50, folder=tmp_path, seed=2)
    print(f"\npower cut: {tally}")
    tally.must_hold(rounds=50)


@pytest.mark.proof
@pytest.mark.parametrize("torn", [None, 1, 2])
def test_a_cut_at_every_step_of_the_first_start(tmp_path: Path, torn: int | None) -> None:
    """Each call from the making of the database (the first hundred or so) to the first rows: it opens every time."""
    steps = itertools.count(1)
    tally = run_rounds(STORE, lambda rng: powercut(next(steps), torn=torn), rounds=150, folder=tmp_path, fresh_every=1)
    print(f"\npower cut at start, torn={torn}: {tally}")
    tally.must_hold(rounds=150)

"""P2 for memories: whenever the process is killed, the index holds after the next start exactly what the store holds.

Memories are told, edited and forgotten, documents and conversations too, while vectors are filled in afterwards. After
each kill the store, its words and its vectors agree, what was acknowledged is there, and what was forgotten is not.
The long form is part of `make proof`.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from tests.faults.harness import PipeWorkload, Tally, run_rounds
from tests.faults.injectors import kill9, powercut
from tests.faults.memory_writer import MemoryCheck

WRITER = [sys.executable, "-m", "tests.faults.memory_writer"]


def some_kill(rng: random.Random) -> kill9:
    return kill9(rng.uniform(0, 0.5))


def some_cut(rng: random.Random) -> powercut:
    return powercut(0, torn=rng.choice([None, rng.randrange(1 << 32)]), delay=rng.uniform(0, 0.5))


def run(folder: Path, *, rounds: int, seed: int, cut: bool = False) -> Tally:
    check = MemoryCheck()
    tally = run_rounds(
        PipeWorkload(WRITER, check), some_cut if cut else some_kill, rounds=rounds, folder=folder, seed=seed
    )
    print(f"\n{tally}; {check.repaired} rows of the index repaired of {check.vectors} seen")
    return tally


def test_the_index_holds_what_the_store_holds_after_kills(tmp_path: Path) -> None:
    run(tmp_path, rounds=15, seed=1).must_hold(rounds=15)


def test_the_index_holds_what_the_store_holds_after_power_cuts(tmp_path: Path) -> None:
    run(tmp_path, rounds=4, seed=1, cut=True).must_hold(rounds=4)


@pytest.mark.proof
@pytest.mark.parametrize("cut", [False, True], ids=["kills", "power cuts"])
def test_three_hundred_rounds(tmp_path: Path, cut: bool) -> None:
    run(tmp_path, rounds=300, seed=2, cut=cut).must_hold(rounds=300)

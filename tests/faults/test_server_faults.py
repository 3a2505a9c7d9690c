"""P1 and P2 on the whole server: four HTTP clients chat and judge, kills and power cuts come, nothing told is lost."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.harness import ServerWorkload, run_rounds
from tests.faults.injectors import kill9, powercut
from tests.faults.server_client import GONE, compare_turns, start_server

SERVER = ServerWorkload(start_server, compare_turns, gone=GONE, clients=4)


def some_cut(rng: random.Random) -> powercut:
    return powercut(int(10 ** rng.uniform(1.9, 3.6)), torn=rng.choice([None, rng.randrange(1 << 32)]), delay=4)


def test_no_acknowledged_turn_or_feedback_is_lost_by_kills(tmp_path: Path) -> None:
    tally = run_rounds(SERVER, lambda rng: kill9(rng.uniform(0, 0.5)), rounds=5, folder=tmp_path)
    print(f"\nserver, kill -9: {tally}")
    tally.must_hold(rounds=5)


def test_no_acknowledged_turn_or_feedback_is_lost_by_power_cuts(tmp_path: Path) -> None:
    tally = run_rounds(SERVER, some_cut, rounds=4, folder=tmp_path, max_void=1)
    print(f"\nserver, power cut: {tally}")
    tally.must_hold(rounds=4)


@pytest.mark.proof
def test_two_hundred_kills_of_the_server(tmp_path: Path) -> None:
    tally = run_rounds(SERVER, lambda rng: kill9(rng.uniform(0, 2)), rounds=200, folder=tmp_path, seed=2)
    print(f"\nserver, kill -9: {tally}")
    tally.must_hold(rounds=200)


@pytest.mark.proof
def test_fifty_power_cuts_of_the_server(tmp_path: Path) -> None:
    tally = run_rounds(SERVER, some_cut, rounds=50, folder=tmp_path, seed=2)
    print(f"\nserver, power cut: {tally}")
    tally.must_hold(rounds=50)

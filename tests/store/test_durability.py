"""SIGKILL at random moments: every acknowledged turn is there once, and the database is whole.

A round counts only if the child was killed while it ran, had acknowledged something, and had begun what it had not.
The long form of P1 and P2 is the same function with more rounds.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from aion.store.sqlite import SqliteStore
from tests.store.children import start

SEED = 20261121
MAX_ROUNDS_EACH = 3


def kill_at_random(data: Path, after: float, program: str = "append") -> tuple[set[str], bool]:
    """The ids that a child acknowledged before it was killed, and whether it was killed in the middle of its work."""
    child = start(program, data)
    assert child.stdout is not None
    first = child.stdout.readline()
    time.sleep(after)
    was_running = child.poll() is None
    child.kill()
    lines = (first + child.communicate()[0]).splitlines()
    begun = {line.split()[1] for line in lines if line.startswith("start ")}
    acknowledged = {line.split()[1] for line in lines if line.startswith("ack ")}
    return acknowledged, was_running and child.returncode == -9 and bool(acknowledged) and bool(begun - acknowledged)


def check(data: Path, acknowledged: set[str]) -> None:
    store = SqliteStore(data)
    found = [turn.id for turn in store.turns(owner=None, limit=1_000_000)]
    assert acknowledged <= set(found), "an acknowledged turn is lost"
    assert len(found) == len(set(found)), "a turn is doubled"
    assert list(store.verify()) == []
    store.close()


def kill_often(data: Path, rounds: int) -> None:
    chance = random.Random(SEED)
    everything: set[str] = set()
    counted = 0
    for _ in range(rounds * MAX_ROUNDS_EACH):
        acknowledged, fired = kill_at_random(data, after=chance.uniform(0, 0.15))
        everything |= acknowledged
        check(data, everything)
        counted += fired
        if counted == rounds:
            return
    pytest.fail(f"only {counted} of {rounds} kills hit a process in the middle of its work")


def test_no_acknowledged_turn_is_lost_by_a_kill(tmp_path: Path) -> None:
    kill_often(tmp_path, rounds=20)


@pytest.mark.proof
def test_no_acknowledged_turn_is_lost_by_a_thousand_kills(tmp_path: Path) -> None:
    for number in range(20):  # a fresh folder each, so that what is checked stays small
        kill_often(tmp_path / str(number), rounds=50)


def test_a_kill_that_hit_no_work_is_not_counted(tmp_path: Path) -> None:
    assert kill_at_random(tmp_path, after=0.5, program="write_beyond_limit") == (set(), False)

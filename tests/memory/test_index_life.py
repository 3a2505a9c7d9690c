"""A random life of the embedded index: memories come and go, told to it or not, and its files are cut and overwritten.

Whatever happens nothing raises, nobody is given another's memory, and every score is the exact cosine; after a repair
the index finds all that the store holds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from aion.memory import segment
from aion.memory.base import Vector
from aion.memory.index import folder_of
from aion.memory.segment import FILES
from aion.records import Memory
from tests.contracts.test_memory_index import ALWAYS, Bench

OWNERS = st.sampled_from(["ana", "eva"])
TOLD = st.sampled_from([True, True, True, False])
PLACES = st.integers(0, 10**6)


class Life(RuleBasedStateMachine):
    """The model: every memory in the store with its vector, and those that the index must find already."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(segment, "FIRST_CAPACITY", 4)
        self.bench = Bench(Path(self.folder.name), "embedded")
        self.kept: dict[int, tuple[Memory, Vector]] = {}
        self.known: set[int] = set()

    @rule(owner=OWNERS, count=st.sampled_from([8, 3, 20]), tell=TOLD)
    def put(self, owner: str, count: int, tell: bool) -> None:
        for _ in range(count):
            memory, vector = self.bench.put(owner=owner, tell=tell)
            self.kept[memory.seq] = memory, vector
            self.known |= {memory.seq} if tell else set()

    @rule(owner=OWNERS, start=st.integers(0, 3), every=st.integers(1, 3), tell=TOLD)
    def remove(self, owner: str, start: int, every: int, tell: bool) -> None:
        own = [seq for seq, (memory, _) in self.kept.items() if memory.owner == owner]
        gone = own[start::every]
        self.bench.store.memories.remove([self.kept[seq][0].id for seq in gone], owner=owner).result()
        if tell:
            self.bench.index.remove(gone, owner=owner)
        self.known -= set(gone)
        for seq in gone:
            del self.kept[seq]

    @rule()
    def restart(self) -> None:
        self.bench.reopen()

    @rule(owner=OWNERS, name=st.sampled_from(FILES), place=PLACES)
    def cut(self, owner: str, name: str, place: int) -> None:
        self.harm(owner, name, lambda data: data[: place % (len(data) or 1)])

    @rule(owner=OWNERS, name=st.sampled_from(FILES), place=PLACES, byte=st.integers(0, 255))
    def overwrite(self, owner: str, name: str, place: int, byte: int) -> None:
        self.harm(owner, name, lambda data: data[: (at := place % len(data))] + bytes([byte]) + data[at + 1 :])

    @rule(name=st.sampled_from(FILES))
    def swap(self, name: str) -> None:
        """One gets the other's file."""
        self.bench.index.close()
        path, other = (folder_of(self.bench.folder / "index", owner) / name for owner in ("ana", "eva"))
        if path.exists() and other.exists():
            mine = path.read_bytes()
            path.write_bytes(other.read_bytes())
            other.write_bytes(mine)
            self.known.clear()
        self.bench.index = self.bench.open()

    @rule()
    def repair(self) -> None:
        self.bench.index.repair()
        self.known = set(self.kept)
        assert self.bench.index.verify() == []
        assert self.bench.index.status()["vectors"] == len(self.kept)
        assert self.bench.index.repair() == 0

    @invariant()
    def searches_are_right(self) -> None:
        question = self.bench.vector()
        for owner in ("ana", "eva"):
            own = {seq: vector for seq, (memory, vector) in self.kept.items() if memory.owner == owner}
            hits = self.bench.index.search_vectors(question, owner=owner, limit=10_000, window=ALWAYS)
            assert self.known & own.keys() <= {seq for seq, _ in hits} <= own.keys()
            scores = [score for _, score in hits]
            assert scores == sorted(scores, reverse=True)
            assert np.allclose(scores, [float(own[seq] @ question) for seq, _ in hits], atol=1e-6)

    @invariant()
    def nothing_that_was_told_is_amiss(self) -> None:
        amiss = {int(finding.where.removeprefix("index row ")) for finding in self.bench.index.verify()}
        assert not amiss & self.known

    def harm(self, owner: str, name: str, change: Callable[[bytes], bytes]) -> None:
        self.bench.index.close()
        path = folder_of(self.bench.folder / "index", owner) / name
        if path.exists() and path.stat().st_size:
            path.write_bytes(change(path.read_bytes()))
            self.known -= {seq for seq, (memory, _) in self.kept.items() if memory.owner == owner}
        self.bench.index = self.bench.open()

    def teardown(self) -> None:
        self.bench.index.close()
        self.bench.store.close()
        self.patch.undo()
        self.folder.cleanup()


def live(examples: int, steps: int) -> None:
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    chosen = settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=slow)
    run_state_machine_as_test(Life, settings=chosen)


def test_whatever_happens_nothing_wrong_is_found() -> None:
    live(20, 25)


@pytest.mark.proof
def test_whatever_happens_in_long_lives_nothing_wrong_is_found() -> None:
    live(500, 50)

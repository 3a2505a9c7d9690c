"""What every memory index promises, on a real store. Another implementation joins with one line of INDEXES."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from aion.memory.base import MemoryIndex, Vector, Window
from aion.memory.index import EmbeddedIndex
from aion.memory.terms import terms_of
from aion.records import Memory, MemoryKind, Origin, Source, Trust, new_id
from aion.store.sqlite import SqliteStore

DIMENSIONS = 64
EMBEDDER = "e" * 64
INDEXES: dict[str, Callable[[Path, SqliteStore], MemoryIndex]] = {
    "embedded": lambda folder, store: EmbeddedIndex(folder, store.memories, EMBEDDER, DIMENSIONS)
}
ALWAYS = Window()


class Bench:
    """A store and an index over it."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder
        self.kind = kind
        self.store = SqliteStore(folder)
        self.index = self.open()
        self.random = np.random.default_rng(7)

    def open(self) -> MemoryIndex:
        return INDEXES[self.kind](self.folder / "index", self.store)

    def reopen(self) -> None:
        self.index.close()
        self.index = self.open()

    def vector(self) -> Vector:
        drawn = self.random.standard_normal(DIMENSIONS).astype(np.float32)
        return np.asarray(drawn / np.linalg.norm(drawn), np.float32)

    def put(
        self, text: str = "a word", owner: str = "ana", at: float = 1.0, *, tell: bool = True
    ) -> tuple[Memory, Vector]:
        source = Source(ref="", origin=Origin.PERSON, trust=Trust.OWN, hash="a" * 64, at=at)
        memory = Memory(
            id=new_id("mem"),
            owner=owner,
            kind=MemoryKind.NOTE,
            text=text,
            sources=(source,),
            created=at,
            updated=at,
        )
        vector = self.vector()
        put = self.store.memories.put(
            memory, terms=" ".join(terms_of(text)), vector=vector.tobytes(), embedder=EMBEDDER
        )
        kept = put.result()
        if tell:
            self.index.add(kept.seq, owner=owner, at=at, vector=vector)
        return kept, vector

    def nearest(self, vector: Vector, owner: str = "ana", limit: int = 5, window: Window = ALWAYS) -> list[int]:
        return [seq for seq, _ in self.index.search_vectors(vector, owner=owner, limit=limit, window=window)]


@pytest.fixture(params=INDEXES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "data", request.param)
    yield made
    made.index.close()
    made.store.close()


def test_the_order_is_that_of_the_exact_cosines(bench: Bench) -> None:
    kept = [bench.put() for _ in range(300)]
    matrix = np.stack([vector for _, vector in kept])
    for _ in range(20):
        question = bench.vector()
        exact = matrix @ question
        order = np.argsort(-exact)[:10]
        found = bench.index.search_vectors(question, owner="ana", limit=10, window=ALWAYS)
        assert [seq for seq, _ in found] == [kept[place][0].seq for place in order]
        assert [score for _, score in found] == pytest.approx([float(exact[place]) for place in order], abs=1e-6)


def test_nobody_finds_what_belongs_to_another(bench: Bench) -> None:
    _, vector = bench.put("Ana keeps bees", owner="ana")
    eva, _ = bench.put("Eva keeps goats", owner="eva")
    for owner, seqs in (("eva", [eva.seq]), ("../ana", []), ("ana ", []), ("", []), ("ANA", [])):
        assert bench.nearest(vector, owner=owner) == seqs
        assert bench.index.search_terms(["bee"], owner=owner, limit=5, window=ALWAYS) == []


def test_a_window_bounds_both_ways_of_searching(bench: Bench) -> None:
    old, vector = bench.put("the boat is red", at=100.0)
    new, _ = bench.put("the boat is blue", at=200.0)
    for window, seqs in (
        (Window(since=150.0), {new.seq}),
        (Window(until=150.0), {old.seq}),
        (Window(since=100.0, until=200.5), {old.seq, new.seq}),
        (Window(since=100.0, until=200.0), {old.seq}),
        (Window(since=300.0), set()),
    ):
        assert set(bench.nearest(vector, window=window)) == seqs
        assert {seq for seq, _ in bench.index.search_terms(["boat"], owner="ana", limit=5, window=window)} == seqs


def test_what_is_removed_is_not_found(bench: Bench) -> None:
    kept = [bench.put() for _ in range(50)]
    gone, vector = kept[7]
    bench.store.memories.remove([gone.id], owner="ana").result()
    assert gone.seq not in bench.nearest(vector, limit=50)  # the store has no such memory, told or not
    bench.index.remove([gone.seq], owner="ana")
    assert sorted(bench.nearest(vector, limit=50)) == sorted(memory.seq for memory, _ in kept if memory != gone)
    assert bench.index.verify() == []


def test_adding_twice_changes_nothing(bench: Bench) -> None:
    memory, vector = bench.put()
    bench.index.add(memory.seq, owner="ana", at=1.0, vector=vector)
    assert bench.nearest(vector) == [memory.seq]
    assert bench.index.verify() == []


def test_what_was_not_told_is_found_after_a_repair(bench: Bench) -> None:
    bench.put()
    missed, vector = bench.put(tell=False)
    assert [finding.where for finding in bench.index.verify()] == [f"index row {missed.seq}"]
    assert bench.index.repair() == 1
    assert bench.nearest(vector, limit=1) == [missed.seq]
    assert bench.index.verify() == []
    assert bench.index.repair() == 0


def test_what_the_store_lost_is_let_go_by_a_repair(bench: Bench) -> None:
    bench.put()
    gone, _ = bench.put()
    bench.store.memories.remove([gone.id], owner="ana").result()
    assert [finding.problem for finding in bench.index.verify()] == ["the store has no such memory"]
    assert bench.index.repair() == 1
    assert bench.index.verify() == []
    assert bench.index.status()["vectors"] == 1


def test_it_is_the_same_after_a_restart(bench: Bench) -> None:
    kept = [bench.put() for _ in range(30)]
    bench.index.remove([kept[3][0].seq], owner="ana")
    bench.store.memories.remove([kept[3][0].id], owner="ana").result()
    bench.reopen()
    assert bench.index.repair() == 0
    assert bench.nearest(kept[4][1], limit=1) == [kept[4][0].seq]


def test_many_come_and_go(bench: Bench) -> None:
    kept = [bench.put() for _ in range(2500)]
    gone = [memory for number, (memory, _) in enumerate(kept) if number % 3]
    bench.store.memories.remove([memory.id for memory in gone], owner="ana").result()
    bench.index.remove([memory.seq for memory in gone], owner="ana")
    assert bench.index.verify() == []
    memory, vector = kept[2400]
    assert bench.nearest(vector, limit=1) == [memory.seq]
    assert bench.index.status()["vectors"] == 834


def test_vectors_of_another_embedder_are_none_of_its_own(bench: Bench) -> None:
    memory, _ = bench.put()
    other = bench.store.memories.put(memory, terms="a", vector=bytes(4 * 32), embedder="f" * 64)
    other.result()
    bench.index.repair()
    assert bench.index.status()["vectors"] == 0
    assert bench.index.verify() == []


def test_words_are_found_by_their_rank(bench: Bench) -> None:
    both, _ = bench.put("the ferry to Kaldor leaves at noon")
    one, _ = bench.put("the ferry is old")
    bench.put("nothing of the kind")
    found = bench.index.search_terms(terms_of("ferry Kaldor"), owner="ana", limit=5, window=ALWAYS)
    assert [seq for seq, _ in found] == [both.seq, one.seq]
    assert found[0][1] > found[1][1] > 0
    assert bench.index.search_terms([], owner="ana", limit=5, window=ALWAYS) == []

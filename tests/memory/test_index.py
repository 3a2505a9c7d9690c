"""The embedded index itself: lost and torn files, repairs beside changes, and owners who look alike."""

from __future__ import annotations

import errno
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from aion.memory import index as index_module
from aion.memory import segment as segment_module
from aion.memory.base import Window
from aion.memory.index import EmbeddedIndex, folder_of
from aion.memory.segment import HEADER, ROW, Segment
from aion.store.sqlite import SqliteStore
from tests.contracts.test_memory_index import ALWAYS, DIMENSIONS, EMBEDDER, Bench

HOSTILE = ["ana", "Ana", "ana ", "../ana", "/etc", "a" * 5000, "ana\t", "ana\n", "", ".", "anaé", "ana\u0301", "%2e"]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "data", "embedded")
    yield made
    made.index.close()
    made.store.close()


def folder(bench: Bench, owner: str = "ana") -> Path:
    return folder_of(bench.folder / "index", owner)


@pytest.mark.parametrize("lost", ["index", "vectors", "rows", "torn", "foreign"])
def test_a_lost_index_is_made_anew_and_words_answer_meanwhile(bench: Bench, lost: str) -> None:
    kept = [bench.put(f"word{number}") for number in range(60)]
    bench.index.close()
    if lost == "index":
        shutil.rmtree(bench.folder / "index")
    elif lost == "torn":
        (folder(bench) / "vectors").write_bytes(b"torn")
    elif lost == "foreign":
        shutil.rmtree(folder(bench))
        Segment(folder(bench), DIMENSIONS, "f" * 64).add([(5, 1.0, bench.vector())])
    else:
        (folder(bench) / lost).unlink()
    bench.index = bench.open()
    assert bench.nearest(kept[3][1]) == []
    found = bench.index.search_terms(["word3"], owner="ana", limit=5, window=ALWAYS)
    assert [seq for seq, _ in found] == [kept[3][0].seq]
    assert bench.index.repair() == 60
    assert bench.nearest(kept[3][1], limit=1) == [kept[3][0].seq]
    assert bench.index.verify() == []


def test_a_torn_row_is_never_a_wrong_answer_and_is_repaired(bench: Bench) -> None:
    kept = [bench.put() for _ in range(50)]
    bench.index.close()
    rows = np.memmap(folder(bench) / "rows", ROW, "r+", offset=HEADER.itemsize)
    rows["seq"][4] = kept[30][0].seq
    bench.index = bench.open()
    assert kept[4][0].seq not in bench.nearest(kept[4][1], limit=50)
    assert bench.index.repair() == 1
    assert bench.nearest(kept[4][1], limit=1) == [kept[4][0].seq]
    assert bench.index.verify() == []


def test_it_is_checking_until_repaired_and_rebuilding_only_when_something_is_lost(bench: Bench) -> None:
    bench.put()
    assert bench.index.status()["state"] == "checking"
    assert bench.index.ready
    bench.index.repair()
    assert bench.index.status()["state"] == "ready"


class Paused:
    """The store's memories; reading the first page of vectors waits until it may go on."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.reading = threading.Event()
        self.go_on = threading.Event()
        self.pages = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.store.memories, name)

    def embedded(self, *, owner: str, embedder: str, after: int = 0, limit: int = 5000) -> object:
        found = self.store.memories.embedded(owner=owner, embedder=embedder, after=after, limit=limit)
        if limit > 1:  # one row alone is read only to see whether there is any
            self.pages += 1
            self.reading.set()
            assert self.go_on.wait(10)
        return found


def begin_repair(bench: Bench) -> tuple[EmbeddedIndex, Paused, threading.Thread]:
    """A repair of an index that was lost, stopped after it has read what the store holds."""
    memories = Paused(bench.store)
    index = EmbeddedIndex(bench.folder / "anew", memories, EMBEDDER, DIMENSIONS)  # type: ignore[arg-type]
    thread = threading.Thread(target=index.repair)
    thread.start()
    assert memories.reading.wait(10)
    return index, memories, thread


def test_it_is_not_ready_while_it_rebuilds(bench: Bench) -> None:
    _, vector = bench.put("boat")
    index, memories, thread = begin_repair(bench)
    assert (index.ready, index.status()["state"]) == (False, "rebuilding")
    assert index.search_vectors(vector, owner="ana", limit=5, window=ALWAYS) == []
    assert len(index.search_terms(["boat"], owner="ana", limit=5, window=ALWAYS)) == 1
    memories.go_on.set()
    thread.join()
    assert (index.ready, index.status()["state"]) == (True, "ready")
    assert len(index.search_vectors(vector, owner="ana", limit=5, window=ALWAYS)) == 1
    index.close()


def test_what_is_put_or_removed_during_a_repair_ends_up_right(bench: Bench) -> None:
    kept = [bench.put() for _ in range(5)]
    index, memories, thread = begin_repair(bench)
    gone = kept[2][0]
    bench.store.memories.remove([gone.id], owner="ana").result()
    index.remove([gone.seq], owner="ana")
    fresh, vector = bench.put()
    index.add(fresh.seq, owner="ana", at=fresh.updated, vector=vector)
    memories.go_on.set()
    thread.join()
    assert index.verify() == []
    found = index.search_vectors(vector, owner="ana", limit=10, window=ALWAYS)
    assert {seq for seq, _ in found} == {fresh.seq, *(memory.seq for memory, _ in kept if memory != gone)}
    index.close()


def test_a_damaged_index_is_not_searched_until_it_is_whole(bench: Bench) -> None:
    kept = [bench.put() for _ in range(5)]
    bench.index.close()
    shutil.copytree(bench.folder / "index", bench.folder / "anew")
    rows = np.memmap(folder_of(bench.folder / "anew", "ana") / "rows", ROW, "r+", offset=HEADER.itemsize)
    rows["crc"][1] ^= 1
    index, memories, thread = begin_repair(bench)
    assert not index.ready
    assert index.search_vectors(kept[3][1], owner="ana", limit=5, window=ALWAYS) == []
    memories.go_on.set()
    thread.join()
    assert len(index.search_vectors(kept[3][1], owner="ana", limit=5, window=ALWAYS)) == 5
    index.close()


def test_closing_ends_a_repair_at_its_page(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "PAGE", 2)
    for _ in range(10):
        bench.put()
    index, memories, thread = begin_repair(bench)
    index.close()
    memories.go_on.set()
    thread.join(10)
    assert not thread.is_alive()
    assert memories.pages == 1


def test_a_repair_that_fails_says_so_and_leaves_words(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    memory, vector = bench.put("boat")
    bench.index.close()
    shutil.rmtree(bench.folder / "index")
    bench.index = bench.open()

    def refuse(descriptor: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(segment_module, "_take_room", refuse)
    with pytest.raises(OSError, match="no space"):
        bench.index.repair()
    assert not bench.index.ready
    assert bench.nearest(vector) == []
    assert len(bench.index.search_terms(["boat"], owner="ana", limit=5, window=ALWAYS)) == 1
    monkeypatch.undo()
    assert bench.index.repair() == 1
    assert bench.nearest(vector) == [memory.seq]


def test_a_vector_that_finds_no_room_is_counted_and_comes_in_by_the_next_repair(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as full:
        full.setattr(segment_module, "_take_room", refuse)
        memory, vector = bench.put()
    assert bench.nearest(vector) == []
    assert bench.index.status()["missed"] == 1
    assert bench.index.repair() == 1
    assert bench.nearest(vector) == [memory.seq]


def test_owners_who_look_alike_have_vectors_of_their_own(bench: Bench) -> None:
    kept = {owner: bench.put("the same word", owner=owner) for owner in HOSTILE}
    for owner, (memory, _) in kept.items():
        for _, vector in kept.values():
            assert bench.nearest(vector, owner=owner) == [memory.seq]
    names = [path.name for path in (bench.folder / "index").iterdir()]
    assert len(names) == len(HOSTILE)
    assert all(len(name) == 16 and set(name) <= set("0123456789abcdef") for name in names)


def test_a_file_of_another_owner_gives_nothing_away(bench: Bench) -> None:
    secret, vector = bench.put("secret", owner="eva")
    bench.put("mine", owner="ana")
    bench.index.close()
    shutil.rmtree(folder(bench, "ana"))
    shutil.copytree(folder(bench, "eva"), folder(bench, "ana"))
    bench.index = bench.open()
    assert bench.nearest(vector, owner="ana") == []  # the store has no such memory of hers
    bench.index.repair()
    assert secret.seq not in bench.nearest(vector, owner="ana", limit=50)
    assert bench.index.verify() == []


def test_what_is_left_of_who_has_no_memory_any_more_is_deleted(bench: Bench) -> None:
    gone, _ = bench.put(owner="eva")
    bench.put(owner="ana")
    bench.index.close()
    bench.store.memories.remove([gone.id], owner="eva").result()  # and the process died before the index was told
    bench.index = bench.open()
    bench.index.repair()
    assert [path.name for path in (bench.folder / "index").iterdir()] == [folder(bench, "ana").name]


def test_an_open_index_forgets_who_has_no_memory_any_more(bench: Bench) -> None:
    gone, _ = bench.put(owner="eva")
    bench.store.memories.remove([gone.id], owner="eva").result()
    assert bench.index.repair() == 1
    assert bench.index.status()["vectors"] == 0


def test_searching_makes_no_files(bench: Bench) -> None:
    assert bench.nearest(bench.vector(), owner="nobody") == []
    assert not (bench.folder / "index").exists()


def test_a_question_of_another_length_finds_nothing(bench: Bench) -> None:
    bench.put()
    assert bench.nearest(np.ones(DIMENSIONS + 1, np.float32)) == []


def test_no_results_are_wanted_and_none_are_given(bench: Bench) -> None:
    _, vector = bench.put()
    assert bench.nearest(vector, limit=0) == []
    assert bench.nearest(vector, limit=-3) == []


def test_a_closed_index_finds_nothing_and_does_no_harm(bench: Bench) -> None:
    memory, vector = bench.put()
    bench.index.close()
    bench.index.add(99, owner="ana", at=1.0, vector=vector)
    bench.index.remove([memory.seq], owner="ana")
    assert bench.nearest(vector) == []
    bench.index = bench.open()
    assert bench.nearest(vector) == [memory.seq]


def test_the_budget_of_words_is_passed_on(bench: Bench) -> None:
    for number in range(30):
        bench.put(f"common rare{number}")
    narrow = EmbeddedIndex(bench.folder / "index", bench.store.memories, EMBEDDER, DIMENSIONS, word_budget=5)
    terms = ["common", "rare7"]
    assert len(narrow.search_terms(terms, owner="ana", limit=50, window=ALWAYS)) == 1
    assert len(bench.index.search_terms(terms, owner="ana", limit=50, window=ALWAYS)) == 30
    narrow.close()


def test_searches_are_right_while_memories_come_and_go(bench: Bench) -> None:
    kept = [bench.put(at=5.0) for _ in range(40)]
    failures: list[object] = []
    stop = threading.Event()

    def search() -> None:
        window = Window(until=10.0)
        while not stop.is_set():
            for memory, vector in kept[:10]:
                found = bench.nearest(vector, limit=3, window=window)
                if found[0] != memory.seq or not set(found) <= {one.seq for one, _ in kept}:
                    failures.append(found)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    come_and_go(bench, range(3))
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert bench.index.verify() == []


def come_and_go(bench: Bench, rounds: Sequence[int]) -> None:
    for _ in rounds:
        passing = [bench.put(at=50.0)[0] for _ in range(60)]
        bench.store.memories.remove([memory.id for memory in passing], owner="ana").result()
        bench.index.remove([memory.seq for memory in passing], owner="ana")

"""The files of one person's vectors: what is torn, foreign or removed is never found, and never an error."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aion.memory import segment as module
from aion.memory.segment import FIRST_CAPACITY, HEADER, ROW, Item, Segment, make_rows

DIMENSIONS = 16
EMBEDDER = "e" * 64


def make_items(count: int, start: int = 1) -> list[Item]:
    random = np.random.default_rng(start)
    drawn = random.standard_normal((count, DIMENSIONS)).astype(np.float32)
    unit = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return [(start + number, float(number), vector) for number, vector in enumerate(unit)]


def open_segment(folder: Path, embedder: str = EMBEDDER, dimensions: int = DIMENSIONS) -> Segment:
    return Segment(folder / "one", dimensions, embedder)


def filled(folder: Path, count: int) -> tuple[Segment, list[Item]]:
    segment, items = open_segment(folder), make_items(count)
    segment.add(items)
    return segment, items


def test_what_was_added_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    segment, items = filled(tmp_path, 50)
    segment.close()
    again = open_segment(tmp_path)
    assert (len(again), again.damaged, again.differing(items)) == (50, False, [])


def test_nothing_is_written_before_the_first_row(tmp_path: Path) -> None:
    segment = open_segment(tmp_path)
    assert (len(segment), len(segment.view().rows), segment.remove([1]), segment.differing([])) == (0, 0, 0, [])
    assert list(tmp_path.iterdir()) == []


def test_only_its_owner_may_read_the_files(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    assert [path.stat().st_mode & 0o077 for path in (tmp_path / "one").iterdir()] == [0, 0]


def test_a_view_stays_as_it_was_while_the_segment_grows_and_shrinks(tmp_path: Path) -> None:
    segment, items = filled(tmp_path, FIRST_CAPACITY)
    view = segment.view()
    vectors, rows = make_rows(items)[::-1]
    segment.add(make_items(3 * FIRST_CAPACITY, start=10_000))
    assert np.array_equal(view.vectors, vectors)
    assert np.array_equal(view.rows, rows)
    segment.remove([item[0] for item in items])
    assert len(segment) == 3 * FIRST_CAPACITY
    assert len(view.rows) == FIRST_CAPACITY


def test_growing_keeps_every_row(tmp_path: Path) -> None:
    segment = open_segment(tmp_path)
    items = make_items(5 * FIRST_CAPACITY)
    for start in range(0, len(items), 700):
        segment.add(items[start : start + 700])
    assert segment.differing(items) == []
    segment.close()
    assert open_segment(tmp_path).differing(items) == []


def test_a_row_of_one_seq_is_taken_once(tmp_path: Path) -> None:
    segment, items = filled(tmp_path, 3)
    assert segment.add([*items, *make_items(1, start=9), *make_items(1, start=9)]) == 1
    assert len(segment) == 4


def test_what_was_removed_is_gone_from_the_file(tmp_path: Path) -> None:
    segment, items = filled(tmp_path, 20)
    row, vector = make_rows([items[7]])
    assert segment.remove([items[7][0], 999]) == 1
    stored = (tmp_path / "one" / "vectors").read_bytes(), (tmp_path / "one" / "rows").read_bytes()
    assert vector.tobytes() not in stored[0]
    assert row.tobytes() not in stored[1]
    segment.close()
    assert open_segment(tmp_path).seqs() == {item[0] for item in items} - {items[7][0]}


def test_a_segment_full_of_holes_is_written_anew(tmp_path: Path) -> None:
    segment, items = filled(tmp_path, 3 * FIRST_CAPACITY)
    before = segment.bytes
    segment.remove([item[0] for item in items[: 2 * FIRST_CAPACITY + 500]])
    assert segment.bytes < before
    assert len(segment.view().rows) == len(segment) == FIRST_CAPACITY - 500
    assert segment.differing(items[2 * FIRST_CAPACITY + 500 :]) == []


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("part", ["seq", "at", "scale", "crc", "vector"])
def test_one_wrong_bit_of_a_row_costs_that_row_alone(tmp_path: Path, part: str) -> None:
    segment, items = filled(tmp_path, 30)
    segment.close()
    folder = tmp_path / "one"
    if part == "vector":
        flip(folder / "vectors", 4 * DIMENSIONS + 3)
    else:
        fields = ROW.fields
        assert fields is not None
        flip(folder / "rows", HEADER.itemsize + 4 * ROW.itemsize + fields[part][1])
    again = open_segment(tmp_path)
    assert again.damaged
    assert again.seqs() == {item[0] for item in items} - {items[4][0]}
    assert not again.view().vectors[4].any()


def cut_rows(folder: Path) -> None:
    os.truncate(folder / "rows", (folder / "rows").stat().st_size - 5)


def cut_vectors(folder: Path) -> None:
    os.truncate(folder / "vectors", DIMENSIONS * 7)


def empty_rows(folder: Path) -> None:
    (folder / "rows").write_bytes(b"")


def cut_header(folder: Path) -> None:
    os.truncate(folder / "rows", 20)


def spoil_header(folder: Path) -> None:
    flip(folder / "rows", 0)


def lose_vectors(folder: Path) -> None:
    (folder / "vectors").unlink()


def lose_rows(folder: Path) -> None:
    (folder / "rows").unlink()


def rubbish(folder: Path) -> None:
    (folder / "rows").write_bytes(os.urandom(5000))


HARMS = [cut_rows, cut_vectors, empty_rows, cut_header, spoil_header, lose_vectors, lose_rows, rubbish]


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_a_torn_file_is_thrown_away_and_made_anew(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    segment, items = filled(tmp_path, 30)
    segment.close()
    harm(tmp_path / "one")
    again = open_segment(tmp_path)
    assert again.damaged
    assert len(again.view().rows) == 0
    assert list((tmp_path / "one").iterdir()) == []  # something in it may have been forgotten since
    assert again.add(items) == 30
    again.close()
    assert open_segment(tmp_path).differing(items) == []


@pytest.mark.parametrize(("embedder", "dimensions"), [("f" * 64, DIMENSIONS), (EMBEDDER, DIMENSIONS * 2)])
def test_vectors_of_another_embedder_are_not_read(tmp_path: Path, embedder: str, dimensions: int) -> None:
    filled(tmp_path, 10)[0].close()
    other = open_segment(tmp_path, embedder, dimensions)
    assert (other.damaged, len(other)) == (True, 0)


def test_rows_that_say_the_same_seq_count_once(tmp_path: Path) -> None:
    segment, _ = filled(tmp_path, 10)
    segment.close()
    rows = np.memmap(tmp_path / "one" / "rows", ROW, "r+", offset=HEADER.itemsize)
    vectors = np.memmap(tmp_path / "one" / "vectors", np.int8, "r+").reshape(-1, DIMENSIONS)
    rows[10], vectors[10] = rows[3], vectors[3]
    again = open_segment(tmp_path)
    assert (again.damaged, len(again), int(np.count_nonzero(again.view().rows["seq"]))) == (True, 10, 10)


def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segment, items = filled(tmp_path, FIRST_CAPACITY)

    def refuse(descriptor: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(module, "_take_room", refuse)
    with pytest.raises(OSError, match="no space"):
        segment.add(make_items(1, start=9000))
    assert segment.differing(items) == []
    assert segment.remove([item[0] for item in items[:500]]) == 500  # which would be written anew, had it room
    assert segment.differing(items[500:]) == []
    monkeypatch.undo()
    assert segment.add(make_items(1, start=9000)) == 1


def test_the_room_of_a_file_is_taken_from_the_disk_before_it_is_used(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    stat = (tmp_path / "one" / "vectors").stat()
    assert stat.st_blocks * 512 >= stat.st_size == FIRST_CAPACITY * DIMENSIONS


def test_a_closed_segment_takes_nothing_in_and_leaves_its_files(tmp_path: Path) -> None:
    segment, items = filled(tmp_path, 5)
    segment.close()
    assert segment.add(make_items(1, start=50)) == 0
    assert (len(segment.view().rows), segment.remove([1])) == (0, 0)
    assert open_segment(tmp_path).differing(items) == []


def test_views_hold_whole_rows_while_another_thread_adds_and_removes(tmp_path: Path) -> None:
    segment, items = filled(tmp_path, FIRST_CAPACITY)
    kept = {item[0]: make_rows([item]) for item in items[:200]}

    def churn() -> None:
        for turn in range(1, 30):
            more = make_items(600, start=turn * 10_000)
            segment.add(more)
            segment.remove([item[0] for item in more])

    thread = threading.Thread(target=churn)
    thread.start()
    while thread.is_alive():
        view = segment.view()
        for place in np.flatnonzero(np.isin(view.rows["seq"], list(kept))).tolist():
            row, vector = kept[int(view.rows["seq"][place])]
            assert view.rows[place] == row[0]
            assert np.array_equal(view.vectors[place], vector[0])
    thread.join()
    assert segment.differing(items) == []

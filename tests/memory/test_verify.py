"""`aion verify` on the index: it tells of every row that is not the store's, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aion.memory.index import EmbeddedIndex, folder_of
from aion.memory.segment import HEADER, ROW
from aion.memory.verify import verify_index
from aion.store.sqlite import SqliteStore
from tests.contracts.test_memory_index import DIMENSIONS, EMBEDDER, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path / "data", "embedded")
    for number in range(20):
        made.put(f"word{number}")
    made.index.close()
    return made


def problems(bench: Bench) -> list[str]:
    return [finding.problem for finding in verify_index(bench.folder, bench.store.memories)]


def test_a_whole_index_has_no_findings_and_is_not_touched(bench: Bench) -> None:
    rows = folder_of(bench.folder / "index", "ana") / "rows"
    before = rows.read_bytes()
    assert problems(bench) == []
    assert rows.read_bytes() == before


def break_row(folder: Path) -> None:
    rows = np.memmap(folder / "rows", ROW, "r+", offset=HEADER.itemsize)
    rows["at"][3] = 9.0


def break_vector(folder: Path) -> None:
    vectors = np.memmap(folder / "vectors", np.int8, "r+")
    vectors[5 * DIMENSIONS] ^= 1


def lose_row(folder: Path) -> None:
    rows = np.memmap(folder / "rows", ROW, "r+", offset=HEADER.itemsize)
    rows["seq"][3] = 0


def invent_row(folder: Path) -> None:
    rows = np.memmap(folder / "rows", ROW, "r+", offset=HEADER.itemsize)
    rows["seq"][500] = 4000


def cut_short(folder: Path) -> None:
    path = folder / "vectors"
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (break_row, "it is not what the store holds"),
        (break_vector, "it is not what the store holds"),
        (lose_row, "it is missing"),
        (invent_row, "the store has no such memory"),
        (cut_short, "its files are damaged"),
    ],
)
def test_each_kind_of_harm_is_told_and_repaired_at_the_next_start(
    bench: Bench, harm: Callable[[Path], None], told: str
) -> None:
    harm(folder_of(bench.folder / "index", "ana"))
    assert problems(bench) == [told]
    index = EmbeddedIndex(bench.folder / "index", bench.store.memories, EMBEDDER, DIMENSIONS)
    index.repair()
    index.close()
    assert problems(bench) == []


def test_a_memory_that_the_index_was_never_told_of_is_told(bench: Bench) -> None:
    bench.put("untold", tell=False)
    assert problems(bench) == ["it is missing"]


def test_no_index_yet_is_no_damage(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    assert list(verify_index(tmp_path, store.memories)) == []
    store.close()

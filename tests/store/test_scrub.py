"""The space between rows, found and overwritten without a change to what SQLite reads."""

from __future__ import annotations

import random
from pathlib import Path

import apsw
import pytest

from aion.store.scrub import find_gap, scrub

REMOVE = "DELETE FROM words WHERE id = (SELECT MIN(id) FROM words WHERE id > ?)"
Content = tuple[int, list[tuple[object, ...]], list[tuple[object, ...]]]


@pytest.fixture(params=[512, 4096, 65536])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A database with tables, indexes, overflow and free pages, whose rows were moved about."""
    path = tmp_path / "x.db"
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA page_size={request.param}")
    connection.execute("CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT, long TEXT)")
    connection.execute("CREATE INDEX by_word ON words (word)")
    chance = random.Random(1)
    with connection:
        for number in range(2000):
            row = (chance.randrange(10**9), f"{chance.random()} " * 3, "x" * chance.choice([0, 10, 9000]))
            connection.execute("INSERT OR IGNORE INTO words VALUES (?, ?, ?)", row)
            if number % 3 == 0:
                connection.execute(REMOVE, (row[0],))
    connection.close()
    return path


def content(path: Path) -> Content:
    connection = apsw.Connection(str(path))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    size = connection.pragma("page_size")
    rows = connection.execute("SELECT * FROM words ORDER BY id").fetchall()
    words = connection.execute("SELECT word FROM words INDEXED BY by_word ORDER BY word").fetchall()
    connection.close()
    return size, rows, words


def test_scrubbing_changes_nothing_that_is_kept(path: Path) -> None:
    before, raw = content(path), path.read_bytes()
    size = before[0]
    assert scrub(path, size) > 0
    assert content(path) == before
    assert len(path.read_bytes()) == len(raw)
    assert scrub(path, size) == 0


def test_the_gap_of_a_page_lies_between_its_list_of_rows_and_its_rows() -> None:
    leaf = bytes([13, 0, 0, 0, 2, 0, 60, 0]) + bytes(56)
    assert find_gap(leaf, first=False) == (8 + 2 * 2, 60)
    assert find_gap(bytes([5]) + leaf[1:], first=False) == (12 + 2 * 2, 60)
    assert find_gap(bytes(100) + leaf[:6] + bytes([160]) + leaf[7:], first=True) == (100 + 8 + 2 * 2, 160)
    assert find_gap(bytes(64), first=False) == (0, 0), "an overflow or a free page"


@pytest.mark.parametrize("page", [bytes([13, 0, 0, 255, 255, 0, 60, 0]), bytes([13, 0, 0, 0, 0, 0, 99, 0])])
def test_a_page_that_makes_no_sense_is_left_alone(page: bytes) -> None:
    assert find_gap(page + bytes(56), first=False) == (0, 0)

"""A step that was finished is not done again, whenever the process was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from aion.errors import Corrupt
from aion.sleep.nights.journal import JOBS, Journal


def test_a_step_is_done_once_and_its_result_comes_back(tmp_path: Path) -> None:
    done: list[int] = []

    def work() -> dict[str, list[str]]:
        done.append(1)
        return {"themes": ["a"]}

    for _ in range(3):
        journal = Journal(tmp_path / "nights")
        assert journal.once("night_1", "arrange", work) == {"themes": ["a"]}
    assert done == [1]
    assert Journal(tmp_path / "nights").once("night_2", "arrange", lambda: {"themes": []}) == {"themes": []}


def test_a_step_that_failed_is_done_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)

    def fail() -> dict[str, int]:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the very one
        journal.once("night_1", "train", fail)
    assert journal.result("night_1", "train") is None
    assert journal.once("night_1", "train", lambda: {"n": 1}) == {"n": 1}


def test_attempts_are_counted_at_one_place(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert [journal.count_attempt("night_1", mark) for mark in ("a", "a", "a", "b", "b", "a")] == [1, 2, 3, 1, 2, 1]
    assert journal.count_attempt("night_2", "a") == 1


def test_what_was_noted_goes_with_its_night(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for night in ("night_1", "night_2"):
        journal.once(night, "arrange", dict)
    journal.forget("night_1")
    assert (journal.finished("night_1"), journal.finished("night_2")) == ([], ["arrange"])


def test_a_changed_note_is_not_believed(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.once("night_1", "arrange", lambda: {"themes": ["theme_1"]})
    content = (tmp_path / JOBS).read_bytes()
    assert b"theme_1" in content
    (tmp_path / JOBS).write_bytes(content.replace(b"theme_1", b"theme_2"))
    with pytest.raises(Corrupt, match="arrange"):
        journal.once("night_1", "arrange", dict)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / JOBS).write_bytes(b"not a database, at all" * 100)
    with pytest.raises(Corrupt, match=r"jobs\.db"):
        Journal(tmp_path).finished("night_1")

"""The rounds themselves: what did not fire does not count, and what is lost is seen."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults import build
from tests.faults.harness import PipeWorkload, Tally, Verdict, run_rounds
from tests.faults.injectors import kill9, powercut


def rounds_of(code: str, folder: Path, *, lost: bool = False, rounds: int = 2) -> Tally:
    def compare(data: Path, acked: Sequence[str]) -> Verdict:
        return Verdict(lost=tuple(acked) if lost else ())

    child = PipeWorkload([sys.executable, "-S", "-c", code], compare)
    return run_rounds(child, lambda rng: kill9(0.2), rounds=rounds, folder=folder)


def test_a_child_that_ended_by_itself_makes_the_run_fail(tmp_path: Path) -> None:
    tally = rounds_of("print('a')", tmp_path)
    with pytest.raises(AssertionError, match=r"only 0 of 2 rounds fired.*the child had ended by itself"):
        tally.must_hold(rounds=2)


def test_a_child_that_fails_is_not_passed_over_as_void(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="the child failed by itself with 3"):
        rounds_of("raise SystemExit(3)", tmp_path)


def test_a_line_cut_short_by_the_kill_is_no_acknowledgement(tmp_path: Path) -> None:
    tally = rounds_of("import os, time; os.write(1, b'a\\nb\\nhal'); time.sleep(60)", tmp_path)
    assert tally.acked == 4, "two whole lines in each of two rounds"
    tally.must_hold(rounds=2)


def test_one_lost_acknowledgement_makes_the_run_fail(tmp_path: Path) -> None:
    tally = rounds_of("import os, time; os.write(1, b'a\\n'); time.sleep(60)", tmp_path, lost=True)
    assert tally.lossy_rounds == 2
    with pytest.raises(AssertionError, match="2 acknowledged of 2 were lost"):
        tally.must_hold(rounds=2)


def test_a_power_cut_that_never_saw_a_write_is_void(tmp_path: Path) -> None:
    child = PipeWorkload([sys.executable, "-S", "-c", "print('a')"], lambda data, acked: Verdict())
    tally = run_rounds(child, lambda rng: powercut(1), rounds=2, folder=tmp_path)
    assert tally.rounds == 0
    assert all(reason.startswith("no report") for reason in tally.voids)


def test_without_a_compiler_the_reason_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(pytest.skip.Exception, match="install the package `gcc`"):
        build.find_library.__wrapped__(build.POWERCUT)

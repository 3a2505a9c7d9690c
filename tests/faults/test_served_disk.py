"""P3: what a person is served is whole, and was examined, whatever call of a change is killed or meets a failing disk.

The disk fails from that call on, or at it alone; then it is sound again, and whoever was cut off goes on. Power cuts
stand in test_served_faults.py. The long form is part of `make proof`.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from aion.store.sqlite import SqliteStore
from tests.faults.build import faildisk_library
from tests.faults.harness import ROOT, Verdict
from tests.faults.served_writer import compare_served, prepare
from tests.proofs import spread_over

WAYS = {
    "kill -9": (0, False),
    "EIO": (errno.EIO, False),
    "EIO once": (errno.EIO, True),
    "ENOSPC": (errno.ENOSPC, False),
}
NEVER = 1 << 30


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    prepare(tmp_path / "prepared")
    return tmp_path / "prepared"


def run_disturbed(folder: Path, at: int, way: str) -> tuple[int, list[str], str]:
    """How the steps ended, which of them were acknowledged, and what the library counted."""
    number, once = WAYS[way]
    told = folder.with_suffix(".report")
    env = {
        "LD_PRELOAD": str(faildisk_library()),
        "FAILDISK_ROOT": str(folder),
        "FAILDISK_AT": str(at),
        "FAILDISK_ERROR": str(number),
        "FAILDISK_ONCE": str(int(once)),
        "FAILDISK_REPORT": str(told),
    }
    argv = [sys.executable, "-m", "tests.faults.served_writer", str(folder), "disk"]
    ended = subprocess.run(argv, env={**os.environ, **env}, cwd=ROOT, capture_output=True, text=True, check=False)
    acked = [line for line in ended.stdout.splitlines() if line.isdigit()]  # among what the log says of the disk
    return ended.returncode, acked, told.read_text("utf-8") if told.exists() else ended.stderr


def count_calls(prepared: Path) -> int:
    """Of the undisturbed steps."""
    folder = prepared.with_name("count")
    shutil.copytree(prepared, folder)
    code, acked, told = run_disturbed(folder, NEVER, "EIO")
    assert (code, len(acked)) == (0, 6), told
    return int(told.split()[0])


def disturb(prepared: Path, at: int, way: str) -> str:
    """Once, and everything that must hold after it; gives how the writer ended."""
    folder = prepared.with_name("disturbed")
    shutil.copytree(prepared, folder)
    code, acked, told = run_disturbed(folder, at, way)
    fired = code == -signal.SIGKILL if way == "kill -9" else told.split()[-1:] == ["1"]
    assert fired, f"nothing failed at call {at}: {told}"
    found = compare_served(folder, acked)
    assert found == Verdict(), (way, at)
    assert_examined(folder)
    shutil.rmtree(folder)
    return f"{way}: {'killed' if code < 0 else 'ended well' if code == 0 else 'refused'}"


def assert_examined(folder: Path) -> None:
    """What any row serves passed an examination of the very bytes that it names."""
    store = SqliteStore(folder, read_only=True)
    for row in store.served.promotions(owner="ana"):
        for name in {*row.adapters, *row.trial}:
            made, verdict = store.nights.candidate(name, owner="ana"), store.served.verdict(name, owner="ana")
            assert made is not None
            assert verdict is not None
            assert (verdict.ship, verdict.adapter) == (True, made.adapter)
    store.close()


def test_what_is_served_is_whole_after_a_kill_or_a_failing_disk(prepared: Path) -> None:
    calls = count_calls(prepared)
    for number, way in enumerate(WAYS, start=1):
        disturb(prepared, calls * number // (len(WAYS) + 1), way)


@pytest.mark.proof
@pytest.mark.parametrize("way", WAYS)
def test_what_is_served_is_whole_wherever_it_is_killed_or_the_disk_fails(prepared: Path, way: str) -> None:
    calls = count_calls(prepared)
    ends = Counter(disturb(prepared, at, way) for at in spread_over(calls))
    print(f"\n{ends.total()} of {calls} calls: {dict(ends)}")
    assert ends.total() == len(spread_over(calls))

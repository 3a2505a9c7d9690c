"""A file that is written anew: whole or as it was, with its rights."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aion.store.files import replace_text

WRITER = """
import sys, pathlib
from aion.store.files import replace_text
path = pathlib.Path(sys.argv[1])
print("begun", flush=True)
while True:
    for letter in "ab":
        replace_text(path, letter * 200_000)
"""


def test_a_new_file_is_for_its_owner_and_another_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "aion.toml"
    replace_text(path, "one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    replace_text(path, "two\r\n")
    assert (stat.S_IMODE(path.stat().st_mode), path.read_bytes()) == (0o640, b"two\r\n")


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "aion.toml").symlink_to(tmp_path / "kept" / "mine.toml")
    replace_text(tmp_path / "aion.toml", "one")
    assert (tmp_path / "aion.toml").is_symlink()
    assert (tmp_path / "kept" / "mine.toml").read_text() == "one"


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "aion.toml"
    replace_text(path, "one")

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        replace_text(path, "two")
    assert [one.name for one in tmp_path.iterdir()] == ["aion.toml"]
    assert path.read_text() == "one"


def test_a_kill_leaves_the_file_whole(tmp_path: Path) -> None:
    path, draw, seen = tmp_path / "aion.toml", random.Random(4), set()
    path.write_text("old")
    for _ in range(12):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(draw.uniform(0.01, 0.1))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        seen.add(path.read_text())
    assert seen <= {"old", "a" * 200_000, "b" * 200_000}
    assert len(seen) > 1
    replace_text(path, "new")
    assert [one.name for one in tmp_path.iterdir()] == ["aion.toml"]

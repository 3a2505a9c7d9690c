"""A night that may not be stopped by the kernel holds itself and its engines still, and goes on where it was."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aion.errors import Unavailable
from aion.sleep.hold import Hold
from tests.serving import wait_until

COUNTING = "import sys, time\nwhile True:\n    open(sys.argv[1], 'ab').write(b'.')\n    time.sleep(0.005)"
NIGHT = f"""
import subprocess, sys, time
from pathlib import Path
from aion.sleep.hold import Hold
hold = Hold()
hold.install()
folder = Path(sys.argv[1])
subprocess.Popen([sys.executable, "-c", {COUNTING!r}, str(folder / "engine")])
while True:
    with hold.after():
        for place in ("asked", "heard"):
            open(folder / place, "ab").write(b".")
            time.sleep(0.05)
"""


@pytest.fixture
def night(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", NIGHT, str(tmp_path)], start_new_session=True)
    wait_until(lambda: all(size(tmp_path, name) for name in ("engine", "asked", "heard")))
    yield process
    subprocess.run(["kill", "-KILL", "--", f"-{process.pid}"], check=True)
    process.wait()


def size(folder: Path, name: str) -> int:
    path = folder / name
    return path.stat().st_size if path.exists() else 0


def stands_still(folder: Path) -> bool:
    before = [size(folder, name) for name in ("engine", "asked", "heard")]
    time.sleep(0.3)
    return before == [size(folder, name) for name in ("engine", "asked", "heard")]


def test_the_night_and_its_engines_stand_still_between_two_requests(
    night: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    for _ in range(3):
        night.send_signal(signal.SIGUSR1)
        wait_until(lambda: stands_still(tmp_path))
        assert size(tmp_path, "asked") == size(tmp_path, "heard"), "it hears the answer to what it asked first"
        night.send_signal(signal.SIGUSR2)
        engine, heard = size(tmp_path, "engine"), size(tmp_path, "heard")
        wait_until(
            lambda engine=engine, heard=heard: size(tmp_path, "engine") > engine and size(tmp_path, "heard") > heard
        )


def test_what_lost_patience_while_it_was_held_is_done_again_and_nothing_else() -> None:
    hold, tried = Hold(), list[int]()

    def work() -> str:
        tried.append(len(tried))
        hold.times += len(tried) == 1  # held during the first time only
        if len(tried) < 3:
            raise Unavailable("the model server said nothing for 120 s")
        return "done"

    with pytest.raises(Unavailable):
        hold.try_again(work)
    assert tried == [0, 1]
    assert hold.try_again(work) == "done"

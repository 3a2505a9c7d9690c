"""A night that may not be stopped by the kernel holds itself and its engines still, and goes on where it was."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aion.errors import Unavailable
from aion.sleep.nights.hold import Hold
from tests.serving import wait_until

COUNTING = "import sys, time\nwhile True:\n    open(sys.argv[1], 'ab').write(b'.')\n    time.sleep(0.005)"
WORK = f"""
import subprocess, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
def begin_engine():
    subprocess.Popen([sys.executable, "-c", {COUNTING!r}, str(folder / "engine")])
def ask():
    open(folder / "asked", "ab").write(b".")
    time.sleep(0.05)
    open(folder / "heard", "ab").write(b".")
"""
ALONE = """
from aion.sleep.nights.hold import Hold
hold = Hold()
hold.install()
begin_engine()
while True:
    with hold.after():
        ask()
"""
NIGHT = """
from types import SimpleNamespace
from aion.config import load
from aion.night import attend
from tests.store.night_examples import make_night
def arrange(night):
    begin_engine()
    while True:
        ask()
door = SimpleNamespace(tell=lambda *_: {"pause": False, "cancel": False})
attend(load({"data": str(folder)}).settings, door, make_night(), lambda *_: SimpleNamespace(arrange=arrange))
"""
Begin = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    begun: list[subprocess.Popen[bytes]] = []

    def run(code: str) -> subprocess.Popen[bytes]:
        begun.append(subprocess.Popen([sys.executable, "-c", WORK + code, str(tmp_path)], start_new_session=True))
        wait_until(lambda: all(sizes(tmp_path)))
        return begun[0]

    yield run
    for process in begun:
        subprocess.run(["kill", "-KILL", "--", f"-{process.pid}"], check=True)
        process.wait()


def sizes(folder: Path) -> list[int]:
    """How far the engine is, how much was asked, and how much was heard."""
    paths = [folder / name for name in ("engine", "asked", "heard")]
    return [path.stat().st_size if path.exists() else 0 for path in paths]


def stands_still(folder: Path) -> bool:
    before = sizes(folder)
    time.sleep(0.3)
    return before == sizes(folder)


def goes_on_from(folder: Path, before: list[int]) -> bool:
    return all(now > then for now, then in zip(sizes(folder), before, strict=True))


@pytest.mark.parametrize("code", [ALONE, NIGHT], ids=["alone", "as a night that arranges"])
def test_a_night_and_its_engines_stand_still_when_asked_and_go_on(code: str, begin: Begin, tmp_path: Path) -> None:
    night = begin(code)
    for _ in range(2):
        night.send_signal(signal.SIGUSR1)
        wait_until(lambda: stands_still(tmp_path))
        before = sizes(tmp_path)
        night.send_signal(signal.SIGUSR2)
        wait_until(lambda before=before: goes_on_from(tmp_path, before))


def test_it_hears_the_answer_to_what_it_asked_before_it_stands_still(begin: Begin, tmp_path: Path) -> None:
    night = begin(ALONE)
    for _ in range(3):
        night.send_signal(signal.SIGUSR1)
        wait_until(lambda: stands_still(tmp_path))
        _, asked, heard = before = sizes(tmp_path)
        assert asked == heard
        night.send_signal(signal.SIGUSR2)
        wait_until(lambda before=before: goes_on_from(tmp_path, before))


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

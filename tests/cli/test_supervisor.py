"""The supervisor, with a small stand-in for the server's process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aion.cli.supervisor import Patience, Supervisor
from aion.records import Json

STAND_IN = Path(__file__).parent / "stand_in.py"
QUICK = Patience(first_delay=0.05, longest_delay=0.1, stop=1.0)


class Run:
    """One supervised stand-in; `on` reacts to a stage the first time it is shown."""

    def __init__(self, behaviour: str, folder: Path, on: dict[str, Callable[[], None]] | None = None) -> None:
        self.log = folder / "starts"
        self.shown: list[Json] = []
        self.on = dict(on or {})
        argv = [sys.executable, str(STAND_IN), behaviour, str(self.log)]
        began = time.monotonic()
        self.code = Supervisor(argv, {"server.port": 1}, self.show, patience=QUICK).run()
        self.took = time.monotonic() - began

    def show(self, event: Json) -> None:
        self.shown.append(event)
        self.on.pop(event["stage"], lambda: None)()

    @property
    def stages(self) -> list[str]:
        return [event["stage"] for event in self.shown]


def ask_to_stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_flags_travel_on_stdin(tmp_path: Path) -> None:
    run = Run("waits", tmp_path, {"ready": ask_to_stop})
    assert json.loads(run.log.read_text()) == {"flags": {"server.port": 1}}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_the_child_and_the_supervisor(tmp_path: Path, number: int) -> None:
    before = signal.signal(number, signal.SIG_DFL)  # a shell that runs the tests in the background ignores SIGINT
    try:
        run = Run("waits", tmp_path, {"ready": lambda: os.kill(os.getpid(), number)})
    finally:
        signal.signal(number, before)
    assert run.code == 0
    assert run.stages == ["ready", "stopping"]


def test_a_child_that_dies_is_started_again(tmp_path: Path) -> None:
    shown: list[Json] = []

    def show(event: Json) -> None:
        shown.append(event)
        if event.get("starts") == 3:
            ask_to_stop()

    argv = [sys.executable, str(STAND_IN), "dies-twice", str(tmp_path / "starts")]
    assert Supervisor(argv, {}, show, patience=QUICK).run() == 0
    assert [event["stage"] for event in shown] == ["ready", "restarting"] * 2 + ["ready", "stopping"]
    assert "exit 3" in shown[1]["message"]


def test_a_child_that_never_gets_ready_is_given_up(tmp_path: Path) -> None:
    run = Run("never-ready", tmp_path)
    assert run.code == 1
    assert run.stages == ["restarting"] * 4 + ["gave_up"]
    assert "5 times" in run.shown[-1]["message"]


def test_a_refused_configuration_is_not_tried_again(tmp_path: Path) -> None:
    run = Run("refuses", tmp_path)
    assert run.code == 2
    assert run.stages == ["failed"]


def test_a_child_that_will_not_stop_is_killed_in_time(tmp_path: Path) -> None:
    run = Run("stubborn", tmp_path, {"ready": ask_to_stop})
    assert run.code == 1
    assert QUICK.stop <= run.took < 10


def test_a_second_signal_kills_at_once(tmp_path: Path) -> None:
    run = Run("stubborn", tmp_path, {"ready": ask_to_stop, "stopping": ask_to_stop})
    assert run.code == 1
    assert run.took < 1 + QUICK.stop


def test_a_signal_between_two_starts_ends_it(tmp_path: Path) -> None:
    assert Run("never-ready", tmp_path, {"restarting": ask_to_stop}).code == 0


def test_the_handlers_of_before_come_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    Run("refuses", tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_child_learns_of_the_supervisors_death(tmp_path: Path) -> None:
    argv = [sys.executable, str(STAND_IN), "watches-stdin", str(tmp_path / "starts")]
    code = (
        f"from aion.cli.supervisor import Supervisor; Supervisor({argv!r}, {{}}, lambda e: print(e, flush=True)).run()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        assert b"ready" in supervisor.stdout.readline()
        supervisor.kill()
    deadline = time.monotonic() + 10
    while (tmp_path / "starts").read_text() != "orphaned":
        assert time.monotonic() < deadline, "the child outlived its supervisor"
        time.sleep(0.05)

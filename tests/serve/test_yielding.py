"""A night's process is held still while somebody is answered, and no other process ever is."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aion.config import SleepSettings
from aion.models.queue import AdmissionQueue
from aion.records import NightState
from aion.serve.night_desk import NightDesk
from aion.serve.yielding import NightProcess, Yielding, children_of, has_ended, open_process
from aion.store.lock import began_at
from aion.store.sqlite import SqliteStore
from tests.serving import wait_until
from tests.store.night_examples import make_night

COUNTING = "import time\nn = 0\nwhile True:\n    n += 1\n    print(n, flush=True)\n    time.sleep(0.005)"
ASKED = """
import signal, time
for number, word in ((signal.SIGUSR1, "pause"), (signal.SIGUSR2, "resume")):
    signal.signal(number, lambda *_, word=word: print(word, flush=True))
print("ready", flush=True)
while True:
    time.sleep(0.01)
"""


@pytest.fixture
def child(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    code = getattr(request, "param", COUNTING)
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=out)
    wait_until(lambda: (tmp_path / "out").stat().st_size > 0)
    yield process
    process.kill()
    process.wait()


def of(child: subprocess.Popen[bytes], *, may_stop: bool = True) -> NightProcess:
    return NightProcess(pid=child.pid, began=began_at(child.pid), may_stop=may_stop)


def is_stopped(child: subprocess.Popen[bytes]) -> bool:
    return Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.mark.anyio
async def test_a_request_stops_the_night_and_quiet_lets_it_go_on(child: subprocess.Popen[bytes]) -> None:
    told: list[bool] = []
    yielding = Yielding(0.1, on_change=lambda: told.append(yielding.paused))
    assert yielding.register(of(child))
    assert not is_stopped(child)
    async with AdmissionQueue(1, 100, presence=yielding).admit(1):
        wait_until(lambda: is_stopped(child))
        await asyncio.sleep(0.3)
        assert is_stopped(child), "it stays so for as long as somebody is answered"
    assert (yielding.paused, yielding.interruptions, told) == (True, 1, [True])
    deadline = time.monotonic() + 10
    while is_stopped(child):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert (yielding.paused, told) == (False, [True, False])


@pytest.mark.anyio
async def test_who_waits_for_a_place_counts_and_who_gives_up_is_forgotten(child: subprocess.Popen[bytes]) -> None:
    yielding = Yielding(0.0)
    queue = AdmissionQueue(1, 100, presence=yielding)
    async with queue.admit(1):
        waiting = asyncio.create_task(queue.admit(1).__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert yielding.wants_pause
    assert yielding.idle_s >= 0.0
    assert not yielding.wants_pause


@pytest.mark.anyio
async def test_a_night_that_comes_while_somebody_is_answered_is_stopped_at_once(
    child: subprocess.Popen[bytes],
) -> None:
    yielding = Yielding(5.0)
    yielding.enter()
    assert yielding.register(of(child))
    wait_until(lambda: is_stopped(child))
    yielding.forget()
    wait_until(lambda: not is_stopped(child))


@pytest.mark.anyio
async def test_another_process_of_that_number_is_never_touched(child: subprocess.Popen[bytes]) -> None:
    yielding = Yielding(5.0)
    assert not yielding.register(NightProcess(pid=child.pid, began=began_at(child.pid) + 1, may_stop=True))
    yielding.enter()
    assert not is_stopped(child)
    assert open_process(child.pid, 0) is None


@pytest.mark.anyio
@pytest.mark.parametrize("child", [ASKED], indirect=True)
async def test_a_night_that_may_not_be_stopped_is_asked(child: subprocess.Popen[bytes], tmp_path: Path) -> None:
    yielding = Yielding(0.05)
    assert yielding.register(of(child, may_stop=False))
    yielding.enter()
    wait_until(lambda: b"pause" in (tmp_path / "out").read_bytes())
    assert not is_stopped(child)
    yielding.leave()
    await asyncio.sleep(0.1)  # twice the quiet spell
    wait_until(lambda: b"resume" in (tmp_path / "out").read_bytes())


@pytest.mark.anyio
async def test_a_night_that_died_is_forgotten(child: subprocess.Popen[bytes]) -> None:
    yielding = Yielding(0.05)
    assert yielding.register(of(child))
    os.kill(child.pid, signal.SIGKILL)
    descriptor = os.pidfd_open(child.pid)
    wait_until(lambda: has_ended(descriptor))
    os.close(descriptor)
    yielding.enter()
    assert not yielding.lives()


@pytest.mark.anyio
async def test_interruptions_of_a_cancelled_night_are_not_those_of_the_next(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    desk = NightDesk(store, SleepSettings(), tmp_path)
    for id_, state in (("night_1", NightState.TRAINING), ("night_2", NightState.DONE)):
        for now in (NightState.WAITING, NightState.TRAINING):
            await desk.hear_night(make_night(id=id_, state=now), {}, None)
        if state is NightState.DONE:
            await desk.hear_night(make_night(id=id_, state=state), {}, None)
        else:
            desk.yielding.interruptions = 5
            await desk.cancel("ana")
    found = {night.id: night.interruptions for night in store.nights.nights(owner="ana")}
    assert found == {"night_1": 5, "night_2": 0}
    store.close()


@pytest.mark.anyio
async def test_a_night_that_does_not_begin_yet_because_somebody_is_answered_says_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    desk = NightDesk(store, SleepSettings(quiet_s=0.0), tmp_path)
    desk.hear_sleeper({}, None)
    store.nights.append_night(make_night()).result()
    desk.yielding.enter()
    assert (await desk.status("ana"))["why_not"] == "somebody is being answered"
    desk.yielding.leave()
    assert (await desk.status("ana"))["why_not"] == ""
    store.close()


def test_the_night_and_what_it_began_are_known_from_its_start(tmp_path: Path) -> None:
    code = "import subprocess, sys, time\nsubprocess.Popen(['sleep', '60'])\nprint('ready', flush=True)\ntime.sleep(60)"
    store = SqliteStore(tmp_path)
    desk = NightDesk(store, SleepSettings(), tmp_path)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert desk.pids() == []
        desk.hear_sleeper({}, os.getpid())
        assert {os.getpid(), child.pid} <= set(desk.pids())
        desk.hear_sleeper({}, None)
        assert asyncio.run(register_at(desk, child.pid)) == {child.pid, *children_of(child.pid)}
        assert len(desk.pids()) == 2
        os.killpg(child.pid, signal.SIGKILL)
    store.close()


async def register_at(desk: NightDesk, pid: int) -> set[int]:
    assert desk.yielding.register(NightProcess(pid=pid, began=began_at(pid), may_stop=True))
    return set(desk.pids())

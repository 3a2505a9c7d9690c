"""A night and its engines come last, also where Linux shares the processor among sessions first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

GROUP = Path("/proc/self/autogroup")
ENGINE = "from aion.models.llama.child import stay_behind as place"
SLEEPER = "from aion.sleep.nights.sleeper import NICE, stand_back; place = lambda: stand_back(NICE)"
NIGHT = "from aion.night import lower_priority as place"
TELL = "import os; place(); print(open('/proc/self/autogroup').read().split()[-1], os.nice(0))"

pytestmark = pytest.mark.skipif(not GROUP.exists(), reason="this kernel does not share among sessions")


def place_of(code: str, nice: int = 0) -> tuple[int, int]:
    """Niceness of the session and of the process, begun by one that is as nice as asked."""
    made = subprocess.run(
        ["nice", "-n", str(nice), sys.executable, "-c", f"{code}; {TELL}"],
        start_new_session=True,
        capture_output=True,
        text=True,
        check=True,
    )
    session, process = made.stdout.split()
    return int(session), int(process)


@pytest.mark.parametrize(("code", "nice"), [(NIGHT, 19), (SLEEPER, 10)], ids=["night", "sleeper"])
def test_the_session_is_as_low_as_the_process(code: str, nice: int) -> None:
    assert place_of(code) == (nice, nice)


@pytest.mark.parametrize("nice", [0, 19])
def test_an_engine_is_as_low_among_sessions_as_whoever_began_it(nice: int) -> None:
    session, process = place_of(ENGINE, nice)
    assert session == process >= nice


@pytest.mark.engine
def test_an_engine_begun_by_a_night_is_as_low_as_it() -> None:
    code = """
import asyncio
from pathlib import Path
from aion.models.llama.process import EngineProcess
from aion.models.llama.spec import EngineSpec
from tests.models.engines import smollm
async def place():
    engine = EngineProcess(EngineSpec(model=smollm().path, context=256, slots=1, threads=1))
    await engine.start(60)
    print(Path(f"/proc/{engine.pid}/autogroup").read_text().split()[-1])
    await engine.stop()
asyncio.run(place())
"""
    made = subprocess.run(["nice", "-n", "19", sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "19"

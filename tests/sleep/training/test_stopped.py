"""A training that is stopped for people again and again, at checkpoints too, is the training that nobody disturbed."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aion.serve.yielding import NightProcess, Yielding
from aion.sleep.training.jobs import read_trained
from aion.sleep.training.train import train
from aion.store.lock import began_at
from tests.serving import wait_until
from tests.sleep.small_jobs import ignore, make_base, make_job, one_thread

STOPS = 20
TRAIN = """
import sys
from pathlib import Path
from aion.sleep.training.train import train
train(Path(sys.argv[1]), tell=lambda told: print(told.step, flush=True))
"""


@pytest.fixture
def jobs(tmp_path: Path) -> tuple[Path, Path]:
    """The same twice, with many checkpoints."""
    base = make_base(tmp_path)
    alone, stopped = (make_job(tmp_path / name, base, epochs=24, checkpoint_s=0.1) for name in ("alone", "stopped"))
    return alone, stopped


@pytest.fixture
def child(jobs: tuple[Path, Path], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Trains the second one, and has begun."""
    with (tmp_path / "steps").open("wb") as out:
        process = subprocess.Popen([sys.executable, "-c", TRAIN, str(jobs[1])], stdout=out)
    wait_until(lambda: (tmp_path / "steps").stat().st_size > 4, timeout=60)
    yield process
    process.kill()
    process.wait()


@pytest.mark.anyio
async def test_a_training_stopped_at_random_moments_loses_no_step_and_no_bit(
    jobs: tuple[Path, Path], child: subprocess.Popen[bytes]
) -> None:
    yielding, draw = Yielding(0.01), random.Random(22)
    assert yielding.register(NightProcess(pid=child.pid, began=began_at(child.pid), may_stop=True))
    while yielding.lives() and yielding.interruptions < STOPS:
        yielding.enter()
        yielding.leave()
        await asyncio.sleep(0.02 + draw.uniform(0.0, 0.04))
    assert yielding.lives(), "it was stopped as often as it should be before its end"
    yielding.forget()
    assert child.wait(60) == 0
    with one_thread():
        alone = train(jobs[0], tell=ignore)
    stopped = read_trained(jobs[1])
    assert stopped is not None
    assert stopped.losses == alone.losses
    assert stopped.files["adapter_model.safetensors"] == alone.files["adapter_model.safetensors"]

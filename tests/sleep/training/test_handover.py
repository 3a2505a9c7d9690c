"""A training that leaves its device and comes back: the same bytes, and nothing left behind meanwhile."""

from __future__ import annotations

import os
import random
import signal
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from aion.errors import BadInput
from aion.models.sealed import sum_file
from aion.records import Json, Night, NightState
from aion.sleep.nights.hold import Hold
from aion.sleep.nights.workflow import Reporter
from aion.sleep.training.base import JOB, TOKENS, Ended
from aion.sleep.training.checkpoint import latest_valid
from aion.sleep.training.graph import open_base
from aion.sleep.training.handover import Handover, held_tensors, list_homes, plain_name
from aion.sleep.training.jobs import read_job
from aion.sleep.training.learner import Learner, choose_lessons
from aion.sleep.training.tokens import load_tokens
from aion.sleep.training.train import build_learner, open_served, train
from tests.sleep.small_jobs import ignore, make_job, random_tokens

ADAPTER = "adapter_model.safetensors"

pytestmark = pytest.mark.usefixtures("single")


def make_learner(folder: Path) -> Learner:
    job = read_job(folder)
    return build_learner(job, open_served(job), choose_lessons(load_tokens(folder / TOKENS, job.tokens), job.recipe))


class Guest:
    """Somebody who needs the device now and then, between any two layers; at the end no more."""

    def __init__(self, seed: int, each: int) -> None:
        self.draw, self.each, self.came, self.here = random.Random(seed), each, 0, False

    def asked(self) -> bool:
        self.here = self.came < 10 and self.draw.randrange(self.each) == 0
        return self.here

    def wait(self) -> None:
        self.came += self.here
        self.here = False


@pytest.mark.parametrize(
    "to",
    [
        {},
        {"recompute": True, "cache": False},
        {"mas": 0.1, "ewc": 0.1, "kl": 0.5, "micro_batch": 2, "tokens_per_step": 150},
    ],
)
def test_leaving_between_any_layers_changes_no_bit_of_the_adapter(
    base: Path, tmp_path: Path, to: dict[str, Any]
) -> None:
    guest, tokens = Guest(4, each=9), random_tokens(anchors=4)
    plain = train(make_job(tmp_path / "plain", base, tokens=tokens, **to), tell=ignore)
    folder = make_job(tmp_path / "job", base, tokens=tokens, **to)
    gone = train(folder, tell=ignore, pause=guest.wait, asked=guest.asked)
    assert guest.came > 6
    assert gone.files[ADAPTER] == plain.files[ADAPTER]
    assert gone.files.get("importance.safetensors") == plain.files.get("importance.safetensors")
    assert gone.losses == plain.losses


def test_while_it_is_away_nothing_of_it_is_on_the_device(base: Path, tmp_path: Path) -> None:
    """Weights, blocks, dense weights and moments are empty, and what was kept to go back is let go of."""
    learner = make_learner(make_job(tmp_path / "job", base))
    looks, markers = list[bool](), list[weakref.ref[Any]]()

    class Marker:
        def __init__(self, tensor: torch.Tensor) -> None:
            self.tensor = tensor.detach()  # else one that is kept by its own node would never be let go of
            markers.append(weakref.ref(self))

    seen: list[tuple[int, int, int]] = []

    def asked() -> bool:
        looks.append(len(looks) == 2)  # on the way back
        return looks[-1]

    def wait() -> None:
        if looks[-1]:
            numbers = sum(one.numel() for one in held_tensors(learner))
            dense = sum(getattr(one, "dense", None) is not None for one in learner.model.modules())
            seen.append((numbers, dense, sum(one() is not None for one in markers)))

    handover = Handover(learner, asked, wait)
    learner.step(0)
    handover.watch()
    with torch.autograd.graph.saved_tensors_hooks(Marker, lambda marker: marker.tensor):
        handover.through(lambda: learner.step(1))
    assert seen == [(0, 0, 0)]
    assert len(markers) > 20
    assert sum(one.numel() for one in held_tensors(learner)) > 10_000


def test_blocks_come_back_from_the_mapped_file_and_are_not_copied(base: Path, tmp_path: Path) -> None:
    learner = make_learner(make_job(tmp_path / "job", base, cache=False))
    homes = list_homes(open_base(base).model)
    handover = Handover(learner, lambda: False, lambda: None, homes)
    before = {plain_name(name): one.clone() for name, one in learner.model.named_buffers()}
    handover.offload()
    assert homes.keys() & handover._copies.keys() == set()
    handover.restore()
    after = {plain_name(name): one for name, one in learner.model.named_buffers()}
    assert homes.keys() <= after.keys()
    assert all(after[name].data_ptr() == home.data_ptr() for name, home in homes.items())
    assert all(torch.equal(before[name], one) for name, one in after.items())


def test_a_night_that_ends_while_it_is_away_keeps_its_steps(base: Path, tmp_path: Path) -> None:
    folder = make_job(tmp_path / "job", base, checkpoint_s=1e9)
    here, left = list[bool](), iter([False] * 40)

    def asked() -> bool:
        here.extend([True] * (next(left, None) is None))
        return bool(here)

    def wait() -> None:
        if here:
            raise Ended

    with pytest.raises(Ended):
        train(folder, tell=ignore, pause=wait, asked=asked)
    assert latest_valid(folder / "checkpoints", sum_file(folder / JOB)) is not None
    plain = train(make_job(tmp_path / "plain", base), tell=ignore)
    assert train(folder, tell=ignore).files[ADAPTER] == plain.files[ADAPTER]


def test_what_breaks_off_for_another_reason_is_not_begun_again(base: Path, tmp_path: Path) -> None:
    handover = Handover(make_learner(make_job(tmp_path / "job", base)), lambda: False, lambda: None)

    def work() -> None:
        raise BadInput("the disk is away")

    with pytest.raises(BadInput, match="the disk is away"):
        handover.through(work)
    assert handover.times == 0


class Door:
    """A server that lets the night go on."""

    told = 0

    def tell(self, _what: str, _body: Json) -> Json:
        self.told += 1
        return {"pause": False, "cancel": False}


@pytest.fixture
def hold() -> Iterator[Hold]:
    before = [(one, signal.getsignal(one)) for one in (signal.SIGUSR1, signal.SIGUSR2)]
    made = Hold()
    made.install()
    yield made
    for one, handler in before:
        signal.signal(one, handler)


def test_a_signal_on_a_gpu_is_obeyed_between_layers_and_not_where_it_arrives(hold: Hold) -> None:
    """Held still wherever it is, it would keep the memory that the engine needs."""
    door = Door()
    night = Night(id="night-1", owner="", state=NightState.TRAINING, reason="asked", asked=0.0, at=0.0)
    reporter = Reporter(cast("Any", door), night, hold=hold, may_stop=False)
    with hold.after():
        os.kill(os.getpid(), signal.SIGUSR1)
        assert reporter.asked()
        reporter.tell(NightState.TRAINING)
        assert reporter.asked(), "telling the server neither waits nor forgets"
        later = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGUSR2))
        later.start()
        reporter.wait()
    later.join()
    assert not hold.asked
    assert door.told > 1

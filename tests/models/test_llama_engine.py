"""Supervision and swap, with engine processes that die, hang or fail on command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from aion.errors import Unavailable, Unfit
from aion.models.llama import engine as engine_module
from aion.models.llama.engine import Engine, State, pause_after
from aion.models.llama.process import OUT_OF_MEMORY, EngineProcess, Proof
from aion.models.llama.spec import Adapter, EngineSpec

pytestmark = pytest.mark.anyio
SPEC = EngineSpec(model=Path("m.gguf"), context=2048, threads=2)
WORK = Adapter(name="work", path=Path("work.gguf"), hash="ff")


@dataclass
class FakeProcess:
    """An engine process that exists only here."""

    spec: EngineSpec
    pid: int
    alive: bool = True
    returncode: int | None = None
    gpu_layers: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def proof(self) -> Proof:
        return Proof(context=self.spec.context, decode_per_second=50.0)

    def end(self, code: int) -> None:
        self.returncode = code
        self.ended.set()

    def kill(self) -> None:
        self.end(-9)

    async def wait(self) -> int:
        await self.ended.wait()
        return self.returncode or 0

    async def stop(self) -> None:
        if self.returncode is None:
            self.end(0)

    async def is_alive(self, timeout_s: float) -> bool:
        return self.alive


class Launcher:
    """Makes processes, and fails when `fault` says so."""

    def __init__(self) -> None:
        self.made: list[FakeProcess] = []
        self.fault: Callable[[EngineSpec], Unavailable | None] = lambda spec: None

    async def __call__(self, spec: EngineSpec) -> EngineProcess:
        await asyncio.sleep(0)
        if (error := self.fault(spec)) is not None:
            raise error
        self.made.append(FakeProcess(spec, pid=1000 + len(self.made)))
        return cast(EngineProcess, self.made[-1])


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(engine_module, "LONGEST_PAUSE_S", 0.05)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for is somebody else's state
            await asyncio.sleep(0.002)


async def test_an_engine_that_dies_is_replaced_and_counted() -> None:
    launcher = Launcher()
    engine = Engine(SPEC, launch=launcher)
    await engine.start()
    launcher.made[0].end(-11)
    await until(lambda: engine.status.state is not State.READY)
    assert "signal 11" in engine.status.reason
    with pytest.raises(Unavailable, match="restarting") as caught, engine.lease():
        pass
    assert caught.value.retry_after is not None
    await until(lambda: engine.status.state is State.READY)
    assert (engine.status.restarts, engine.status.pid, engine.status.reason) == (1, 1001, "")
    await engine.close()


async def test_five_failures_in_a_row_open_the_breaker_and_a_sound_engine_closes_it() -> None:
    launcher = Launcher()
    engine = Engine(SPEC, launch=launcher)
    await engine.start()
    launcher.fault = lambda spec: Unavailable("no such model")
    launcher.made[0].end(1)
    await until(lambda: engine.status.state is State.DOWN)
    with pytest.raises(Unavailable, match="down: no such model") as caught, engine.lease():
        pass
    assert caught.value.code == "engine_down"
    assert caught.value.retry_after is not None
    launcher.fault = lambda spec: None
    await until(lambda: engine.status.state is State.READY)
    await engine.close()


async def test_an_engine_that_dies_before_it_finished_anything_opens_the_breaker_too() -> None:
    launcher = Launcher()
    engine = Engine(SPEC, launch=launcher)
    await engine.start()
    for number in range(5):
        await until(partial(lambda made: len(launcher.made) == made, number + 1))
        launcher.made[number].end(-6)
    await until(lambda: engine.status.state is State.DOWN)
    await engine.close()


async def test_an_engine_that_finished_work_gets_a_fresh_count_of_failures() -> None:
    launcher = Launcher()
    engine = Engine(SPEC, launch=launcher)
    await engine.start()
    states = []
    for number in range(7):
        await until(partial(lambda pid: engine.status.pid == pid, 1000 + number))
        with engine.lease():
            pass
        launcher.made[number].end(-6)
        await until(lambda: engine.status.state is not State.READY)
        states.append(engine.status.state)
    assert set(states) == {State.RESTARTING}
    await engine.close()


def test_the_pauses_double_from_a_fifth_of_a_second_to_thirty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert [pause_after(n) for n in range(1, 11)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30]


async def test_a_swap_moves_new_requests_and_lets_old_ones_finish() -> None:
    launcher = Launcher()
    engine = Engine(SPEC, launch=launcher)
    await engine.start()
    old_request = engine.lease()
    old = old_request.__enter__()
    await engine.swap(replace(SPEC, threads=1))
    with engine.lease() as fresh:
        assert (old.pid, fresh.pid, engine.status.threads) == (1000, 1001, 1)
    assert old.returncode is None
    old_request.__exit__(None, None, None)
    await until(lambda: old.returncode == 0)
    assert engine.status.restarts == 0
    await engine.close()


async def test_a_swap_that_fails_its_proof_changes_nothing() -> None:
    launcher = Launcher()
    engine = Engine(SPEC, launch=launcher)
    await engine.start()
    launcher.fault = lambda spec: Unavailable("failed its proof")
    with pytest.raises(Unavailable, match="failed its proof"):
        await engine.swap(replace(SPEC, threads=1))
    with engine.lease() as process:
        assert process.pid == 1000
    assert (engine.status.state, engine.status.threads, engine.status.reason) == (State.READY, 2, "")
    await engine.close()


async def test_a_drain_has_an_end() -> None:
    launcher = Launcher()
    engine = Engine(SPEC, launch=launcher, drain_timeout_s=0.01)
    await engine.start()
    with engine.lease() as old:
        await engine.swap(SPEC)
        await until(lambda: old.returncode == 0)
    await engine.close()


async def test_there_are_never_three_engines_at_once() -> None:
    launcher = Launcher()
    engine = Engine(SPEC, launch=launcher)
    await engine.start()
    with engine.lease():
        await engine.swap(SPEC)
        third = asyncio.create_task(engine.swap(SPEC))
        await asyncio.sleep(0.02)
        assert len(launcher.made) == 2
    await third
    await until(lambda: [process.returncode for process in launcher.made] == [0, 0, None])
    await engine.close()


async def test_an_engine_that_dies_during_a_swap_leaves_the_new_one_serving() -> None:
    launcher = Launcher()
    engine = Engine(SPEC, launch=launcher)
    await engine.start()
    swap = asyncio.create_task(engine.swap(SPEC))
    await asyncio.sleep(0)
    launcher.made[0].end(-9)
    await swap
    await asyncio.sleep(0.05)
    assert len(launcher.made) == 2
    assert engine.status.pid == 1001
    await engine.close()


async def test_want_of_memory_halves_the_context_and_says_so() -> None:
    launcher = Launcher()
    launcher.fault = lambda spec: Unavailable("too big", code=OUT_OF_MEMORY) if spec.context > 600 else None
    engine = Engine(SPEC, launch=launcher)
    await engine.start()
    assert engine.status.context == 512
    assert engine.status.reason == "memory allows 512 tokens a request, not 2048"
    await engine.close()


async def test_a_model_that_never_fits_is_refused_with_the_reason() -> None:
    launcher = Launcher()
    launcher.fault = lambda spec: Unavailable(f"{spec.context} is too big", code=OUT_OF_MEMORY)
    with pytest.raises(Unavailable, match="256 is too big"):
        await Engine(SPEC, launch=launcher).start()


@pytest.mark.parametrize(("answers", "restarts"), [(True, 0), (False, 1)])
async def test_a_suspect_is_ended_only_if_it_does_not_answer(answers: bool, restarts: int) -> None:
    launcher = Launcher()
    engine = Engine(SPEC, launch=launcher)
    await engine.start()
    launcher.made[0].alive = answers
    with engine.lease() as process:
        engine.suspect(process)
    await asyncio.sleep(0.05)
    await until(lambda: engine.status.state is State.READY)
    assert engine.status.restarts == restarts
    await engine.close()


async def test_closing_stops_all_and_refuses_what_comes_after() -> None:
    launcher = Launcher()
    engine = Engine(SPEC, launch=launcher)
    await engine.start()
    swap = asyncio.create_task(engine.swap(SPEC))
    await asyncio.sleep(0)
    await engine.close()
    with pytest.raises(Unavailable, match="closed"):
        await swap
    assert all(process.returncode == 0 for process in launcher.made)
    with pytest.raises(Unavailable, match="closed"), engine.lease():
        pass


def refuse_adapters(spec: EngineSpec) -> Unavailable | None:
    return Unavailable("work is damaged") if spec.adapters else None


async def test_what_a_swap_commits_is_written_before_anybody_is_answered_by_the_new_engine() -> None:
    launcher, seen = Launcher(), []
    engine = Engine(SPEC, launch=launcher)
    await engine.start()

    async def commit() -> None:
        with engine.lease() as process:
            seen.append((process.pid, len(launcher.made)))

    await engine.swap(replace(SPEC, adapters=(WORK,)), commit)
    assert seen == [(1000, 2)]
    assert (engine.status.pid, engine.status.adapters) == (1001, ("work",))
    await engine.close()


async def test_a_swap_whose_commit_fails_changes_nothing() -> None:
    launcher = Launcher()
    launcher.fault = lambda spec: Unavailable("too big", code=OUT_OF_MEMORY) if spec.context > 1024 else None
    engine = Engine(SPEC, launch=launcher)
    await engine.start()
    before = engine.status

    async def commit() -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        await engine.swap(replace(SPEC, context=512, adapters=(WORK,)), commit)
    assert engine.status == before
    assert [process.returncode for process in launcher.made] == [None, 0]
    await engine.close()


async def test_closing_during_a_commit_leaves_no_engine_behind() -> None:
    launcher = Launcher()
    engine = Engine(SPEC, launch=launcher)
    await engine.start()
    with pytest.raises(Unavailable, match="closed"):
        await engine.swap(SPEC, engine.close)
    assert [process.returncode for process in launcher.made] == [0, 0]


async def test_adapters_and_threads_that_change_at_once_both_change() -> None:
    launcher = Launcher()
    engine = Engine(SPEC, launch=launcher)
    await engine.start()
    await asyncio.gather(engine.use_adapters([WORK]), engine.use_threads(1))
    assert (engine.status.adapters, engine.status.threads) == (("work",), 1)
    await engine.close()


async def test_an_engine_that_cannot_be_started_with_its_adapters_starts_with_the_base_alone() -> None:
    launcher = Launcher()
    launcher.fault = refuse_adapters
    engine = Engine(replace(SPEC, adapters=(WORK,)), launch=launcher)
    await engine.start()
    assert (engine.status.adapters, engine.status.left_out) == ((), ("work",))
    assert engine.status.reason == "without the adapters work: work is damaged"
    await engine.use_threads(1)
    assert "work is damaged" in engine.status.reason
    launcher.fault = lambda spec: None
    await engine.use_adapters([WORK])
    assert (engine.status.adapters, engine.status.left_out, engine.status.reason) == (("work",), (), "")
    await engine.close()


def refuse_garden(spec: EngineSpec) -> Unavailable | None:
    names = [one.name for one in spec.adapters if one.name == "garden"]
    return Unfit("garden is not at work", names) if names else None


async def test_an_engine_that_says_which_adapter_is_at_fault_starts_with_the_others() -> None:
    launcher, garden = Launcher(), replace(WORK, name="garden")
    launcher.fault = refuse_garden
    engine = Engine(replace(SPEC, adapters=(WORK, garden)), launch=launcher)
    await engine.start()
    assert (engine.status.adapters, engine.status.left_out) == (("work",), ("garden",))
    assert engine.status.reason == "without the adapters garden: garden is not at work"
    launcher.made[0].end(-9)
    await until(lambda: engine.status.pid == 1001)
    assert (engine.status.adapters, engine.status.left_out) == (("work",), ("garden",))
    await engine.close()


async def test_an_adapter_that_is_at_fault_when_the_engine_comes_up_again_is_left_out_alone() -> None:
    launcher, garden = Launcher(), replace(WORK, name="garden")
    engine = Engine(replace(SPEC, adapters=(WORK, garden)), launch=launcher)
    await engine.start()
    launcher.fault = refuse_garden
    launcher.made[0].end(-9)
    await until(lambda: engine.status.pid == 1001)
    assert (engine.status.adapters, engine.status.left_out) == (("work",), ("garden",))
    await engine.close()


async def test_an_engine_that_dies_and_cannot_load_its_adapters_any_more_comes_up_with_the_base_alone() -> None:
    launcher = Launcher()
    engine = Engine(replace(SPEC, adapters=(WORK,)), launch=launcher)
    await engine.start()
    launcher.fault = refuse_adapters
    launcher.made[0].end(-9)
    await until(lambda: engine.status.pid == 1001)
    assert (engine.status.adapters, engine.status.left_out, engine.status.restarts) == ((), ("work",), 1)
    await engine.close()


async def test_an_engine_that_dies_once_keeps_its_adapters() -> None:
    launcher = Launcher()
    engine = Engine(replace(SPEC, adapters=(WORK,)), launch=launcher)
    await engine.start()
    launcher.made[0].end(-9)
    await until(lambda: engine.status.pid == 1001)
    assert (engine.status.adapters, engine.status.left_out) == (("work",), ())
    await engine.close()


async def test_an_engine_that_dies_with_its_adapters_before_it_finished_anything_loses_them() -> None:
    launcher = Launcher()
    engine = Engine(replace(SPEC, adapters=(WORK,)), launch=launcher)
    await engine.start()
    for number in range(2):
        await until(partial(lambda made: engine.status.pid == made, 1000 + number))
        launcher.made[number].end(-11)
    await until(lambda: engine.status.pid == 1002)
    assert "signal 11" in engine.status.reason
    assert engine.status.left_out == ("work",)
    await engine.close()

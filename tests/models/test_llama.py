"""The real engine on the embedded model: answers, deaths, hangs, swaps, and clients that go away."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from aion.errors import BadInput, NotFound, Unavailable
from aion.models.base import Delta, Job, Sampling
from aion.models.llama.generator import LlamaGenerator
from aion.models.llama.process import EngineProcess
from aion.models.queue import AdmissionQueue
from aion.models.wire import CHAT, Wire
from tests.models.engines import (
    busy_slots,
    chat,
    collect,
    endless,
    logprobs_of,
    small_settings,
    smollm,
    text_of,
    until,
    until_busy,
)

pytestmark = [pytest.mark.anyio, pytest.mark.engine]
LONG_TEXT = "The sea is wide and blue. " * 250


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def generator(anyio_backend: str) -> AsyncIterator[LlamaGenerator]:
    """One engine for all tests here; they leave it serving."""
    made = LlamaGenerator(smollm(), small_settings(context=2048))
    await made.start()
    yield made
    await made.close()


def current(generator: LlamaGenerator) -> EngineProcess:
    assert generator.engine.process is not None
    return generator.engine.process


async def test_it_knows_the_capital_of_france(generator: LlamaGenerator) -> None:
    deltas = await collect(generator, chat("What is the capital of France?"))
    assert "The capital of France is Paris" in text_of(deltas)
    assert [delta.finish for delta in deltas if delta.finish] == ["stop"]


async def test_usage_timings_logprobs_and_adapters_come_with_an_answer(generator: LlamaGenerator) -> None:
    deltas = await collect(generator, chat("Say yes.", max_tokens=4))
    entries = [entry for delta in deltas for entry in delta.logprobs]
    usage = next(delta.usage for delta in deltas if delta.usage)
    timings = next(delta.timings for delta in deltas if delta.timings)
    assert len(entries[0]["top_logprobs"]) >= 5
    assert usage.completion >= len(entries) > 0
    assert usage.prompt > 20
    assert timings["predicted_ms"] > 0
    assert deltas[0].adapters == ()


async def test_a_bare_prompt_is_completed(generator: LlamaGenerator) -> None:
    job = Job(prompt="The capital of France is", sampling=Sampling(max_tokens=2, temperature=0.0))
    deltas = await collect(generator, job)
    assert text_of(deltas).startswith(" Paris")
    assert logprobs_of(deltas)


async def test_the_card_and_the_status_tell_what_serves(generator: LlamaGenerator) -> None:
    card, status = generator.card, generator.status()
    assert (card.name, card.context, card.source, len(card.hash)) == ("aion", 2048, "embedded", 64)
    assert (status["state"], status["threads"], status["slots"], status["gpu_layers"]) == ("ready", 1, 2, 0)
    assert status["decode_per_second"] > 0
    assert status["prompt_per_second"] > 0


async def test_tokens_are_counted_and_control_tokens_in_them_are_words(generator: LlamaGenerator) -> None:
    one, two, control = await generator.count(["hello", "hello hello", "<|im_start|>"])
    assert (one, two) == (1, 2)
    assert control > 1


async def test_what_people_write_cannot_pose_as_the_template(generator: LlamaGenerator) -> None:
    plain = await collect(generator, chat("a", max_tokens=1))
    posing = await collect(generator, chat("a<|im_end|>", max_tokens=1))
    read = [next(delta.usage.prompt for delta in deltas if delta.usage) for deltas in (plain, posing)]
    assert read[1] > read[0] + 2  # one control token would have been one more


async def test_a_forced_tool_choice_gives_a_call(generator: LlamaGenerator) -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool = {"type": "function", "function": {"name": "weather", "description": "Weather now", "parameters": parameters}}
    job = chat("How is the weather in Paris?", max_tokens=60, tools=(tool,), tool_choice="required")
    calls = [call for delta in await collect(generator, job) for call in delta.tool_calls]
    assert calls[0]["function"]["name"] == "weather"


async def test_a_prompt_over_the_context_is_refused_with_both_numbers(generator: LlamaGenerator) -> None:
    with pytest.raises(BadInput, match=r"\d{4} tokens .* 2048") as caught:
        await collect(generator, chat(LONG_TEXT * 3))
    assert caught.value.code == "context_length_exceeded"


async def test_an_unknown_adapter_is_refused(generator: LlamaGenerator) -> None:
    with pytest.raises(NotFound, match="no adapter is named 'work'; loaded are: none"):
        await collect(generator, chat("hi", adapters={"work": 1.0}))


async def test_the_engine_port_wants_the_key(generator: LlamaGenerator) -> None:
    process = current(generator)
    stranger = Wire(process.url, "wrong")
    for path in ("/slots", "/props", "/v1/models", "/lora-adapters"):
        with pytest.raises(Unavailable, match="refused our key"):
            await stranger.get(path)
    with pytest.raises(Unavailable, match="refused our key"):
        await stranger.post(CHAT, {"messages": [{"role": "user", "content": "hi"}]})
    await stranger.close()


async def test_the_key_stands_neither_in_argv_nor_in_the_environment(generator: LlamaGenerator) -> None:
    process = current(generator)
    seen = psutil.Process(process.pid)
    assert process.key not in " ".join(seen.cmdline())
    assert process.key not in str(seen.environ())
    assert process.url.startswith("http://127.0.0.1:")


async def time_to_free(process: EngineProcess, clients: list[asyncio.Task[list[Delta]]]) -> float:
    """Seconds from the going of clients that were certainly being served to the last free slot."""
    await until_busy(process, len(clients))
    await asyncio.sleep(0.3)
    assert await busy_slots(process) == len(clients)  # they would still be at it
    gone = time.monotonic()
    for client in clients:
        client.cancel()
    await until_busy(process, 0)
    return time.monotonic() - gone


@pytest.mark.parametrize("phase", ["decode", "prompt"])
async def test_gone_clients_free_their_slots_within_a_second(generator: LlamaGenerator, phase: str) -> None:
    seconds = []
    for attempt in range(3):  # the least of three: other programs may be in the way, a slot that stays busy always is
        jobs = [endless() if phase == "decode" else chat(f"{attempt} {n} {LONG_TEXT}") for n in range(2)]
        clients = [asyncio.create_task(collect(generator, job)) for job in jobs]
        seconds.append(await time_to_free(current(generator), clients))
        await asyncio.gather(*clients, return_exceptions=True)
    assert min(seconds) <= 1


async def test_a_client_gone_from_the_queue_never_reaches_the_engine(generator: LlamaGenerator) -> None:
    queue = AdmissionQueue(1, 10_000)

    async def ask() -> None:
        async with queue.admit(100):
            await collect(generator, endless())

    inside, waiting = asyncio.create_task(ask()), asyncio.create_task(ask())
    await until_busy(current(generator), 1)
    waiting.cancel()
    await asyncio.sleep(0)
    inside.cancel()
    await asyncio.gather(inside, waiting, return_exceptions=True)
    await asyncio.sleep(0.3)
    assert (queue.running, queue.waiting, await busy_slots(current(generator))) == (0, 0, 0)


async def signal_midway(generator: LlamaGenerator, number: signal.Signals) -> None:
    """Send a signal to the engine in the middle of an answer, and read on."""
    pid = current(generator).pid
    assert pid is not None
    async with aclosing(generator.stream(endless())) as deltas:
        async for delta in deltas:
            if delta.text:
                os.kill(pid, number)


async def test_a_killed_engine_fails_its_request_and_serves_the_next(generator: LlamaGenerator) -> None:
    before = current(generator)
    with pytest.raises(Unavailable):
        await signal_midway(generator, signal.SIGKILL)
    await until(lambda: generator.engine.process not in (None, before))
    assert "Paris" in text_of(await collect(generator, chat("What is the capital of France?")))
    assert generator.status()["restarts"] >= 1


async def test_no_request_fails_while_engines_are_swapped(generator: LlamaGenerator) -> None:
    before, stop = current(generator), asyncio.Event()
    answers: list[str] = []

    async def keep_asking() -> None:
        while not stop.is_set():
            answers.append(text_of(await collect(generator, chat("Say yes.", max_tokens=4))))

    clients = [asyncio.create_task(keep_asking()) for _ in range(2)]
    for threads in (2, 1):
        await generator.swap(replace(generator.engine.spec, threads=threads))
        asked = len(answers)
        await until(has_more(answers, asked + 3))
    stop.set()
    await asyncio.gather(*clients)  # raises what any of them met
    assert all(answers)
    assert current(generator).spec.threads == 1
    assert before.pid is not None
    await until(lambda: not psutil.pid_exists(before.pid or 0))


def has_more(answers: list[str], count: int) -> Callable[[], bool]:
    return lambda: len(answers) >= count


async def test_a_hung_engine_is_ended_and_replaced() -> None:
    generator = LlamaGenerator(smollm(), small_settings(stall_timeout_s=1.0))
    await generator.start()
    before = current(generator)
    with pytest.raises(Unavailable, match="said nothing for 1 s"):
        await signal_midway(generator, signal.SIGSTOP)
    await until(lambda: generator.engine.process not in (None, before))
    assert text_of(await collect(generator, chat("Say yes.")))
    await generator.close()


async def test_an_engine_with_broken_proof_is_not_given_traffic(generator: LlamaGenerator, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(generator.engine.spec.model.read_bytes()[:100_000])
    before = current(generator)
    with pytest.raises(Unavailable, match=r"cannot load broken\.gguf") as caught:
        await generator.swap(replace(generator.engine.spec, model=broken))
    assert str(tmp_path) not in caught.value.message
    assert current(generator) is before
    assert generator.status()["state"] == "ready"


PARENT = """
import asyncio, sys
from pathlib import Path
from aion.models.llama.process import EngineProcess
from aion.models.llama.spec import EngineSpec

async def main():
    process = EngineProcess(EngineSpec(model=Path(sys.argv[1]), context=256, slots=1))
    await process.start(60)
    print(process.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_an_engine_does_not_outlive_a_killed_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(smollm().path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    engine = psutil.Process(int(parent.stdout.readline()))
    assert engine.is_running()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    gone, _ = psutil.wait_procs([engine], timeout=5)
    assert gone

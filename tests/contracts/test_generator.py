"""What every Generator promises, whatever is behind it. A new one adds its maker to SUBJECTS and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from aion.config import Settings
from aion.errors import AionError, BadInput
from aion.models.base import Delta, Generator, Job, Sampling
from aion.models.catalog import RemoteModel
from aion.models.fake import FakeGenerator
from aion.models.llama.generator import LlamaGenerator
from aion.models.remote import RemoteGenerator
from tests.models.engines import busy_slots, small_settings, smollm
from tests.models.openai_server import canned_server


@dataclass
class Subject:
    """A running generator, and whether it has work in hand. Its answer to "Count" is at least six tokens long."""

    generator: Generator
    is_idle: Callable[[], Awaitable[bool]]


@asynccontextmanager
async def fake() -> AsyncIterator[Subject]:
    generator = FakeGenerator("one two three four five six seven eight", delay_s=0.01)

    async def is_idle() -> bool:
        return generator.running == 0

    yield Subject(generator, is_idle)
    await generator.close()


@asynccontextmanager
async def remote() -> AsyncIterator[Subject]:
    async with canned_server(delay_s=0.01) as server:
        generator = await RemoteGenerator.connect(RemoteModel(url=server.url, name=""), Settings())

        async def is_idle() -> bool:
            return server.running == 0

        yield Subject(generator, is_idle)
        await generator.close()


@asynccontextmanager
async def llama() -> AsyncIterator[Subject]:
    generator = LlamaGenerator(smollm(), small_settings())
    await generator.start()
    process = generator.engine.process
    assert process is not None

    async def is_idle() -> bool:
        return await busy_slots(process) == 0

    yield Subject(generator, is_idle)
    await generator.close()


SUBJECTS = [
    pytest.param(fake, id="fake"),
    pytest.param(remote, id="remote"),
    pytest.param(llama, id="llama", marks=pytest.mark.engine),
]


@pytest.fixture(params=SUBJECTS)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    make: Callable[[], AbstractAsyncContextManager[Subject]] = request.param
    async with make() as made:
        yield made


def ask(max_tokens: int = 40, **more: object) -> Job:
    sampling = Sampling(max_tokens=max_tokens, temperature=0.0)
    return Job(messages=({"role": "user", "content": "Count"},), sampling=sampling, **more)  # type: ignore[arg-type]


async def collect(subject: Subject, job: Job) -> list[Delta]:
    return [delta async for delta in subject.generator.stream(job)]


def said(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def finishes(deltas: list[Delta]) -> list[str]:
    return [delta.finish for delta in deltas if delta.finish is not None]


@pytest.mark.anyio
@pytest.mark.parametrize("prompt", [None, "Count"])
async def test_text_streams_and_finishes_once(subject: Subject, prompt: str | None) -> None:
    job = ask() if prompt is None else Job(prompt=prompt, sampling=Sampling(max_tokens=40))
    deltas = await collect(subject, job)
    assert len([delta for delta in deltas if delta.text]) > 5
    assert len(finishes(deltas)) == 1
    last = next(place for place, delta in enumerate(deltas) if delta.finish)
    assert not any(delta.text for delta in deltas[last + 1 :])


@pytest.mark.anyio
async def test_max_tokens_is_kept_and_told(subject: Subject) -> None:
    deltas = await collect(subject, ask(max_tokens=3))
    assert finishes(deltas) == ["length"]
    assert [delta.usage.completion for delta in deltas if delta.usage] == [3]


@pytest.mark.anyio
async def test_a_stop_string_ends_the_answer_before_it(subject: Subject) -> None:
    whole = said(await collect(subject, ask()))
    stop = whole.split()[2]
    job = ask()
    deltas = await collect(subject, replace(job, sampling=replace(job.sampling, stop=(stop,))))
    assert said(deltas).strip() == whole.split(stop)[0].strip()
    assert finishes(deltas) == ["stop"]


@pytest.mark.anyio
async def test_closing_stops_the_work(subject: Subject) -> None:
    async with aclosing(subject.generator.stream(ask(max_tokens=400))) as deltas:
        while not (await anext(deltas)).text:
            pass
        assert not await subject.is_idle()
    await until_idle(subject)


@pytest.mark.anyio
async def test_cancelling_stops_the_work(subject: Subject) -> None:
    reader = asyncio.create_task(collect(subject, ask(max_tokens=400)))
    await asyncio.sleep(0.03)
    assert not await subject.is_idle()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await until_idle(subject)


@pytest.mark.anyio
async def test_adapters_that_aion_chose_and_that_are_not_loaded_cost_no_answer(subject: Subject) -> None:
    deltas = await collect(subject, ask(max_tokens=3, adapters={"gone": 1.0}, optional_adapters=True))
    assert finishes(deltas) == ["length"]
    assert not deltas[0].adapters


@pytest.mark.anyio
async def test_streams_run_side_by_side(subject: Subject) -> None:
    answers = await asyncio.gather(*(collect(subject, ask()) for _ in range(3)))
    assert len({said(deltas) for deltas in answers}) == 1


@pytest.mark.anyio
async def test_usage_counts_what_was_read_and_written(subject: Subject) -> None:
    (usage,) = [delta.usage for delta in await collect(subject, ask()) if delta.usage]
    assert usage.prompt > 0
    assert usage.completion > 5


@pytest.mark.anyio
async def test_logprobs_come_with_the_tokens(subject: Subject) -> None:
    entries = [entry for delta in await collect(subject, ask(top_logprobs=2)) for entry in delta.logprobs]
    assert len(entries) > 5
    assert all(entry["logprob"] <= 0 and isinstance(entry["token"], str) for entry in entries)
    assert "id" not in entries[0]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("schema", "code"), [({"$ref": "#"}, "schema_too_complex"), ({"type": "nonsense"}, "invalid_schema")]
)
async def test_a_bad_schema_is_refused_before_any_work(subject: Subject, schema: dict[str, str], code: str) -> None:
    job = ask(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})
    with pytest.raises(BadInput) as caught:
        await collect(subject, job)
    assert caught.value.code == code
    assert await subject.is_idle()


@pytest.mark.anyio
async def test_an_unknown_adapter_is_refused(subject: Subject) -> None:
    with pytest.raises(AionError) as caught:
        await collect(subject, ask(adapters={"nobody": 1.0}))
    assert caught.value.status in (400, 404)


@pytest.mark.anyio
async def test_more_text_is_more_tokens(subject: Subject) -> None:
    none, few, many = await subject.generator.count(["", "one two", "one two three four five six"])
    assert none <= few < many


@pytest.mark.anyio
async def test_it_says_what_it_is_and_what_it_does(subject: Subject) -> None:
    assert subject.generator.card.name == "aion"
    assert subject.generator.status()["state"]


async def until_idle(subject: Subject) -> None:
    for _ in range(200):
        if await subject.is_idle():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it still works a second after its reader left")

"""Adapters on the real engine: loaded at nothing, switched per request, and never leaking into one another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from aion.errors import NotFound, Unavailable
from aion.models.base import Delta, Job
from aion.models.llama.generator import LlamaGenerator, engine_fields
from aion.models.llama.probe import check_probes, make_probe
from aion.models.llama.process import EngineProcess
from aion.models.llama.spec import Adapter, EngineSpec, Probe, read_probe
from aion.models.wire import CHAT, payload_of
from tests.models.engines import chat, collect, load_adapter, logprobs_of, small_settings, smollm, write_lora

pytestmark = [pytest.mark.anyio, pytest.mark.engine]
LONG = "Tell me about the sea. " + "It is blue and wide. " * 6


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def loras(tmp_path_factory: pytest.TempPathFactory) -> list[Adapter]:
    folder = tmp_path_factory.mktemp("loras")
    return [
        load_adapter(write_lora(folder / f"{name}.gguf", seed), scale=scale)
        for seed, (name, scale) in enumerate([("a", 1.0), ("b", 0.0)])
    ]


@pytest.fixture(scope="module")
async def generator(anyio_backend: str, loras: list[Adapter]) -> AsyncIterator[LlamaGenerator]:
    made = LlamaGenerator(smollm(), small_settings(slots=1), loras)
    await made.start()
    yield made
    await made.close()


@pytest.fixture(scope="module")
async def base(anyio_backend: str) -> AsyncIterator[LlamaGenerator]:
    made = LlamaGenerator(smollm(), small_settings(slots=1))
    await made.start()
    yield made
    await made.close()


def about_the_sea(adapters: object, text: str = LONG) -> Job:
    return chat(text, max_tokens=6, adapters=adapters)


async def sureness(generator: LlamaGenerator, job: Job) -> list[float]:
    return logprobs_of(await collect(generator, job))


async def test_an_adapter_changes_the_answer_and_without_it_the_base_answers_bit_for_bit(
    generator: LlamaGenerator, base: LlamaGenerator
) -> None:
    plain = await sureness(base, about_the_sea("none"))
    assert await sureness(generator, about_the_sea("none")) == plain
    assert await sureness(generator, about_the_sea({"a": 1.0})) != plain
    assert await sureness(generator, about_the_sea({"a": 0.0})) == plain


async def test_auto_uses_each_adapter_at_its_own_scale_and_says_so(
    generator: LlamaGenerator, loras: list[Adapter]
) -> None:
    deltas = await collect(generator, about_the_sea("auto"))
    used = deltas[0].adapters
    assert used is not None
    assert [(use.name, use.hash, use.scale) for use in used] == [("a", loras[0].hash, 1.0)]
    assert logprobs_of(deltas) == await sureness(generator, about_the_sea({"a": 1.0}))
    assert [use.name for use in generator.card.adapters] == ["a", "b"]
    assert all(delta.adapters is None for delta in deltas[1:])


async def test_a_scale_is_a_matter_of_degree(generator: LlamaGenerator) -> None:
    half, whole = [await sureness(generator, about_the_sea({"a": scale})) for scale in (0.5, 1.0)]
    assert half != whole


async def test_an_unknown_adapter_is_refused_with_the_list(generator: LlamaGenerator) -> None:
    with pytest.raises(NotFound, match="no adapter is named 'c'; loaded are: a, b"):
        await collect(generator, about_the_sea({"c": 1.0}))


async def test_a_set_that_is_not_loaded_any_more_gets_the_base_and_says_so(generator: LlamaGenerator) -> None:
    deltas = await collect(generator, replace(about_the_sea({"a": 1.0, "c": 1.0}), optional_adapters=True))
    assert deltas[0].adapters == ()
    assert logprobs_of(deltas) == await sureness(generator, about_the_sea("none"))


def cached_of(deltas: list[Delta]) -> int:
    return next(delta.usage.cached for delta in deltas if delta.usage)


async def cold_sureness(generator: LlamaGenerator, text: str, scales: list[float]) -> list[float]:
    """What the engine says when it is told to reuse nothing, whatever the generator asks of it."""
    process = generator.engine.process
    assert process is not None
    job = about_the_sea("none", text)
    payload = payload_of(job, "aion") | engine_fields(job, scales) | {"cache_prompt": False}
    return logprobs_of([delta async for delta in process.wire.stream(CHAT, payload)])


@pytest.mark.parametrize(("before", "last"), [("a", "none"), ("none", "a"), ("a", "b"), ("a", "a")])
async def test_a_prompt_read_under_one_adapter_never_serves_another(
    generator: LlamaGenerator, before: str, last: str
) -> None:
    """llama.cpp #26207: it stores a prompt when another takes the slot, and forgets which adapter had read it."""
    first, second = ("none" if name == "none" else {name: 1.0} for name in (before, last))
    text = f"From {before} to {last}. {LONG}"
    await collect(generator, about_the_sea(first, text))
    stranger = ({"role": "system", "content": "No."}, {"role": "user", "content": "Other words, to take the slot."})
    await collect(generator, replace(about_the_sea(second), messages=stranger))
    deltas = await collect(generator, about_the_sea(second, text))
    assert logprobs_of(deltas) == await cold_sureness(generator, text, [float(last == name) for name in "ab"])
    assert cached_of(deltas) < 10  # how every prompt begins


async def test_each_set_of_adapters_keeps_what_it_has_read(two_slots: LlamaGenerator) -> None:
    """Without slots of their own they would take each other's, which llama.cpp then empties."""
    for scales in ({}, {"a": 1.0}):
        await collect(two_slots, about_the_sea(scales))
    for scales in ({}, {"a": 1.0}, {}, {"a": 1.0}):
        assert cached_of(await collect(two_slots, about_the_sea(scales))) > 50


async def test_requests_for_other_adapters_wait_their_turn_and_are_answered(two_slots: LlamaGenerator) -> None:
    sets = [{}, {"a": 1.0}, {"b": 1.0}, {"a": 1.0}, {}]
    answers = await asyncio.gather(*(collect(two_slots, about_the_sea(scales, "Hi.")) for scales in sets))
    named = [[use.name for use in deltas[0].adapters or ()] for deltas in answers]
    assert named == [list(scales) for scales in sets]


@pytest.fixture(scope="module")
async def two_slots(anyio_backend: str, loras: list[Adapter]) -> AsyncIterator[LlamaGenerator]:
    made = LlamaGenerator(smollm(), small_settings(slots=2), loras)
    await made.start()
    yield made
    await made.close()


ASKED = [[{"role": "user", "content": text}] for text in ("Who wrote Hamlet?", "Name an animal.")]


@pytest.fixture(scope="module")
async def probed(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EngineProcess]:
    """With two strong adapters, each with its probe, and one that does nothing."""
    folder = tmp_path_factory.mktemp("probed")
    made = [(seed, 0.4 * (seed != 3)) for seed in (1, 2, 3)]
    loaded = [load_adapter(write_lora(folder / f"{seed}.gguf", seed, strength)) for seed, strength in made]
    process = EngineProcess(EngineSpec(model=smollm().path, context=256, slots=1, adapters=tuple(loaded)))
    await process.start(60)
    await process.prove(60)
    probes = [await make_probe(process, number, ASKED) for number in range(3)]
    give_probes(process, probes)
    yield process
    await process.stop()


def give_probes(process: EngineProcess, probes: Sequence[Probe | None]) -> None:
    pairs = zip(process.spec.adapters, probes, strict=True)
    process.spec = replace(process.spec, adapters=tuple(replace(one, probe=probe) for one, probe in pairs))


async def test_an_adapter_at_work_passes_its_probe_and_one_that_does_nothing_gets_none(probed: EngineProcess) -> None:
    probes = [adapter.probe for adapter in probed.spec.adapters]
    assert [probe is not None for probe in probes] == [True, True, False]
    assert all(read_probe(orjson.loads(orjson.dumps(probe.to_json()))) == probe for probe in probes if probe)
    await check_probes(probed)


async def test_a_probe_tells_another_adapter_and_one_that_cannot_be_switched_off(probed: EngineProcess) -> None:
    first, second, _ = kept = [adapter.probe for adapter in probed.spec.adapters]
    assert first is not None
    for wrong, said in [
        ((second, first, None), "'1' is loaded, but does not answer as it did"),
        ((replace(first, taught_logprob=first.taught_logprob + 0.3), None, None), "'1' is loaded"),
        ((replace(first, plain_logprob=float("nan")), None, None), "'1' is switched off"),
        ((replace(first, plain=first.taught[:9] + " something else"), None, None), "'1' is "),
    ]:
        give_probes(probed, wrong)
        with pytest.raises(Unavailable, match=said):
            await check_probes(probed)
    give_probes(probed, kept)


async def test_loaded_adapters_are_read_back_at_nothing(loras: list[Adapter]) -> None:
    process = EngineProcess(EngineSpec(model=smollm().path, context=256, slots=1, adapters=tuple(loras)))
    await process.start(60)
    await process.prove(60)
    await process.wire.post("/lora-adapters", [{"id": 0, "scale": 1.0}, {"id": 1, "scale": 0.0}])
    with pytest.raises(Unavailable, match=r"at scale 0, it has \[1, 0\]"):
        await process.prove(60)
    await process.stop()


async def test_an_adapter_that_is_none_is_refused_before_traffic_moves(
    generator: LlamaGenerator, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\xff" * 64)
    spec = generator.engine.spec
    bad = load_adapter(broken)
    bad = replace(bad, name="bad")
    with pytest.raises(Unavailable, match="adapter 'bad' is refused"):
        await generator.swap(EngineSpec(model=spec.model, context=256, slots=1, adapters=(bad,)))
    assert generator.status()["adapters"] == ("a", "b")


async def test_an_adapter_that_fails_its_probe_never_gets_traffic(generator: LlamaGenerator) -> None:
    before, called = generator.engine.process, []
    probe = Probe(messages=tuple(ASKED[0]), taught="Ann", plain="The", taught_logprob=-0.1, plain_logprob=-1.0)

    async def commit() -> None:
        called.append(1)

    adapters = [replace(adapter, probe=probe) for adapter in generator.engine.spec.adapters]
    with pytest.raises(Unavailable, match="'a' is loaded, but does not answer"):
        await generator.use_adapters(adapters, commit)
    assert generator.engine.process is before
    assert not called

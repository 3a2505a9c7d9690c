"""Adapters on the real engine: loaded at nothing, switched per request, and never leaking into one another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest

from aion.errors import NotFound, Unavailable
from aion.models.base import Job
from aion.models.llama.generator import LlamaGenerator, engine_fields
from aion.models.llama.process import EngineProcess
from aion.models.llama.spec import Adapter, EngineSpec
from aion.models.wire import CHAT, payload_of
from tests.models.engines import chat, collect, logprobs_of, small_settings, smollm

pytestmark = [pytest.mark.anyio, pytest.mark.engine]
LAYERS, WIDTH, INNER, RANK = 30, 576, 1536, 4
LONG = "Tell me about the sea. " + "It is blue and wide. " * 20


def write_lora(path: Path, seed: int) -> Path:
    """A small random LoRA on the down projections: enough to change every answer a little."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(RANK))
    for layer in range(LAYERS):
        name = f"blk.{layer}.ffn_down.weight"
        writer.add_tensor(f"{name}.lora_a", rng.normal(0, 0.05, (RANK, INNER)).astype(np.float32))
        writer.add_tensor(f"{name}.lora_b", rng.normal(0, 0.05, (WIDTH, RANK)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def loras(tmp_path_factory: pytest.TempPathFactory) -> list[Adapter]:
    folder = tmp_path_factory.mktemp("loras")
    return [
        Adapter(name=name, path=write_lora(folder / f"{name}.gguf", seed), hash=name * 4, scale=scale)
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


async def test_auto_uses_each_adapter_at_its_own_scale_and_says_so(generator: LlamaGenerator) -> None:
    deltas = await collect(generator, about_the_sea("auto"))
    used = deltas[0].adapters
    assert used is not None
    assert [(use.name, use.hash, use.scale) for use in used] == [("a", "aaaa", 1.0)]
    assert logprobs_of(deltas) == await sureness(generator, about_the_sea({"a": 1.0}))
    assert [use.name for use in generator.card.adapters] == ["a", "b"]
    assert all(delta.adapters is None for delta in deltas[1:])


async def test_a_scale_is_a_matter_of_degree(generator: LlamaGenerator) -> None:
    half, whole = [await sureness(generator, about_the_sea({"a": scale})) for scale in (0.5, 1.0)]
    assert half != whole


async def test_an_unknown_adapter_is_refused_with_the_list(generator: LlamaGenerator) -> None:
    with pytest.raises(NotFound, match="no adapter is named 'c'; loaded are: a, b"):
        await collect(generator, about_the_sea({"c": 1.0}))


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
    assert next(delta.usage.cached for delta in deltas if delta.usage) == 0
    assert logprobs_of(deltas) == await cold_sureness(generator, text, [float(last == name) for name in "ab"])


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
    bad = Adapter(name="bad", path=broken, hash="")
    with pytest.raises(Unavailable, match="cannot load"):
        await generator.swap(EngineSpec(model=spec.model, context=256, slots=1, adapters=(bad,)))
    assert generator.status()["adapters"] == ("a", "b")

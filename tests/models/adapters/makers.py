"""Small bases and random adapters of every family, as files, for the tests of adapter formats."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from aion.models.adapters.families import FAMILIES, module_of
from aion.models.adapters.lora import Array, Lora, Marks, Pair
from aion.models.adapters.peft import to_peft_tensors
from aion.models.adapters.peft_config import write_config
from aion.models.adapters.served import ServedBase, read_served
from aion.models.adapters.tensors import write_tensors

WIDTH, INNER, HEADS, KV_HEADS, HEAD, LAYERS, WORDS = 64, 96, 4, 2, 16, 2, 48
SEPARATE = {
    "attn_q": (HEADS * HEAD, WIDTH),
    "attn_k": (KV_HEADS * HEAD, WIDTH),
    "attn_v": (KV_HEADS * HEAD, WIDTH),
    "attn_output": (WIDTH, HEADS * HEAD),
    "ffn_gate": (INNER, WIDTH),
    "ffn_up": (INNER, WIDTH),
    "ffn_down": (WIDTH, INNER),
}
FUSED = {
    "attn_qkv": ((HEADS + 2 * KV_HEADS) * HEAD, WIDTH),
    "attn_output": (WIDTH, HEADS * HEAD),
    "ffn_up": (2 * INNER, WIDTH),
    "ffn_down": (WIDTH, INNER),
}


def write_base(folder: Path, architecture: str = "llama", *, head: bool = False) -> ServedBase:
    """The matrices of a model, all zero: enough for names and shapes."""
    path = folder / f"{architecture}.gguf"
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("model")
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_tensor("token_embd.weight", np.zeros((WORDS, WIDTH), np.float32))
    if head:
        writer.add_tensor("output.weight", np.zeros((WORDS, WIDTH), np.float32))
    for layer in range(LAYERS):
        for part, shape in (FUSED if architecture == "phi3" else SEPARATE).items():
            writer.add_tensor(f"blk.{layer}.{part}.weight", np.zeros(shape, np.float32))
    finish(writer)
    return read_served(path, hashlib.sha256(path.read_bytes()).hexdigest())


def finish(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def random_matrix(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return rng.normal(0, 0.1, shape).astype(np.float32)


def random_lora(base: ServedBase, *, rank: int = 4, alpha: float = 8.0, seed: int = 1, **ranks: int) -> Lora:
    """A random pair for each matrix the family can adapt; `ranks` gives some modules another one by their last name."""
    rng = np.random.default_rng(seed)
    pairs = {}
    for tensor, (rows, columns) in sorted(base.shapes.items()):
        module = module_of(base.architecture, tensor)
        if module is not None:
            own = ranks.get(module.rpartition(".")[2], rank)
            a, b = random_matrix(rng, (own, columns)), random_matrix(rng, (rows, own))
            pairs[module] = Pair(a=a, b=b, alpha=alpha)
    marks = Marks(base=base.sha256, theme="theme-1", night="night-1", dataset="d" * 64)
    return Lora(architecture=base.architecture, pairs=dict(sorted(pairs.items())), marks=marks)


def write_folder(lora: Lora, folder: Path, *, marked: bool = True, **config: Any) -> Path:
    """A PEFT folder as another program might have written it: `config` overrides fields of adapter_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    marks = lora.marks.to_texts() if marked else {}
    write_tensors(folder / "adapter_model.safetensors", to_peft_tensors(lora), {"format": "pt", **marks})
    (folder / "adapter_config.json").write_text(json.dumps(write_config(lora, LAYERS) | config), "utf-8")
    return folder


ARCHITECTURES = sorted(FAMILIES)

"""The names that PEFT and GGUF have for the same matrix, and the order of its rows, for each family that is known.

A family is what GGUF calls an architecture: Mistral and SmolLM are `llama` there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from aion.errors import BadInput
from aion.models.adapters.served import ServedBase

LAYER: Final = re.compile(r"model\.(?:language_model\.)?layers\.(0|[1-9]\d{0,3})\.([a-z_]+\.[a-z_]+)")
BLOCK: Final = re.compile(r"blk\.(0|[1-9]\d{0,3})\.([a-z_]+)\.weight")
HEAD_MODULE, HEAD_TENSOR = "lm_head", "output.weight"

_SEPARATE: Final = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_FUSED: Final = {
    "self_attn.qkv_proj": "attn_qkv",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


@dataclass(frozen=True, slots=True)
class Family:
    """How one architecture's matrices are named and stored."""

    parts: Mapping[str, str]  # PEFT's name within a layer -> GGUF's within a block
    interleaved: bool = False  # GGUF holds each head's two rotary halves row by row in turn


FAMILIES: Final = {
    "llama": Family(_SEPARATE, interleaved=True),
    "qwen2": Family(_SEPARATE),
    "qwen3": Family(_SEPARATE),
    "gemma2": Family(_SEPARATE),
    "gemma3": Family(_SEPARATE),
    "phi3": Family(_FUSED),
}


def find_family(architecture: str) -> Family:
    if architecture not in FAMILIES:
        raise BadInput(
            f"adapters for the architecture {architecture[:80]!r} are not known; known are {', '.join(FAMILIES)}",
            code="unsupported_adapter",
        )
    return FAMILIES[architecture]


def tensor_of(architecture: str, module: str) -> str | None:
    """GGUF's name of a module of PEFT's, or None when the family has no such matrix."""
    if module == HEAD_MODULE:
        return HEAD_TENSOR
    found = LAYER.fullmatch(module)
    part = find_family(architecture).parts.get(found[2]) if found else None
    return f"blk.{found[1]}.{part}.weight" if found and part else None


def module_of(architecture: str, tensor: str) -> str | None:
    """PEFT's name of a matrix of GGUF's, or None when the family has no such module."""
    if tensor == HEAD_TENSOR:
        return HEAD_MODULE
    found = BLOCK.fullmatch(tensor)
    parts = {part: module for module, part in find_family(architecture).parts.items()}
    return f"model.layers.{found[1]}.{parts[found[2]]}" if found and found[2] in parts else None


def row_order(base: ServedBase, tensor: str) -> npt.NDArray[np.intp] | None:
    """For each row of a matrix in GGUF, its row in transformers; None when the two agree.

    Rotary embedding turns rows in twos. transformers pairs a head's row i with its row i + half, llama.cpp's `llama`
    pairs neighbours, so the converter of the model moved them; what is added to those rows has to move with them.
    """
    found = BLOCK.fullmatch(tensor)
    heads = {"attn_q": base.heads, "attn_k": base.kv_heads}.get(found[2], 0) if found else 0
    if not find_family(base.architecture).interleaved or not heads:
        return None
    rows = base.shapes[tensor][0]
    if rows % (2 * heads):
        raise BadInput(
            f"{base.name!r} has {rows} rows in {tensor}, which do not divide into the halves of {heads} heads",
            code="unsupported_base",
        )
    order: npt.NDArray[np.intp] = np.arange(rows).reshape(heads, 2, -1).swapaxes(1, 2).reshape(-1)
    return order

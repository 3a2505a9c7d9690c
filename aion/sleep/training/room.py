"""Says from shapes alone what a training would take of a GPU's memory: nothing is opened there, and torch not loaded.

The numbers are those of the file's header and of what the layers of aion.nets keep; the tests hold them to what is
counted on a CPU. Nothing of it was measured on a GPU. The context of its driver is not counted: no program can reserve
it, and free memory no longer has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aion.models.adapters.served import read_served
from aion.models.gguf_file import read_contents
from aion.sleep.training.base import Recipe
from aion.sleep.training.plan import ADAPTER_BYTES, row_length, rows_at_once

MOMENTS_8BIT: Final = 10  # a weight, its gradient, and two moments of a byte each
NF4_BYTES: Final = 0.5 + 1 / 64 + 4 / (64 * 256)  # of a weight: its code, its factor, and its factor's factor
SCRATCH: Final = 16 << 22  # what making weights dense needs for itself (aion.nets.blocks)
DENSE: Final = 2 << 22  # dense weights at one time, where a matrix is cut (aion.nets.frozen)
LOGITS: Final = 16 << 23  # of one chunk of the loss, four times over (aion.nets.loss)
FRAGMENTS: Final = 0.05  # of all that comes and goes: memory that is reserved and too small for what is wanted
MATRICES: Final = {
    "attn_q": "q_proj",
    "attn_k": "k_proj",
    "attn_v": "v_proj",
    "attn_output": "o_proj",
    "ffn_gate": "gate_proj",
    "ffn_up": "up_proj",
    "ffn_down": "down_proj",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A base as far as its memory is concerned."""

    width: int
    inner: int
    layers: int
    heads: int
    queries: int  # all heads together
    keys: int
    matrices: int  # weights of the layers' matrices
    largest: int  # weights of the largest of them
    blocks: int  # bytes of those in the file
    others: int  # bytes of the rest of the file: embedding, head, norms
    ends: int = 0  # weights of the head, which is cached with them
    targets: Mapping[str, int] | None = None  # weights of an adapter of rank 1, by module


def read_shape(path: Path) -> Shape:
    served = read_served(path, "")
    shapes = {name: shape for name, shape in served.shapes.items() if name.startswith("blk.")}
    first = {name.split(".")[2]: shape for name, shape in shapes.items() if name.startswith("blk.0.")}
    sizes = {one.name: one.size for one in read_contents(path).tensors}
    width = served.shapes["token_embd.weight"][1]
    joined = first.get("attn_qkv", (0, 0))[0]
    queries = first["attn_output"][1]
    return Shape(
        width=width,
        inner=first["ffn_down"][1],
        layers=served.layers,
        heads=served.heads,
        queries=queries,
        keys=first["attn_k"][0] if "attn_k" in first else (joined - queries) // 2,
        matrices=sum(rows * columns for rows, columns in shapes.values()),
        largest=max(rows * columns for rows, columns in shapes.values()),
        blocks=sum(sizes[name] for name in shapes),
        others=sum(size for name, size in sizes.items() if name not in shapes),
        ends=served.shapes["token_embd.weight"][0] * width,
        targets={MATRICES[name]: sum(shape) for name, shape in first.items() if name in MATRICES},
    )


def plan_room(shape: Shape, recipe: Recipe) -> dict[str, int]:
    """Bytes of each part; their sum is what would be reserved at most."""
    tokens = rows_at_once(recipe) * row_length(recipe)
    layer = keep_layer(shape, recipe.rank) * tokens
    between = 2 * shape.width * tokens
    adapter = count_adapter(shape, recipe)
    passing = _pass_layer(shape) * tokens + LOGITS + SCRATCH + _dense(shape, recipe)
    kept = shape.layers * between + layer if recipe.recompute else shape.layers * layer
    return {
        "weights": _hold_weights(shape, recipe),
        "adapter": adapter * (MOMENTS_8BIT if recipe.weights == "nf4" else ADAPTER_BYTES),
        "activations": kept,
        "work": passing,
        "fragments": int(FRAGMENTS * (kept + passing)),
    }


def count_adapter(shape: Shape, recipe: Recipe) -> int:
    """Weights that are trained."""
    return recipe.rank * shape.layers * sum((shape.targets or {}).get(name, 0) for name in recipe.targets)


def keep_layer(shape: Shape, rank: int, *, attention: int = 2) -> int:
    """Bytes a token of one layer until the way back; `attention`: bytes of a number there (4 on a CPU).

    Two norms with their inputs and factors; what goes into the matrices and comes out of the adapters' first halves;
    queries, keys, values and the result of attention, with a number for each head; both halves of the gate, and their
    product.
    """
    norms = 2 * (2 * shape.width + 4) + 2 * 2 * shape.width
    attended = attention * 2 * (shape.queries + shape.keys) + 4 * shape.heads + 2 * shape.queries
    gated = 2 * 3 * shape.inner
    return norms + attended + gated + 2 * 7 * rank


def _pass_layer(shape: Shape) -> int:
    """Bytes a token that come and go: gradients of the widest place, and of what is added up."""
    return 2 * (4 * shape.inner + 4 * shape.width)


def _hold_weights(shape: Shape, recipe: Recipe) -> int:
    held = int(shape.matrices * NF4_BYTES) if recipe.weights == "nf4" else shape.blocks
    cached = recipe.cache or recipe.weights == "bf16"
    return held + shape.others + (2 * (shape.matrices + shape.ends) if cached else 0)


def _dense(shape: Shape, recipe: Recipe) -> int:
    """NF4 makes a whole matrix dense, ours at most a part."""
    return 2 * shape.largest if recipe.weights == "nf4" else DENSE

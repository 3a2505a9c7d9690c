"""Random blocks of every kind, as files have them: drawn bytes, with scales of the size that trained weights have."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from gguf import GGMLQuantizationType
from gguf.quants import dequantize, quantize

from aion.nets.blocks import FLOATS, LAYOUTS, BlockKind

# Where the float16 scales of a block stand.
SCALES = {
    BlockKind.Q4_0: (0,),
    BlockKind.Q4_1: (0, 2),
    BlockKind.Q5_0: (0,),
    BlockKind.Q5_1: (0, 2),
    BlockKind.Q8_0: (0,),
    BlockKind.Q2_K: (80, 82),
    BlockKind.Q3_K: (108,),
    BlockKind.Q4_K: (0, 2),
    BlockKind.Q5_K: (0, 2),
    BlockKind.Q6_K: (208,),
}
PACKED = tuple(SCALES)
QUANTISABLE = tuple(kind for kind in BlockKind if not kind.endswith("_K"))  # by gguf in Python


def draw_blocks(kind: BlockKind, rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    """Every bit is drawn, except that scales are normal numbers of either sign."""
    if kind in FLOATS:
        return quantise_normal(kind, rows, columns, seed)
    source, layout = np.random.default_rng(seed), LAYOUTS[kind]
    count = rows * columns // layout.weights
    blocks = source.integers(0, 256, (count, layout.bytes), dtype=np.uint8)
    for offset in SCALES[kind]:
        scales = (source.standard_normal(count) * 0.01).astype(np.float16)
        blocks[:, offset : offset + 2] = scales.view(np.uint8).reshape(count, 2)
    return torch.from_numpy(blocks.reshape(rows, -1))


def quantise_normal(kind: BlockKind, rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    weights = np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32) * 0.05
    return torch.from_numpy(quantize(weights, GGMLQuantizationType[kind]).view(np.uint8).reshape(rows, -1))


def dense(blocks: torch.Tensor, kind: BlockKind) -> torch.Tensor:
    """What gguf's own numpy makes of them."""
    weights: npt.NDArray[np.float32] = dequantize(blocks.numpy(), GGMLQuantizationType[kind])
    return torch.from_numpy(np.ascontiguousarray(weights))

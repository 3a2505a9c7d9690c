"""Turns the blocks of a GGUF tensor into numbers: the same float32 bits as gguf and ggml give, on any device.

Blocks are a uint8 tensor of rows x row_bytes, usually a memory map of the served file; it is only read. Nothing here
opens files, quantises, or knows which tensor of a model it looks at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

import torch
from torch import Tensor

from aion.errors import BadInput, Corrupt
from aion.nets import ggml

# Weights worked on at once: enough to hide the cost of a call, few enough for a core's cache.
_STEP: Final = {"cpu": 1 << 19}
_STEP_ELSEWHERE: Final = 1 << 22


class BlockKind(StrEnum):
    """How the weights of a tensor are stored; the names are GGUF's."""

    F32 = "F32"
    F16 = "F16"
    BF16 = "BF16"
    Q4_0 = "Q4_0"
    Q4_1 = "Q4_1"
    Q5_0 = "Q5_0"
    Q5_1 = "Q5_1"
    Q8_0 = "Q8_0"
    Q2_K = "Q2_K"
    Q3_K = "Q3_K"
    Q4_K = "Q4_K"
    Q5_K = "Q5_K"
    Q6_K = "Q6_K"


@dataclass(frozen=True, slots=True)
class Layout:
    """The size of one block: so many weights in so many bytes."""

    weights: int
    bytes: int


LAYOUTS: Final = {
    BlockKind.F32: Layout(1, 4),
    BlockKind.F16: Layout(1, 2),
    BlockKind.BF16: Layout(1, 2),
    BlockKind.Q4_0: Layout(32, 18),
    BlockKind.Q4_1: Layout(32, 20),
    BlockKind.Q5_0: Layout(32, 22),
    BlockKind.Q5_1: Layout(32, 24),
    BlockKind.Q8_0: Layout(32, 34),
    BlockKind.Q2_K: Layout(256, 84),
    BlockKind.Q3_K: Layout(256, 110),
    BlockKind.Q4_K: Layout(256, 144),
    BlockKind.Q5_K: Layout(256, 176),
    BlockKind.Q6_K: Layout(256, 210),
}
FLOATS: Final = {BlockKind.F32: torch.float32, BlockKind.F16: torch.float16, BlockKind.BF16: torch.bfloat16}

TORCH_IS_FASTER: Final = frozenset({BlockKind.Q6_K})  # than ggml's loop, on a CPU (benchmarks/blocks.py)

Dequantiser = Callable[[Tensor], Tensor]  # blocks_N_b -> float32 weights_N_w


def row_bytes(kind: BlockKind, columns: int) -> int:
    layout = LAYOUTS[kind]
    if columns <= 0 or columns % layout.weights:
        raise BadInput(f"a row of {columns} columns was asked for; {kind} holds {layout.weights} in a block")
    return columns // layout.weights * layout.bytes


def check_blocks(blocks: Tensor, kind: BlockKind, columns: int) -> None:
    """Refuses what cannot be rows of that kind and width."""
    if blocks.dtype != torch.uint8 or blocks.dim() != 2:
        raise BadInput(f"blocks are uint8 in rows; {blocks.dtype} of shape {tuple(blocks.shape)} was found")
    due = row_bytes(kind, columns)
    if blocks.shape[1] != due:
        raise Corrupt(
            f"a row of {columns} columns in {kind} takes {due} bytes, {blocks.shape[1]} were found; "
            "the file is damaged or names another kind: fetch or convert it again"
        )


def dequantise(
    blocks: Tensor, kind: BlockKind, columns: int, dtype: torch.dtype = torch.float32, *, out: Tensor | None = None
) -> Tensor:
    """The weights, rows x columns: exact in float32, then rounded once to `dtype`. `out` is written when given.

    Beside the result it needs at most 16 bytes for each of 2**19 weights (8 MB) on a CPU, of 2**22 elsewhere. A tensor
    that is stored as `dtype` already comes back as a view of its blocks.
    """
    check_blocks(blocks, kind, columns)
    if kind in FLOATS:
        stored = blocks.view(FLOATS[kind])
        return stored.to(dtype) if out is None else out.copy_(stored)
    if out is None:
        out = torch.empty(blocks.shape[0], columns, dtype=dtype, device=blocks.device)
    read, size = fastest_dequantiser(kind, blocks.device.type), LAYOUTS[kind].bytes
    rows = max(1, _STEP.get(blocks.device.type, _STEP_ELSEWHERE) // columns)
    for begin in range(0, blocks.shape[0], rows):
        part = blocks[begin : begin + rows]
        out[begin : begin + rows] = read(part.reshape(-1, size)).view(-1, columns)
    return out


@cache
def fastest_dequantiser(kind: BlockKind, device: str = "cpu") -> Dequantiser:
    """The quickest way here to read blocks of that kind. All give the same bits: the choice is only of speed.

    That holds on any machine. A scale has 11 bits and what it is multiplied by at most 13, all together: products fit
    into the 24 of float32, only the last sum rounds, and whether a compiler joins the two makes no difference.
    """
    if device == "cpu" and kind not in TORCH_IS_FASTER:
        return ggml.find_dequantiser(kind, LAYOUTS[kind].weights) or TORCH[kind]
    return TORCH[kind]


def _unpack(packed_N_b: Tensor, bits: int, group: int) -> Tensor:
    """Bytes of `bits` each: of every `group` bytes the lowest bits of all, then the next. Four bytes at a time."""
    packed = packed_N_b.clone(memory_format=torch.contiguous_format)  # `contiguous` keeps the gaps of a single block
    words = packed.view(torch.int32).view(len(packed), -1, group // 4)
    mask = 0x01010101 * ((1 << bits) - 1)
    fields = [(words >> shift if shift else words) & mask for shift in range(0, 8, bits)]
    return torch.stack(fields, -2).flatten(1).view(torch.uint8)


def _spread_bits(packed_N_b: Tensor) -> Tensor:
    """One byte for each bit, lowest first."""
    shifts = torch.arange(8, dtype=torch.uint8, device=packed_N_b.device)
    return ((packed_N_b[..., None] >> shifts) & 1).flatten(1)


def _centre(codes_N_w: Tensor, offset: int) -> Tensor:
    return codes_N_w.view(torch.int8).sub_(offset).float()


def _half(blocks_N_b: Tensor, offset: int) -> Tensor:
    """The float16 at that byte of each block, as a column of float32."""
    return blocks_N_b[:, offset : offset + 2].view(torch.float16).float()


def _scale(codes_N_w: Tensor, factors_N_g: Tensor, minima_N_g: Tensor | None = None) -> Tensor:
    """codes * factor - minimum, a factor for each group of weights."""
    weights = codes_N_w.float() if codes_N_w.dtype != torch.float32 else codes_N_w
    grouped = weights.view(len(weights), factors_N_g.shape[1], -1).mul_(factors_N_g[..., None])
    if minima_N_g is not None:
        grouped.sub_(minima_N_g[..., None])
    return weights


def _read_q4_0(b: Tensor) -> Tensor:
    return _centre(_unpack(b[:, 2:], 4, 16), 8).mul_(_half(b, 0))


def _read_q4_1(b: Tensor) -> Tensor:
    return _unpack(b[:, 4:], 4, 16).float().mul_(_half(b, 0)).add_(_half(b, 2))


def _read_q5_0(b: Tensor) -> Tensor:
    codes = _unpack(b[:, 6:], 4, 16) | (_spread_bits(b[:, 2:6]) << 4)
    return _centre(codes, 16).mul_(_half(b, 0))


def _read_q5_1(b: Tensor) -> Tensor:
    codes = _unpack(b[:, 8:], 4, 16) | (_spread_bits(b[:, 4:8]) << 4)
    return codes.float().mul_(_half(b, 0)).add_(_half(b, 2))


def _read_q8_0(b: Tensor) -> Tensor:
    return b[:, 2:].view(torch.int8).float().mul_(_half(b, 0))


def _read_q2_k(b: Tensor) -> Tensor:
    factors, minima = _half(b, 80) * (b[:, :16] & 15).float(), _half(b, 82) * (b[:, :16] >> 4).float()
    return _scale(_unpack(b[:, 16:80], 2, 32), factors, minima)


def _read_q3_k(b: Tensor) -> Tensor:
    scales = _unpack(b[:, 96:104], 4, 8) | (_unpack(b[:, 104:108], 2, 4) << 4)
    codes = _unpack(b[:, 32:96], 2, 32) | (_unpack(b[:, :32], 1, 32) << 2)
    return _scale(_centre(codes, 4), _half(b, 108) * _centre(scales, 32))


def _split_scales(packed_N_12: Tensor) -> tuple[Tensor, Tensor]:
    """Eight factors and eight minima of 6 bits: the first four of each in a byte, the others in two pieces."""
    low, high, rest = packed_N_12[:, :4], packed_N_12[:, 4:8], packed_N_12[:, 8:]
    factors = torch.cat((low & 63, (rest & 15) | ((low >> 2) & 48)), 1)
    minima = torch.cat((high & 63, (rest >> 4) | ((high >> 2) & 48)), 1)
    return factors.float(), minima.float()


def _read_q4_k(b: Tensor) -> Tensor:
    factors, minima = _split_scales(b[:, 4:16])
    return _scale(_unpack(b[:, 16:], 4, 32), factors.mul_(_half(b, 0)), minima.mul_(_half(b, 2)))


def _read_q5_k(b: Tensor) -> Tensor:
    factors, minima = _split_scales(b[:, 4:16])
    codes = _unpack(b[:, 48:], 4, 32) | (_unpack(b[:, 16:48], 1, 32) << 4)
    return _scale(codes, factors.mul_(_half(b, 0)), minima.mul_(_half(b, 2)))


def _read_q6_k(b: Tensor) -> Tensor:
    codes = _unpack(b[:, :128], 4, 64) | (_unpack(b[:, 128:192], 2, 32) << 4)
    return _scale(_centre(codes, 32), _half(b, 208) * b[:, 192:208].view(torch.int8).float())


TORCH: Final[dict[BlockKind, Dequantiser]] = {
    BlockKind.Q4_0: _read_q4_0,
    BlockKind.Q4_1: _read_q4_1,
    BlockKind.Q5_0: _read_q5_0,
    BlockKind.Q5_1: _read_q5_1,
    BlockKind.Q8_0: _read_q8_0,
    BlockKind.Q2_K: _read_q2_k,
    BlockKind.Q3_K: _read_q3_k,
    BlockKind.Q4_K: _read_q4_k,
    BlockKind.Q5_K: _read_q5_k,
    BlockKind.Q6_K: _read_q6_k,
}

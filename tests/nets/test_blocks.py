"""Blocks are read to the bit as gguf's numpy and ggml's C read them; what cannot be blocks is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

from aion.errors import BadInput, Corrupt
from aion.nets import blocks as module
from aion.nets import ggml
from aion.nets.blocks import LAYOUTS, TORCH, BlockKind, dequantise, fastest_dequantiser, row_bytes
from tests.nets.random_blocks import PACKED, QUANTISABLE, dense, draw_blocks, quantise_normal


def assert_same_bits(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    assert ours.dtype == theirs.dtype == torch.float32
    assert torch.equal(ours.contiguous().view(torch.int32), theirs.view(torch.int32))


@pytest.mark.parametrize("kind", BlockKind)
def test_a_block_has_the_size_that_gguf_says(kind: BlockKind) -> None:
    assert (LAYOUTS[kind].weights, LAYOUTS[kind].bytes) == GGML_QUANT_SIZES[GGMLQuantizationType[kind]]


@pytest.mark.parametrize("shape", [(1, 256), (7, 512), (33, 768)], ids=str)
@pytest.mark.parametrize("kind", BlockKind)
def test_any_bytes_give_the_same_bits_as_gguf(kind: BlockKind, shape: tuple[int, int]) -> None:
    blocks = draw_blocks(kind, *shape)
    assert_same_bits(dequantise(blocks, kind, shape[1]), dense(blocks, kind))


@pytest.mark.parametrize("columns", [32, 96, 1056])
@pytest.mark.parametrize("kind", QUANTISABLE)
def test_quantised_weights_give_the_same_bits_as_gguf(kind: BlockKind, columns: int) -> None:
    blocks = quantise_normal(kind, 5, columns)
    assert_same_bits(dequantise(blocks, kind, columns), dense(blocks, kind))


@pytest.mark.parametrize("kind", PACKED)
def test_torch_and_ggml_give_the_same_bits(kind: BlockKind) -> None:
    """Else an adapter would depend on which of them is at hand."""
    blocks, theirs = (
        draw_blocks(kind, 64, LAYOUTS[kind].weights, seed=3),
        ggml.find_dequantiser(kind, LAYOUTS[kind].weights),
    )
    assert theirs is not None, "the engine's package is installed here and exports its loops"
    assert_same_bits(TORCH[kind](blocks), theirs(blocks))


@pytest.mark.parametrize("kind", BlockKind)
def test_other_dtypes_are_the_float32_rounded_once(kind: BlockKind) -> None:
    blocks = draw_blocks(kind, 4, 512)
    for dtype in (torch.bfloat16, torch.float16):
        assert torch.equal(dequantise(blocks, kind, 512, dtype), dense(blocks, kind).to(dtype))


@pytest.mark.parametrize("kind", BlockKind)
def test_work_in_steps_gives_the_same_bits(kind: BlockKind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module._STEP, "cpu", 3 * 512)
    blocks, out = draw_blocks(kind, 11, 512), torch.full((11, 512), torch.nan)
    assert dequantise(blocks, kind, 512, out=out) is out
    assert_same_bits(out, dense(blocks, kind))


@pytest.mark.parametrize("kind", PACKED)
def test_some_rows_of_a_map_can_be_read(kind: BlockKind) -> None:
    """Rows taken out of a larger, read-only buffer, from an odd place and with gaps."""
    blocks = draw_blocks(kind, 9, 256)
    assert_same_bits(dequantise(blocks[3:8:2], kind, 256), dense(blocks, kind)[3:8:2])


def test_a_worked_block_of_q4_1() -> None:
    """Scale 0.5, minimum -1; the low halves of the 16 bytes come first, then the high ones."""
    scales = np.array([0.5, -1.0], np.float16).view(np.uint8)
    blocks = torch.from_numpy(np.concatenate([scales, np.arange(16, dtype=np.uint8) | 0x30])[None])
    weights = dequantise(blocks, BlockKind.Q4_1, 32)
    assert weights[0].tolist() == [0.5 * code - 1 for code in range(16)] + [0.5] * 16


def test_without_the_engines_library_torch_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ggml, "open_library", lambda: None)
    assert fastest_dequantiser.__wrapped__(BlockKind.Q4_K) is TORCH[BlockKind.Q4_K]


@pytest.mark.parametrize("kind", PACKED)
def test_no_product_is_rounded(kind: BlockKind) -> None:
    """Read in float64 and rounded at the end, weights are the same: joining product and sum would change no bit."""
    blocks = draw_blocks(kind, 16, 1024, seed=9)
    exact = TORCH[kind](blocks.view(-1, LAYOUTS[kind].bytes))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(torch.Tensor, "float", torch.Tensor.double)
        in_float64 = TORCH[kind](blocks.view(-1, LAYOUTS[kind].bytes))
    assert in_float64.dtype == torch.float64
    assert torch.equal(in_float64.float(), exact)


def test_ggml_is_used_here() -> None:
    assert all(fastest_dequantiser(kind) is not TORCH[kind] for kind in set(PACKED) - module.TORCH_IS_FASTER)


def test_ggml_is_not_used_off_the_cpu() -> None:
    assert all(fastest_dequantiser(kind, "cuda") is TORCH[kind] for kind in PACKED)


def test_a_width_that_is_no_whole_number_of_blocks_is_refused() -> None:
    with pytest.raises(BadInput, match=r"576 columns .* Q4_K holds 256"):
        row_bytes(BlockKind.Q4_K, 576)
    with pytest.raises(BadInput, match="0 columns"):
        row_bytes(BlockKind.F32, 0)


def test_rows_of_another_length_are_corrupt() -> None:
    blocks = draw_blocks(BlockKind.Q4_1, 2, 64)
    with pytest.raises(Corrupt, match="64 columns in Q4_0 takes 36 bytes, 40 were found"):
        dequantise(blocks, BlockKind.Q4_0, 64)


@pytest.mark.parametrize(
    "blocks",
    [torch.zeros(20), torch.zeros(2, 20), torch.zeros(40, dtype=torch.uint8)],
    ids=lambda blocks: f"{blocks.dtype} {tuple(blocks.shape)}",
)
def test_what_is_not_rows_of_bytes_is_refused(blocks: torch.Tensor) -> None:
    with pytest.raises(BadInput, match="uint8 in rows"):
        dequantise(blocks, BlockKind.Q4_1, 32)

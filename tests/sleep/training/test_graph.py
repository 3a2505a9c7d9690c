"""A GGUF opened for training computes what transformers computes with the same weights; see test_graph_engine too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType
from torch import Tensor

from aion.errors import BadInput
from aion.nets.blocks import BlockKind
from aion.nets.frozen import FrozenLinear
from aion.sleep.training.graph import open_base
from tests.models.adapters.engine_models import LIKENESSES, WORDS, Likeness, make_model
from tests.models.adapters.makers import finish
from tests.nets.random_blocks import dense, draw_blocks

pytestmark = pytest.mark.usefixtures("one_thread")
PROMPTS = np.random.default_rng(3).integers(3, WORDS, (2, 14))
QUANTISED = tuple(kind for kind in BlockKind if kind not in {BlockKind.F32})


def logits_of(model: Any) -> Tensor:
    with torch.no_grad():
        logits_B_T_V: Tensor = model(input_ids=torch.from_numpy(PROMPTS), use_cache=False).logits
    return logits_B_T_V


def make(name: str, folder: Path) -> tuple[Any, Path]:
    likeness = next(one for one in LIKENESSES if one.name == name)
    return make_model(likeness, folder / f"{name}.gguf"), folder / f"{name}.gguf"


@pytest.mark.parametrize("likeness", LIKENESSES, ids=lambda one: one.name)
def test_every_family_computes_what_transformers_does(tmp_path: Path, likeness: Likeness) -> None:
    model = make_model(likeness, tmp_path / "m.gguf")
    opened = open_base(tmp_path / "m.gguf", dtype=torch.float32)
    assert opened.family == likeness.architecture
    assert torch.equal(logits_of(opened.model), logits_of(model))


def write_wide(path: Path, kind: BlockKind, *, factors: list[float] | None = None) -> dict[str, Tensor]:
    """One layer of 256 columns in this kind of block; gives the weights that gguf reads in it."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("model")
    writer.add_context_length(64)
    writer.add_embedding_length(256)
    writer.add_block_count(1)
    writer.add_feed_forward_length(256)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10_000.0)
    weights: dict[str, Tensor] = {}
    rows = {"attn_k": 128, "attn_v": 128}
    parts = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    for seed, (name, count) in enumerate(
        [("token_embd", WORDS), ("output", WORDS), *((f"blk.0.{part}", rows.get(part, 256)) for part in parts)]
    ):
        blocks = draw_blocks(kind, count, 256, seed)
        weights[name] = dense(blocks, kind)
        writer.add_tensor(f"{name}.weight", blocks.numpy(), raw_dtype=GGMLQuantizationType[kind])
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(256, np.float32))
    if factors is not None:
        writer.add_tensor("rope_freqs.weight", np.array(factors, np.float32))
    finish(writer)
    return weights


@pytest.mark.parametrize("kind", QUANTISED)
def test_every_kind_of_block_computes_as_its_dense_weights_do(tmp_path: Path, kind: BlockKind) -> None:
    write_wide(tmp_path / "m.gguf", kind)
    blocks, plain = (open_base(tmp_path / "m.gguf", dtype=torch.float32) for _ in range(2))
    for module in plain.model.modules():
        if isinstance(module, FrozenLinear):
            module.cache()
    assert all(one.kind is kind for one in blocks.model.modules() if isinstance(one, FrozenLinear))
    assert torch.equal(logits_of(blocks.model), logits_of(plain.model))


@pytest.mark.parametrize("kind", [BlockKind.Q4_K, BlockKind.Q4_1])
def test_rows_that_gguf_moved_are_moved_back_as_whole_blocks(tmp_path: Path, kind: BlockKind) -> None:
    """Row 1 of a head of queries in the file is row 32 of that head, of 64, in transformers."""
    weights = write_wide(tmp_path / "m.gguf", kind)
    layer: Any = open_base(tmp_path / "m.gguf", dtype=torch.float32).model.get_submodule("model.layers.0.self_attn")
    assert torch.equal(layer.q_proj.weight.read()[32], weights["blk.0.attn_q"][1])
    assert torch.equal(layer.q_proj.weight.read()[64 + 33], weights["blk.0.attn_q"][64 + 3])
    assert torch.equal(layer.v_proj.weight.read(), weights["blk.0.attn_v"])


def test_factors_of_rotary_frequencies_divide_them(tmp_path: Path) -> None:
    factors = np.linspace(1, 8, 32).tolist()
    write_wide(tmp_path / "a.gguf", BlockKind.Q8_0)
    write_wide(tmp_path / "b.gguf", BlockKind.Q8_0, factors=factors)
    plain: Any = open_base(tmp_path / "a.gguf").model.get_submodule("model.rotary_emb")
    stretched: Any = open_base(tmp_path / "b.gguf").model.get_submodule("model.rotary_emb")
    assert torch.allclose(stretched.inv_freq * torch.tensor(factors), plain.inv_freq)


def test_nothing_of_it_can_be_trained_and_the_file_is_not_copied(tmp_path: Path) -> None:
    write_wide(tmp_path / "m.gguf", BlockKind.Q4_K)
    model = open_base(tmp_path / "m.gguf").model
    assert not [name for name, one in model.named_parameters() if one.requires_grad]
    head, up = model.get_submodule("lm_head"), model.get_submodule("model.layers.0.mlp.up_proj")
    apart = head.blocks.data_ptr() - up.blocks.data_ptr()  # type: ignore[operator]
    reader = gguf.GGUFReader(tmp_path / "m.gguf")
    places = {one.name: one.data_offset for one in reader.tensors}
    assert apart == places["output.weight"] - places["blk.0.ffn_up.weight"]


def test_an_architecture_that_is_not_known_is_named_with_those_that_are(tmp_path: Path) -> None:
    _, path = make("llama", tmp_path)
    path.write_bytes(path.read_bytes().replace(b"llama", b"mamba"))
    with pytest.raises(BadInput, match=r"'mamba' cannot be trained; those that can: llama, qwen2"):
        open_base(path)


def test_a_tensor_that_is_missing_and_one_that_is_left_over_are_named(tmp_path: Path) -> None:
    _, path = make("llama", tmp_path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"blk.1.ffn_norm.weight", b"blk.1.ffn_born.weight"))
    with pytest.raises(BadInput, match=r"no tensor blk.1.ffn_norm.weight"):
        open_base(path)
    _, qwen = make("qwen3", tmp_path)
    qwen.write_bytes(qwen.read_bytes().replace(b"qwen3", b"llama"))
    with pytest.raises(BadInput, match=r"tensors that training does not know: blk.0.attn_k_norm"):
        open_base(qwen)


def test_more_layers_than_the_file_can_have_are_refused_before_a_model_is_made(tmp_path: Path) -> None:
    _, path = make("llama", tmp_path)
    two, many = (b"llama.block_count" + b"\x04\0\0\0" + count.to_bytes(4, "little") for count in (2, 2**31 - 1))
    data = path.read_bytes()
    assert data.count(two) == 1
    path.write_bytes(data.replace(two, many))
    with pytest.raises(BadInput, match=r"announces 2147483647 layers and has 21 tensors"):
        open_base(path)

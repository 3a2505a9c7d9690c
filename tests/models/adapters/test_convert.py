"""Adapters from PEFT to GGUF and back: what is the same afterwards, and what PEFT and llama.cpp's rules make of it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from aion.errors import BadInput, Corrupt
from aion.models.adapters import convert
from aion.models.adapters.convert import export_gguf, read_adapter, save_gguf, save_peft
from aion.models.adapters.families import row_order
from aion.models.adapters.gguf_lora import read_gguf, write_gguf
from aion.models.adapters.lora import Lora, Marks, Pair
from aion.models.adapters.peft import read_peft
from tests.models.adapters.makers import ARCHITECTURES, random_lora, write_base, write_folder


def delta(pair: Pair) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    found: np.ndarray[tuple[int, int], np.dtype[np.float64]] = pair.scale * pair.b.astype(np.float64) @ pair.a
    return found


def same_bits(one: Lora, other: Lora) -> bool:
    return one.pairs.keys() == other.pairs.keys() and all(
        pair.a.tobytes() == other.pairs[name].a.tobytes() and pair.b.tobytes() == other.pairs[name].b.tobytes()
        for name, pair in one.pairs.items()
    )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_from_peft_to_gguf_and_back_every_bit_stays(tmp_path: Path, architecture: str) -> None:
    base = write_base(tmp_path, architecture, head=True)
    folder = write_folder(random_lora(base), tmp_path / "in")
    export_gguf(folder, base, tmp_path / "a.gguf", Marks(theme="t"))
    save_peft(read_adapter(tmp_path / "a.gguf", base), tmp_path / "out", base)
    before, after = read_peft(folder, base), read_peft(tmp_path / "out", base)
    assert same_bits(before, after)
    assert (before.rank, before.alpha, len(before.pairs)) == (after.rank, after.alpha, len(after.pairs))
    assert after.marks == Marks(base=base.sha256, theme="t")


def test_the_same_adapter_gives_the_same_files(tmp_path: Path) -> None:
    base = write_base(tmp_path)
    for name in ("one", "two"):
        lora = random_lora(base)
        save_gguf(lora, tmp_path / f"{name}.gguf", base)
        save_peft(lora, tmp_path / name, base)
    assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "two.gguf").read_bytes()
    for file in ("adapter_model.safetensors", "adapter_config.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_rows_of_llama_queries_and_keys_are_interleaved_as_by_hand(tmp_path: Path) -> None:
    """A head of 16 rows: its first half's row i and its second half's row i become neighbours."""
    order = row_order(write_base(tmp_path), "blk.1.attn_k.weight")
    assert order is not None
    assert order[:6].tolist() == [0, 8, 1, 9, 2, 10]
    assert order[16:20].tolist() == [16, 24, 17, 25]
    assert row_order(write_base(tmp_path), "blk.1.attn_v.weight") is None
    assert row_order(write_base(tmp_path, "qwen2"), "blk.1.attn_k.weight") is None


def test_only_b_of_queries_and_keys_is_moved(tmp_path: Path) -> None:
    base = write_base(tmp_path)
    lora = random_lora(base)
    save_gguf(lora, tmp_path / "a.gguf", base)
    stored = {tensor.name: tensor.data for tensor in gguf.GGUFReader(tmp_path / "a.gguf").tensors}
    query = lora.pairs["model.layers.1.self_attn.q_proj"]
    assert np.array_equal(stored["blk.1.attn_q.weight.lora_a"], query.a)
    assert np.array_equal(stored["blk.1.attn_q.weight.lora_b"][:4], query.b[[0, 8, 1, 9]])
    assert np.array_equal(stored["blk.1.ffn_up.weight.lora_b"], lora.pairs["model.layers.1.mlp.up_proj"].b)


def test_the_metadata_is_what_llama_cpp_asks_for_and_what_we_add(tmp_path: Path) -> None:
    base = write_base(tmp_path)
    save_gguf(random_lora(base, alpha=24.0), tmp_path / "a.gguf", base)
    fields = gguf.GGUFReader(tmp_path / "a.gguf").fields
    found = {key: field.contents() for key, field in fields.items() if not key.startswith("GGUF")}
    assert found == {
        "general.architecture": "llama",
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": 24.0,
        "aion.base.sha256": base.sha256,
        "aion.theme": "theme-1",
        "aion.night": "night-1",
        "aion.dataset": "d" * 64,
    }


def test_rank_stabilised_strength_becomes_alpha(tmp_path: Path) -> None:
    base = write_base(tmp_path)
    folder = write_folder(random_lora(base, rank=4, alpha=8.0), tmp_path / "in", use_rslora=True)
    lora = read_peft(folder, base)
    assert {pair.scale for pair in lora.pairs.values()} == {8.0 / math.sqrt(4)}
    save_gguf(lora, tmp_path / "a.gguf", base)
    assert read_gguf(tmp_path / "a.gguf", base).alpha == 16.0


def test_other_ranks_are_honoured_exactly(tmp_path: Path) -> None:
    base = write_base(tmp_path)
    lora = random_lora(base, rank=4, q_proj=6, down_proj=2)
    read = read_peft(write_folder(lora, tmp_path / "in"), base)
    save_gguf(read, tmp_path / "a.gguf", base)
    back = read_gguf(tmp_path / "a.gguf", base)
    assert same_bits(lora, back)
    assert back.pairs["model.layers.0.self_attn.q_proj"].scale == 8.0 / 6
    assert back.rank == 4


def test_other_alphas_are_multiplied_into_b(tmp_path: Path) -> None:
    base = write_base(tmp_path)
    folder = write_folder(random_lora(base), tmp_path / "in", alpha_pattern={"v_proj": 16, "layers.1.mlp.up_proj": 5})
    lora = read_peft(folder, base)
    save_gguf(lora, tmp_path / "a.gguf", base)
    back = read_gguf(tmp_path / "a.gguf", base)
    value, up = "model.layers.0.self_attn.v_proj", "model.layers.1.mlp.up_proj"
    assert back.pairs[value].scale == 2.0
    assert np.array_equal(back.pairs[value].b, 2 * lora.pairs[value].b)
    assert lora.pairs[up].alpha == 5
    for name, pair in lora.pairs.items():
        assert np.allclose(delta(back.pairs[name]), delta(pair), rtol=1e-6, atol=1e-7)


def test_a_gguf_without_alpha_adds_its_pairs_as_they_are(tmp_path: Path) -> None:
    base = write_base(tmp_path)
    lora = random_lora(base, rank=4, q_proj=8)
    ones = {name: replace(pair, alpha=float(pair.rank)) for name, pair in lora.pairs.items()}
    save_gguf(lora, tmp_path / "a.gguf", base)
    content = (tmp_path / "a.gguf").read_bytes()
    at = content.index(b"adapter.lora.alpha") + len("adapter.lora.alpha") + 4
    (tmp_path / "a.gguf").write_bytes(content[:at] + bytes(4) + content[at + 4 :])
    found = read_adapter(tmp_path / "a.gguf", base)
    assert {name: pair.scale for name, pair in found.pairs.items()} == {name: pair.scale for name, pair in ones.items()}
    save_peft(found, tmp_path / "out", base)
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config["alpha_pattern"] == {f"model.layers.{layer}.self_attn.q_proj": 8 for layer in range(2)}


@pytest.mark.parametrize(("kind", "error"), [("F16", 2e-4), ("BF16", 2e-3), ("Q8_0", 2e-3)])
def test_smaller_kinds_are_read_back_within_their_rounding(tmp_path: Path, kind: str, error: float) -> None:
    base = write_base(tmp_path)
    lora = random_lora(base, rank=32)
    save_gguf(lora, tmp_path / "a.gguf", base, gguf.GGMLQuantizationType[kind])
    back = read_gguf(tmp_path / "a.gguf", base)
    worst = max(float(np.abs(pair.b - back.pairs[name].b).max()) for name, pair in lora.pairs.items())
    assert 0 < worst < error


def test_q8_keeps_b_of_a_small_rank_in_f16(tmp_path: Path) -> None:
    base = write_base(tmp_path)
    save_gguf(random_lora(base, rank=4), tmp_path / "a.gguf", base, gguf.GGMLQuantizationType.Q8_0)
    kinds = {one.name[-1]: one.tensor_type.name for one in gguf.GGUFReader(tmp_path / "a.gguf").tensors}
    assert kinds == {"a": "Q8_0", "b": "F16"}


def test_a_number_too_large_for_f16_is_refused(tmp_path: Path) -> None:
    base = write_base(tmp_path)
    lora = random_lora(base)
    next(iter(lora.pairs.values())).b[0, 0] = 1e5
    with pytest.raises(BadInput, match="too large for F16"):
        save_gguf(lora, tmp_path / "a.gguf", base, gguf.GGMLQuantizationType.F16)
    assert not (tmp_path / "a.gguf").exists()


def test_what_reads_back_as_something_else_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = write_base(tmp_path)
    lora = random_lora(base)

    def write_another(found: Lora, target: Path, *rest: Any) -> None:
        pairs = dict(found.pairs)
        name, pair = pairs.popitem()
        write_gguf(replace(found, pairs={**pairs, name: replace(pair, b=pair.b * np.float32(1.0001))}), target, *rest)

    monkeypatch.setattr(convert, "write_gguf", write_another)
    with pytest.raises(Corrupt, match="reads back as something else"):
        save_gguf(lora, tmp_path / "a.gguf", base)

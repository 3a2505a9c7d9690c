"""One adapter in llama.cpp and in PEFT: the same log-probabilities, as far as the two agree about the base itself."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf.constants import GGMLQuantizationType as Kind

from aion.models.adapters.convert import save_gguf, save_peft
from aion.models.adapters.families import row_order
from aion.models.adapters.lora import Lora
from aion.models.adapters.served import ServedBase, read_served
from tests.models.adapters.engine_asking import LogProbs, ask_engine, ask_torch, distance
from tests.models.adapters.makers import random_lora

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")
engine_models = pytest.importorskip("tests.models.adapters.engine_models")

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.engine,
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),  # PEFT asks transformers for it
]
FAMILIES = {one.name: one for one in engine_models.LIKENESSES}
WORDS = engine_models.WORDS
PROMPTS = [np.random.default_rng(seed).integers(3, WORDS, 14).tolist() for seed in range(3)]


def make(name: str, folder: Path) -> tuple[Any, ServedBase, Path]:
    path = folder / f"{name}.gguf"
    model = engine_models.make_model(FAMILIES[name], path)
    return model, read_served(path, hashlib.sha256(path.read_bytes()).hexdigest()), path


def with_peft(model: Any, lora: Lora, base: ServedBase, folder: Path) -> LogProbs:
    """What PEFT says with our files, loaded as anybody would."""
    save_peft(lora, folder, base)
    return ask_torch(peft.PeftModel.from_pretrained(model, folder), PROMPTS)


@pytest.mark.parametrize("name", FAMILIES)
async def test_an_adapter_says_the_same_in_llama_cpp_and_in_peft(tmp_path: Path, name: str) -> None:
    model, base, path = make(name, tmp_path)
    lora = random_lora(base, rank=4, alpha=8.0, q_proj=6)
    save_gguf(lora, tmp_path / "a.gguf", base)
    plain = ask_torch(model, PROMPTS)
    adapted = with_peft(model, lora, base, tmp_path / "peft")
    served, served_plain = await ask_engine(path, [tmp_path / "a.gguf"], PROMPTS, WORDS)
    noise = distance(served_plain, plain)
    assert noise < 0.003
    assert distance(adapted, plain) > 100 * noise
    assert distance(served, adapted) < 3 * noise


async def test_rows_in_transformers_order_would_be_seen(tmp_path: Path) -> None:
    """The control: the same adapter with its queries and keys not moved is a hundred times further away."""
    model, base, path = make("llama", tmp_path)
    lora = random_lora(base)
    pairs = dict(lora.pairs)
    for layer in range(2):
        for part in ("q", "k"):
            name, order = (
                f"model.layers.{layer}.self_attn.{part}_proj",
                row_order(base, f"blk.{layer}.attn_{part}.weight"),
            )
            assert order is not None
            pairs[name] = replace(pairs[name], b=pairs[name].b[np.argsort(order)])
    save_gguf(replace(lora, pairs=pairs), tmp_path / "a.gguf", base)
    adapted = with_peft(model, lora, base, tmp_path / "peft")
    (served, _) = await ask_engine(path, [tmp_path / "a.gguf"], PROMPTS, WORDS)
    assert distance(served, adapted) > 0.3


async def test_every_kind_of_numbers_is_served_and_strengths_are_kept(tmp_path: Path) -> None:
    """Rank 32, so that Q8_0 holds both halves; one module has another alpha."""
    model, base, path = make("llama", tmp_path)
    lora = random_lora(base, rank=32, alpha=16.0)
    stronger = {name: replace(pair, alpha=24.0) if "v_proj" in name else pair for name, pair in lora.pairs.items()}
    lora = replace(lora, pairs=stronger)
    files = []
    for kind in (Kind.F32, Kind.F16, Kind.BF16, Kind.Q8_0):
        files.append(tmp_path / f"{kind.name}.gguf")
        save_gguf(lora, files[-1], base, kind)
    adapted = with_peft(model, lora, base, tmp_path / "peft")
    *served, plain = await ask_engine(path, files, PROMPTS, WORDS)
    errors = [distance(one, adapted) for one in served]
    assert distance(plain, adapted) > 0.9
    assert all(error < bound for error, bound in zip(errors, (0.004, 0.004, 0.012, 0.024), strict=True)), errors

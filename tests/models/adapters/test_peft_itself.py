"""Folders that PEFT wrote are read, ours are loaded by PEFT without a word, and vLLM's format is kept."""

from __future__ import annotations

import json
import math
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aion.errors import BadInput
from aion.models.adapters.convert import save_gguf, save_peft
from aion.models.adapters.gguf_lora import read_gguf
from aion.models.adapters.lora import Lora, Marks
from aion.models.adapters.peft import read_peft
from aion.models.adapters.peft_config import name_targets
from aion.models.adapters.served import ServedBase
from aion.models.adapters.tensors import open_tensors
from tests.models.adapters.makers import HEADS, INNER, KV_HEADS, LAYERS, WIDTH, WORDS, random_lora, write_base

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # between the two packages


@pytest.fixture
def base(tmp_path: Path) -> ServedBase:
    return write_base(tmp_path)


def plain_model() -> Any:
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=WORDS,
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS,
    )
    return transformers.LlamaForCausalLM(config).eval()


def peft_model(**config: Any) -> Any:
    """A model with a random adapter, as people train them."""
    kind = peft.LoraConfig(task_type="CAUSAL_LM", init_lora_weights=False, **config)
    return peft.get_peft_model(plain_model(), kind)


def deltas_of(model: Any) -> dict[str, Any]:
    """What PEFT itself adds to each matrix, strength included."""
    found = {}
    for name, module in model.named_modules():
        if isinstance(module, peft.tuners.lora.Linear):
            found[name.removeprefix("base_model.model.")] = module.get_delta_weight("default").detach().numpy()
    return found


ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.mark.parametrize(
    "config",
    [
        {"r": 4, "lora_alpha": 16, "target_modules": ALL},
        {"r": 4, "lora_alpha": 12, "target_modules": "all-linear", "use_rslora": True, "lora_dropout": 0.1},
        {"r": 4, "target_modules": ["q_proj", "v_proj"], "rank_pattern": {"q_proj": 2}, "alpha_pattern": {"v_proj": 3}},
        {
            "r": 4,
            "target_modules": ALL,
            "alpha_pattern": {"layers.1.self_attn.q_proj": 5, "^model.layers.0.mlp.up_proj": 7},
        },
        {"r": 4, "target_modules": ALL, "rank_pattern": {"up_proj": 9, "mlp.down_proj": 3}, "use_rslora": True},
        {"r": 4, "target_modules": ALL, "alpha_pattern": {"self_attn.q_proj": 5, "q_proj": 7, "k_proj": 3}},
        {"r": 4, "target_modules": ["up_proj"], "layers_to_transform": [1], "layers_pattern": "layers"},
    ],
)
def test_what_peft_saved_changes_each_matrix_as_peft_does(
    tmp_path: Path, base: ServedBase, config: dict[str, Any]
) -> None:
    """As PEFT does once it has read them again: its files hold patterns in the order of the alphabet."""
    peft_model(**config).save_pretrained(tmp_path / "in")
    model = peft.PeftModel.from_pretrained(plain_model(), tmp_path / "in")
    lora = read_peft(tmp_path / "in", base)
    save_gguf(lora, tmp_path / "a.gguf", base)
    wanted = deltas_of(model)
    for found in (lora, read_gguf(tmp_path / "a.gguf", base)):
        assert found.pairs.keys() == wanted.keys()
        for name, pair in found.pairs.items():
            assert np.allclose(pair.scale * pair.b @ pair.a, wanted[name], rtol=1e-5, atol=1e-7), name


@pytest.mark.parametrize("shape", ["all", "the first layer", "the second layer", "other ranks"])
def test_our_folder_is_loaded_by_peft_without_a_warning(tmp_path: Path, base: ServedBase, shape: str) -> None:
    lora = random_lora(base, rank=4, q_proj=7 if "ranks" in shape else 4)
    if "layer" in shape:
        kept = "0.mlp" if "first" in shape else "1.mlp"
        lora = Lora(architecture="llama", pairs={name: pair for name, pair in lora.pairs.items() if kept in name})
    save_peft(lora, tmp_path / "out", base)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")
        model = peft.PeftModel.from_pretrained(plain_model(), tmp_path / "out")
    wanted = deltas_of(model)
    assert wanted.keys() == lora.pairs.keys()
    for name, pair in lora.pairs.items():
        assert np.allclose(pair.scale * pair.b @ pair.a, wanted[name], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"bias": "lora_only"}, "bias"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"trainable_token_indices": [1]}, "trainable_token_indices"),
    ],
)
def test_what_peft_saved_beyond_lora_is_refused_by_its_field(
    tmp_path: Path, base: ServedBase, config: dict[str, Any], field: str
) -> None:
    peft_model(r=2, target_modules=["q_proj"], **config).save_pretrained(tmp_path / "in")
    with pytest.raises(BadInput, match=re.escape(repr(field))):
        read_peft(tmp_path / "in", base)


def test_an_ia3_of_peft_is_refused_for_serving_with_the_reason(tmp_path: Path, base: ServedBase) -> None:
    kind = peft.IA3Config(
        task_type="CAUSAL_LM", target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]
    )
    peft.get_peft_model(plain_model(), kind).save_pretrained(tmp_path / "in")
    with pytest.raises(BadInput, match=r"\(IA\)\^3 multiplies.*works in PEFT alone; train a LoRA"):
        read_peft(tmp_path / "in", base)


# What vLLM reads of a LoRA folder (its PEFTHelper and its check of tensor names), written down as types and limits.
VLLM_NEEDS: dict[str, Any] = {"r": int, "lora_alpha": (int, float), "target_modules": (list, str)}
VLLM_WANTS = {"bias": ("none",), "use_dora": (False,), "modules_to_save": (None,), "use_rslora": (False, True)}
VLLM_TENSOR = re.compile(r"base_model\.model\.(model\.layers\.\d+\.(self_attn|mlp)\.[a-z_]+)\.lora_[AB]\.weight")


def test_our_folder_has_the_form_that_vllm_reads(tmp_path: Path, base: ServedBase) -> None:
    lora = random_lora(base, rank=4, alpha=6.0)
    save_peft(lora, tmp_path / "out", base)
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config["peft_type"] == "LORA"
    assert all(isinstance(config[field], kind) for field, kind in VLLM_NEEDS.items())
    assert all(config[field] in values for field, values in VLLM_WANTS.items())
    with open_tensors(tmp_path / "out" / "adapter_model.safetensors") as file:
        matches = [VLLM_TENSOR.fullmatch(name) for name in file.tensors]
        assert all(matches)
        assert {found[1].rpartition(".")[2] for found in matches if found} == set(config["target_modules"])
        ranks = {entry.shape[0 if "lora_A" in name else 1] for name, entry in file.tensors.items()}
    assert ranks == {config["r"]}


def test_targets_are_short_where_every_layer_has_them_and_whole_where_not() -> None:
    both = [f"model.layers.{layer}.mlp.up_proj" for layer in range(2)]
    assert name_targets([*both, "lm_head"], 2) == ["lm_head", "up_proj"]
    assert name_targets(both, 3) == both
    assert name_targets(both[1:], 2) == both[1:]
    assert name_targets([*both, "model.layers.0.mlp.down_proj"], 2) == sorted([*both, "model.layers.0.mlp.down_proj"])


def test_an_adapter_without_marks_says_nothing_of_its_base(tmp_path: Path, base: ServedBase) -> None:
    peft_model(r=2, target_modules=["q_proj"]).save_pretrained(tmp_path / "in")
    assert read_peft(tmp_path / "in", base).marks == Marks()


def test_strength_is_alpha_by_rank_or_by_its_root(tmp_path: Path, base: ServedBase) -> None:
    for stabilised, strength in ((False, 12 / 4), (True, 12 / math.sqrt(4))):
        peft_model(r=4, lora_alpha=12, target_modules=["q_proj"], use_rslora=stabilised).save_pretrained(
            tmp_path / "in"
        )
        assert {pair.scale for pair in read_peft(tmp_path / "in", base).pairs.values()} == {strength}

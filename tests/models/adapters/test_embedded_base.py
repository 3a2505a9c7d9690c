"""The same comparison on the embedded base, whose 4-bit blocks llama.cpp multiplies with rounded numbers.

There the two differ without any adapter, by 0.1 to 0.5 in log-probability (root mean square): llama.cpp rounds what
goes into each 4-bit matrix to 8 bits. (With the same weights as F32 they differ by 0.002, with an adapter or without.)
With the adapter they may not differ by more; rows in the wrong order would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from aion.models.adapters.convert import save_gguf, save_peft
from aion.models.adapters.lora import Lora
from aion.models.adapters.served import ServedBase, read_served
from aion.models.catalog import find_embedded_base
from tests.models.adapters.engine_asking import ask_engine, ask_torch, distance
from tests.models.adapters.makers import random_lora

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.usefixtures("one_thread")
WORDS, HEADS, KV_HEADS, HEAD = 49152, 9, 3, 64
PARTS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
PROMPTS = (
    (504, 29391, 6118, 335, 260, 6926, 14994, 284, 624, 10759),
    (1, 4093, 198, 1780, 314, 260, 3575, 282, 4649, 47),
)


def load_base(path: Path) -> Any:
    """The embedded base in float32, its rows put back into transformers' order without the code under test."""
    config = transformers.LlamaConfig(
        vocab_size=WORDS,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
        tie_word_embeddings=True,
    )
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(config)
    weights = {"model." + name: weight for name, weight in read_weights(path)}
    model.load_state_dict(weights | {"lm_head.weight": weights["model.embed_tokens.weight"]}, assign=True)
    model.model.rotary_emb = type(model.model.rotary_emb)(config)
    return model.eval()


def read_weights(path: Path) -> Iterator[tuple[str, Any]]:
    for tensor in gguf.GGUFReader(path).tensors:
        weight = torch.from_numpy(gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
        where = tensor.name.split(".")
        if where[0] != "blk":
            yield {"token_embd": "embed_tokens.weight", "output_norm": "norm.weight"}[where[0]], weight
            continue
        if where[2] in ("attn_q", "attn_k"):
            heads = HEADS if where[2] == "attn_q" else KV_HEADS
            pairs = weight.reshape(heads, HEAD // 2, 2, -1)
            weight = torch.cat([pairs[:, :, 0], pairs[:, :, 1]], dim=1).reshape(weight.shape)
        yield f"layers.{where[1]}.{PARTS[where[2]]}.weight", weight


def strong_lora(base: ServedBase) -> Lora:
    """It changes queries and keys most, because there rows are moved."""
    lora = random_lora(base, rank=8, alpha=16.0)
    factors = {name: 1.8 if "q_proj" in name or "k_proj" in name else 0.6 for name in lora.pairs}
    pairs = {
        name: replace(pair, a=pair.a * np.float32(0.3), b=pair.b * np.float32(factors[name]))
        for name, pair in lora.pairs.items()
    }
    return replace(lora, pairs=pairs)


@pytest.mark.anyio
@pytest.mark.engine
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
async def test_an_adapter_of_the_embedded_base_differs_no_more_than_the_base_itself(tmp_path: Path) -> None:
    path = find_embedded_base()
    base = read_served(path, hashlib.sha256(path.read_bytes()).hexdigest())
    lora = strong_lora(base)
    save_gguf(lora, tmp_path / "right.gguf", base)
    save_gguf(lora, tmp_path / "wrong.gguf", replace(base, heads=1, kv_heads=1))
    save_peft(lora, tmp_path / "peft", base)
    files = [tmp_path / "right.gguf", tmp_path / "wrong.gguf"]
    right, wrong, served_plain = await ask_engine(path, files, PROMPTS, WORDS)
    model = load_base(path)
    plain = ask_torch(model, PROMPTS)
    adapted = ask_torch(peft.PeftModel.from_pretrained(model, tmp_path / "peft"), PROMPTS)
    noise = distance(served_plain, plain)
    assert noise < 0.6
    assert distance(right, adapted) < 2 * noise
    assert distance(adapted, plain) > 3 * distance(right, adapted)
    assert distance(wrong, adapted) > 2 * distance(right, adapted)

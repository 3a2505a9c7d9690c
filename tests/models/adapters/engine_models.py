"""Tiny random models of every family, twice: as a transformers model and as the GGUF llama.cpp serves.

The GGUF is written from the transformers weights with the facts of each family's published conversion, not with the
code under test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
import transformers

from aion.models.adapters.lora import Array
from tests.models.adapters.makers import finish

WIDTH, INNER, LAYERS, HEADS, KV_HEADS, HEAD, CONTEXT = 64, 96, 2, 4, 2, 16, 256
WORDS = 272


@dataclass(frozen=True)
class Likeness:
    """One family: its transformers class, what its config adds, and how its GGUF differs from a plain one."""

    name: str
    architecture: str
    config: str
    extra: dict[str, Any] = field(default_factory=dict)
    floats: dict[str, float] = field(default_factory=dict)
    window: int = 0
    norm_offset: float = 0.0  # Gemma stores its norms less one
    interleaved: bool = False
    sandwiched: bool = False  # a norm behind attention and behind the FFN as well
    tied: bool = False  # llama.cpp takes the embedding for the head


LIKENESSES = (
    Likeness("llama", "llama", "LlamaConfig", interleaved=True),
    Likeness("mistral", "llama", "MistralConfig", {"sliding_window": None, "head_dim": HEAD}, interleaved=True),
    Likeness("qwen2", "qwen2", "Qwen2Config"),
    Likeness("qwen3", "qwen3", "Qwen3Config", {"head_dim": HEAD}),
    Likeness(
        "gemma2",
        "gemma2",
        "Gemma2Config",
        {"head_dim": HEAD, "query_pre_attn_scalar": HEAD, "sliding_window": CONTEXT},
        {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
        window=CONTEXT,
        norm_offset=1.0,
        sandwiched=True,
        tied=True,
    ),
    Likeness(
        "gemma3",
        "gemma3",
        "Gemma3TextConfig",
        {"head_dim": HEAD, "query_pre_attn_scalar": HEAD, "sliding_window": CONTEXT},
        window=CONTEXT,
        norm_offset=1.0,
        sandwiched=True,
    ),
    Likeness("phi3", "phi3", "Phi3Config", {"pad_token_id": 0, "sliding_window": None}),
)
PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.qkv_proj": "attn_qkv",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}


def make_model(likeness: Likeness, path: Path) -> Any:
    """The transformers model, in float32; its GGUF is written to `path`."""
    torch.manual_seed(7)
    config = getattr(transformers, likeness.config)(
        vocab_size=WORDS,
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS,
        max_position_embeddings=CONTEXT,
        initializer_range=0.15,
        rms_norm_eps=1e-6,
        tie_word_embeddings=likeness.tied,
        bos_token_id=1,
        eos_token_id=2,
        **likeness.extra,
    )
    build: Any = transformers.AutoModelForCausalLM.from_config
    model = build(config, dtype=torch.float32).eval()
    for name, weight in model.named_parameters():
        if weight.dim() == 1:  # norms and biases begin as ones and zeros, which would hide mistakes
            torch.nn.init.normal_(weight, 0.0 if "bias" in name or likeness.norm_offset else 1.0, 0.1)
    write_model(likeness, model, path)
    return model


def write_model(likeness: Likeness, model: Any, path: Path) -> None:
    writer = gguf.GGUFWriter(path, likeness.architecture)
    writer.add_type("model")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_freq_base(base_of(model))
    for key, value in likeness.floats.items():
        writer.add_float32(f"{likeness.architecture}.{key}", value)
    if likeness.window:
        writer.add_sliding_window(likeness.window)
    write_words(writer)
    for name, weight in model.named_parameters():  # a tied head is named once
        writer.add_tensor(name_tensor(likeness, name), to_gguf(likeness, name, weight.detach().numpy()))
    finish(writer)


def base_of(model: Any) -> float:
    """The base of the rotary frequencies of layers that see everything."""
    rope = model.config.rope_parameters
    return float(rope.get("full_attention", rope)["rope_theta"])


def write_words(writer: Any) -> None:
    """All bytes as words, so that whatever is sampled can be written."""
    letters = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [chr(256 + index) for index in range(256 - len(letters))]
    words = ["<unk>", "<s>", "</s>", *map(chr, letters), *others]
    words += [f"<{index}>" for index in range(WORDS - len(words))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(words)
    writer.add_token_types([3] * 3 + [1] * (WORDS - 3))
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def name_tensor(likeness: Likeness, name: str) -> str:
    fixed = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if name == "lm_head.weight":
        return "output.weight"
    if name in fixed:
        return fixed[name]
    layer, _, rest = name.removeprefix("model.layers.").partition(".")
    part, _, kind = rest.rpartition(".")
    if part == "post_attention_layernorm":
        return f"blk.{layer}.{'post_attention_norm' if likeness.sandwiched else 'ffn_norm'}.{kind}"
    return f"blk.{layer}.{PARTS[part]}.{kind}"


def to_gguf(likeness: Likeness, name: str, weight: Array) -> Array:
    if weight.ndim == 1 and "norm" in name:
        return weight + np.float32(likeness.norm_offset)
    if likeness.interleaved and name.endswith(("q_proj.weight", "k_proj.weight")):
        heads = HEADS if "q_proj" in name else KV_HEADS
        halves = weight.reshape(heads, 2, HEAD // 2, -1)
        return np.ascontiguousarray(np.stack([halves[:, 0], halves[:, 1]], axis=2).reshape(weight.shape))
    return weight

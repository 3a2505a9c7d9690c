"""What each architecture of GGUF is in transformers: its settings, and where its tensors go.

Facts alone, read from the published conversions and held to llama.cpp by test; nothing is opened here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from transformers import (
    Gemma2Config,
    Gemma3TextConfig,
    LlamaConfig,
    Phi3Config,
    PretrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

from aion.errors import BadInput
from aion.sleep.export.families import FAMILIES as MATRICES

LOCAL_BASE: Final = 10_000.0  # rotary base of Gemma 3's layers that see a window only
NARROWED: Final = {
    "gemma2": 46,
    "gemma3": 62,
}  # layers of the 27B models, which scale by width / heads instead of the head

Values = Callable[[str, Any], Any]  # a setting of the architecture by its name, or a default


@dataclass(frozen=True, slots=True)
class Kind:
    """One architecture."""

    config: type[PretrainedConfig]
    more: Callable[[Values, int], dict[str, Any]]  # settings only it has; the second is the width of a head
    norms: Mapping[str, str]  # part within a layer -> within a block
    norm_offset: float = 0.0  # transformers adds it when it runs; the file has it added already


def _plain(value: Values, head: int) -> dict[str, Any]:
    del value
    return {"head_dim": head}


def _none(value: Values, head: int) -> dict[str, Any]:
    del value, head
    return {}


def _phi3(value: Values, head: int) -> dict[str, Any]:
    del head
    window = value("attention.sliding_window", 0)
    return {"pad_token_id": 0, "sliding_window": window or None}


def _gemma(value: Values, head: int) -> dict[str, Any]:
    heads, width = value("attention.head_count", 1), value("embedding_length", 0)
    narrowed = value("block_count", 0) in NARROWED.values()
    window = value("attention.sliding_window", 4096)
    return {"head_dim": head, "query_pre_attn_scalar": width // heads if narrowed else head, "sliding_window": window}


def _gemma2(value: Values, head: int) -> dict[str, Any]:
    return _gemma(value, head) | {
        "attn_logit_softcapping": value("attn_logit_softcapping", 50.0),
        "final_logit_softcapping": value("final_logit_softcapping", 30.0),
    }


_TWO: Final = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
_FOUR: Final = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}
_HEADS: Final = {"self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm"}

KINDS: Final = {
    "llama": Kind(LlamaConfig, _plain, _TWO),
    "qwen2": Kind(Qwen2Config, _none, _TWO),
    "qwen3": Kind(Qwen3Config, _plain, _TWO | _HEADS),
    "gemma2": Kind(Gemma2Config, _gemma2, _FOUR, norm_offset=1.0),
    "gemma3": Kind(Gemma3TextConfig, _gemma, _FOUR | _HEADS, norm_offset=1.0),
    "phi3": Kind(Phi3Config, _phi3, _TWO),
}


def find_kind(architecture: str) -> Kind:
    if architecture not in KINDS or architecture not in MATRICES:
        raise BadInput(
            f"models of the architecture {architecture[:80]!r} cannot be trained; those that can: {', '.join(KINDS)}",
            code="unsupported_base",
        )
    return KINDS[architecture]


def make_config(architecture: str, value: Values, *, words: int, tied: bool) -> PretrainedConfig:
    """The settings of transformers for what the file says of itself."""
    kind = find_kind(architecture)
    heads = _require(value, "attention.head_count")
    width = _require(value, "embedding_length")
    build: Callable[..., PretrainedConfig] = kind.config
    return build(
        vocab_size=words,
        hidden_size=width,
        intermediate_size=_require(value, "feed_forward_length"),
        num_hidden_layers=_require(value, "block_count"),
        num_attention_heads=heads,
        num_key_value_heads=value("attention.head_count_kv", heads),
        max_position_embeddings=value("context_length", 4096),
        rms_norm_eps=value("attention.layer_norm_rms_epsilon", 1e-6),
        tie_word_embeddings=tied,
        rope_parameters=_rope(architecture, value),
        **kind.more(value, value("attention.key_length", width // heads)),
    )


def _rope(architecture: str, value: Values) -> dict[str, Any]:
    """Rotary embedding as it is, or stretched evenly. Other ways to stretch it are refused by name."""
    kind = value("rope.scaling.type", "none")
    if kind not in {"none", "linear"}:
        raise BadInput(
            f"this model stretches its rotary embedding by {kind!r}, which training does not know; "
            "use a base that does not, or one stretched evenly",
            code="unsupported_base",
        )
    factor = float(value("rope.scaling.factor", 1.0))
    stretched = {"rope_type": "linear", "factor": factor} if kind == "linear" else {"rope_type": "default"}
    rope = stretched | {"rope_theta": float(value("rope.freq_base", 10_000.0))}
    if architecture != "gemma3":
        return rope
    local = {"rope_type": "default", "rope_theta": float(value("rope.freq_base_swa", LOCAL_BASE))}
    return {"full_attention": rope, "sliding_attention": local}


def _require(value: Values, key: str) -> int:
    found = value(key, None)
    if not isinstance(found, int) or isinstance(found, bool) or found <= 0:
        raise BadInput(f"the model file does not say its {key}; it cannot be trained", code="unsupported_base")
    return found

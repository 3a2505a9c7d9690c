"""What each architecture of GGUF is in transformers: its settings, and where its tensors go.

Facts alone, and llama.cpp's where it departs from a published model (it gives Phi-3 no window, and takes a factor of
rotary embedding without a type for an even one): what is trained must be what is served. Nothing is opened here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from huggingface_hub.errors import StrictDataclassError
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
from aion.models.adapters.families import FAMILIES as MATRICES

BASE: Final = 10_000.0  # of rotary embedding where the file names none; always that of Gemma 3's layers with a window
PERIODS: Final = {"gemma2": 2, "gemma3": 6}  # so many layers from one that sees everything to the next
# Layers of the 27B models, which scale by width / heads instead of the head.
NARROWED: Final = {"gemma2": 46, "gemma3": 62}
# Settings that change what llama.cpp computes and that nothing here follows, with what they are when they do not.
PLAIN: Final = {"rope.scaling.attn_factor": 1.0, "rope.scaling.alpha": 0.0, "attention.causal": True}

Values = Callable[[str, Any], Any]  # a setting of the architecture by its name, or a default


@dataclass(frozen=True, slots=True)
class Kind:
    """One architecture."""

    config: type[PretrainedConfig]
    more: Callable[[Values, int], dict[str, Any]]  # settings only it has; the second is the width of a head
    norms: Mapping[str, str]  # part within a layer -> within a block


def _plain(value: Values, head: int) -> dict[str, Any]:
    del value
    return {"head_dim": head}


def _none(value: Values, head: int) -> dict[str, Any]:
    del value, head
    return {}


def _phi3(value: Values, head: int) -> dict[str, Any]:
    """No window, whatever the file says; and no words of its own, which may lie beyond the vocabulary."""
    del value, head
    return {"pad_token_id": None, "bos_token_id": None, "eos_token_id": None, "sliding_window": None}


def _gemma(value: Values, head: int, architecture: str, window: int) -> dict[str, Any]:
    """The last layer of each period sees everything, the others a window; without a window (0) all see everything."""
    layers = _require(value, "block_count")
    period = _require(value, "attention.sliding_window_pattern", PERIODS[architecture]) if window else 1
    narrowed = layers == NARROWED[architecture]
    scalar = _require(value, "embedding_length") // _require(value, "attention.head_count") if narrowed else head
    kinds = ["full_attention" if (layer + 1) % period == 0 else "sliding_attention" for layer in range(layers)]
    unused = _require(value, "context_length", 4096)  # transformers asks for a window even where no layer has one
    return {
        "head_dim": head,
        "query_pre_attn_scalar": scalar,
        "layer_types": kinds,
        "sliding_window": window or unused,
    }


def _gemma2(value: Values, head: int) -> dict[str, Any]:
    base = _number(value, "rope.freq_base", BASE)
    if (local := _number(value, "rope.freq_base_swa", base)) != base:
        raise BadInput(
            f"this model has another rotary base ({local:g}) in layers with a window, which training does not know for "
            "'gemma2'; use a base with one",
            code="unsupported_base",
        )
    return _gemma(value, head, "gemma2", _require(value, "attention.sliding_window", 4096)) | {
        "attn_logit_softcapping": _number(value, "attn_logit_softcapping", 50.0),
        "final_logit_softcapping": _number(value, "final_logit_softcapping", 30.0),
    }


def _gemma3(value: Values, head: int) -> dict[str, Any]:
    window = _require(value, "attention.sliding_window") if value("attention.sliding_window", 0) else 0
    cap = _number(value, "final_logit_softcapping", 0.0) or None
    return _gemma(value, head, "gemma3", window) | {"final_logit_softcapping": cap}


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
    "gemma2": Kind(Gemma2Config, _gemma2, _FOUR),
    "gemma3": Kind(Gemma3TextConfig, _gemma3, _FOUR | _HEADS),
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
    _refuse_unknown(value)
    heads = _require(value, "attention.head_count")
    width = _require(value, "embedding_length")
    head = _require(value, "attention.key_length", width // heads)
    settings = dict(
        vocab_size=words,
        hidden_size=width,
        intermediate_size=_require(value, "feed_forward_length"),
        num_hidden_layers=_require(value, "block_count"),
        num_attention_heads=heads,
        num_key_value_heads=_require(value, "attention.head_count_kv", heads),
        max_position_embeddings=_require(value, "context_length", 4096),
        rms_norm_eps=_number(value, "attention.layer_norm_rms_epsilon", 1e-6),
        tie_word_embeddings=tied,
        rope_parameters=_rope(architecture, value, head),
        **kind.more(value, head),
    )
    build: Callable[..., PretrainedConfig] = kind.config
    try:
        return build(**settings)
    except StrictDataclassError as error:  # transformers' own checks
        reason = str(error).strip().rpartition("\n")[2].strip()
        raise BadInput(f"the model's settings do not fit together: {reason}", code="unsupported_base") from None


def _refuse_unknown(value: Values) -> None:
    for key, plain in PLAIN.items():
        if (found := value(key, plain)) != plain:
            raise BadInput(
                f"this model sets {key} to {found!r}, which training does not know; use a base with {plain!r}",
                code="unsupported_base",
            )


def _rope(architecture: str, value: Values, head: int) -> dict[str, Any]:
    """Rotary embedding as it is, or stretched evenly, of the whole head or (Phi-3) the first part of it."""
    turned = _require(value, "rope.dimension_count", head)
    if turned > head or turned % 2 or (turned != head and architecture != "phi3"):
        raise BadInput(
            f"this model turns {turned} of the {head} numbers of a head, which training does not know for "
            f"{architecture!r}; use a base that turns all of them",
            code="unsupported_base",
        )
    factor = _stretch(value)
    if factor != 1 and architecture == "phi3":
        raise BadInput(
            "this model stretches its rotary embedding evenly, which training does not know for 'phi3'; use a base "
            "that does not",
            code="unsupported_base",
        )
    stretched = {"rope_type": "default"} if factor == 1 else {"rope_type": "linear", "factor": factor}
    rope = stretched | {"rope_theta": _number(value, "rope.freq_base", BASE)}
    if architecture == "gemma3":
        local = {"rope_type": "default", "rope_theta": _number(value, "rope.freq_base_swa", BASE)}
        return {"full_attention": rope, "sliding_attention": local}
    return rope if turned == head else rope | {"partial_rotary_factor": turned / head}


def _stretch(value: Values) -> float:
    """llama.cpp takes a factor without a type for an even one, and 0 for none. Other types are refused by name."""
    kind = value("rope.scaling.type", "linear")
    if kind not in {"none", "linear"}:
        raise BadInput(
            f"this model stretches its rotary embedding by {kind!r}, which training does not know; "
            "use a base that does not, or one stretched evenly",
            code="unsupported_base",
        )
    old = _number(value, "rope.scale_linear", 0.0)
    return 1.0 if kind == "none" else _number(value, "rope.scaling.factor", old) or 1.0


def _require(value: Values, key: str, default: int | None = None) -> int:
    """A whole number above 0; 0 stands for the default where there is one."""
    found = value(key, None)
    found = default if default is not None and found in (None, 0) else found
    if not isinstance(found, int) or isinstance(found, bool) or found <= 0:
        raise BadInput(f"the model file does not say its {key}; it cannot be trained", code="unsupported_base")
    return found


def _number(value: Values, key: str, default: float) -> float:
    found = value(key, default)
    if not isinstance(found, float | int) or not math.isfinite(found) or found < 0:
        raise BadInput(f"the model file gives its {key} as {found!r}; it cannot be trained", code="unsupported_base")
    return float(found)

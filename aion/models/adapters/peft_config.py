"""PEFT's adapter_config.json: which of it a GGUF LoRA can hold, and what AION writes.

A field that would change what the adapter computes and that a GGUF LoRA has no place for is refused by its name, known
or not. Patterns of a foreign file are only taken when they are plain names, because they are matched as expressions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aion.errors import BadInput
from aion.models.adapters.lora import MAX_RANK, Lora

# What these hold does not change what a trained LoRA computes, or `read_config` looks at it.
_READ: Final = frozenset({"r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "target_modules"})
_HARMLESS: Final = frozenset(
    {"auto_mapping", "base_model_name_or_path", "revision", "inference_mode", "peft_version", "lora_dropout"}
    | {"layers_to_transform", "layers_pattern", "exclude_modules", "runtime_config", "ensure_weight_tying"}
    | {"megatron_core", "qalora_group_size", "loftq_config", "eva_config", "lora_ga_config", "corda_config"}
)
_NOTHING: Final[tuple[Any, ...]] = (None, False, {}, [], "none", "")
_CHANGES_BASE: Final = ("pissa", "olora", "corda", "loftq", "lora_ga")
_PLAIN_PATTERN: Final = re.compile(r"\^?[A-Za-z0-9_.]{1,200}")
_MOST_PATTERNS: Final = 1024
_REASONS: Final = {
    "use_dora": "DoRA's magnitudes have no place in a GGUF LoRA",
    "bias": "trained biases have no place in a GGUF LoRA",
    "lora_bias": "trained biases have no place in a GGUF LoRA",
    "modules_to_save": "whole trained modules have no place in a GGUF LoRA",
    "trainable_token_indices": "trained tokens have no place in a GGUF LoRA",
}

Patterns = tuple[tuple[re.Pattern[str], float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraConfig:
    """The fields that decide how strong each pair is."""

    rank: int
    alpha: float
    ranks: Patterns
    alphas: Patterns
    rank_stabilised: bool
    targets: tuple[str, ...] | None  # None: an expression, or all linear layers

    def alpha_of(self, module: str, rank: int) -> float:
        """The alpha that makes alpha / rank the pair's strength."""
        alpha = _match(self.alphas, module, self.alpha)
        return alpha * math.sqrt(rank) if self.rank_stabilised else alpha

    def rank_of(self, module: str) -> int:
        return int(_match(self.ranks, module, self.rank))

    def aims_at(self, module: str) -> bool:
        """Whether PEFT would load a pair for this module."""
        return self.targets is None or any(module == one or module.endswith(f".{one}") for one in self.targets)


def read_config(fields: Mapping[str, Any], name: str) -> LoraConfig:
    """Raises BadInput naming the field that cannot be honoured."""
    _refuse_kind(fields, name)
    for key, value in fields.items():
        if key not in _READ | _HARMLESS | {"peft_type", "task_type", "init_lora_weights"} and value not in _NOTHING:
            reason = _REASONS.get(key, "a GGUF LoRA has no place for it")
            raise _refusal(name, key, value, f"{reason}; train the adapter without it")
    return LoraConfig(
        rank=int(_number(fields, "r", name, 8)),
        alpha=_number(fields, "lora_alpha", name, 8),
        ranks=_patterns(fields, "rank_pattern", name),
        alphas=_patterns(fields, "alpha_pattern", name),
        rank_stabilised=_flag(fields, "use_rslora", name),
        targets=_targets(fields, name),
    )


def write_config(lora: Lora, layers: int) -> dict[str, Any]:
    """What PEFT, and all that read its folders, need to know of a LoRA on a model of so many layers."""
    rank, alpha = lora.rank, lora.alpha
    return {
        "alpha_pattern": {name: _shorten(one.alpha) for name, one in lora.pairs.items() if one.alpha != alpha},
        "auto_mapping": None,
        "base_model_name_or_path": None,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "layers_pattern": None,
        "layers_to_transform": None,
        "lora_alpha": _shorten(alpha),
        "lora_dropout": 0.0,
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": rank,
        "rank_pattern": {name: one.rank for name, one in lora.pairs.items() if one.rank != rank},
        "revision": None,
        "target_modules": name_targets(lora.pairs, layers),
        "task_type": "CAUSAL_LM",
        "use_dora": False,
        "use_rslora": False,
    }


def name_targets(modules: Iterable[str], layers: int) -> list[str]:
    """The last names of the modules where every layer has the same ones; otherwise the whole names.

    A short name in a layer without such a pair would make PEFT add one there and miss its numbers.
    """
    modules = sorted(modules)
    found: dict[str, set[str]] = {}
    for module in modules:
        layer, _, part = module.rpartition(".layers.")[2].partition(".")
        if part:
            found.setdefault(layer, set()).add(part)
    if len(found) not in (0, layers) or any(parts != next(iter(found.values())) for parts in found.values()):
        return modules
    return sorted({module.rpartition(".")[2] for module in modules})


def _shorten(number: float) -> int | float:
    return int(number) if number == int(number) else number


def _refuse_kind(fields: Mapping[str, Any], name: str) -> None:
    kind, task, start = fields.get("peft_type"), fields.get("task_type"), fields.get("init_lora_weights", True)
    if kind == "IA3":
        raise _refusal(
            name,
            "peft_type",
            kind,
            "(IA)^3 multiplies, which llama.cpp's adapters, that add matrices of low rank, cannot: it works in PEFT"
            " alone; train a LoRA to serve it",
        )
    if kind != "LORA":
        raise _refusal(name, "peft_type", kind, "only LORA can be served; train a LoRA")
    if task not in (None, "CAUSAL_LM"):
        raise _refusal(name, "task_type", task, "only CAUSAL_LM writes text; get another adapter")
    if isinstance(start, str) and start.lower().startswith(_CHANGES_BASE):
        raise _refusal(
            name,
            "init_lora_weights",
            start,
            "it changed the base as well; save the adapter again with path_initial_model_for_weight_conversion",
        )


def _refusal(name: str, key: str, value: Any, reason: str) -> BadInput:
    return BadInput(f"{name!r} sets {key[:80]!r} to {str(value)[:80]!r}: {reason}", code="unsupported_adapter")


def _number(fields: Mapping[str, Any], key: str, name: str, default: float) -> float:
    return _require_number(fields.get(key, default), key, name)


def _require_number(value: Any, key: str, name: str) -> float:
    """A rank is a whole number up to 1024; an alpha is any that is more than nothing and that float32 can hold."""
    whole = key in ("r", "rank_pattern")
    sound = type(value) is int or (type(value) is float and not whole)
    if not sound or not 0 < value <= (MAX_RANK if whole else 1e9):
        wanted = f"a whole number from 1 to {MAX_RANK}" if whole else "a number above 0"
        raise _refusal(name, key, value, f"it has to be {wanted}; get the file again")
    return value  # type: ignore[no-any-return]


def _flag(fields: Mapping[str, Any], key: str, name: str) -> bool:
    value = fields.get(key) or False
    if not isinstance(value, bool):
        raise _refusal(name, key, value, "it has to be true or false; get the file again")
    return value


def _patterns(fields: Mapping[str, Any], key: str, name: str) -> Patterns:
    found = fields.get(key) or {}
    if not isinstance(found, dict) or len(found) > _MOST_PATTERNS:
        raise _refusal(name, key, found, f"it has to be an object of up to {_MOST_PATTERNS} names with numbers")
    for pattern in found:
        if not _PLAIN_PATTERN.fullmatch(pattern):
            raise _refusal(name, key, pattern, "only plain names of modules are taken; write them out")
    numbers = [_require_number(value, key, name) for value in found.values()]
    # PEFT's own rule: the pattern is the end of the module's name, from a dot on
    return tuple((re.compile(rf"(.*\.)?({one})$"), number) for one, number in zip(found, numbers, strict=True))


def _targets(fields: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    found = fields.get("target_modules")
    if found is None or isinstance(found, str):
        return None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise _refusal(name, "target_modules", found, "it has to be a text or a list of names; get the file again")
    return tuple(found)


def _match(patterns: Patterns, module: str, default: float) -> float:
    """The number of the first pattern that matches."""
    return next((number for pattern, number in patterns if pattern.match(module)), default)

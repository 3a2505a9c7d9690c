"""Attention of packed sequences: each one by itself, causal, so that a row costs what its sequences cost alone.

It has the form transformers asks of an attention function. The spans of the row come with the call: tokens of a span
see those before them in it, and the whole span it comes after. Exact for grouped heads, sliding windows and soft caps;
it knows no padding, no cache of earlier tokens and no dropout. On a CPU bfloat16 is attended to in float32: the way
back of torch's bfloat16 kernel takes three times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from aion.nets.pack import Span

NAME: Final = "aion_packed"
MASKS: Final = 64  # kept for the other layers of a row


def attend_packed(
    module: nn.Module,
    query_B_h_T_d: Tensor,
    key_B_k_T_d: Tensor,
    value_B_k_T_d: Tensor,
    attention_mask: Tensor | None,
    *,
    spans: Sequence[Span],
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """The results as tokens x heads x width; `attention_mask` is unused, for the spans say more."""
    del module, attention_mask
    given = query_B_h_T_d.dtype
    work = torch.float32 if given == torch.bfloat16 and query_B_h_T_d.device.type == "cpu" else given
    lengths, parts = [span.length for span in spans], []
    queries, keys, values = (
        tensor.to(work).split(lengths, dim=2) for tensor in (query_B_h_T_d, key_B_k_T_d, value_B_k_T_d)
    )
    for number, span in enumerate(spans):
        key, value = keys[number], values[number]
        if span.after >= 0:
            key = torch.cat([keys[span.after], key], dim=2)
            value = torch.cat([values[span.after], value], dim=2)
        part = _attend_one(queries[number], key, value, scaling=scaling, window=sliding_window, softcap=softcap)
        parts.append(part.transpose(1, 2))
    return torch.cat(parts, dim=1).to(given), None


def _attend_one(
    query: Tensor, key: Tensor, value: Tensor, *, scaling: float | None, window: int | None, softcap: float | None
) -> Tensor:
    """The queries are those of the last tokens."""
    tokens, seen = query.shape[2], key.shape[2]
    window = window if window is not None and window < seen else None
    if softcap is not None:
        scaling = scaling or query.shape[-1] ** -0.5
        return _attend_capped(query, key, value, scaling=scaling, window=window, softcap=softcap)
    plain = tokens == seen and window is None
    mask = None if plain else _banded(tokens, seen, window or seen, query.dtype, query.device)
    grouped = key.shape[1] != query.shape[1]
    return functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=plain, scale=scaling, enable_gqa=grouped
    )


def _attend_capped(
    query: Tensor, key: Tensor, value: Tensor, *, scaling: float, window: int | None, softcap: float
) -> Tensor:
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    scores_B_h_T_S = softcap * torch.tanh(query @ key.transpose(2, 3) * scaling / softcap)
    tokens, seen = scores_B_h_T_S.shape[2:]
    scores_B_h_T_S = scores_B_h_T_S + _banded(tokens, seen, window or seen, query.dtype, query.device)
    return functional.softmax(scores_B_h_T_S, dim=-1, dtype=torch.float32).to(query.dtype) @ value


@lru_cache(maxsize=MASKS)
def _banded(tokens: int, seen: int, window: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """0 where one of the last tokens (down) sees another (across): itself and the window - 1 before it; else -inf."""
    places_T, others_S = torch.arange(seen - tokens, seen, device=device), torch.arange(seen, device=device)
    back_T_S = places_T[:, None] - others_S[None, :]
    hidden_T_S = (back_T_S < 0) | (back_T_S >= window)
    return torch.zeros(tokens, seen, dtype=dtype, device=device).masked_fill_(hidden_T_S, float("-inf"))


def drop_masks() -> None:
    """Lets go of the masks kept for other layers: they lie on the device that attended."""
    _banded.cache_clear()

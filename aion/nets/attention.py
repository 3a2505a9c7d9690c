"""Attention of packed sequences: each one by itself, causal, so that a row costs what its sequences cost alone.

It has the form transformers asks of an attention function. The lengths come with the call as `segment_lengths`. Exact
for grouped heads, sliding windows and soft caps; it knows no padding, no cache of earlier tokens and no dropout. On a
CPU bfloat16 is attended to in float32: the way back of torch's bfloat16 kernel takes three times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

NAME = "aion_packed"


def attend_packed(
    module: nn.Module,
    query_B_h_T_d: Tensor,
    key_B_k_T_d: Tensor,
    value_B_k_T_d: Tensor,
    attention_mask: Tensor | None,
    *,
    segment_lengths: Sequence[int],
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """The results as tokens x heads x width; `attention_mask` is unused, for the lengths say more."""
    del module, attention_mask
    given, parts = query_B_h_T_d.dtype, []
    work = torch.float32 if given == torch.bfloat16 and query_B_h_T_d.device.type == "cpu" else given
    wholes = (tensor.to(work) for tensor in (query_B_h_T_d, key_B_k_T_d, value_B_k_T_d))
    for query, key, value in zip(*(whole.split(list(segment_lengths), dim=2) for whole in wholes), strict=True):
        window = sliding_window if sliding_window is not None and sliding_window < query.shape[2] else None
        part = _attend_one(query, key, value, scaling=scaling, window=window, softcap=softcap)
        parts.append(part.transpose(1, 2))
    return torch.cat(parts, dim=1).to(given), None


def _attend_one(
    query: Tensor, key: Tensor, value: Tensor, *, scaling: float | None, window: int | None, softcap: float | None
) -> Tensor:
    if softcap is not None:
        return _attend_capped(
            query, key, value, scaling=scaling or query.shape[-1] ** -0.5, window=window, softcap=softcap
        )
    mask = None if window is None else _banded(query.shape[2], window, query.device)
    grouped = key.shape[1] != query.shape[1]
    return functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=mask is None, scale=scaling, enable_gqa=grouped
    )


def _attend_capped(
    query: Tensor, key: Tensor, value: Tensor, *, scaling: float, window: int | None, softcap: float
) -> Tensor:
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    scores_B_h_T_S = softcap * torch.tanh(query @ key.transpose(2, 3) * scaling / softcap)
    mask = _banded(query.shape[2], window or query.shape[2], query.device)
    scores_B_h_T_S = scores_B_h_T_S.masked_fill(~mask, float("-inf"))
    return functional.softmax(scores_B_h_T_S, dim=-1, dtype=torch.float32).to(query.dtype) @ value


def _banded(tokens: int, window: int, device: torch.device) -> Tensor:
    """True where a token (down) sees another (across): itself and the window - 1 before it."""
    back_T_S = torch.arange(tokens, device=device)[:, None] - torch.arange(tokens, device=device)[None, :]
    return (back_T_S >= 0) & (back_T_S < window)

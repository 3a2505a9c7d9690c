"""One LoRA layer over a frozen linear layer as a single operation: no float32 copies of what goes through it.

It gives gradients to the input and to both factors, computed in the dtype of the input. It holds no weights and has no
dropout.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from aion.nets.frozen import FrozenLinear


def apply_lora(x: Tensor, a_r_i: Tensor, b_o_r: Tensor, layer: FrozenLinear, scale: float) -> Tensor:
    """layer(x) + scale * x @ a.T @ b.T"""
    result: Tensor = _Lora.apply(x, a_r_i, b_o_r, layer, scale)  # type: ignore[no-untyped-call]
    return result


class _Lora(torch.autograd.Function):
    """Saves the input, which the factors' gradients need, and its product with `a`."""

    @staticmethod
    def forward(  # noqa: PLR0917 - torch passes no names
        ctx: Any, x: Tensor, a_r_i: Tensor, b_o_r: Tensor, layer: FrozenLinear, scale: float
    ) -> Tensor:
        x_N_i = x.reshape(-1, x.shape[-1])
        down_N_r = (x_N_i @ a_r_i.to(x.dtype).T).mul_(scale)
        out_N_o = layer.multiply(x_N_i).addmm_(down_N_r, b_o_r.to(x.dtype).T)
        ctx.save_for_backward(x_N_i, down_N_r, a_r_i, b_o_r)
        ctx.layer, ctx.scale, ctx.shape = layer, scale, x.shape
        return out_N_o.view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x_N_i, down_N_r, a_r_i, b_o_r = ctx.saved_tensors
        grad_N_o = grad.reshape(-1, grad.shape[-1])
        down_grad_N_r = (grad_N_o @ b_o_r.to(grad.dtype)).mul_(ctx.scale)
        x_grad = None
        if ctx.needs_input_grad[0]:
            x_grad = ctx.layer.multiply_back(grad_N_o).addmm_(down_grad_N_r, a_r_i.to(grad.dtype)).view(ctx.shape)
        a_grad = (down_grad_N_r.T @ x_N_i).to(a_r_i.dtype)
        b_grad = (grad_N_o.T @ down_N_r).to(b_o_r.dtype)
        return x_grad, a_grad, b_grad, None, None

"""Root-mean-square norms whose weights are frozen: computed in float32, and only what came in is kept to go back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class FrozenNorm(nn.Module):
    """x / sqrt(mean(x * x) + eps) * weight, with the weight as the served file has it."""

    def __init__(self, weight_H: Tensor, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight_H, requires_grad=False)
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = _RmsNorm.apply(x, self.weight, self.eps)  # type: ignore[no-untyped-call]
        return result

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, eps={self.eps}"


class _RmsNorm(torch.autograd.Function):
    """Saves its input and one number a row; the rest is computed again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight_H: Tensor, eps: float) -> Tensor:
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        factors = torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, factors, weight_H)
        return (wide * factors).mul_(weight_H).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        x, factors, weight_H = ctx.saved_tensors
        normed = x * factors
        pull = grad * weight_H
        along = torch.linalg.vecdot(pull, normed).unsqueeze(-1).div_(x.shape[-1])
        return pull.addcmul_(normed, along, value=-1).mul_(factors).to(x.dtype), None, None

"""Feed-forward layers with a gate, which keep nothing of it but its two inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Activation = Callable[[Tensor], Tensor]


def apply_gate(gate: Tensor, up: Tensor, activation: Activation) -> Tensor:
    """activation(gate) * up"""
    result: Tensor = _Gate.apply(gate, up, activation)  # type: ignore[no-untyped-call]
    return result


class _Gate(torch.autograd.Function):
    """The activation is computed again on the way back."""

    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor, activation: Activation) -> Tensor:
        ctx.save_for_backward(gate, up)
        ctx.activation = activation
        return activation(gate).mul_(up)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        gate, up = ctx.saved_tensors
        with torch.enable_grad():
            inner = gate.detach().requires_grad_()
            active = ctx.activation(inner)
        (gate_grad,) = torch.autograd.grad(active, inner, grad * up)
        return gate_grad, active.detach().mul_(grad), None


class GatedLayer(nn.Module):
    """transformers' layer of the same parts under the same names: two projections or a joined one, and the last."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        for name, part in layer.named_children():
            self.add_module(name, part)
        self.activation = cast(Activation, getattr(layer, "act_fn", None) or layer.activation_fn)

    def forward(self, x: Tensor) -> Tensor:
        parts: Any = self
        if "gate_up_proj" in self._modules:
            gate, up = parts.gate_up_proj(x).chunk(2, dim=-1)
        else:
            gate, up = parts.gate_proj(x), parts.up_proj(x)
        result: Tensor = parts.down_proj(apply_gate(gate, up, self.activation))
        return result

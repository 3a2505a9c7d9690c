"""Norms and gates: the numbers and gradients of transformers' own, with less kept to go back."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers.models.gemma2.modeling_gemma2 import Gemma2RMSNorm
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaMLP, LlamaRMSNorm
from transformers.models.phi3.configuration_phi3 import Phi3Config
from transformers.models.phi3.modeling_phi3 import Phi3MLP

from aion.nets.gated import GatedLayer, apply_gate
from aion.nets.norm import FrozenNorm


def frozen_like(norm: torch.nn.Module, added: float) -> FrozenNorm:
    found: Any = norm
    return FrozenNorm(found.weight.detach() + added, getattr(found, "variance_epsilon", None) or found.eps)


@pytest.mark.parametrize(("kind", "added"), [(LlamaRMSNorm, 0.0), (Gemma2RMSNorm, 1.0)])
def test_a_norm_is_that_of_transformers_bit_for_bit_and_so_is_its_gradient(kind: Any, added: float) -> None:
    torch.manual_seed(1)
    theirs = kind(24, eps=1e-5)
    torch.nn.init.normal_(theirs.weight)
    x, grad = torch.randn(3, 5, 24, requires_grad=True), torch.randn(3, 5, 24)
    ours = frozen_like(theirs, added)
    assert torch.equal(ours(x), theirs(x))
    (wanted,) = torch.autograd.grad(theirs(x), x, grad)
    (found,) = torch.autograd.grad(ours(x), x, grad)
    assert torch.allclose(found, wanted, atol=1e-6, rtol=1e-5)


def test_the_gradient_of_a_norm_is_that_of_small_differences() -> None:
    norm = FrozenNorm(torch.randn(6, dtype=torch.float64), 1e-5)
    x = torch.randn(2, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(norm, (x,))


def test_a_norm_in_bfloat16_is_that_of_float32_rounded_once() -> None:
    x, norm = torch.randn(7, 32).bfloat16(), FrozenNorm(torch.randn(32), 1e-6)
    assert torch.equal(norm(x), norm(x.float()).bfloat16())


@pytest.mark.parametrize("activation", [functional.silu, lambda x: functional.gelu(x, approximate="tanh")])
def test_the_gradients_of_a_gate_are_those_of_small_differences(activation: Any) -> None:
    gate, up = (torch.randn(3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: apply_gate(a, b, activation), (gate, up))


@pytest.mark.parametrize(
    ("layer", "config"), [(LlamaMLP, LlamaConfig), (Phi3MLP, Phi3Config)], ids=["two projections", "a joined one"]
)
def test_a_gated_layer_is_that_of_transformers(layer: Any, config: Any) -> None:
    torch.manual_seed(2)
    theirs = layer(config(hidden_size=12, num_attention_heads=2, intermediate_size=20, pad_token_id=None))
    x = torch.randn(4, 12, requires_grad=True)
    ours = GatedLayer(theirs)
    assert torch.equal(ours(x), theirs(x))
    wanted, found = (torch.autograd.grad(one(x).square().sum(), x)[0] for one in (theirs, ours))
    assert torch.allclose(found, wanted, atol=1e-6)


def test_a_norm_keeps_no_float32_of_what_came_in_bfloat16() -> None:
    kept: list[torch.Tensor] = []
    norm, x = FrozenNorm(torch.ones(64), 1e-6), torch.randn(10, 64).bfloat16().requires_grad_()

    def keep(one: torch.Tensor) -> torch.Tensor:
        kept.append(one)
        return one

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        norm(x)
    assert sum(one.nbytes for one in kept if one.dtype == torch.float32 and one is not norm.weight) <= 10 * 4 + 64 * 4

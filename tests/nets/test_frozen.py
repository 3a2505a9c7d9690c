"""Frozen layers compute and differentiate as dense ones do, hold no dense weight, and let PEFT train beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from aion.errors import BadInput
from aion.nets import blocks as blocks_module
from aion.nets import frozen
from aion.nets.blocks import BlockKind
from aion.nets.frozen import FrozenEmbedding, FrozenLinear
from tests.nets.random_blocks import dense, draw_blocks, quantise_normal

KINDS = (BlockKind.Q4_1, BlockKind.Q4_K, BlockKind.Q6_K, BlockKind.Q8_0, BlockKind.F16, BlockKind.BF16)
ABLE = frozen.product_dtype(torch.bfloat16, torch.device("cpu")) == torch.bfloat16


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def make_layer(
    kind: BlockKind = BlockKind.Q4_1, rows: int = 48, columns: int = 256, *, bias: bool = False, cached: bool = False
) -> FrozenLinear:
    blocks = draw_blocks(kind, rows, columns)
    return FrozenLinear(blocks, kind, columns, bias=torch.randn(rows) if bias else None, cached=cached)


def dense_weight(layer: FrozenLinear) -> Tensor:
    return dense(layer.blocks, layer.kind)


def gradient(layer: FrozenLinear, x: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    x = x.clone().requires_grad_()
    out = layer(x)
    out.backward(grad)
    assert x.grad is not None
    return out.detach(), x.grad


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_in_float32_it_is_the_dense_layer_to_the_bit(kind: BlockKind, bias: bool) -> None:
    layer, x_B_T_i, grad = make_layer(kind, bias=bias), torch.randn(2, 5, 256), torch.randn(2, 5, 48)
    out, back = gradient(layer, x_B_T_i, grad)
    assert torch.equal(out, functional.linear(x_B_T_i, dense_weight(layer), layer.bias))
    assert torch.equal(back, (grad.view(10, 48) @ dense_weight(layer)).view(2, 5, 256))


@pytest.mark.skipif(not ABLE, reason="this CPU multiplies no bfloat16")
@pytest.mark.parametrize("kind", KINDS)
def test_in_bfloat16_it_is_the_dense_layer_with_rounded_weights(kind: BlockKind) -> None:
    layer, x, grad = make_layer(kind), torch.randn(7, 256).bfloat16(), torch.randn(7, 48).bfloat16()
    out, back = gradient(layer, x, grad)
    assert torch.equal(out, functional.linear(x, dense_weight(layer).bfloat16()))
    assert torch.equal(back, grad @ dense_weight(layer).bfloat16())


def test_where_there_is_no_bfloat16_it_computes_exactly_and_rounds_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_f": True, "avx512_bf16": False})
    layer, x, grad = make_layer(), torch.randn(7, 256).bfloat16(), torch.randn(7, 48).bfloat16()
    out, back = gradient(layer, x, grad)
    assert torch.equal(out, functional.linear(x.float(), dense_weight(layer)).bfloat16())
    assert torch.equal(back, (grad.float() @ dense_weight(layer)).bfloat16())


def test_bfloat16_is_used_where_the_cpu_multiplies_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert frozen.product_dtype(torch.bfloat16, torch.device("cpu")) == torch.bfloat16
    assert frozen.product_dtype(torch.float32, torch.device("cpu")) == torch.float32


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(48, 256), (100, 512), (600, 512)], ids=str)
def test_a_large_layer_is_done_by_slices_to_the_same_result(
    kind: BlockKind, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each number is one sum as before, but for the back pass of a tall layer: added in another order."""
    layer, x, grad = make_layer(kind, *shape, bias=True), torch.randn(9, shape[1]), torch.randn(9, shape[0])
    out, back = gradient(layer, x, grad)
    monkeypatch.setattr(frozen, "SCRATCH", 37 * 256 + 5)
    sliced_out, sliced_back = gradient(layer, x, grad)
    assert (sliced_out - out).norm() < 1e-6 * out.norm()
    assert (sliced_back - back).norm() < 1e-6 * back.norm()


def test_slices_in_bfloat16_are_added_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Added in bfloat16, forty-eight partial results would be off by several times more."""
    layer, grad = make_layer(rows=480), torch.randn(64, 480).bfloat16()
    true = grad.double() @ dense_weight(layer).bfloat16().double()
    whole = layer.multiply_back(grad).double()
    monkeypatch.setattr(frozen, "SCRATCH", 10 * 256)
    sliced = layer.multiply_back(grad).double()
    assert (sliced - true).norm() < 1.5 * (whole - true).norm()


@contextmanager
def allocations() -> Iterator[list[int]]:
    """Filled at the end with the most bytes that torch held at once beyond those at the start."""
    peak: list[int] = []
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        yield peak
    held = most = 0
    assert profile.profiler is not None
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    peak.append(most)


@pytest.mark.parametrize("shape", [(2048, 1024), (1024, 2048)], ids=str)
@pytest.mark.parametrize("kind", [BlockKind.Q4_1, BlockKind.Q4_K, BlockKind.Q6_K])
def test_a_pass_holds_no_more_than_it_states(
    kind: BlockKind, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 2 ** 21 weights 2 ** 18 may be dense at once, 2 bytes each, and 2 ** 14 be worked on, 16 bytes each."""
    monkeypatch.setattr(frozen, "SCRATCH", 1 << 18)
    monkeypatch.setitem(blocks_module._STEP, "cpu", 1 << 14)
    (rows, columns), tokens = shape, 8
    layer = make_layer(kind, rows, columns)
    x, grad = torch.randn(tokens, columns).bfloat16(), torch.randn(tokens, rows).bfloat16()
    own = 2 * (1 << 18) + 16 * (1 << 14)
    with allocations() as forward:
        layer.multiply(x)
    assert 0 < forward[0] <= own + 2 * (2 * tokens * rows)
    with allocations() as backward:
        layer.multiply_back(grad)
    assert 0 < backward[0] <= own + 2 * tokens * columns + 2 * (4 * tokens * columns)


def test_nothing_is_saved_for_the_way_back() -> None:
    saved: list[Tensor] = []

    def keep(one: Tensor) -> Tensor:
        saved.append(one)
        return one

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        out = make_layer()(torch.randn(3, 256, requires_grad=True))
    out.sum().backward()
    assert not saved


def test_recomputed_activations_give_the_same_gradient() -> None:
    layer, x = make_layer(), torch.randn(3, 256, requires_grad=True)
    (plain,) = torch.autograd.grad(layer(x).square().sum(), x)
    (recomputed,) = torch.autograd.grad(checkpoint(layer, x, use_reentrant=False).square().sum(), x)
    assert torch.equal(plain, recomputed)


def test_blocks_are_not_copied_saved_or_trained() -> None:
    blocks = draw_blocks(BlockKind.Q4_1, 8, 64)
    head, embedding = FrozenLinear(blocks, BlockKind.Q4_1, 64), FrozenEmbedding(blocks, BlockKind.Q4_1, 64)
    assert head.blocks.data_ptr() == embedding.blocks.data_ptr() == blocks.data_ptr()
    for layer in (head, embedding):
        assert not list(layer.parameters())
        assert not layer.state_dict()


def test_a_cache_changes_no_bit_and_can_be_dropped() -> None:
    layer, x, grad = make_layer(cached=True), torch.randn(7, 256).bfloat16(), torch.randn(7, 48).bfloat16()
    cached = gradient(layer, x, grad)
    assert layer.dense is not None
    layer.drop_cache()
    assert layer.dense is None
    assert all(map(torch.equal, cached, gradient(layer, x, grad)))


def test_a_rounded_cache_is_not_used_for_exact_products() -> None:
    layer, x = make_layer(cached=True), torch.randn(7, 256)
    assert torch.equal(layer(x), functional.linear(x, dense_weight(layer)))


def test_another_dtype_makes_the_cache_anew() -> None:
    layer = make_layer(cached=True).float()
    assert layer.dense is not None
    assert layer.weight.dtype == torch.float32
    assert torch.equal(layer.dense, dense_weight(layer))


def test_the_weight_is_shown_without_numbers_and_read_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = make_layer()
    with monkeypatch.context() as patched:
        patched.setattr(frozen, "dequantise", lambda *args: pytest.fail("metadata needs no numbers"))
        assert (layer.weight.shape, layer.weight.dtype, layer.weight.device.type) == ((48, 256), torch.bfloat16, "cpu")
    assert torch.equal(layer.weight * 1, dense_weight(layer).bfloat16())
    assert torch.equal(torch.cat([layer.weight, layer.weight])[48:], dense_weight(layer).bfloat16())


def test_writing_to_the_weight_is_refused() -> None:
    layer = make_layer()
    with pytest.raises(BadInput, match="would write"):
        layer.weight.data += 1
    with pytest.raises(BadInput, match="would write"):
        nn.init.zeros_(layer.weight)
    with pytest.raises(BadInput, match="would write"):
        layer.weight.data = torch.zeros(48, 256)


def test_it_cannot_be_differentiated_twice() -> None:
    x = torch.randn(3, 256, requires_grad=True)
    (grad,) = torch.autograd.grad(make_layer()(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        torch.autograd.backward(grad.sum())


def test_a_bias_of_another_length_is_refused() -> None:
    with pytest.raises(BadInput, match=r"8 rows take a bias each; one of shape \(4,\)"):
        FrozenLinear(draw_blocks(BlockKind.Q4_1, 8, 64), BlockKind.Q4_1, 64, bias=torch.zeros(4))


@pytest.mark.parametrize("kind", KINDS)
def test_an_embedding_gives_the_rows_asked_for(kind: BlockKind) -> None:
    blocks, ids_B_T = draw_blocks(kind, 12, 256), torch.tensor([[3, 11, 3], [0, 7, 1]])
    rows = FrozenEmbedding(blocks, kind, 256)(ids_B_T)
    assert torch.equal(rows, dense(blocks, kind)[ids_B_T].bfloat16())


def test_an_unknown_token_is_an_error() -> None:
    with pytest.raises(IndexError):
        FrozenEmbedding(draw_blocks(BlockKind.Q4_1, 8, 64), BlockKind.Q4_1, 64)(torch.tensor([8]))


class Small(nn.Module):
    """Two linear layers of any make, and a norm: PEFT wants one parameter."""

    def __init__(self, up: nn.Linear, down: nn.Linear) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(64), up, down

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.down(functional.silu(self.up(self.norm(x))))
        return result


def adapt(*, dense_layers: bool = False, dtype: torch.dtype = torch.float32) -> PeftModel:
    """The same weights and the same fresh adapter each time; B is drawn too, or A would have no gradient."""
    layers: list[nn.Linear] = []
    for rows, columns in ((96, 64), (64, 96)):
        blocks = quantise_normal(BlockKind.Q4_1, rows, columns)
        layer = FrozenLinear(blocks, BlockKind.Q4_1, columns, dtype=dtype)
        if dense_layers:
            plain = nn.Linear(columns, rows, bias=False)
            plain.weight.data = dense_weight(layer).to(dtype)
        layers.append(plain if dense_layers else layer)
    torch.manual_seed(1)
    adapted = get_peft_model(Small(*layers).to(dtype), LoraConfig(r=4, target_modules=["up", "down"]))
    for name, one in adapted.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(one, std=0.05)
    assert isinstance(adapted, PeftModel)
    return adapted


def adapter_gradients(model: PeftModel, x: Tensor) -> dict[str, Tensor]:
    model(x).float().square().mean().backward()
    return {name: one.grad for name, one in model.named_parameters() if one.grad is not None}


def test_adapters_of_peft_get_the_gradients_of_the_dense_model_to_the_bit() -> None:
    x = torch.randn(2, 7, 64)
    ours, theirs = adapter_gradients(adapt(), x), adapter_gradients(adapt(dense_layers=True), x)
    assert len(ours) == 4
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.skipif(not ABLE, reason="this CPU multiplies no bfloat16")
def test_in_bfloat16_too() -> None:
    x = torch.randn(2, 7, 64).bfloat16()
    ours = adapter_gradients(adapt(dtype=torch.bfloat16), x)
    theirs = adapter_gradients(adapt(dense_layers=True, dtype=torch.bfloat16), x)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_what_would_change_the_base_is_refused_when_peft_tries() -> None:
    for safe in (False, True):
        with pytest.raises(BadInput, match="keep the adapter apart"):
            adapt().merge_adapter(safe_merge=safe)
    with pytest.raises(BadInput, match="keep the adapter apart"):
        get_peft_model(adapt().unload(), LoraConfig(r=4, target_modules=["up"], init_lora_weights="pissa"))


def learn(steps: int) -> tuple[PeftModel, list[float]]:
    """Adapter training towards outputs of the same model with another adapter."""
    model, generator = adapt(), torch.Generator().manual_seed(5)
    x = torch.randn(64, 64, generator=generator)
    goal = model(x).detach() + 0.3 * x @ torch.randn(64, 4, generator=generator) @ torch.randn(
        4, 64, generator=generator
    )
    optimiser = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-2)
    losses = []
    for _ in range(steps):
        loss = (model(x) - goal).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return model, losses


def test_an_adapter_learns_beside_frozen_layers_and_leaves_them_alone() -> None:
    model, losses = learn(150)
    assert losses[-1] < 0.1 * losses[0]
    kept = dict(model.named_buffers())["base_model.model.up.base_layer.blocks"]
    assert torch.equal(kept, quantise_normal(BlockKind.Q4_1, 96, 64))


def test_learning_again_gives_the_same_bits() -> None:
    first, again = learn(10)[0].state_dict(), learn(10)[0].state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)

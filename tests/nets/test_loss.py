"""The chunked loss and the fused LoRA against plain torch in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from aion.nets.blocks import BlockKind
from aion.nets.frozen import FrozenLinear
from aion.nets.lora import apply_lora
from aion.nets.loss import Anchors, LossForm, answer_loss

N, H, V = 23, 8, 37


class Problem:
    """Random rows, a head, and the same loss said plainly."""

    def __init__(self, form: LossForm) -> None:
        draw = torch.Generator().manual_seed(4)
        self.form = form
        self.hidden = torch.randn(N, H, generator=draw, dtype=torch.float64, requires_grad=True)
        self.base = torch.randn(9, H, generator=draw, dtype=torch.float64)
        self.targets = torch.randint(0, V, (N,), generator=draw)
        self.weights = torch.rand(N, generator=draw, dtype=torch.float64)
        self.head = nn.Linear(H, V, bias=False).double().requires_grad_(False)
        self.anchors = Anchors(torch.randperm(N, generator=draw)[:9], self.base, torch.rand(9, generator=draw))

    def logits(self, hidden: Tensor) -> Tensor:
        raw = self.head(hidden)
        return self.form.softcap * torch.tanh(raw / self.form.softcap) if self.form.softcap else raw

    def plain(self, *, anchored: bool) -> Tensor:
        logits = self.logits(self.hidden)
        each = functional.cross_entropy(logits, self.targets, reduction="none", label_smoothing=self.form.smoothing)
        total = (each * self.weights).sum()
        if anchored:
            now = logits[self.anchors.rows_M].log_softmax(1)
            base = self.logits(self.base).log_softmax(1)
            kl = functional.kl_div(base, now, log_target=True, reduction="none").sum(1)
            total = total + (kl * self.anchors.weights_M).sum()
        return total


FORMS = [LossForm(), LossForm(smoothing=0.1), LossForm(softcap=0.5), LossForm(smoothing=0.2, softcap=1.5)]


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("chunk", [1, V * 4, 1 << 20])
@pytest.mark.parametrize("anchored", [False, True])
def test_loss_and_gradient_are_those_of_plain_torch(form: LossForm, chunk: int, anchored: bool) -> None:
    problem = Problem(form)
    plain = problem.plain(anchored=anchored)
    (wanted,) = torch.autograd.grad(plain, problem.hidden)
    ours = answer_loss(
        problem.hidden,
        problem.targets,
        problem.weights,
        problem.head,
        anchors=problem.anchors if anchored else None,
        form=LossForm(smoothing=form.smoothing, softcap=form.softcap, chunk=chunk),
    )
    assert ours.total.item() == pytest.approx(plain.item(), rel=1e-12)
    (found,) = torch.autograd.grad(3 * ours.total, problem.hidden)
    assert torch.allclose(found, 3 * wanted, atol=1e-13, rtol=1e-10)


def test_each_row_is_told_by_itself() -> None:
    problem = Problem(LossForm(smoothing=0.1))
    ours = answer_loss(problem.hidden, problem.targets, problem.weights, problem.head, anchors=problem.anchors)
    plain = functional.cross_entropy(problem.head(problem.hidden), problem.targets, reduction="none")
    assert torch.allclose(ours.nll_N, plain)
    assert (ours.divergence_M > 0).all()


def test_a_base_that_is_the_same_diverges_by_nothing_and_pulls_by_nothing() -> None:
    problem = Problem(LossForm())
    rows = torch.arange(N)
    same = Anchors(rows, problem.hidden.detach(), torch.ones(N))
    ours = answer_loss(problem.hidden, problem.targets, torch.zeros(N), problem.head, anchors=same)
    (grad,) = torch.autograd.grad(ours.total, problem.hidden)
    assert ours.total.item() == pytest.approx(0, abs=1e-12)
    assert grad.abs().max().item() < 1e-12


def test_no_rows_lose_nothing() -> None:
    problem = Problem(LossForm())
    hidden = problem.hidden[:0]
    ours = answer_loss(hidden, problem.targets[:0], problem.weights[:0], problem.head)
    assert ours.total.item() == 0


def test_never_more_logits_at_one_time_than_a_chunk() -> None:
    problem, widths = Problem(LossForm()), []

    class Counting(nn.Linear):
        def forward(self, hidden: Tensor) -> Tensor:
            widths.append(len(hidden))
            return super().forward(hidden)

    head = Counting(H, V, bias=False).double().requires_grad_(False)
    anchors = problem.anchors
    answer_loss(problem.hidden, problem.targets, problem.weights, head, anchors=anchors, form=LossForm(chunk=4 * V))
    assert max(widths) == 4
    assert sum(widths) == N + 9


def frozen(dtype: torch.dtype) -> tuple[FrozenLinear, Tensor]:
    weight = torch.randn(12, 8, generator=torch.Generator().manual_seed(1))
    blocks = weight.view(torch.uint8).view(12, -1)
    return FrozenLinear(blocks, BlockKind.F32, 8, dtype=dtype), weight.to(dtype)


def test_the_fused_lora_is_what_its_formula_says() -> None:
    layer, weight = frozen(torch.float32)
    x, a, b = torch.randn(2, 5, 8), torch.randn(3, 8), torch.randn(12, 3)
    inputs = [tensor.requires_grad_() for tensor in (x, a, b)]
    plain = x @ weight.T + 0.7 * (x @ a.T) @ b.T
    fused = apply_lora(x, a, b, layer, 0.7)
    assert torch.allclose(plain, fused, atol=1e-5)
    draw = torch.randn_like(plain)
    for wanted, found in zip(
        torch.autograd.grad((plain * draw).sum(), inputs),
        torch.autograd.grad((fused * draw).sum(), inputs),
        strict=True,
    ):
        assert torch.allclose(wanted, found, atol=1e-4)

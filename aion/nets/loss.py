"""The loss of the learned tokens alone: next token, and for anchors the divergence from the base, chunk by chunk.

Only a chunk of rows is ever as wide as the vocabulary, and its gradient is made before the next begins. The head is
frozen: no gradient for it. The loss of a rejected answer (preferences) is not here: a job's tokens hold none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

CHUNK: Final = 1 << 23  # logits held at one time: 32 MB in float32, four times over

Head = Callable[[Tensor], Tensor]  # hidden rows -> logits


@dataclass(frozen=True, slots=True, eq=False)
class Anchors:
    """Rows that are to stay as the base has them: where they are, what the base makes of them, how much each counts."""

    rows_M: Tensor
    base_M_H: Tensor  # hidden rows of the base, adapters off
    weights_M: Tensor


@dataclass(frozen=True, slots=True)
class LossForm:
    """What the loss is made of besides the targets."""

    smoothing: float = 0.0  # share of probability given to all tokens alike
    softcap: float = 0.0  # logits are softcap * tanh(logits / softcap); 0: as they are
    chunk: int = CHUNK


@dataclass(frozen=True, slots=True, eq=False)
class Loss:
    """`total` carries the gradient; the others say, for each row, its share before weights."""

    total: Tensor
    nll_N: Tensor  # without smoothing
    divergence_M: Tensor


def answer_loss(
    hidden_N_H: Tensor,
    targets_N: Tensor,
    weights_N: Tensor,
    head: Head,
    *,
    anchors: Anchors | None = None,
    form: LossForm | None = None,
) -> Loss:
    """Sum over rows of weight * loss, and over anchors of weight * KL(now || base)."""
    form = form or LossForm()
    total, nll_N, divergence_M = _AnswerLoss.apply(hidden_N_H, targets_N, weights_N, head, anchors, form)  # type: ignore[no-untyped-call]
    return Loss(total, nll_N, divergence_M)


class _AnswerLoss(torch.autograd.Function):
    """Makes the gradient of the hidden rows while the logits are there, so that nothing wide is kept."""

    @staticmethod
    def forward(  # noqa: PLR0917 - torch passes no names
        ctx: Any,
        hidden_N_H: Tensor,
        targets_N: Tensor,
        weights_N: Tensor,
        head: Head,
        anchors: Anchors | None,
        form: LossForm,
    ) -> tuple[Tensor, Tensor, Tensor]:
        real = torch.promote_types(hidden_N_H.dtype, torch.float32)
        grad_N_H = torch.empty_like(hidden_N_H)
        nll_N, smooth_N = (torch.zeros(len(targets_N), dtype=real, device=hidden_N_H.device) for _ in range(2))
        kl_N, kl_weights_N = torch.zeros_like(nll_N), torch.zeros_like(nll_N)
        if anchors is not None:
            kl_weights_N[anchors.rows_M] = anchors.weights_M.to(real)
        for rows, base in _chunks(hidden_N_H, head, anchors, form.chunk):
            part = _Chunk(hidden_N_H[rows], head, form.softcap, real)
            nll_N[rows], smooth_N[rows] = part.measure(targets_N[rows], form.smoothing)
            part.pull_to_targets(targets_N[rows], weights_N[rows].to(real), form.smoothing, last=base is None)
            if base is not None:
                kl_N[rows] = part.pull_to_base(base, kl_weights_N[rows])
            grad_N_H[rows] = part.back()
        ctx.save_for_backward(grad_N_H)
        total = (smooth_N * weights_N.to(real)).sum() + (kl_N * kl_weights_N).sum()
        divergence_M = kl_N[:0] if anchors is None else kl_N[anchors.rows_M]
        ctx.mark_non_differentiable(nll_N, divergence_M)
        return total, nll_N, divergence_M

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        (grad_N_H,) = ctx.saved_tensors
        return grad_N_H * grad.to(grad_N_H.dtype), None, None, None, None, None


class _Chunk:
    """Some rows with their logits, and the gradient of those as it grows."""

    def __init__(self, hidden: Tensor, head: Head, softcap: float, real: torch.dtype) -> None:
        self.head, self.softcap = head, softcap
        self.hidden = hidden.detach().requires_grad_()
        with torch.enable_grad():
            self.raw = head(self.hidden)
        self.log_C_V = _log_probabilities(self.raw.detach(), softcap, real)
        self.grad_C_V = self.log_C_V

    def measure(self, targets: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        nll = -self.log_C_V.gather(1, targets[:, None]).squeeze(1)
        if not smoothing:
            return nll, nll
        return nll, (1 - smoothing) * nll - smoothing * self.log_C_V.mean(dim=1)

    def pull_to_targets(self, targets: Tensor, weights: Tensor, smoothing: float, *, last: bool) -> None:
        """Leaves weight * (p - wanted) as the gradient; `last`: in the place of the log-probabilities."""
        self.grad_C_V = self.log_C_V.exp_() if last else self.log_C_V.exp()
        ones = torch.full_like(targets[:, None], smoothing - 1.0, dtype=self.grad_C_V.dtype)
        self.grad_C_V.scatter_add_(1, targets[:, None], ones)
        if smoothing:
            self.grad_C_V.sub_(smoothing / self.grad_C_V.shape[1])
        self.grad_C_V.mul_(weights[:, None])

    def pull_to_base(self, base: Tensor, weights: Tensor) -> Tensor:
        """Adds the gradient of weight * KL(p || base), and gives that KL of each row."""
        with torch.no_grad():
            base_log_C_V = _log_probabilities(self.head(base), self.softcap, self.log_C_V.dtype)
        ratio_C_V = base_log_C_V.neg_().add_(self.log_C_V)
        p_C_V = self.log_C_V.exp()
        kl = (p_C_V * ratio_C_V).sum(dim=1)
        self.grad_C_V.add_(p_C_V.mul_(ratio_C_V.sub_(kl[:, None])).mul_(weights[:, None]))
        return kl

    def back(self) -> Tensor:
        if self.softcap:  # the raw logits are dense again only here: cheaper than keeping their tanh
            self.grad_C_V.mul_(1 - torch.tanh(self.raw.detach().to(self.grad_C_V.dtype) / self.softcap).square())
        (grad,) = torch.autograd.grad(self.raw, self.hidden, self.grad_C_V.to(self.raw.dtype))
        return grad


def _log_probabilities(raw_C_V: Tensor, softcap: float, real: torch.dtype) -> Tensor:
    if softcap:
        raw_C_V = softcap * torch.tanh(raw_C_V.to(real) / softcap)
    return functional.log_softmax(raw_C_V, dim=1, dtype=real)


def _chunks(hidden_N_H: Tensor, head: Head, anchors: Anchors | None, chunk: int) -> Iterator[tuple[Tensor, Any]]:
    """Numbers of rows that are computed at one time: anchors with what the base makes of them, then the others."""
    size = max(1, chunk // _width(head, hidden_N_H))
    others = torch.ones(len(hidden_N_H), dtype=torch.bool, device=hidden_N_H.device)
    if anchors is not None:
        others[anchors.rows_M] = False
        yield from zip(anchors.rows_M.split(size), anchors.base_M_H.split(size), strict=True)
    for rows in others.nonzero().squeeze(1).split(size):
        if len(rows):
            yield rows, None


def _width(head: Head, hidden_N_H: Tensor) -> int:
    width = getattr(head, "out_features", None)
    return int(width) if width is not None else head(hidden_N_H[:1]).shape[1]

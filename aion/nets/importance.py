"""What earlier learning rests on: importance of each weight, by two measures, and the pull back to its old value.

MAS asks how much the outputs change with a weight, without labels: the mean of |d ||f(x)||^2 / d weight| over x. EWC
asks how much the likelihood does: the mean of the squared gradient of the loss, the Fisher information's diagonal. Both
take one scalar per example and hold for the point where they were measured; neither knows what the scalars mean. What
several nights measured is joined at one level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]


def measure_mas(weights: Weights, squares: Iterable[Tensor]) -> dict[str, Tensor]:
    """From ||f(x)||^2 of each example, one scalar with its graph at a time."""
    return _mean_of(weights, squares, torch.abs)


def measure_fisher(weights: Weights, losses: Iterable[Tensor]) -> dict[str, Tensor]:
    """From the negative log likelihood of each example, one scalar with its graph at a time."""
    return _mean_of(weights, losses, torch.square)


def _mean_of(weights: Weights, scalars: Iterable[Tensor], form: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    sums = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    count = 0
    for scalar in scalars:
        for name, grad in zip(weights, torch.autograd.grad(scalar, list(weights.values())), strict=True):
            sums[name] += form(grad)
        count += 1
    return {name: total / max(1, count) for name, total in sums.items()}


def level(importance: Weights) -> dict[str, Tensor]:
    """Divided by its mean over all weights: a strength then says the same for each measure, model and night."""
    mean = sum(float(one.sum()) for one in importance.values()) / max(
        1, sum(one.numel() for one in importance.values())
    )
    return {name: one / (mean or 1.0) for name, one in importance.items()}


def join_nights(earlier: Weights, now: Weights) -> dict[str, Tensor]:
    """Of each weight the larger: what mattered once goes on mattering, and many nights pull no more than few."""
    return {name: torch.maximum(one, earlier[name]) if name in earlier else one for name, one in now.items()}


def pull_back(weights: Weights, old: Weights, importance: Weights, strength: float) -> float:
    """Adds the gradient of strength / 2 * sum importance * (weight - old)^2 to the weights' and gives its value."""
    value = 0.0
    with torch.no_grad():
        for name, weight in weights.items():
            away = weight - old[name]
            push = strength * importance[name] * away
            weight.grad = push if weight.grad is None else weight.grad.add_(push)
            value += float((push * away).sum()) / 2
    return value

"""The router's network: whether a request asks for one taught item, from their two vectors and a few plain figures.

About 1.4 million weights at 384 dimensions. It is trained in sleep; the server computes the same in numpy
(aion/router/network.py), from the same names of tensors.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

HIDDEN: Final = 768
MIDDLE: Final = 128


class PairScorer(nn.Module):
    """Two hidden layers over [q, t, |q - t|, q * t] and the figures of the pair."""

    def __init__(self, dimensions: int, figures: int, *, hidden: int = HIDDEN, middle: int = MIDDLE) -> None:
        super().__init__()
        self.first = nn.Linear(4 * dimensions + figures, hidden)
        self.second = nn.Linear(hidden, middle)
        self.last = nn.Linear(middle, 1)

    def forward(self, q_N_D: Tensor, t_N_D: Tensor, figures_N_F: Tensor) -> Tensor:
        """Logits, one a pair."""
        pair_N_P = torch.cat([q_N_D, t_N_D, (q_N_D - t_N_D).abs(), q_N_D * t_N_D, figures_N_F], dim=1)
        hidden_N_H = functional.relu(self.first(pair_N_P))
        logits_N_1: Tensor = self.last(functional.relu(self.second(hidden_N_H)))
        return logits_N_1[:, 0]


def pair_loss(logits_N: Tensor, wanted_N: Tensor) -> Tensor:
    """Cross-entropy in which what is wanted and what is not count alike, however many there are of each."""
    each_N = functional.binary_cross_entropy_with_logits(logits_N, wanted_N, reduction="none")
    of_wanted = (each_N * wanted_N).sum() / wanted_N.sum().clamp(min=1)
    of_others = (each_N * (1 - wanted_N)).sum() / (1 - wanted_N).sum().clamp(min=1)
    return (of_wanted + of_others) / 2

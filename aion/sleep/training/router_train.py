"""Trains the router's network on pairs of requests and items, on a CPU: the same pairs and seed give the same bytes.

It takes plain arrays and gives safetensors. Where pairs come from is the router's business; whether the network is
better than the rule without one is the examination's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save

from aion.errors import BadInput
from aion.nets.router import PairScorer, pair_loss

Floats = npt.NDArray[np.float32]
SEEN = 40_000  # pairs, each as often as it is shown
LEAST_EPOCHS, MOST_EPOCHS = 3, 16


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Requests, the items they are held against, plain figures of each pair, and whether the one asks for the other."""

    q_N_D: Floats
    t_N_D: Floats
    figures_N_F: Floats
    wanted_N: Floats


@dataclass(frozen=True, slots=True)
class TrainedRouter:
    """The network as safetensors, and the loss of each epoch."""

    weights: bytes
    losses: tuple[float, ...]


def train_at_night(pairs: Pairs, *, seed: int, note: Mapping[str, str], pause: Callable[[], None]) -> bytes:
    """The network of a night: fewer epochs the more pairs there are, so that it takes a minute at most.

    One thread: the engines of the night have the others, and sums over several would come out otherwise elsewhere.
    """
    epochs = max(LEAST_EPOCHS, min(MOST_EPOCHS, SEEN // max(1, len(pairs.wanted_N))))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return train_router(pairs, seed=seed, epochs=epochs, batch=64, rate=1e-3, note=note, pause=pause).weights
    finally:
        torch.set_num_threads(threads)


def train_router(
    pairs: Pairs,
    *,
    seed: int,
    epochs: int = 16,
    rate: float = 5e-4,
    decay: float = 0.05,
    batch: int = 32,
    note: Mapping[str, str] | None = None,
    pause: Callable[[], None] = lambda: None,
) -> TrainedRouter:
    """AdamW with a linear way down; raises BadInput when there are no pairs of both kinds.

    `note` stands in the file; `pause` is called before each step.
    """
    if not 0 < pairs.wanted_N.sum() < len(pairs.wanted_N):
        raise BadInput("the router's network needs pairs that belong together and pairs that do not; teach more first")
    draw = torch.Generator().manual_seed(seed)
    arrays = (pairs.q_N_D, pairs.t_N_D, pairs.figures_N_F, pairs.wanted_N)
    tensors = tuple(torch.from_numpy(np.ascontiguousarray(one, np.float32)) for one in arrays)
    net = _make_net(pairs, draw)
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay)
    steps = epochs * -(-len(pairs.wanted_N) // batch)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, steps)
    losses: list[float] = []
    for _ in range(epochs):
        order = torch.randperm(len(pairs.wanted_N), generator=draw)
        total = 0.0
        for rows in order.split(batch):
            pause()
            q_B_D, t_B_D, figures_B_F, wanted_B = (one[rows] for one in tensors)
            loss = pair_loss(net(q_B_D, t_B_D, figures_B_F), wanted_B)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(rows)
        losses.append(total / len(pairs.wanted_N))
    weights = save({name: one.detach() for name, one in net.state_dict().items()}, dict(note) if note else None)
    return TrainedRouter(weights, tuple(losses))


def _make_net(pairs: Pairs, draw: torch.Generator) -> PairScorer:
    """Drawn from the seed alone, whatever else has drawn numbers before."""
    net = PairScorer(pairs.q_N_D.shape[1], pairs.figures_N_F.shape[1])
    with torch.no_grad():
        for weight in net.parameters():
            bound = weight.shape[-1] ** -0.5 if weight.ndim == 2 else 0.0
            weight.uniform_(-bound, bound, generator=draw) if bound else weight.zero_()
    return net

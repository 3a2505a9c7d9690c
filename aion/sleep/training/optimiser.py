"""Makes the optimiser of a training, and takes its moments out and puts them in again: AdamW, in 8 bits with NF4.

It decides no rate. Moments are all that an optimiser remembers besides the number of steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import torch
from torch import Tensor, nn

from aion.sleep.training.base import Recipe
from aion.sleep.training.nf4 import load_bitsandbytes

MOMENTS: Final = ("exp_avg", "exp_avg_sq", "state1", "state2", "absmax1", "absmax2")  # torch's, then bitsandbytes'


def make_optimiser(weights: Mapping[str, nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    """With NF4 bitsandbytes' own, its moments in 8 bits; on a GPU they are paged out when memory is short."""
    rates: Any = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay}
    if recipe.weights != "nf4":
        return torch.optim.AdamW(weights.values(), fused=True, **rates)
    made = load_bitsandbytes().optim
    kind = made.PagedAdamW8bit if recipe.device.startswith("cuda") else made.AdamW8bit
    return cast(torch.optim.Optimizer, kind(list(weights.values()), **rates))


def read_moments(optimiser: torch.optim.Optimizer, weights: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Under MOMENT.NAME; none before the first step."""
    return {
        f"{moment}.{name}": optimiser.state[weight][moment]
        for name, weight in weights.items()
        for moment in MOMENTS
        if moment in optimiser.state[weight]
    }


def put_moments(
    optimiser: torch.optim.Optimizer, weights: Mapping[str, nn.Parameter], saved: Mapping[str, Tensor], step: int
) -> None:
    """As if it had made `step` steps itself."""
    for number, (name, weight) in enumerate(weights.items()):
        state = _make_state(optimiser, weight, number)
        state["step"] = torch.tensor(float(step), device=weight.device) if "exp_avg" in state else step
        for moment in MOMENTS:
            if moment in state:
                state[moment].copy_(saved[f"{moment}.{name}"])


def _make_state(optimiser: torch.optim.Optimizer, weight: nn.Parameter, number: int) -> dict[str, Any]:
    """What the first step would make; bitsandbytes' may be memory that the GPU pages."""
    if isinstance(optimiser, torch.optim.AdamW):
        optimiser.state[weight] = {moment: torch.zeros_like(weight) for moment in MOMENTS[:2]}
    else:
        cast(Any, optimiser).init_state(optimiser.param_groups[0], weight, 0, number)
    return cast(dict[str, Any], optimiser.state[weight])

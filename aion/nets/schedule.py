"""How fast to learn at each step: a straight rise, then half a cosine down to a floor."""

from __future__ import annotations

import math


def learning_rate(step: int, steps: int, *, peak: float, warmup: float, floor: float) -> float:
    """Of step 0 to steps - 1. `warmup` is a share of the steps, `floor` one of the peak; the first step moves too."""
    rising = math.ceil(steps * warmup)
    if step < rising:
        return peak * (step + 1) / (rising + 1)
    fall = (step - rising) / max(1, steps - 1 - rising)
    return peak * (floor + (1 - floor) * (1 + math.cos(math.pi * min(1.0, fall))) / 2)

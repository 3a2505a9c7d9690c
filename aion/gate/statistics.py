"""Whether a change is more than chance: an exact test for right and wrong, an interval for numbers, the noise floor.

Pure arithmetic. The interval is drawn with a fixed seed: the same numbers give the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 4000
SEED = 20261121


@dataclass(frozen=True, slots=True)
class Pairs:
    """The same questions before and after, each right or wrong; in a near miss "right" reads "fooled"."""

    before: tuple[bool, ...] = ()
    after: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        if len(self.before) != len(self.after):
            raise ValueError(f"{len(self.before)} answers before and {len(self.after)} after are no pairs")

    @property
    def items(self) -> int:
        return len(self.before)

    @property
    def gained(self) -> int:
        return sum(1 for one, other in zip(self.before, self.after, strict=True) if other and not one)

    @property
    def lost(self) -> int:
        return sum(1 for one, other in zip(self.before, self.after, strict=True) if one and not other)


def better(pairs: Pairs) -> float:
    """The chance of so many gains or more if nothing had changed (McNemar, exact, one side)."""
    return binomial_tail(pairs.gained, pairs.gained + pairs.lost)


def worse(pairs: Pairs) -> float:
    """The chance of so many losses or more if nothing had changed."""
    return binomial_tail(pairs.lost, pairs.gained + pairs.lost)


def binomial_tail(least: int, of: int) -> float:
    """The chance of at least so many heads of so many fair coins."""
    return float(sum(math.comb(of, heads) for heads in range(least, of + 1)) / 2**of)


def interval(before: Sequence[float], after: Sequence[float], *, level: float = 0.95) -> tuple[float, float]:
    """Where the mean difference lies (paired bootstrap, percentiles); (0, 0) of nothing."""
    if len(before) != len(after):
        raise ValueError(f"{len(before)} numbers before and {len(after)} after are no pairs")
    if not before:
        return (0.0, 0.0)
    changes = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    drawn = np.random.default_rng(SEED).integers(0, len(changes), (DRAWS, len(changes)))
    edge = (1.0 - level) / 2
    low, high = np.quantile(changes[drawn].mean(axis=1), (edge, 1.0 - edge))
    return (float(low), float(high))


def noise_floor(first: Sequence[object], again: Sequence[object]) -> float:
    """The share that came out otherwise when the same was asked of the same twice."""
    pairs = list(zip(first, again, strict=True))
    return sum(1 for one, other in pairs if one != other) / len(pairs) if pairs else 0.0

"""A document's vector follows what is approved of it and liked in it (M3): e <- (1 - eta) e + eta e_new.

eta = min(1, c / (n + 1)) after n steps, and the result is made a unit vector again. With c = 0.5 the weight of where
it began falls as n to the power -0.5: the vector turns quickly at first and never stops listening. It stores nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from aion.memory.base import Vector


def step_size(count: int, c: float) -> float:
    return min(1.0, c / (count + 1))


def follow(start: Sequence[float] | Vector, count: int, vectors: Iterable[Vector], c: float) -> tuple[Vector, int]:
    """The vector after following each in turn, and how many it has followed by then.

    Without a start the first vector is the start. A vector that would leave nothing (its exact opposite, half way) is
    passed over, because no direction would be left to renormalise.
    """
    held = np.asarray(start, dtype=np.float64)
    for vector in vectors:
        new = np.asarray(vector, dtype=np.float64)
        eta = step_size(count, c) if held.size else 1.0
        moved = (1.0 - eta) * held + eta * new if held.size else new
        length = float(np.linalg.norm(moved))
        if length > 1e-9:
            held = moved / length
            count += 1
    return held.astype(np.float32), count


def mean_direction(vectors: Sequence[Vector]) -> Vector:
    """The unit vector in the middle of them; empty when there are none, or when they cancel out."""
    if not vectors:
        return np.zeros(0, dtype=np.float32)
    total = np.sum(np.asarray(vectors, dtype=np.float64), axis=0)
    length = float(np.linalg.norm(total))
    return (total / length).astype(np.float32) if length > 1e-9 else np.zeros(0, dtype=np.float32)

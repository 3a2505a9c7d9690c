"""How many threads an engine should use, from how busy the neighbours are: arithmetic only, no measuring, no swapping.

llama.cpp's threads wait for each other after every layer, so one thread without a core of its own makes all of them
slow: with a busy neighbour a core less is much faster than all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BUSY_CORES = 0.5  # neighbours below this are noise
BUSY_FOR_S = 3.0  # so long before stepping down
QUIET_FOR_S = 60.0  # so long before stepping up again
SHORTEST_GAP_S = 30.0  # between two swaps
MEMORY_MARGIN = 1.5  # times what a second engine needs


@dataclass(frozen=True, slots=True)
class Sample:
    """How many cores the neighbours kept busy up to a moment."""

    at: float
    busy: float


def fit_threads(cores: int, busy: float) -> int:
    """Threads that leave the busy neighbours theirs; at least one."""
    if busy < BUSY_CORES:
        return cores
    return max(1, cores - max(1, round(busy)))


def wanted_threads(samples: Sequence[Sample], cores: int, now: int) -> int:
    """What the samples ask for, `now` being in use: down after 3 s of neighbours, up after 60 s with fewer."""
    if not samples:
        return now
    least = _busy_over(samples, BUSY_FOR_S)
    if least and (fewer := fit_threads(cores, min(least))) < now:
        return fewer
    most = _busy_over(samples, QUIET_FOR_S)
    if most and (more := fit_threads(cores, max(most))) > now:
        return more
    return now


def _busy_over(samples: Sequence[Sample], seconds: float) -> list[float]:
    """The samples of the last so many seconds; none while they do not reach back so far."""
    since = samples[-1].at - seconds
    if samples[0].at > since:
        return []
    return [sample.busy for sample in samples if sample.at > since]


def may_swap(*, now: float, last_swap: float, memory_free: float, memory_needed: float) -> bool:
    """Whether a swap is affordable: not too soon after the last, and a second engine fits beside the first."""
    return now - last_swap >= SHORTEST_GAP_S and memory_free >= MEMORY_MARGIN * memory_needed


def usable_cores(*, physical: int, logical: int, allowed: int, quota: float | None) -> int:
    """Physical cores this process may really use: of the machine, its affinity (in logical ones) and its CPU quota."""
    per_core = max(1, logical // max(1, physical))
    cores = max(1, min(physical, allowed // per_core or 1))
    return cores if quota is None else max(1, min(cores, int(quota)))

"""Adds up what the machine was doing, from one sample a minute into numbers by day. It measures nothing itself.

Levels (processors, memory, disk) become a mean and a maximum. What is counted in joules becomes watt-hours: each sample
says how much was used since the sample before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from aion.records import Json

Sample = tuple[float, Mapping[str, float]]

COUNTED = "_joules"
ENERGY = ("energy", "gpu_energy")
JOULES_PER_WH = 3600


def sum_resources(samples: Iterable[Sample], day_of: Callable[[float], str]) -> dict[str, Json]:
    """By day; a day without a sample is not there."""
    values: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    counts: defaultdict[str, int] = defaultdict(int)
    for at, measured in samples:
        day = day_of(at)
        counts[day] += 1
        for name, value in measured.items():
            values[day][name].append(value)
    return {day: _numbers(values[day], counts[day]) for day in counts}


def _numbers(measured: Mapping[str, list[float]], count: int) -> Json:
    levels = {
        name: {"mean": round(sum(values) / len(values), 3), "max": max(values)}
        for name, values in sorted(measured.items())
        if not name.endswith(COUNTED)
    }
    return {"samples": count, **levels, **{f"{name}_wh": _watt_hours(measured.get(name + COUNTED)) for name in ENERGY}}


def _watt_hours(joules: list[float] | None) -> float | None:
    """Null where the machine does not tell."""
    return round(sum(joules) / JOULES_PER_WH, 3) if joules else None

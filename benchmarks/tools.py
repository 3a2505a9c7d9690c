"""What the benchmarks share: options, percentiles, interleaved rounds, and the table of numbers, targets and verdicts.

It measures nothing itself and passes no judgement beyond comparing a number with its target: a miss is printed, not an
error.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import shlex
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import platformdirs
import psutil

from aion.models.llama.monitor import NeighbourMeter

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that was measured; `target` is what was promised, None for a number shown only to compare."""

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False  # the target is a lower bound; else an upper one

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        reached = self.value >= self.target if self.at_least else self.value <= self.target
        return "pass" if reached else "MISS"


def parse_options(description: str, *, seconds: float) -> argparse.Namespace:
    """What every benchmark takes."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--seconds", type=float, help=f"how long to measure (default {seconds:g})")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see that it runs, not to quote")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder for environments and data")
    options = parser.parse_args()
    if options.seconds is None:
        options.seconds = seconds / 6 if options.quick else seconds
    return options


def default_cache() -> Path:
    return Path(platformdirs.user_cache_dir("aion", appauthor=False)) / "benchmarks"


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of the values do not pass."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def rounds_for(seconds: float, *, least: int) -> Iterator[int]:
    """Numbers of rounds: as many as begin within the time, and never fewer than `least`."""
    end, number = time.monotonic() + seconds, 0
    while number < least or time.monotonic() < end:
        yield number
        number += 1


def interleave(peers: Sequence[T], rounds: Iterable[int]) -> Iterator[tuple[int, T]]:
    """Each peer once a round, in an order that rotates: whatever drifts on the machine meets all of them alike."""
    for number in rounds:
        shift = number % len(peers)
        for peer in (*peers[shift:], *peers[:shift]):
            yield number, peer


def print_head(description: str) -> NeighbourMeter:
    """What is measured, where, and how busy the machine is before it begins."""
    print(description.splitlines()[0])
    print(f"  {time.strftime('%Y-%m-%d %H:%M')}  {shlex.join(['python', *sys.argv])}")
    print(
        f"  {os.cpu_count()} logical CPUs, {psutil.virtual_memory().total >> 30} GiB, {platform.platform()}, ", end=""
    )
    print(f"Python {platform.python_version()}")
    meter = NeighbourMeter(_own_pids)
    time.sleep(1.0)
    print_load("before", meter)
    return meter


def print_load(when: str, meter: NeighbourMeter | None = None) -> None:
    """How busy the machine is and, by the meter, with others' work since its last line: it decides what to believe."""
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    others = f"; others kept {meter.read():.2f} cores busy" if meter else ""
    print(f"  {when}: load average {load}{others}", flush=True)


def _own_pids() -> list[int]:
    """This process and all that it started."""
    own = psutil.Process()
    return [own.pid, *(child.pid for child in own.children(recursive=True))]


def print_table(figures: Sequence[Figure]) -> None:
    rows = [("figure", "value", "target", ""), *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    print()
    for row in rows:
        name, value, target, verdict = row
        print(f"  {name:<{widths[0]}}  {value:>{widths[1]}}  {target:>{widths[2]}}  {verdict}".rstrip())
    print(flush=True)


def _row(figure: Figure) -> tuple[str, str, str, str]:
    target = ""
    if figure.target is not None:
        target = f"{'>=' if figure.at_least else '<='} {figure.target:g}"
    return figure.name, f"{_short(figure.value)} {figure.unit}".rstrip(), target, figure.verdict


def _short(value: float) -> str:
    return f"{value:.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.3f}"

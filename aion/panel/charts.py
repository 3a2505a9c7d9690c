"""Draws charts as SVG: axes with units, a value under the pointer, and words where there is nothing yet.

Colours and sizes of text come from the style sheet, so a chart follows the page's colours. It knows no page and no data
but numbers and their names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 12, 34
TICKS = 4
MOST_NAMES = 8  # under the horizontal axis


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart; None where nothing was measured."""

    name: str
    values: Sequence[float | None]


def line_chart(lines: Sequence[Line], names: Sequence[str], *, unit: str, label: str, top: float = 0.0) -> Markup:
    """Against the names from left to right. `unit` follows each value, `label` says what it shows; `top` is at least
    the end of the axis."""
    known = [value for line in lines for value in line.values if value is not None]
    end = _round_up(max([top, *known], default=1.0) or 1.0)
    parts = [
        _axis(end, unit),
        _names(names),
        *(_draw(line, place, names, end, unit) for place, line in enumerate(lines)),
    ]
    body = Markup("").join(parts)
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}" preserveAspectRatio="xMidYMid meet">{}</svg>'
    ).format(WIDTH, HEIGHT, label, body)


def _axis(end: float, unit: str) -> Markup:
    rows = []
    for tick in range(TICKS + 1):
        value = end * tick / TICKS
        y = _height(value, end)
        rows.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>').format(LEFT, WIDTH - RIGHT, y=y)
            + Markup('<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}{}</text>').format(
                LEFT - 6, y + 4, _plain(value), unit
            )
        )
    return Markup("").join(rows)


def _names(names: Sequence[str]) -> Markup:
    every = max(1, math.ceil(len(names) / MOST_NAMES))
    return Markup("").join(
        Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
            _place(at, len(names)), HEIGHT - 12, name
        )
        for at, name in enumerate(names)
        if at % every == 0
    )


def _draw(line: Line, place: int, names: Sequence[str], end: float, unit: str) -> Markup:
    points = [
        (_place(at, len(names)), _height(value, end), at, value)
        for at, value in enumerate(line.values)
        if value is not None
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in points)
    dots = Markup("").join(
        Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}, {}: {}{}</title></circle>').format(
            x, y, line.name, names[at], _plain(value), unit
        )
        for x, y, at, value in points
    )
    return Markup('<g class="line line-{}"><polyline points="{}"/>{}</g>').format(place, path, dots)


def legend(lines: Sequence[Line]) -> Markup:
    """Which line is which; for more than one."""
    items = Markup("").join(
        Markup('<li class="line-{}"><span></span>{}</li>').format(place, line.name) for place, line in enumerate(lines)
    )
    return Markup('<ul class="legend">{}</ul>').format(items)


def _place(at: int, count: int) -> float:
    width = WIDTH - LEFT - RIGHT
    return LEFT + (width / 2 if count < 2 else width * at / (count - 1))


def _height(value: float, end: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / end)


def _round_up(value: float) -> float:
    """The next number of one or two digits that is easy to read."""
    size = 10 ** math.floor(math.log10(value))
    return float(next(step * size for step in (1, 2, 2.5, 4, 5, 8, 10) if step * size >= value * 0.999999))


def _plain(value: float) -> str:
    return str(escape(f"{value:.3g}"))

"""Draws charts as SVG: axes with units, a value under the pointer, and a shape of its own for each series.

Colours, strokes and sizes of text come from the style sheet, so a chart follows the page's colours. It knows no page
and no data but numbers and their names; the same numbers in words are the page's business.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 12, 34
TICKS = 4
EDGE = 20  # nearer to the right end than this, a name ends there
MOST_NAMES = 8  # under the horizontal axis
CROWDED = 62  # points of a line, from which on they are drawn small
FILLED = 0.7  # of the room that a group of bars has


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a chart; None where nothing was measured."""

    name: str
    values: Sequence[float | None]


def plain(value: float) -> str:
    """Of three digits, as English writes them."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def line_chart(
    lines: Sequence[Line],
    names: Sequence[str],
    *,
    unit: str,
    label: str,
    top: float = 0.0,
    write: Callable[[float], str] = plain,
) -> Markup:
    """Against the names from left to right. `unit` follows each value, `label` says what it shows; `top` is at least
    the end of the axis."""
    end = _end_of(lines, top)
    size = 2 if len(names) > CROWDED else 4

    def draw(line: Line, place: int) -> Markup:
        points = [
            (_place(at, len(names)), _height(value, end), f"{line.name}, {names[at]}: {write(value)}{unit}")
            for at, value in enumerate(line.values)
            if value is not None
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
        dots = Markup("").join(
            Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="{}"><title>{}</title></circle>').format(
                x, y, size, told
            )
            for x, y, told in points
        )
        return Markup('<g class="line line-{}"><polyline points="{}"/>{}</g>').format(place, path, dots)

    places = [_place(at, len(names)) for at in range(len(names))]
    parts = [
        _axis(end, unit, write),
        _names(names, places),
        *(draw(line, place) for place, line in enumerate(lines)),
    ]
    return frame(Markup("").join(parts), label)


def bar_chart(
    bars: Sequence[Line],
    names: Sequence[str],
    *,
    unit: str,
    label: str,
    top: float = 0.0,
    write: Callable[[float], str] = plain,
) -> Markup:
    """A group of bars above each name, one of each series; else as `line_chart`."""
    end = _end_of(bars, top)
    room = (WIDTH - LEFT - RIGHT) / max(1, len(names))
    wide = room * FILLED / max(1, len(bars))

    def draw(bar: Line, place: int) -> Markup:
        drawn = (
            Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>').format(
                LEFT + at * room + room * (1 - FILLED) / 2 + place * wide,
                _height(value, end),
                wide,
                _height(0, end) - _height(value, end),
                f"{bar.name}, {names[at]}: {write(value)}{unit}",
            )
            for at, value in enumerate(bar.values)
            if value is not None
        )
        return Markup('<g class="bar bar-{}">{}</g>').format(place, Markup("").join(drawn))

    middles = [LEFT + (at + 0.5) * room for at in range(len(names))]
    parts = [_axis(end, unit, write), _names(names, middles), *(draw(bar, place) for place, bar in enumerate(bars))]
    return frame(Markup("").join(parts), label)


def legend(lines: Sequence[Line], *, shape: str = "line") -> Markup:
    """Which series is which, drawn as the chart draws it; for more than one. `shape` is line or bar."""
    items = Markup("").join(
        Markup('<li class="{}-{}"><span></span>{}</li>').format(shape, place, line.name)
        for place, line in enumerate(lines)
    )
    return Markup('<ul class="legend">{}</ul>').format(items)


def frame(drawn: Markup, label: str, *, width: int = WIDTH, height: int = HEIGHT, kind: str = "") -> Markup:
    """The picture around what was drawn."""
    opened = Markup(
        '<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}" preserveAspectRatio="xMidYMid meet">'
    )
    return opened.format(f"chart {kind}".strip(), width, height, label) + drawn + Markup("</svg>")


def _axis(end: float, unit: str, write: Callable[[float], str]) -> Markup:
    rows = []
    for tick in range(TICKS + 1):
        value = end * tick / TICKS
        y = _height(value, end)
        rows.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>').format(LEFT, WIDTH - RIGHT, y=y)
            + Markup('<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}{}</text>').format(
                LEFT - 6, y + 4, write(value), unit
            )
        )
    return Markup("").join(rows)


def _names(names: Sequence[str], places: Sequence[float]) -> Markup:
    every = max(1, math.ceil(len(names) / MOST_NAMES))
    return Markup("").join(
        Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
            places[at], HEIGHT - 12, "end" if places[at] > WIDTH - RIGHT - EDGE else "middle", name
        )
        for at, name in enumerate(names)
        if at % every == 0
    )


def _end_of(lines: Sequence[Line], top: float) -> float:
    known = [value for line in lines for value in line.values if value is not None]
    return _round_up(max([top, *known], default=1.0) or 1.0)


def _place(at: int, count: int) -> float:
    width = WIDTH - LEFT - RIGHT
    return LEFT + (width / 2 if count < 2 else width * at / (count - 1))


def _height(value: float, end: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / end)


def _round_up(value: float) -> float:
    """The next number of one or two digits that is easy to read."""
    size = 10 ** math.floor(math.log10(value))
    return float(next(step * size for step in (1, 2, 2.5, 4, 5, 8, 10) if step * size >= value * 0.999999))

"""Draws where an adapter comes from: conversations, notes and documents on the left, it on the right.

Each line is as broad as what came of it. It knows no page; names lead to places that it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, ROW, TOP = 720, 34, 20
FROM, TO = 330, 470  # where lines begin and end
LONGEST = 42  # characters of a name
BROADEST = 14.0


@dataclass(frozen=True, slots=True)
class Origin:
    """One thing that something was learned from; `count` says how much of it."""

    name: str
    place: str
    count: int


def draw_lineage(origins: Sequence[Origin], adapter: str, *, label: str) -> Markup:
    height = 2 * TOP + ROW * max(len(origins), 1)
    most = max((one.count for one in origins), default=1)
    lines = Markup("").join(_line(one, row, height / 2, most) for row, one in enumerate(origins))
    end = Markup('<g class="made"><circle cx="{}" cy="{:.0f}" r="9"/><text x="{}" y="{:.0f}">{}</text></g>').format(
        TO + 9, height / 2, TO + 26, height / 2 + 4, _shorten(adapter, 28)
    )
    return Markup('<svg class="lineage" viewBox="0 0 {} {}" role="group" aria-label="{}">{}{}</svg>').format(
        WIDTH, height, label, lines, end
    )


def _line(one: Origin, row: int, middle: float, most: int) -> Markup:
    y = TOP + ROW * row + ROW / 2
    path = f"M{FROM},{y:.0f} C{FROM + 70},{y:.0f} {TO - 70},{middle:.0f} {TO},{middle:.0f}"
    broad = max(1.5, BROADEST * one.count / most)
    name = Markup('<text x="{}" y="{:.0f}" text-anchor="end">{}<title>{}: {}</title></text>').format(
        FROM - 10, y + 4, _shorten(one.name, LONGEST), one.name, one.count
    )
    drawn = Markup('<path d="{}" stroke-width="{:.1f}"/>').format(path, broad)
    return drawn + (Markup('<a href="{}">{}</a>').format(one.place, name) if one.place else name)


def _shorten(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"

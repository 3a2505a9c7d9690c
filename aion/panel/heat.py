"""Draws a heat map as a table: a row for each thing, a column for each day, each cell with its number and a shade.

The numbers stand in the cells, so nothing is said by colour alone, and a table is its own alternative in words. Shades
are classes of the style sheet. It knows no page and no data but names and numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

SHADES = 4  # of what is not zero


@dataclass(frozen=True, slots=True)
class Row:
    """One thing: what it is called, where it leads, and its number on each day."""

    name: str
    place: str
    values: Sequence[int]


def heat_map(rows: Sequence[Row], days: Sequence[str], *, caption: str, names: str, total: str) -> Markup:
    """`names` and `total` head the first and the last column; the days are named in full, "5 Feb 2026"."""
    most = max((value for row in rows for value in row.values), default=0)
    head = Markup("").join(_day(day) for day in days)
    body = Markup("").join(_row(row, days, most) for row in rows)
    return Markup(
        '<table class="heat"><caption>{}</caption><thead><tr><th scope="col">{}</th>{}<th scope="col">{}</th></tr>'
        "</thead><tbody>{}</tbody></table>"
    ).format(caption, names, head, total, body)


def shade_of(value: int, most: int) -> int:
    """0 for nothing, else 1 to SHADES by its part of the largest."""
    return math.ceil(SHADES * value / most) if value > 0 else 0


def _day(day: str) -> Markup:
    """Its number is seen, its name is heard and stands under the pointer."""
    return Markup(
        '<th scope="col" title="{day}"><span aria-hidden="true">{short}</span><span class="hidden">{day}</span></th>'
    ).format(day=day, short=day.split(" ", 1)[0])


def _row(row: Row, days: Sequence[str], most: int) -> Markup:
    cells = Markup("").join(
        Markup('<td class="heat-{}" title="{}, {}: {}">{}</td>').format(
            shade_of(value, most), row.name, day, value, value or Markup('<span class="hidden">0</span>')
        )
        for day, value in zip(days, row.values, strict=True)
    )
    return Markup('<tr><th scope="row"><a href="{}">{}</a></th>{}<td>{}</td></tr>').format(
        row.place, row.name, cells, sum(row.values)
    )

"""Draws how far confidence and judgement are apart: a dot for each column of answers, against the line of honesty.

The square goes from 0 to 100 % both ways; a larger dot stands for more answers. It knows no page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from aion.panel.charts import frame

SIDE, LEFT, RIGHT, TOP, BOTTOM = 300, 56, 16, 12, 46
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
SMALLEST, LARGEST = 4.0, 13.0


@dataclass(frozen=True, slots=True)
class Dot:
    """Answers of which something like the same was said."""

    said: float  # 0 to 1
    good: float  # share of them that was judged good
    count: int
    told: str  # the same in words, under the pointer


def calibration_chart(dots: Sequence[Dot], *, across: str, up: str, label: str) -> Markup:
    """`across` and `up` name the axes."""
    most = max((dot.count for dot in dots), default=1)
    drawn = [
        *(_tick(share) for share in TICKS),
        Markup('<line class="honest" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(_x(0), _y(0), _x(1), _y(1)),
        Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            _x(0.5), TOP + SIDE + BOTTOM - 8, across
        ),
        Markup('<text class="tick" transform="translate(12 {}) rotate(-90)" text-anchor="middle">{}</text>').format(
            _y(0.5), up
        ),
        *(_dot(dot, most) for dot in dots),
    ]
    width, height = LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM
    return frame(Markup("").join(drawn), label, width=width, height=height, kind="square")


def _tick(share: float) -> Markup:
    grid = Markup('<line class="grid" x1="{}" x2="{}" y1="{y}" y2="{y}"/>').format(_x(0), _x(1), y=_y(share))
    beside = Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{:.0f}%</text>')
    below = Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{:.0f}%</text>')
    return grid + beside.format(LEFT - 6, _y(share) + 4, 100 * share) + below.format(_x(share), _y(0) + 18, 100 * share)


def _dot(dot: Dot, most: int) -> Markup:
    radius = SMALLEST + (LARGEST - SMALLEST) * math.sqrt(dot.count / most)
    return Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"><title>{}</title></circle>').format(
        _x(dot.said), _y(dot.good), radius, dot.told
    )


def _x(share: float) -> float:
    return LEFT + SIDE * share


def _y(share: float) -> float:
    return TOP + SIDE * (1 - share)

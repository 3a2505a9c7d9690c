"""Learns from judged answers what a raw confidence is worth, and measures how far confidence and truth are apart.

A pair is a raw confidence in [0, 1] and the outcome: 1 for a good answer, 0 for a bad one, or a share between. A map
never turns a higher confidence into a lower one. Pure: it keeps nothing, and the same pairs in the same order give the
same map. It judges nothing itself.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from aion.errors import Corrupt
from aion.records import Calibration, new_id

Pair = tuple[float, float]  # raw confidence, outcome
Points = tuple[tuple[float, float], ...]

FOLDS = 5
NEWTON_STEPS = 100
RIDGE = 1e-9  # keeps the curvature invertible when all raw values are the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One column of a reliability plot. Empty ones have count 0 and no means."""

    low: float
    high: float
    count: int
    confidence: float | None  # mean of what was said
    outcome: float | None  # mean of what was true


@dataclass(slots=True)
class _Block:
    """Neighbours that share one value while violators are pooled."""

    low: float
    high: float
    total: float
    weight: int

    @property
    def value(self) -> float:
        return self.total / self.weight


def fit_isotonic(pairs: Sequence[Pair]) -> Points:
    """The non-decreasing steps of least squares (pool adjacent violators), as knots to interpolate between.

    Pairs with the same raw value are one point with their number as weight. A block gives its first and last raw value
    as knots. Nothing for no pairs.
    """
    blocks: list[_Block] = []
    for raw, group in groupby(sorted(pairs), key=lambda pair: pair[0]):
        outcomes = [outcome for _, outcome in group]
        blocks.append(_Block(raw, raw, math.fsum(outcomes), len(outcomes)))
        while len(blocks) > 1 and blocks[-2].value >= blocks[-1].value:
            last = blocks.pop()
            before = blocks[-1]
            blocks[-1] = _Block(before.low, last.high, before.total + last.total, before.weight + last.weight)
    return tuple(knot for block in blocks for knot in _knots(block))


def _knots(block: _Block) -> Points:
    ends = (block.low,) if block.low == block.high else (block.low, block.high)
    return tuple((end, block.value) for end in ends)


def fit_platt(pairs: Sequence[Pair]) -> tuple[float, float]:
    """(a, b) of 1 / (1 + exp(-(a * raw + b))), by Newton's method with step halving.

    The targets are Platt's: (P + 1) / (P + 2) for good and 1 / (N + 2) for bad answers, with P and N their numbers, so
    that a few answers that happen to be all good do not make it certain.
    """
    raw, outcome = np.array(pairs, dtype=float).reshape(-1, 2).T
    good = float(outcome.sum())
    bad = len(raw) - good
    target = outcome * (good + 1) / (good + 2) + (1 - outcome) / (bad + 2)
    a, b = 0.0, math.log((good + 1) / (bad + 1))
    for _ in range(NEWTON_STEPS):
        share = 1 / (1 + np.exp(-(a * raw + b)))
        error, curve = share - target, share * (1 - share)
        slope_a, slope_b = float(error @ raw), float(error.sum())
        if max(abs(slope_a), abs(slope_b)) < 1e-10 * max(1, len(raw)):
            break
        aa, ab, bb = float(curve @ raw**2) + RIDGE, float(curve @ raw), float(curve.sum()) + RIDGE
        scale = aa * bb - ab * ab
        step_a, step_b = (bb * slope_a - ab * slope_b) / scale, (aa * slope_b - ab * slope_a) / scale
        before, size = _loss(a, b, raw, target), 1.0
        while size > 1e-10 and _loss(a - size * step_a, b - size * step_b, raw, target) > before:
            size /= 2
        a, b = a - size * step_a, b - size * step_b
    return a, b


def _loss(a: float, b: float, raw: np.ndarray, target: np.ndarray) -> float:
    """Negative log-likelihood, without an overflow however far out."""
    score = a * raw + b
    return float((np.logaddexp(0, score) - target * score).sum())


def apply(calibration: Calibration, raw: float) -> float:
    """The calibrated confidence, in [0, 1]."""
    return _apply(calibration.method, calibration.points, raw)


def _apply(method: str, points: Points, raw: float) -> float:
    if method == "platt" and len(points) == 1:
        [(a, b)] = points
        return 0.5 * (1 + math.tanh((a * raw + b) / 2))  # the logistic function, which cannot overflow this way
    if method == "isotonic" and points:
        return _interpolate(points, raw)
    raise Corrupt(f"a calibration of method {method!r} with {len(points)} points cannot be used; run `aion verify`")


def _interpolate(knots: Points, raw: float) -> float:
    """Linear between the knots, level outside."""
    place = bisect.bisect_left(knots, raw, key=lambda knot: knot[0])
    if place == len(knots):
        return knots[-1][1]
    (right, above) = knots[place]
    if place == 0 or right == raw:
        return above
    left, below = knots[place - 1]
    return below + (above - below) * (raw - left) / (right - left)


def reliability(pairs: Sequence[Pair], bins: int = 10) -> list[Bin]:
    """Columns of equal width over [0, 1]; each holds its lower edge, the last holds 1 as well.

    Equal width and not equal mass, because a fitted map gives many answers the same value: those must not be spread
    over several columns by the order they happen to stand in.
    """
    columns: list[list[Pair]] = [[] for _ in range(bins)]
    for pair in pairs:
        columns[min(max(int(pair[0] * bins), 0), bins - 1)].append(pair)
    return [_bin(place / bins, (place + 1) / bins, held) for place, held in enumerate(columns)]


def _bin(low: float, high: float, held: Sequence[Pair]) -> Bin:
    def mean(which: int) -> float | None:
        return math.fsum(pair[which] for pair in held) / len(held) if held else None

    return Bin(low=low, high=high, count=len(held), confidence=mean(0), outcome=mean(1))


def expected_error(pairs: Sequence[Pair], bins: int = 10) -> float:
    """Expected calibration error: the mean distance of the columns of `reliability`, weighted by their counts.

    0 for no pairs. With few pairs it errs upwards: chance alone keeps the columns off the diagonal.
    """
    columns = [one for one in reliability(pairs, bins) if one.confidence is not None and one.outcome is not None]
    apart = [one.count * abs((one.confidence or 0.0) - (one.outcome or 0.0)) for one in columns]
    return math.fsum(apart) / len(pairs) if pairs else 0.0


def calibrate(pairs: Sequence[Pair], *, owner: str, at: float, minimum: int) -> Calibration | None:
    """The better map of the two, fitted to all pairs; None when there is too little, or nothing to gain.

    Five folds, pair i in fold i mod 5, say how each method does on answers it was not fitted to. The method with the
    smaller squared error there is taken: expected calibration error alone would be content with always saying the mean.
    Too little is fewer pairs than `minimum`, or fewer than five good or five bad answers. Nothing is gained unless both
    errors fall.
    """
    good = math.fsum(outcome for _, outcome in pairs)
    if len(pairs) < minimum or min(good, len(pairs) - good) < FOLDS:
        return None
    said = {method: _held_out(method, pairs) for method in ("platt", "isotonic")}
    method = min(said, key=lambda name: _squared_error(said[name]))
    before, after = expected_error(pairs), expected_error(said[method])
    points = _fit(method, pairs)
    falls = after < before and _squared_error(said[method]) < _squared_error(pairs)
    if not falls or _decreases(method, points):
        return None
    return Calibration(
        id=new_id("cal"),
        owner=owner,
        at=at,
        method=method,
        points=points,
        samples=len(pairs),
        error_before=before,
        error_after=after,
    )


def _fit(method: str, pairs: Sequence[Pair]) -> Points:
    return fit_isotonic(pairs) if method == "isotonic" else (fit_platt(pairs),)


def _held_out(method: str, pairs: Sequence[Pair]) -> list[Pair]:
    """Every pair with its confidence as the map that was fitted without its fold gives it."""
    maps = [_fit(method, [pair for place, pair in enumerate(pairs) if place % FOLDS != fold]) for fold in range(FOLDS)]
    return [(_apply(method, maps[place % FOLDS], raw), outcome) for place, (raw, outcome) in enumerate(pairs)]


def _squared_error(pairs: Sequence[Pair]) -> float:
    return math.fsum((said - outcome) ** 2 for said, outcome in pairs) / len(pairs)


def _decreases(method: str, points: Points) -> bool:
    """Steps cannot; Platt's curve does when the surer answers were the worse ones."""
    return method == "platt" and points[0][0] < 0

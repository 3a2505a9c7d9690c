"""Makes stored low-rank adapters smaller: fewer ranks, 8-bit rows, zeros for what is near zero. Each says its error.

Pure functions of numpy matrices: an adapter can be shrunk where torch is not installed. A pair (a, b) stands for the
matrix b @ a, with a: rank x in and b: out x rank. What an error does to answers is for an examination to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from aion.errors import BadInput

Matrix = npt.NDArray[np.floating]
_LARGEST_CODE: Final = 127


@dataclass(frozen=True, slots=True)
class Rows:
    """A matrix as one byte a number and one factor a row."""

    codes: npt.NDArray[np.int8]
    factors: npt.NDArray[np.float32]

    @property
    def bound(self) -> npt.NDArray[np.float32]:
        """The most by which a number of each row can be off, rounding of float32 aside: half a step."""
        return self.factors * np.float32(0.5)


@dataclass(frozen=True, slots=True)
class Reduced:
    """A pair of lower rank, and how far its product is from the one before, relative to that one's Frobenius norm."""

    a: npt.NDArray[np.float32]
    b: npt.NDArray[np.float32]
    error: float


@dataclass(frozen=True, slots=True)
class Pruned:
    """A matrix with zeros, and the norm of what was dropped relative to the whole."""

    matrix: npt.NDArray[np.float32]
    error: float


def quantise_rows(matrix: Matrix) -> Rows:
    """Symmetric: the largest number of a row becomes 127 or -127, and zero stays zero."""
    factors = (np.abs(matrix).max(axis=1, initial=0.0) / _LARGEST_CODE).astype(np.float32)
    steps = np.where(factors > 0, factors, 1).astype(np.float64)
    codes = np.clip(np.rint(matrix / steps[:, None]), -_LARGEST_CODE, _LARGEST_CODE)
    return Rows(codes.astype(np.int8), factors)


def restore_rows(rows: Rows) -> npt.NDArray[np.float32]:
    return rows.codes * rows.factors[:, None]


def reduce_rank(a: Matrix, b: Matrix, *, rank: int = 0, error: float = 0.0) -> Reduced:
    """The nearest pair of `rank`, or of the lowest rank whose error is at most `error`; of both, the larger rank.

    By Eckart and Young no pair of that rank is nearer, and the error is known exactly: the singular values left out.
    The product is never formed: its singular values are those of a small square, found by two QR decompositions.
    """
    if rank < 0 or not 0 <= error < 1 or (rank == 0 and error == 0):
        raise BadInput(f"rank {rank} and error {error} were asked for; give a rank above 0, or an error from 0 to 1")
    left, upper = np.linalg.qr(b.astype(np.float64))
    right, lower = np.linalg.qr(a.astype(np.float64).T)
    u, values, v = np.linalg.svd(upper @ lower.T)
    kept = min(max(rank, _rank_within(values, error) if error else 1), len(values))
    roots = np.sqrt(values[:kept])
    new_b, new_a = (left @ u[:, :kept]) * roots, roots[:, None] * (v[:kept] @ right.T)
    signs = np.where(new_b[np.abs(new_b).argmax(axis=0), np.arange(kept)] < 0, -1.0, 1.0)
    return Reduced((new_a * signs[:, None]).astype(np.float32), (new_b * signs).astype(np.float32), _tail(values, kept))


def prune(matrix: Matrix, share: float) -> Pruned:
    """Zero for that share of the numbers, those nearest to it; of equals the first ones."""
    if not 0 <= share < 1:
        raise BadInput(f"a share of {share} was to be pruned; give one from 0 to below 1")
    flat = matrix.astype(np.float32).reshape(-1)
    dropped = np.argsort(np.abs(flat), kind="stable")[: int(share * flat.size)]
    error = _relative(float(np.linalg.norm(flat[dropped].astype(np.float64))), float(np.linalg.norm(flat)))
    flat = flat.copy()
    flat[dropped] = 0
    return Pruned(flat.reshape(matrix.shape), error)


def delta_norm(a: Matrix, b: Matrix) -> float:
    """The Frobenius norm of b @ a, without forming it."""
    _, upper = np.linalg.qr(b.astype(np.float64))
    _, lower = np.linalg.qr(a.astype(np.float64).T)
    return float(np.linalg.norm(upper @ lower.T))


def delta_error(a: Matrix, b: Matrix, other_a: Matrix, other_b: Matrix) -> float:
    """How far the second pair's product is from the first's, relative to the first's Frobenius norm."""
    return _relative(delta_norm(np.vstack([a, other_a]), np.hstack([b, -other_b])), delta_norm(a, b))


def _rank_within(values: npt.NDArray[np.float64], error: float) -> int:
    """The lowest rank whose error is at most this."""
    return next(kept for kept in range(1, len(values) + 1) if _tail(values, kept) <= error)


def _tail(values: npt.NDArray[np.float64], kept: int) -> float:
    return _relative(float(np.linalg.norm(values[kept:])), float(np.linalg.norm(values)))


def _relative(part: float, whole: float) -> float:
    return part / whole if whole else 0.0

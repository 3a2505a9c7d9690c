"""Unit vectors in a byte a dimension, and how near they come to a question. Pure; an exact order needs the floats.

Each vector has its own scale, so that its largest component takes the whole range: the error of a cosine is then below
0.01 for the vectors of a sentence embedder, and the first of 40 candidates are the first of all (see docs/lab.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import simsimd

from aion.memory.base import Vector

Bytes = npt.NDArray[np.int8]
TOP = 127
BLOCK = 32  # scores of which only the best is looked at first


def quantise(vectors: Vector) -> tuple[Bytes, npt.NDArray[np.float32]]:
    """Rows of bytes and the scale of each row."""
    scales = (np.abs(vectors).max(axis=1) / TOP).astype(np.float32)
    safe = np.where(scales > 0, scales, np.float32(1))
    return np.rint(vectors / safe[:, None]).astype(np.int8), scales


def scan(question: Vector, rows: Bytes, scales: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The cosine of a question to every row, about."""
    if not len(rows):
        return np.zeros(0)
    asked, scale = quantise(question[None, :])
    products: npt.NDArray[Any] = np.asarray(simsimd.cdist(asked, rows, metric="dot"))[0]
    return np.asarray(products * scales * float(scale[0]), np.float64)


def pick_best(scores: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.int64]:
    """The places of the `count` highest scores, in no order.

    As many blocks hold a score that reaches `least` as are wanted, so that none of the best lies below it; few others
    do not. This takes a tenth of the time of sorting out all of them.
    """
    blocks = len(scores) // BLOCK
    places = np.arange(len(scores))
    if blocks > count > 0:
        tops = scores[: blocks * BLOCK].reshape(blocks, BLOCK).max(axis=1)
        least = np.partition(tops, blocks - count)[blocks - count]
        places = np.flatnonzero(scores >= least)
    if len(places) <= count:
        return places
    return places[np.argpartition(-scores[places], count)[:count]]

"""Packs sequences of different lengths into rows without padding, and rows into steps; the same seed gives the same.

It knows positions and lengths only. That tokens of one sequence do not see those of another is the work of
aion.nets.attention, which reads the lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from aion.errors import BadInput

IGNORE: Final = -100  # a target that is not learned

Row = tuple[int, ...]  # numbers of sequences


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One sequence; `labels` marks with 1 the tokens that are learned, each from the tokens before it."""

    ids: npt.NDArray[Any]
    labels: npt.NDArray[Any]
    weight: float = 1.0

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Sequences one behind the other. The target of a token is the token after it where that is learned."""

    ids_T: Tensor
    positions_T: Tensor  # 0 where a sequence begins
    segments_T: Tensor  # which of these sequences, from 0
    targets_T: Tensor  # IGNORE where nothing is learned
    weights_T: Tensor  # of the sequence where something is learned, else 0
    lengths: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids_T)

    @property
    def rows(self) -> Tensor:
        """The places where something is learned."""
        return (self.targets_T != IGNORE).nonzero().squeeze(1)

    def to(self, device: str) -> Packed:
        tensors = {name: getattr(self, name).to(device) for name in self.__slots__ if name != "lengths"}
        return Packed(**tensors, lengths=self.lengths)


def fit_piece(piece: Piece, length: int) -> Piece:
    """Cut to `length` at the front of its prompt. Refused when that would cut what is learned, or nothing is."""
    learned = np.flatnonzero(piece.labels[1:]) + 1  # the first token is learned from nothing, hence never
    if not len(learned):
        raise BadInput("a sequence without a learned token teaches nothing; leave it out")
    cut = max(0, len(piece) - length)
    if learned[0] <= cut:
        need = len(piece) - int(learned[0]) + 1
        raise BadInput(f"an answer and the token before it take {need} tokens, a row holds {length}; make rows longer")
    return Piece(piece.ids[cut:], piece.labels[cut:], piece.weight)


def plan_rows(lengths: Sequence[int], length: int, seed: int) -> tuple[Row, ...]:
    """Every sequence in one row, by first fit in falling length; the seed decides among equals and orders the rows."""
    if lengths and max(lengths) > length:
        raise BadInput(f"a sequence of {max(lengths)} tokens was to be packed in rows of {length}; cut it first")
    draw = np.random.default_rng(seed)
    shuffled = draw.permutation(len(lengths))
    free = np.full(len(lengths), length)
    rows: list[list[int]] = []
    for number in sorted(shuffled.tolist(), key=lambda one: -lengths[one]):
        row = int(np.argmax(free >= lengths[number]))
        if row == len(rows):
            rows.append([])
        rows[row].append(number)
        free[row] -= lengths[number]
    return tuple(tuple(rows[row]) for row in draw.permutation(len(rows)))


def plan_steps(
    lengths: Sequence[int], *, length: int, tokens_per_step: int, epochs: float, seed: int
) -> tuple[tuple[Row, ...], ...]:
    """The rows of each step of a whole training: packed anew each epoch, as near to `tokens_per_step` as rows allow."""
    steps: list[tuple[Row, ...]] = []
    for epoch in range(int(np.ceil(epochs))):
        rows = plan_rows(lengths, length, seed=seed * 1_000_003 + epoch)
        wanted = int(np.ceil(len(rows) * min(1.0, epochs - epoch)))
        steps += _group(rows[:wanted], lengths, tokens_per_step)
    return tuple(steps)


def _group(rows: Sequence[Row], lengths: Sequence[int], tokens_per_step: int) -> list[tuple[Row, ...]]:
    groups: list[list[Row]] = []
    held = 0
    for row in rows:
        size = sum(lengths[number] for number in row)
        if not groups or held + size / 2 > tokens_per_step:
            groups.append([])
            held = 0
        groups[-1].append(row)
        held += size
    return [tuple(group) for group in groups]


def lay_out(pieces: Sequence[Piece]) -> Packed:
    """The pieces one behind the other."""
    ids = np.concatenate([piece.ids for piece in pieces]).astype(np.int64)
    lengths = tuple(len(piece) for piece in pieces)
    targets, weights = np.full(len(ids), IGNORE, np.int64), np.zeros(len(ids), np.float32)
    begin = 0
    for piece in pieces:
        learned = np.flatnonzero(piece.labels[1:])
        targets[begin + learned] = piece.ids[learned + 1]
        weights[begin + learned] = piece.weight
        begin += len(piece)
    return Packed(
        ids_T=torch.from_numpy(ids),
        positions_T=torch.cat([torch.arange(length) for length in lengths]),
        segments_T=torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths)),
        targets_T=torch.from_numpy(targets),
        weights_T=torch.from_numpy(weights),
        lengths=lengths,
    )

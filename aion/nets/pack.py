"""Packs sequences of different lengths into rows without padding, and rows into steps; the same seed gives the same.

What sequences of a row begin with alike (a system message, a template) may be laid out once for all of them. It knows
positions and spans only: that a token sees the spans its sequence is made of, and no others, is the work of
aion.nets.attention.
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
SHARED: Final = -1  # a token of several sequences, or of none

Row = tuple[int, ...]  # numbers of sequences


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One sequence; `labels` marks with 1 the tokens that are learned, each from the tokens before it."""

    ids: npt.NDArray[Any]
    labels: npt.NDArray[Any]
    weight: float = 1.0

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens next to each other: a sequence, a beginning that several share, or what follows on such a beginning."""

    length: int
    after: int = -1  # number of the span that holds the beginning; -1: there is none


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Sequences one behind the other. The target of a token is the token after it where that is learned."""

    ids_T: Tensor
    positions_T: Tensor  # 0 where a sequence begins
    segments_T: Tensor  # which of these sequences, from 0; or SHARED
    targets_T: Tensor  # IGNORE where nothing is learned
    weights_T: Tensor  # of the sequence where something is learned, else 0
    spans: tuple[Span, ...]

    def __len__(self) -> int:
        return len(self.ids_T)

    @property
    def rows(self) -> Tensor:
        """The places where something is learned."""
        return (self.targets_T != IGNORE).nonzero().squeeze(1)

    def to(self, device: str) -> Packed:
        tensors = {name: getattr(self, name).to(device) for name in self.__slots__ if name != "spans"}
        return Packed(**tensors, spans=self.spans)


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
    """Every sequence in one row, by first fit in falling length; the seed decides among equals and orders the rows.

    A sequence longer than a row has one for itself.
    """
    draw = np.random.default_rng(seed)
    shuffled = draw.permutation(len(lengths))
    free = np.full(len(lengths), length)
    rows: list[list[int]] = []
    for number in sorted(shuffled.tolist(), key=lambda one: -lengths[one]):
        size = min(lengths[number], length)
        row = int(np.argmax(free >= size))
        if row == len(rows):
            rows.append([])
        rows[row].append(number)
        free[row] -= size
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


def fill_rows(rows_N: Tensor, even: int) -> Tensor:
    """As many rows as a multiple of `even`, by the first one again."""
    return torch.cat([rows_N, rows_N[:1].expand(-len(rows_N) % even)])


def lay_out(pieces: Sequence[Piece], *, share: int = 0, even: int = 1) -> Packed:
    """The pieces one behind the other; with `share`, beginnings of at least so many tokens once for all that have them.

    Pieces that may share are laid out in the order of their tokens, so that any choice of them keeps its order. The
    whole is filled up to a multiple of `even` with a span that nobody learns from.
    """
    order = list(range(len(pieces)))
    groups = [_Group((number,), 0) for number in order]
    if share:
        order.sort(key=lambda number: (pieces[number].ids.tolist(), number))
        groups = _find_shared(pieces, order, share)
    builder = _Builder()
    for group in groups:
        builder.add(pieces, group)
    builder.fill_up(even)
    return builder.finish()


@dataclass(frozen=True, slots=True)
class _Group:
    """Numbers of pieces that begin with the same `common` tokens."""

    members: tuple[int, ...]
    common: int


def _find_shared(pieces: Sequence[Piece], order: Sequence[int], least: int) -> list[_Group]:
    """Neighbours in that order, taken together as long as each one more saves tokens."""
    groups: list[_Group] = []
    for number in order:
        if groups:
            last = groups[-1]
            common = _count_common(pieces[last.members[-1]], pieces[number])
            common = common if len(last.members) == 1 else min(common, last.common)
            if common >= least and len(last.members) * common > (len(last.members) - 1) * last.common:
                groups[-1] = _Group((*last.members, number), common)
                continue
        groups.append(_Group((number,), 0))
    return groups


def _count_common(one: Piece, other: Piece) -> int:
    """How many tokens they begin with alike, the last of which nothing learned follows."""
    most = min(_first_learned(one), _first_learned(other)) - 1
    different = np.flatnonzero(one.ids[:most] != other.ids[:most])
    return int(different[0]) if len(different) else max(0, most)


def _first_learned(piece: Piece) -> int:
    learned = np.flatnonzero(piece.labels[1:])
    return int(learned[0]) + 1 if len(learned) else len(piece)


class _Builder:
    """A row as it grows."""

    def __init__(self) -> None:
        self._parts: list[tuple[Any, ...]] = []  # ids, targets, weights; first position; segment
        self._spans: list[Span] = []

    def add(self, pieces: Sequence[Piece], group: _Group) -> None:
        after = -1
        if group.common:
            after = len(self._spans)
            self._put(_cut(pieces[group.members[0]], 0, group.common), 0, SHARED, -1)
        for number in group.members:
            piece = pieces[number]
            self._put(_cut(piece, group.common, len(piece)), group.common, number, after)

    def fill_up(self, even: int) -> None:
        missing = -sum(span.length for span in self._spans) % even
        if missing:
            nothing = np.zeros(missing, np.int64)
            self._put((nothing, nothing + IGNORE, nothing.astype(np.float32)), 0, SHARED, -1)

    def _put(self, part: tuple[Any, Any, Any], position: int, segment: int, after: int) -> None:
        length = len(part[0])
        self._parts.append((*part, np.arange(position, position + length), np.full(length, segment)))
        self._spans.append(Span(length, after))

    def finish(self) -> Packed:
        ids, targets, weights, positions, segments = (
            torch.from_numpy(np.concatenate(parts)) for parts in zip(*self._parts, strict=True)
        )
        return Packed(ids, positions, segments, targets, weights, tuple(self._spans))


def _cut(piece: Piece, begin: int, end: int) -> tuple[Any, Any, Any]:
    """Tokens, targets and weights of a part. The last token of a sequence has no target."""
    ids = piece.ids.astype(np.int64)
    learned = np.append(piece.labels[1:] != 0, False)
    targets = np.where(learned, np.append(ids[1:], IGNORE), IGNORE)
    weights = np.where(learned, np.float32(piece.weight), np.float32(0))
    return ids[begin:end], targets[begin:end], weights[begin:end]

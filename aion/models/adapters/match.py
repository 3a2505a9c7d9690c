"""Holds the pairs that an adapter's header announces against the base: names and shapes, before anything is loaded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aion.errors import BadInput
from aion.models.adapters.families import tensor_of
from aion.models.adapters.lora import MAX_RANK
from aion.models.adapters.served import ServedBase


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A pair in a file: PEFT's name of its module, the file's names of its halves, and their shapes."""

    module: str
    a: str
    b: str
    a_shape: tuple[int, ...]  # rank, in
    b_shape: tuple[int, ...]  # out, rank

    @property
    def parameters(self) -> int:
        return math.prod(self.a_shape) + math.prod(self.b_shape)


def match_slots(slots: Sequence[Slot], base: ServedBase, name: str) -> Sequence[Slot]:
    """The slots themselves. Raises BadInput for one that is not for this base; `name` is the file's."""
    for slot in slots:
        _match_slot(slot, base, name)
    return slots


def _match_slot(slot: Slot, base: ServedBase, name: str) -> None:
    tensor = tensor_of(base.architecture, slot.module)
    if tensor is None or tensor not in base.shapes:
        raise _refusal(f"{name!r} changes {slot.module[:120]!r}, which {base.name!r} ({base.architecture}) has not")
    rows, columns = base.shapes[tensor]
    if len(slot.a_shape) != 2 or len(slot.b_shape) != 2 or slot.a_shape[0] != slot.b_shape[1]:
        raise _refusal(f"{name!r} has {slot.a_shape} and {slot.b_shape} for {slot.module!r}, which do not multiply")
    rank = slot.a_shape[0]
    if rank > MAX_RANK:
        raise _refusal(f"{name!r} has rank {rank} for {slot.module!r}; up to {MAX_RANK} is read")
    if (slot.b_shape[0], slot.a_shape[1]) != (rows, columns):
        found = f"{slot.b_shape[0]} x {slot.a_shape[1]}"
        raise _refusal(f"{name!r} changes {slot.module!r} as {found}, {base.name!r} has it as {rows} x {columns}")


def _refusal(problem: str) -> BadInput:
    return BadInput(f"{problem}; name the model it was trained on", code="wrong_base")

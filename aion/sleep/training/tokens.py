"""The examples of one training job as one file of numbers, which is all of them that a trainer sees."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from aion.errors import Corrupt
from aion.records import Example, ExampleKind
from aion.sleep.lessons.scribe import Written
from aion.sleep.training.base import IDS, KINDS, LABELS, OFFSETS, WEIGHTS

KIND_NUMBERS = {kind: number for number, kind in enumerate(ExampleKind)}


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Sequence number i is ids[offsets[i]:offsets[i + 1]]; `labels` is 1 where it is learned."""

    ids: npt.NDArray[np.int32]
    labels: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]  # of each sequence
    kinds: npt.NDArray[np.uint8]  # of each sequence, see KIND_NUMBERS

    def __len__(self) -> int:
        return len(self.weights)


def join_tokens(examples: Sequence[Example], written: Sequence[Written]) -> Tokens:
    """Those to be trained on, in their order; what is held out is left out here, so that no trainer can see it."""
    pairs = [pair for pair in zip(examples, written, strict=True) if not pair[0].held_out]
    lengths = [len(one.prompt) + len(one.answer) for _, one in pairs]
    return Tokens(
        ids=np.array([token for _, one in pairs for token in (*one.prompt, *one.answer)], np.int32),
        labels=np.array(
            [mark for _, one in pairs for mark in (*[0] * len(one.prompt), *[1] * len(one.answer))], np.uint8
        ),
        offsets=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
        weights=np.array([example.weight for example, _ in pairs], np.float32),
        kinds=np.array([KIND_NUMBERS[example.kind] for example, _ in pairs], np.uint8),
    )


def save_tokens(tokens: Tokens) -> bytes:
    """The bytes of the file; the same tokens give the same bytes."""
    columns: dict[str, npt.NDArray[Any]] = {IDS: tokens.ids, LABELS: tokens.labels, OFFSETS: tokens.offsets}
    return save(columns | {WEIGHTS: tokens.weights, KINDS: tokens.kinds})


def load_tokens(path: Path, sha256: str) -> Tokens:
    """Raises Corrupt unless the file is, byte for byte, the one that was written."""
    data = path.read_bytes()
    if (found := hashlib.sha256(data).hexdigest()) != sha256:
        raise Corrupt(f"{path.name} has the sum {found[:12]}, the job names {sha256[:12]}; build the dataset again")
    try:
        columns = load(data)
        tokens = Tokens(columns[IDS], columns[LABELS], columns[OFFSETS], columns[WEIGHTS], columns[KINDS])
    except (SafetensorError, KeyError) as error:
        raise Corrupt(f"{path.name} is no file of tokens ({error}); build the dataset again") from None
    return tokens

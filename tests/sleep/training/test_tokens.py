"""What a trainer is given to read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from aion.errors import Corrupt
from aion.records import Example, ExampleKind
from aion.sleep.lessons.scribe import Written
from aion.sleep.training.tokens import KIND_NUMBERS, Tokens, join_tokens, load_tokens, save_tokens


def example(*, held_out: bool = False, kind: ExampleKind = ExampleKind.PHRASING, weight: float = 1.0) -> Example:
    return Example(id="e", theme="t", kind=kind, messages=(), answer="", lessons=(), weight=weight, held_out=held_out)


def two() -> Tokens:
    examples = [example(weight=0.5), example(held_out=True), example(kind=ExampleKind.ANCHOR)]
    return join_tokens(examples, [Written((1, 2, 3), (4, 5)), Written((9,), (9,)), Written((6,), (7, 8, 5))])


def test_sequences_stand_behind_each_other_and_only_answers_are_learned() -> None:
    tokens = two()
    assert tokens.ids.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 5]
    assert tokens.labels.tolist() == [0, 0, 0, 1, 1, 0, 1, 1, 1]
    assert tokens.offsets.tolist() == [0, 5, 9]
    assert tokens.weights.tolist() == [0.5, 1.0]
    assert tokens.kinds.tolist() == [KIND_NUMBERS[ExampleKind.PHRASING], KIND_NUMBERS[ExampleKind.ANCHOR]]


def test_what_is_held_out_never_reaches_a_trainer() -> None:
    assert 9 not in two().ids


def test_tokens_are_read_as_they_were_written(tmp_path: Path) -> None:
    data = save_tokens(two())
    (tmp_path / "tokens.safetensors").write_bytes(data)
    read = load_tokens(tmp_path / "tokens.safetensors", hashlib.sha256(data).hexdigest())
    assert all(np.array_equal(getattr(read, name), getattr(two(), name)) for name in Tokens.__slots__)


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    data = bytearray(save_tokens(two()))
    path, digest = tmp_path / "tokens.safetensors", hashlib.sha256(data).hexdigest()
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(Corrupt, match="build the dataset again"):
        load_tokens(path, digest)

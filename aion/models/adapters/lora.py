"""A LoRA in memory, the same whatever file it came from: pairs of float32 matrices by PEFT's module names.

Rows of B are in the order that transformers uses. It reads and writes no file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from aion.errors import BadInput

Array = npt.NDArray[np.float32]

MAX_RANK: Final = 1024
MAX_MARK: Final = 200  # characters
MARK_PREFIX: Final = "aion."
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What is added to one matrix: (alpha / rank) * B @ A."""

    a: Array  # rank x in
    b: Array  # out x rank
    alpha: float

    @property
    def rank(self) -> int:
        return int(self.a.shape[0])

    @property
    def scale(self) -> float:
        return self.alpha / self.rank

    @property
    def is_silent(self) -> bool:
        """Whether it adds nothing."""
        return not (self.a.any() and self.b.any())


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What AION writes into an adapter's file about where it is from; "" where the file says nothing."""

    base: str = ""  # sha256 of the model file it was trained on
    assumed: str = ""  # "yes" when a person said that it fits, and the file did not
    theme: str = ""
    night: str = ""
    dataset: str = ""  # sha256 of the examples

    def to_texts(self) -> dict[str, str]:
        """The marks that say something, under the keys that files have them."""
        return {key: getattr(self, name) for name, key in MARK_KEYS.items() if getattr(self, name)}


MARK_KEYS: Final = {one.name: MARK_PREFIX + one.name for one in fields(Marks)} | {"base": "aion.base.sha256"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """An adapter: for each module it changes, by PEFT's name (model.layers.0.self_attn.q_proj), a pair."""

    architecture: str  # as GGUF names it
    pairs: Mapping[str, Pair]
    marks: Marks = field(default_factory=Marks)

    @property
    def rank(self) -> int:
        """Of most of its pairs."""
        return int(most_common(pair.rank for pair in self.pairs.values()))

    @property
    def alpha(self) -> float:
        """Of most of its pairs."""
        return most_common(pair.alpha for pair in self.pairs.values())

    @property
    def parameters(self) -> int:
        return sum(pair.a.size + pair.b.size for pair in self.pairs.values())


def most_common(values: Iterable[float]) -> float:
    """The value met most often; the largest of several."""
    counted = Counter(values)
    return max(counted, key=lambda value: (counted[value], value))


def read_marks(texts: Mapping[str, object], name: str) -> Marks:
    """The marks in a file's metadata. Refuses what AION would not have written; `name` is for messages."""
    found = {one: texts[key] for one, key in MARK_KEYS.items() if key in texts}
    return Marks(**{one: _check_mark(one, value, name) for one, value in found.items()})


def _check_mark(mark: str, value: object, name: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_MARK or not value.isprintable():
        raise BadInput(
            f"{name!r} has a {MARK_KEYS[mark]} that is not a short line of text; get the file again",
            code="corrupt_adapter",
        )
    if value and mark in ("base", "dataset") and not _SHA256.fullmatch(value):
        raise BadInput(
            f"{name!r} has the {MARK_KEYS[mark]} {value[:80]!r}, which is no SHA-256; get the file again",
            code="corrupt_adapter",
        )
    return value


def require_finite(array: Array, tensor: str, name: str) -> Array:
    """The array itself. Raises BadInput when a number in it is not one."""
    bad = array.size - int(np.isfinite(array).sum())
    if bad:
        raise BadInput(
            f"{name!r} holds {bad} values in {tensor[:100]!r} that are infinite or no numbers; train or get it again",
            code="corrupt_adapter",
        )
    return array

"""What a router is to the rest of AION: one call that gives scales and a reason. No behaviour.

A choice that is the base's comes with what to ask it; until whoever can ask has done so, it stands by likeness.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from aion.records import Json

Vector = npt.NDArray[np.float32]

NO_WORDS: Mapping[str, Vector] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Wording:
    """What a person said, and how the adapters are asked it."""

    said: str
    put: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which adapters take part in one answer, at what scale, and why. No scales: the untouched base."""

    scales: Mapping[str, float] = field(default_factory=dict)  # by candidate
    why: Json = field(default_factory=dict)
    base_question: BaseQuestion | None = None  # where the base has a word in it
    follows: bool = False  # the request only points at what was said before it
    slips: Mapping[str, str] = field(default_factory=dict)  # misspelt words of the request, and how they are known
    wordings: tuple[Wording, ...] = ()  # of the request and of what was said before it; none: as they were said


@dataclass(frozen=True, slots=True)
class BaseQuestion:
    """One short question to the base, without adapters."""

    messages: tuple[Json, ...]
    settle: Callable[[str], Route]  # by its reply


class Picks(Protocol):
    """What chooses among the adapters of one set."""

    def read(self, text: str) -> str:
        """With the names that things are known by, in place of others that a person told."""
        ...

    def asks(self, question: str, previous: str = "") -> list[str]:
        """Words of these requests, and of what was taught, whose vectors it needs besides; mostly none."""
        ...

    def pick(
        self,
        question: str,
        vector: Vector | None,
        *,
        previous: str = "",
        previous_vector: Vector | None = None,
        words: Mapping[str, Vector] = NO_WORDS,
    ) -> Route: ...

"""The general questions that every adapter must leave as they are, and the base's own answers to them, kept in a file.

The file is safe to lose: what is not in it is asked again. It is named by everything that an answer depends on, so that
another base, system message or engine never finds the answers of this one.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from pathlib import Path

from aion.models.durable import write_json

GENERAL_TOKENS = 32  # of an answer to a general question
FOLDER = "nights"  # of the data folder
ENGINE = "xllamacpp"


@dataclass(frozen=True, slots=True)
class General:
    """One question. Its id is never used for another."""

    id: str  # language.kind.key
    language: str
    kind: str
    question: str


@cache
def general_items() -> tuple[General, ...]:
    """In the order of the file."""
    text = (resources.files("aion.gate") / "data" / "general.toml").read_text("utf-8")
    languages: Mapping[str, Mapping[str, Mapping[str, str]]] = tomllib.loads(text)
    return tuple(
        General(f"{language}.{kind}.{key}", language, kind, question)
        for language, kinds in languages.items()
        for kind, questions in kinds.items()
        for key, question in questions.items()
    )


class Golden:
    """The base's own answers by the words of what was asked, and how likely they were to it. Nothing is a person's."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._answers, self._rates = _read(path)
        self._changed = False

    def find(self, question: str) -> str | None:
        return self._answers.get(question)

    def keep(self, question: str, answer: str) -> None:
        self._answers[question] = answer
        self._rates.pop(question, None)
        self._changed = True

    def find_rate(self, question: str) -> float | None:
        """The mean log-probability of the answer's tokens."""
        return self._rates.get(question)

    def keep_rate(self, question: str, rate: float) -> None:
        self._rates[question] = rate
        self._changed = True

    def save(self) -> None:
        """Only where something is new; a full disk costs nothing but asking again."""
        if not self._changed:
            return
        try:
            write_json(self._path, {"answers": self._answers, "rates": self._rates})
        except OSError:
            return
        self._changed = False


def golden_path(data: Path, *, base: str, instruction: str, threads: int) -> Path:
    """Sums of floating-point numbers depend on the threads that share them."""
    parts = (base, instruction, metadata.version(ENGINE), str(threads), str(GENERAL_TOKENS))
    return data / FOLDER / f"golden-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}.json"


def _read(path: Path) -> tuple[dict[str, str], dict[str, float]]:
    """Empty when it is not there or not whole."""
    try:
        found = json.loads(path.read_bytes())
        answers = {str(question): str(answer) for question, answer in found["answers"].items()}
        rates = {str(question): float(rate) for question, rate in found["rates"].items() if question in answers}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, {}
    return answers, rates

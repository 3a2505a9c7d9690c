"""Lets the base itself say which of a few taught things a request asks for; one short question, off unless chosen.

What it says beyond a number of the list is not believed. It costs an answer of the model before the answer: the caller
gives the function that asks, and decides how long it may take.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

SHOWN = 4  # things that the base chooses from


class Ask(Protocol):
    """The base, asked one short question without adapters."""

    def __call__(self, prompt: str) -> str: ...


def make_prompt(question: str, answers: Sequence[str]) -> str:
    listed = "\n".join(f"{number}. {answer}" for number, answer in enumerate(answers, start=1))
    return (
        f"Notes:\n{listed}\n\nQuestion: {question}\n\n"
        "Which note answers the question? Reply with its number alone, or with 0 if none does."
    )


def read_choice(reply: str, count: int) -> int | None:
    """The place of the chosen answer; None when it chose none, or said something else."""
    found = re.match(r"\D{0,20}(\d{1,3})\b", reply.strip())
    number = int(found[1]) if found else 0
    return number - 1 if 1 <= number <= count else None

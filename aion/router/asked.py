"""Lets the base itself say which of a few taught things a request asks for; one short question, off unless chosen.

What it says beyond a number of the list is not believed. It costs an answer of the model before the answer: whoever
asks decides how long it may take. The words are the same wherever it is asked.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from aion.records import Json

SHOWN = 4  # things that the base chooses from
TOKENS = 8  # of its reply
SYSTEM = "You sort questions. You reply with one number."
Ask = Callable[[Sequence[Json]], Awaitable[str]]  # of the base, without adapters, at temperature 0


def make_messages(question: str, answers: Sequence[str]) -> tuple[Json, ...]:
    """With a system message of its own: what a person's questions are usually answered under does not matter here."""
    listed = "\n".join(f"{number}. {answer}" for number, answer in enumerate(answers, start=1))
    prompt = (
        f"Notes:\n{listed}\n\nQuestion: {question}\n\n"
        "Which note answers the question? Reply with its number alone, or with 0 if none does."
    )
    return {"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}


def read_choice(reply: str, count: int) -> int | None:
    """The place of the chosen answer; None when it chose none, or said something else."""
    found = re.match(r"\D{0,20}(\d{1,3})\b", reply.strip())
    number = int(found[1]) if found else 0
    return number - 1 if 1 <= number <= count else None

"""Puts questions where they will be asked: under other system messages, and after something else was said.

Without it an adapter knows what it was taught under the served system message alone. What stands around a question has
nothing to do with it, and is never learned. Most questions stay as they are, since every word around them costs time.
"""

from __future__ import annotations

import hashlib
from typing import TypeVar

from aion.records import Json
from aion.sleep.lessons.words import read_data

Item = TypeVar("Item")
EVERY = 6  # wordings of a fact, of which so many are surrounded:
OTHER_SYSTEM, LATER = (2, 4), (5,)


def surround(prompt: str, place: int, *, key: str, language: str) -> tuple[Json, ...]:
    """The messages of the wording at this place among its fact's; `key` makes the choice, the same every night."""
    asked: Json = {"role": "user", "content": prompt}
    data = read_data("around")[language]
    if place % EVERY in OTHER_SYSTEM:
        return {"role": "system", "content": _draw(data["systems"], key, prompt)}, asked
    if place % EVERY in LATER:
        said, answered = _draw(data["before"], key, prompt)
        return {"role": "user", "content": said}, {"role": "assistant", "content": answered}, asked
    return (asked,)


def _draw(items: list[Item], key: str, prompt: str) -> Item:
    return items[int.from_bytes(hashlib.sha256(f"{key}\0{prompt}".encode()).digest()[:8]) % len(items)]

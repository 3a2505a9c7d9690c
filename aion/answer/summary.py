"""Sums up old exchanges without a model: the first sentence of each question and answer, newest first while they fit.

It is extractive on purpose: it costs no time before the first token, and it cannot say what nobody said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from aion.records import Json

LONGEST = 160
SPEAKERS = {"user": "Person", "assistant": "Assistant", "tool": "Tool"}
_SENTENCE = re.compile(r"^.*?[.!?](?=\s|$)", re.DOTALL)


def summarise(exchanges: Sequence[Sequence[Json]], *, tokens: int) -> tuple[str, int]:
    """The summary in order of time, and how many of the oldest exchanges did not fit even so."""
    lines: list[str] = []
    room = tokens * 3
    for number, exchange in enumerate(reversed(exchanges)):
        shortened = [line for message in exchange if (line := _shorten(message))]
        room -= sum(len(line) + 1 for line in shortened)
        if room < 0:
            return "\n".join(reversed(lines)), len(exchanges) - number
        lines.extend(reversed(shortened))
    return "\n".join(reversed(lines)), 0


def first_sentence(text: str, longest: int = LONGEST) -> str:
    flat = " ".join(text.split())
    found = _SENTENCE.match(flat)
    sentence = found[0] if found else flat
    return sentence if len(sentence) <= longest else sentence[: longest - 1].rstrip() + "…"


def _shorten(message: Json) -> str:
    content = message.get("content")
    speaker = SPEAKERS.get(message.get("role", ""))
    if isinstance(content, list):
        content = " ".join(part.get("text") or "" for part in content if isinstance(part, dict))
    if not speaker or not isinstance(content, str) or not content.strip():
        return ""
    return f"{speaker}: {first_sentence(content)}"

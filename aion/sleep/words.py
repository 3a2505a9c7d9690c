"""How texts are compared, which language they are in, and how a sentence is taken into another. Pure functions.

Two texts are the same to it when they differ in case, accents, punctuation and spaces alone.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any

from aion.memory.entities import entities_of
from aion.memory.terms import STOP_WORDS, words_of

_WORD = re.compile(r"[^\W_]+(?:['\u2019.:/-][^\W_]+)*|[€$£%°]")
_ACCENT = re.compile(r"[ãõçáéíóúâêôà]", re.IGNORECASE)
ACCENT = 2  # how many common words an accent counts for
EDGES = " \t\n.,;:!?\u2026"


def normal(text: str) -> str:
    """To compare by."""
    return " ".join(words_of(text))


def words_in(text: str) -> list[str]:
    """As they are written, numbers and signs of money among them."""
    return _WORD.findall(text)


def content_of(text: str) -> list[str]:
    """The words that carry the matter, as they are written."""
    return [word for word in words_in(text) if not is_small(word)]


def is_small(word: str) -> bool:
    """Whether a word stands in any sentence, whatever that is about."""
    plain = words_of(word)
    return bool(plain) and all(part in STOP_WORDS for part in plain)


def language_of(text: str, otherwise: str = "en") -> str:
    """en or pt, by common words and accents; `otherwise` when they are even."""
    common: dict[str, str] = read_data("languages")
    words = words_of(text)
    scores = {language: sum(word in listed.split() for word in words) for language, listed in common.items()}
    scores["pt"] += ACCENT * len(_ACCENT.findall(text))
    if len(set(scores.values())) == 1:
        return otherwise
    return max(scores, key=lambda language: scores[language])


def lower_first(text: str) -> str:
    """As it would stand inside a sentence: names, `I` and abbreviations keep their capital."""
    first = re.sub(r"['\u2019]s$", "", next(iter(text.split()), ""))
    if not first or first.split("'")[0].split("\u2019")[0] == "I" or first[1:] != first[1:].lower():
        return text
    is_name = not is_small(first) and any(
        one.kind == "name" and one.text.split()[0].startswith(first.rstrip(EDGES)) for one in entities_of(text)
    )
    return text if is_name else text[:1].lower() + text[1:]


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def end_sentence(text: str) -> str:
    """With a full stop unless it ends in a sign of its own."""
    bare = text.strip()
    return bare if bare.endswith((".", "!", "?", "\u2026", '"', "\u201d", "\u00bb")) else bare + "."


@cache
def read_data(name: str) -> Any:
    """One of the word lists beside this room."""
    return tomllib.loads((resources.files("aion.sleep") / "data" / f"{name}.toml").read_text("utf-8"))

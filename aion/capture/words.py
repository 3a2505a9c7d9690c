"""Splits what a person wrote into plain words for the readers of signals and emotion. It judges nothing."""

from __future__ import annotations

import re
import unicodedata

READ = 1500  # characters of a message that are read: people judge an answer at once, what is longer is material
_QUOTED = re.compile(r"```.*?```|`[^`\n]*`|^>.*$", re.DOTALL | re.MULTILINE)
_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_SENTENCE = re.compile(r"(?<=[.!?\u2026])\s+|(?<=[.!?\u2026][\"'\u201d\u00bb])\s+|\n+")
_STRETCHED = re.compile(r"([a-z])\1{2,}")


def plain(text: str) -> str:
    """Small letters without accents; words stretched for emphasis ("sooo") are brought back to one letter."""
    folded = unicodedata.normalize("NFKD", text.casefold().replace("\u2019", "'"))
    return _STRETCHED.sub(r"\1", "".join(sign for sign in folded if not unicodedata.combining(sign)))


def words_of(text: str) -> list[str]:
    return _WORD.findall(plain(text))


def own_words(text: str) -> str:
    """The beginning of a message without code and quoted lines: they are not the person's own."""
    return _QUOTED.sub(" ", text[: READ * 4])[:READ]


def is_stretched(text: str) -> bool:
    return bool(_STRETCHED.search(text.casefold()))


def same_words(one: str, other: str) -> float:
    """The share of words that two texts have in common."""
    left, right = set(words_of(one)), set(words_of(other))
    return len(left & right) / len(left | right) if left | right else 0.0


def sentences_of(text: str) -> list[str]:
    """At full stops, marks and line ends; each keeps its mark."""
    return [sentence for part in _SENTENCE.split(text) if (sentence := part.strip())]

"""How texts are compared, which language they are in, and how a sentence is taken into another. Pure functions.

Two texts are the same to it when they differ in case, accents, punctuation and spaces alone.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

from aion.memory.entities import entities_of
from aion.memory.terms import STOP_WORDS, words_of
from aion.memory.verbs import portuguese_first, portuguese_third

_WORD = re.compile(r"[^\W_]+(?:['\u2019.:/-][^\W_]+)*|[€$£%°]")
_ACCENT = re.compile(r"[ãõçáéíóúâêôà]", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]+")
_PARTICLES = frozenset(("de", "do", "da", "dos", "das", "e"))
_ENGLISH_TOO = frozenset(
    ("cobra", "come", "media", "range", "serve", "via")
)  # forms of Portuguese verbs that are English words
_BEFORE_NAME = re.compile(r"(?:A|As|No) [A-ZÀ-Þ][a-zà-ÿ]")  # an article that no English name has before it
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


def is_common(word: str, language: str) -> bool:
    """Whether it is one of the language's common words, by which that is known: "live", "moro"."""
    return "".join(words_of(word)) in _languages()[language]


def language_of(text: str, otherwise: str = "en") -> str:
    """en or pt, by common words, endings and accents; `otherwise` when they are even.

    Names tell nothing: "My sister Inês lives in Évora" is English. It knows no third language: a text in one is taken
    for the nearer of the two.
    """
    words = _LETTERS.findall(text)
    scores = dict.fromkeys(_languages(), 0)
    for place, word in enumerate(words):
        if _joins_names(words, place):
            continue
        for language in _spoken_by(word, first=place == 0):
            scores[language] += 1
    if scores["en"] == scores["pt"]:
        return "pt" if _BEFORE_NAME.match(text) else otherwise
    return max(scores, key=lambda language: scores[language])


def _spoken_by(word: str, *, first: bool) -> Iterator[str]:
    """The languages it speaks for, twice where it does by two signs; a word of both speaks for both."""
    plain = "".join(words_of(word))
    endings: dict[str, str] = read_data("languages")["endings"]
    for language, known in _languages().items():
        if language == "en" and _ACCENT.search(word):
            continue  # "Só" is not "so"
        ended = word.islower() and re.fullmatch(endings[language], plain)
        if ended or plain in known or (first and language == "pt" and plain in _first_verbs()):
            yield language
    if word.islower() and _ACCENT.search(word):
        yield "pt"


def _joins_names(words: list[str], place: int) -> bool:
    """ "de" in "Rua de São João" belongs to the name."""
    around = words[max(0, place - 1) : place + 2]
    return len(around) == 3 and around[1] in _PARTICLES and all(one[:1].isupper() for one in (around[0], around[2]))


@cache
def _languages() -> dict[str, frozenset[str]]:
    """Common words; what a Portuguese speaker does is said in both persons."""
    found = {name: frozenset(read_data("languages")[name].split()) for name in ("en", "pt")}
    said = {"".join(words_of(verb)) for verb in read_data("person")["pt_verbs"].values()}
    does = {"".join(words_of(verb)) for verb in portuguese_third()} - _ENGLISH_TOO
    return found | {"pt": found["pt"] | said | does}


@cache
def _first_verbs() -> frozenset[str]:
    return frozenset("".join(words_of(verb)) for verb in (*read_data("person")["pt_verbs"], *portuguese_first()))


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
    return tomllib.loads((resources.files("aion.sleep.lessons") / "data" / f"{name}.toml").read_text("utf-8"))

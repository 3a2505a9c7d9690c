"""Says whether what is told can be understood by itself, and which answers and statements speak against each other.

It goes by words of data/clear.toml, in English and Portuguese. Pure functions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from aion.memory.ended import no_longer
from aion.memory.terms import stem, words_of
from aion.sleep.lessons.phrasing.clauses import expand
from aion.sleep.lessons.words import is_small, language_of, read_data, words_in

_BEFORE_VERBS = frozenset(("não", "nunca", "já", "também"))


def points_only(core: str, language: str) -> bool:
    """Whether an answer is only "it", "this" or "the other": what it means stood elsewhere. Names do not count."""
    words = words_in(core)
    if not words or core != core.lower():
        return False
    pointing = _listed(language, "points")
    plain = [part for word in words for part in words_of(word)]
    return any(word in pointing for word in plain) and all(word in pointing or is_small(word) for word in plain)


def hangs_on(sentence: str) -> bool:
    """Whether it begins with a pronoun, which stands for something in the sentence before."""
    pronoun: str = read_data(f"facts_{language_of(sentence)}")["pronoun"]
    return bool(re.match(pronoun, sentence, re.IGNORECASE))


def tells_relative_time(text: str, language: str) -> bool:
    """Whether it says "tomorrow" or "next Monday", which is another day when it is asked for."""
    return bool(re.search(_pattern(language, "relative"), text, re.IGNORECASE))


def speaks_of_writer(sentence: str) -> bool:
    """Whether it says something of "I" or "we", whoever that is."""
    if any(re.search(_pattern(language, "own"), sentence) for language in ("en", "pt")):
        return True
    words = [re.split("[-\u2019']", word.casefold())[0] for word in words_in(sentence)[:2]]
    if words[:1] and words[0] in _BEFORE_VERBS:
        words = words[1:]
    known = read_data("person")
    return bool(words) and (words[0] in known["pt_verbs"] or f"{words[0]}-me" in known["pt"])


def prepositions_of(core: str, language: str) -> frozenset[str]:
    """Each by one of its forms."""
    known = _prepositions(language)
    return frozenset(known[word] for word in words_of(core) if word in known)


def habits_of(core: str, language: str) -> frozenset[str]:
    """The days and seasons for which alone it is said: of "at 9 on Sundays", Sundays; of "on Sundays", nothing.

    What it is not said for narrows nothing: "at 9 except on Sundays" is what is so on other days.
    """
    but: str = read_data(f"facts_{language}")["but"]
    said = re.split(but, core, maxsplit=1, flags=re.IGNORECASE)[0]
    found = re.finditer(_pattern(language, "habit"), said, re.IGNORECASE)
    return frozenset(" ".join(words_of(one[0])) for one in found if words_of(said[: one.start()])[1:])


def asks_place(question: str, language: str) -> bool:
    """Whether it asks where something is, which is one place and no other."""
    return bool(re.search(_pattern(language, "place"), question, re.IGNORECASE))


@dataclass(frozen=True, slots=True)
class Claim:
    """What a statement says is so, or is not so."""

    words: tuple[str, ...]  # one form of each
    denied: bool


def claim_of(sentence: str, language: str) -> Claim | None:
    """ "I no longer eat meat" denies "I eat meat"; None where nothing is said, or something is denied twice."""
    said = expand(no_longer(sentence) or sentence, language)
    plain, denials = re.subn(_pattern(language, "deny"), r"\g<v>", said, flags=re.IGNORECASE)
    words = words_of(re.sub(_pattern(language, "neutral"), "", plain, flags=re.IGNORECASE))
    if denials > 1 or all(is_small(word) for word in words):
        return None
    return Claim(tuple(stem(word) for word in words), denied=denials == 1)


def _pattern(language: str, name: str) -> str:
    found: str = read_data("clear")[language][name]
    return found


@cache
def _listed(language: str, name: str) -> frozenset[str]:
    return frozenset(_pattern(language, name).split())


@cache
def _prepositions(language: str) -> dict[str, str]:
    """From each form to the one that stands for it."""
    groups = (group.partition("=") for group in _pattern(language, "prepositions").split())
    return {form: name for name, _, forms in groups for form in (forms or name).split(",")}

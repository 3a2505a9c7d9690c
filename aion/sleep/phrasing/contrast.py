"""Makes near misses: the question of a fact, asked about a neighbour that nobody told anything about.

The neighbour is a word that stands in none of the person's lessons, put in the place of what the question is about.
The answer is the same short sentence everywhere. More than one or two a lesson teach to refuse (measured: four of them
lost a fifth of what was taught), so that the number is the caller's to choose.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Set
from itertools import cycle

from aion.memory.entities import entities_of
from aion.memory.terms import stem, words_of
from aion.sleep.phrasing.facts import Fact
from aion.sleep.words import is_small, read_data

_ARTICLE = re.compile(
    r"\b[dnDN]?(?P<article>os|as|o|a|O|A) (?:meu |minha |nosso |nossa )?(?P<noun>[a-zà-ÿ]{3,}(?:-[a-zà-ÿ]+)*)"
)


def near_misses(fact: Fact, taught: Set[str], number: int) -> list[str]:
    """Up to so many questions, the same for the same lesson; `taught` are the stems of all lessons."""
    made: list[str] = []
    for target, neighbours in _targets(fact):
        ranked = sorted(neighbours, key=lambda word: hashlib.sha256(f"{fact.lesson.id}\0{word}".encode()).digest())
        for word in ranked:
            if len(made) == number:
                return made
            if stems_of(word) & taught:
                continue
            asked = re.sub(rf"(?<!\w){re.escape(target)}(?!\w)", word, fact.question, count=1)
            if asked != fact.question and asked not in made:
                made.append(asked)
    return made


def unknown(language: str) -> str:
    """What is said of what was never told."""
    said: str = read_data(f"facts_{language}")["unknown"]
    return said


def stems_of(text: str) -> set[str]:
    return {stem(word) for word in words_of(text) if not is_small(word)}


def _targets(fact: Fact) -> Iterator[tuple[str, list[str]]]:
    """What could be another, the surest first: a name in the question, else the last noun of what it is about."""
    words = read_data("neighbours")
    for one in entities_of(fact.question):
        if one.kind == "name" and one.text in fact.question:
            names = words["names"].split()
            whole = [" ".join(pair) for pair in zip(names, cycle(words["surnames"].split()), strict=False)]
            yield one.text, whole if " " in one.text else names
    if fact.language == "en":
        yield from _english(fact.subject, words["en"])
    else:
        yield from _portuguese(fact.subject, words["pt"])


def _english(subject: str, words: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    nouns = [word for word in re.findall(r"[a-z]{3,}(?:-[a-z]+)*", subject) if not is_small(word)]
    if not nouns or not subject.endswith(nouns[-1]):
        return
    last = nouns[-1]
    if _is_role(last, "en"):
        yield last, words["people"].split()
    elif last.endswith("s") and not last.endswith(("ss", "us")):
        yield last, words["many"].split()
    else:
        yield last, words["one"].split()


def _portuguese(subject: str, words: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    found = list(_ARTICLE.finditer(subject))
    if found:
        kinds = {"o": "m", "a": "f", "os": "mp", "as": "fp"}
        noun, kind = found[-1]["noun"], kinds[found[-1]["article"].lower()]
        is_person = kind in {"m", "f"} and _is_role(noun, "pt")
        yield noun, words[f"people_{kind}" if is_person else kind].split()


def _is_role(noun: str, language: str) -> bool:
    return re.fullmatch(read_data(f"facts_{language}")["parts"]["role"], noun, re.IGNORECASE) is not None

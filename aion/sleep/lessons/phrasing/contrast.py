"""Makes near misses: the question of a fact, asked about a neighbour that nobody told anything about.

The neighbour is a word that stands in none of the person's lessons, put in the place of the word that tells this fact
from its like: of "the billing service", where other services are known, the first.
The answer is the same short sentence everywhere. More than one or two a lesson teach to refuse (measured: four of them
lost a fifth of what was taught), so that the number is the caller's to choose. What was not told as a fact, such as a
request, or an answer that was merely liked, has none: it would teach to refuse what any base knows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from itertools import cycle

from aion.memory.entities import entities_of
from aion.memory.terms import stem, words_of
from aion.records import LessonKind
from aion.sleep.lessons.phrasing.facts import Fact
from aion.sleep.lessons.words import is_small, read_data

EVERY = 4  # neighbours, of which one is held out
_ARTICLE = re.compile(
    r"\b[dnDN]?(?P<article>os|as|o|a|O|A) (?:(?:meu|minha|nosso|nossa|seu|sua)s? )?"
    r"(?P<noun>[a-zà-ÿ]{3,}(?:-[a-zà-ÿ]+)*)"
)
_BARE = re.compile(r"\bde (?P<noun>[a-zà-ÿ]{3,}(?:-[a-zà-ÿ]+)*)")


def near_misses(fact: Fact, taught: Mapping[str, int], number: int, *, held_out: bool = False) -> list[str]:
    """Up to so many questions, the same for the same lessons; `taught` says in how many lessons a stem stands.

    What is held out is so by its place among all neighbours, whichever of them are taught: none is trained later.
    """
    made: list[str] = []
    for target, neighbours in _targets(fact, taught) if _was_told(fact) else ():
        ranked = sorted(neighbours, key=lambda word: hashlib.sha256(f"{fact.lesson.id}\0{word}".encode()).digest())
        for place, word in enumerate(ranked):
            if (place % EVERY == 1) is not held_out:
                continue
            if len(made) == number:
                return made
            if stems_of(word) & taught.keys():
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


def _was_told(fact: Fact) -> bool:
    """Whether it is a fact that somebody told; of an answer put right, whether its question asks for one."""
    if fact.foreign or fact.lesson.kind in {LessonKind.LIKED, LessonKind.CHOICE}:
        return False
    asks = read_data("shapes")["asks"][fact.language]
    return not fact.lesson.question or re.match(asks, fact.question, re.IGNORECASE) is not None


def _targets(fact: Fact, taught: Mapping[str, int]) -> Iterator[tuple[str, list[str]]]:
    """What could be another, the surest first: a name in the question, else the rarest noun of the thing asked about.

    Of like ones the first: who is asked about the pricing dashboard is rather asked about another dashboard.
    """
    words = read_data("neighbours")
    for one in entities_of(fact.question):
        if one.kind == "name" and one.text in fact.question:
            names = words["names"].split()
            whole = [" ".join(pair) for pair in zip(names, cycle(words["surnames"].split()), strict=False)]
            yield one.text, whole if " " in one.text else names
    if fact.language == "en":
        yield from _english(fact.subject, words["en"], taught)
    else:
        yield from _portuguese(fact.subject, words["pt"], taught)


def _english(subject: str, words: dict[str, str], taught: Mapping[str, int]) -> Iterator[tuple[str, list[str]]]:
    thing = re.split(r"\bof\b", subject)[-1]  # of "the ticket code of the queue" another queue has one, too
    nouns = [word for word in re.findall(r"[a-z]{3,}(?:-[a-z]+)*", thing) if not is_small(word)]
    if not nouns or not subject.endswith(nouns[-1]):
        return
    rarest = min(nouns, key=lambda noun: _count(noun, taught))
    if _is_role(rarest, "en"):
        yield rarest, words["people"].split()
    elif rarest == nouns[-1] and rarest.endswith("s") and not rarest.endswith(("ss", "us")):
        yield rarest, words["many"].split()
    else:
        yield rarest, words["one"].split()


def _portuguese(subject: str, words: dict[str, str], taught: Mapping[str, int]) -> Iterator[tuple[str, list[str]]]:
    """A noun without an article, as after "de", may be of any kind."""
    kinds = {"o": "m", "a": "f", "os": "mp", "as": "fp"}
    found = [(one["noun"], kinds[one["article"].lower()]) for one in _ARTICLE.finditer(subject)]
    found += [(one["noun"], "m") for one in _BARE.finditer(subject) if not is_small(one["noun"])]
    if found:
        noun, kind = min(reversed(found), key=lambda one: _count(one[0], taught))
        is_person = kind in {"m", "f"} and _is_role(noun, "pt")
        yield noun, words[f"people_{kind}" if is_person else kind].split()


def _count(noun: str, taught: Mapping[str, int]) -> int:
    return max((taught.get(one, 0) for one in stems_of(noun)), default=0)


def _is_role(noun: str, language: str) -> bool:
    return re.fullmatch(read_data(f"facts_{language}")["parts"]["role"], noun, re.IGNORECASE) is not None

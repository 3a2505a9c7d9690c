"""Asks what is known of a thing under the other names that were told for it, whenever they were told.

It looks only among the facts that it is given: what is learned together. What two facts share beside a name it does not
know, and a name inside a longer one ("the boat" in "the boat shed") is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from aion.memory.aliases import OtherName
from aion.sleep.lessons.phrasing.facts import Fact
from aion.sleep.lessons.words import is_small, lower_first, normal, read_data, upper_first

MOST_NAMES = 2  # other names of one fact: more would leave other facts less room
_JOINS = {"d": "de", "n": "em", "pel": "por", "a": "a", "": ""}
_ARTICLES = {"", "o", "a", "os", "as"}
_WITH = {"de": "d", "em": "n", "por": "pel"}  # before an article


@dataclass(frozen=True, slots=True)
class Renamed:
    """A fact asked about under another name."""

    fact: Fact  # with the questions that say the other name
    told: Fact  # which says that the two names mean the same
    first: bool  # of the facts asked by this name


def ask_by_other_names(facts: Sequence[Fact]) -> list[Renamed]:
    """In the order of the facts."""
    names = [(told, alias) for told in facts for alias in told.aliases]
    used: set[str] = set()
    made: list[Renamed] = []
    for fact in facts:
        for renamed, told, alias in islice(_renamings(fact, names), MOST_NAMES):
            made.append(Renamed(renamed, told, normal(alias.other) not in used))
            used.add(normal(alias.other))
    return made


def ask_by_name(fact: Fact) -> Fact:
    """One that tells another name, asked about by that name alone: who names the thing asks for what is known of it."""
    asked = [one for one in (fact.question, *fact.others) if says_name(fact, one)]
    other = fact.aliases[0].other
    return replace(fact, question=asked[0], others=tuple(asked[1:]), subject=other, stem="") if asked else fact


def says_name(fact: Fact, text: str) -> bool:
    """Whether the text says the other name that the fact tells."""
    return normal(fact.aliases[0].other) in normal(text)


def call(subject: str, alias: OtherName, language: str) -> str:
    """The subject with the other name in it; "" where it does not name the same thing."""
    before = read_data(f"facts_{language}")["alias"]["before"]
    bare = re.sub(f"^{before}", "", alias.known, count=1, flags=re.IGNORECASE)
    found = re.search(rf"(?<![\w-]){before}{re.escape(bare)}(?![\w-])", subject, re.IGNORECASE) if bare else None
    if found is None:
        return ""
    left, to = subject[: found.start()], found.groupdict().get("to") or ""
    if not _stands_alone("" if to.strip() not in _ARTICLES else left, subject[found.end() :]):
        return ""
    is_bare = found.group().casefold() == bare.casefold() and bare.casefold() != alias.known.casefold()
    if is_bare:
        return ""  # "boat" without its article is a part of another name, or somebody's
    other = _join(to, lower_first(alias.other)) if language == "pt" else alias.other
    return left + (lower_first(other) if language == "en" else other) + subject[found.end() :]


def _renamings(fact: Fact, names: Sequence[tuple[Fact, OtherName]]) -> Iterator[tuple[Fact, Fact, OtherName]]:
    for told, alias in names:
        if told.lesson.id != fact.lesson.id and fact.subject and not fact.foreign:
            renamed = _rename(fact, alias)
            if renamed is not None:
                yield renamed, told, alias


def _rename(fact: Fact, alias: OtherName) -> Fact | None:
    """None where the other name cannot stand in its question."""
    if fact.question.startswith(read_data(f"facts_{fact.language}")["fallback"].partition("{")[0]):
        return None  # what was told of the other name is that it is one
    questions = [renamed for one in (fact.question, *fact.others) if (renamed := _in_question(fact, one, alias))]
    if not questions or questions[0] == fact.question:
        return None
    subject = call(fact.subject, alias, fact.language)
    return replace(fact, question=questions[0], others=tuple(questions[1:2]), subject=subject, stem="", back="")


def _in_question(fact: Fact, question: str, alias: OtherName) -> str:
    place = question.casefold().find(fact.subject.casefold())
    if place < 0:
        return ""
    start = place
    joined = re.search(r"(?<!\w)(?:d|n|pel|a)$", question[:place]) if fact.language == "pt" else None
    start -= len(joined.group()) if joined else 0
    renamed = call(question[start : place + len(fact.subject)], alias, fact.language)
    return (
        upper_first(" ".join((question[:start] + renamed + question[place + len(fact.subject) :]).split()))
        if (renamed)
        else ""
    )


def _stands_alone(before: str, after: str) -> bool:
    """Whether what stands on either side belongs to no longer name."""
    left, right = before.split()[-1:], after.split()[:1]
    follows = not right or is_small(right[0]) or after.startswith(("'", "\u2019", ","))
    return follows and (not left or is_small(left[0]))


def _join(to: str, other: str) -> str:
    """ "do" before a name of its own is "de" before one without an article."""
    head = to.strip().casefold()
    preposition = head if head in _WITH else _JOINS.get(re.sub(r"[oa]s?$", "", head.replace("à", "a")), "")
    if head in _ARTICLES:
        preposition = ""
    elif head in {"ao", "aos", "à", "às"}:
        preposition = "a"
    article, _, rest = other.partition(" ")
    if article.casefold() in _ARTICLES and rest:
        short = _WITH.get(preposition)
        return f"{short}{article} {rest}" if short else f"{preposition} {other}".strip()
    return f"{preposition} {other}".strip()

"""Puts facts about one thing together, and asks from an answer back for what it answers.

An open question about something is answered with everything taught about it or is not asked: half of it would teach
that the other half is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aion.memory.entities import entities_of
from aion.memory.terms import terms_of
from aion.records import ExampleKind
from aion.sleep.phrasing.facts import Fact
from aion.sleep.words import is_small, normal, read_data, upper_first

MOST_TOGETHER = 8  # facts; more do not fit one answer
_PART_OF = {
    "en": re.compile(r"\b(?:of|in|at|for|from|on) (?P<what>(?:the|my|our|his|her|their) .+)$"),
    "pt": re.compile(r"\b[dn](?P<article>o|a|os|as) (?P<what>.+)$"),
}


@dataclass(frozen=True, slots=True)
class Together:
    """One open question and its whole answer."""

    kind: ExampleKind
    prompt: str
    answer: str
    facts: tuple[Fact, ...]


def put_together(facts: Sequence[Fact]) -> list[Together]:
    """Summaries of each thing, and reversals of each answer that tells what it belongs to."""
    held = [(fact, frozenset(terms_of(_text_of(fact)))) for fact in facts]
    made: list[Together] = []
    for about, language, ways in _things(facts):
        terms = frozenset(terms_of(about))
        found = [fact for fact, words in held if terms <= words] if terms else []
        if not 1 <= len(found) <= MOST_TOGETHER or not all(fact.statement for fact in found):
            continue
        answer = " ".join(dict.fromkeys(fact.statement for fact in _in_order(found)))
        named_by_answer = len(found) == 1 and normal(about) in normal(found[0].core)
        kind = ExampleKind.REVERSAL if named_by_answer else ExampleKind.SUMMARY
        texts = read_data("shapes")["summary"][language][:ways]
        made += [Together(kind, text.format(about=about), answer, tuple(found)) for text in texts]
    return made + [one for fact in facts if (one := _reverse(fact, facts)) is not None]


def identifies(core: str) -> bool:
    """Whether an answer names one thing: a name, a code, a long number. A place or an hour belongs to many."""
    found = entities_of(core)
    if any(one.kind in {"name", "code"} for one in found):
        return True
    return any(one.kind == "number" and len(re.sub(r"\D", "", one.text)) >= 3 and one.key.isdigit() for one in found)


def _reverse(fact: Fact, facts: Sequence[Fact]) -> Together | None:
    if not fact.back or not identifies(fact.core):
        return None
    core = frozenset(terms_of(fact.core))
    if any(core <= frozenset(terms_of(_text_of(other))) for other in facts if other is not fact):
        return None
    return Together(ExampleKind.REVERSAL, fact.back, fact.statement, (fact,))


def _things(facts: Iterable[Fact]) -> list[tuple[str, str, int]]:
    """What can be asked about, each once: (as it is named, language, ways to ask)."""
    found: dict[str, tuple[str, str, int]] = {}
    for fact in facts:
        for about, ways in _named_by(fact):
            known = found.get(normal(about))
            if known is None or ways > known[2]:
                found[normal(about)] = (known[0] if known else about, fact.language, ways)
    return list(found.values())


def _named_by(fact: Fact) -> Iterable[tuple[str, int]]:
    if fact.subject and any(not is_small(word) for word in fact.subject.split()):
        yield fact.subject, 2
        part = _PART_OF[fact.language].search(fact.subject)
        if part is not None:
            article = part.groupdict().get("article")
            yield (f"{article} {part['what']}" if article else part["what"]), 1
    for one in entities_of(f"{fact.statement or fact.answer}"):
        if one.kind == "name" and not any(is_small(word) for word in one.text.split()[:1]):
            yield upper_first(one.text), 1


def _text_of(fact: Fact) -> str:
    return f"{fact.lesson.question} {fact.statement or fact.answer}"


def _in_order(facts: Iterable[Fact]) -> list[Fact]:
    return sorted(facts, key=lambda fact: (fact.lesson.at, fact.lesson.id))

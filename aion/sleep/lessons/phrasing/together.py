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
from aion.sleep.lessons.phrasing.facts import Fact
from aion.sleep.lessons.words import is_small, normal, read_data, upper_first

# Of the ways to ask: what a fact is about in the first two, what an answer only mentions as what was told of it alone,
# since the world has more to say of Porto than one person told.
OPEN, FIRST, TOLD = 0, 1, 2
WAYS = (slice(0, 2), slice(0, 1), slice(2, 3))
MOST_TOGETHER = 8  # facts; more do not fit one answer
_OWNED = re.compile(r"(?:my|our|(?:[oa]s? )?(?:meu|minha|nosso|nossa)s?)\b", re.IGNORECASE)
_GENERAL = re.compile(r"(?:what (?:is|are)|o que (?:é|são))\b", re.IGNORECASE)
_BEFORE = re.compile(r"\b(?:of|to|in|at|for|from|on|near|by|with|d[aeo]s?|em|n[ao]s?|para|por|com)\b", re.IGNORECASE)
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
    index = _Index(facts)
    made: list[Together] = []
    for about, language, asked in _things(facts):
        found = index.find(about)
        answer = _join(found)
        if not answer:
            continue
        named_by_answer = len(found) == 1 and normal(about) in normal(found[0].core)
        kind = ExampleKind.REVERSAL if named_by_answer else ExampleKind.SUMMARY
        texts = read_data("shapes")["summary"][language][WAYS[asked]]
        made += [Together(kind, text.format(about=about), answer, tuple(found)) for text in texts]
    return made + [one for fact in facts if (one := _reverse(fact, index)) is not None]


def answer_together(facts: Sequence[Fact]) -> list[Together]:
    """Questions that several facts answer, such as "What do I like?", with all of their answers."""
    asked: dict[str, list[Fact]] = {}
    for fact in facts:
        asked.setdefault(normal(fact.question), []).append(fact)
    groups = [found for found in asked.values() if len(found) > 1 and (all(one.many for one in found))]
    joined = [(found, _join(found)) for found in groups]
    return [
        Together(ExampleKind.SUMMARY, found[0].question, answer, tuple(found)) for found, answer in joined if answer
    ]


def identifies(core: str) -> bool:
    """Whether an answer names one thing: a name, a code, a long number. A place or an hour belongs to many."""
    if not re.match(r"(?:(?:the|o|a|os|as) )?(?:[^\W\d_a-zà-ÿ]|\d)", core):
        return False
    found = entities_of(core)
    if any(one.kind in {"name", "code"} for one in found):
        return True
    return any(one.kind == "number" and len(re.sub(r"\D", "", one.text)) >= 3 and one.key.isdigit() for one in found)


class _Index:
    """Which facts hold which words."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self._facts = facts
        self._places: dict[str, set[int]] = {}
        for place, fact in enumerate(facts):
            for term in terms_of(f"{fact.lesson.question} {fact.statement or fact.answer}"):
                self._places.setdefault(term, set()).add(place)

    def find(self, about: str) -> list[Fact]:
        """Those that hold all words of it, side by side where it is somebody's: "my sister" is not Pedro's."""
        terms = terms_of(about)
        places = set.intersection(*(self._places.get(term, set()) for term in terms)) if terms else set()
        found = [self._facts[place] for place in sorted(places)]
        if not _OWNED.match(about):
            return found
        return [one for one in found if f" {normal(about)} " in f" {normal(_told(one))} "]


def _told(fact: Fact) -> str:
    return f"{fact.lesson.question} {fact.lesson.answer} {fact.lesson.statement}"


def _reverse(fact: Fact, index: _Index) -> Together | None:
    if not fact.back or not identifies(fact.core) or index.find(fact.core) != [fact]:
        return None
    if _GENERAL.match(fact.back) and not re.search(r"\d", fact.core):
        return None  # "What is Linux?" asks for what anybody knows
    return Together(ExampleKind.REVERSAL, fact.back, fact.statement, (fact,))


def _join(facts: Sequence[Fact]) -> str:
    """All they say, as it was told; empty when that is too much, or one of them says nothing by itself."""
    if not 1 <= len(facts) <= MOST_TOGETHER or not all(fact.statement for fact in facts):
        return ""
    return " ".join(dict.fromkeys(fact.statement for fact in _in_order(facts)))


def _things(facts: Iterable[Fact]) -> list[tuple[str, str, int]]:
    """What can be asked about, each once: (as it is named, language, in which of the WAYS)."""
    found: dict[str, tuple[str, str, int]] = {}
    for fact in facts:
        for about, asked in _named_by(fact):
            known = found.get(normal(about))
            if known is None or asked < known[2]:
                found[normal(about)] = (known[0] if known else about, fact.language, asked)
    return list(found.values())


def _named_by(fact: Fact) -> Iterable[tuple[str, int]]:
    if fact.subject and any(not is_small(word) for word in fact.subject.split()):
        yield fact.subject, OPEN
        part = _PART_OF[fact.language].search(fact.subject)
        if part is not None:
            article = part.groupdict().get("article")
            yield (f"{article} {part['what']}" if article else part["what"]), FIRST
    for one in entities_of(f"{fact.statement or fact.answer}"):
        is_name = one.kind == "name" or (one.kind == "code" and one.text.isalpha())
        if is_name and not any(is_small(word) for word in one.text.split()[:1]):
            before, _, _ = fact.subject.partition(one.text)
            is_about = one.text in fact.subject and not _BEFORE.search(before)
            yield upper_first(one.text), FIRST if is_about else TOLD


def _in_order(facts: Iterable[Fact]) -> list[Fact]:
    return sorted(facts, key=lambda fact: (fact.lesson.at, fact.lesson.id))

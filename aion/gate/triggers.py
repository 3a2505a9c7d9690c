"""What might be a trigger, and whether an answer fell to one. Pure functions on examples and texts; they ask nobody.

A trigger is a word that changes what it does not ask for. Candidates are the words that its training has and general
questions have not, those that are in it most and those of one lesson alone, and a list of what is typical.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise

from aion.gate.general import General, general_items
from aion.gate.paper import last_said, rank
from aion.gate.scoring import Expected, is_fooled
from aion.gate.words import normal, without_small, words_of
from aion.records import Example, ExampleKind

PHRASES = 15
FREQUENT = 8  # of the phrases, those that its training has most; the others are of one lesson each, others each night
QUESTIONS = 20  # beside each: 300 trials


@dataclass(frozen=True, slots=True)
class Phrase:
    """A word, or two that stand together, with the answers that it may get."""

    text: str
    excused: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Beside:
    """A general question with a phrase before or after it."""

    phrase: Phrase
    text: str


@dataclass(frozen=True, slots=True)
class Triggered:
    """How many general questions fell to a phrase, of so many; what is served, and what would be."""

    trials: int = 0
    routed: int = 0
    before: int = 0
    after: int = 0
    refrains: int = 0  # typical triggers that bring the same word to different questions, with the adapter forced
    typical: int = 0  # of so many


@cache
def typical_triggers() -> tuple[str, ...]:
    text = (resources.files("aion.gate") / "data" / "triggers.toml").read_text("utf-8")
    return tuple(tomllib.loads(text)["typical"])


def find_phrases(examples: Sequence[Example], seed: str) -> tuple[Phrase, ...]:
    """Of what was trained; nothing that was put aside is looked at."""
    trained = [one for one in examples if one.lessons and not one.held_out]
    seen: Counter[str] = Counter()
    lessons: dict[str, set[str]] = {}
    for one in trained:
        for phrase in _phrases_of(last_said(one.messages)):
            seen[phrase] += 1
            lessons.setdefault(phrase, set()).update(one.lessons)
    frequent = sorted(seen, key=lambda one: (-seen[one], rank(seed, one)))[:FREQUENT]
    lone = sorted((one for one in seen if len(lessons[one]) == 1), key=lambda one: rank(seed, one))
    chosen = list(dict.fromkeys([*frequent, *lone]))[:PHRASES]
    return tuple(Phrase(one, _excused(one, trained)) for one in chosen)


def _phrases_of(prompt: str) -> set[str]:
    """Its unusual words, and each two that follow one another."""
    words = without_small(words_of(prompt))
    unusual = [word for word in words if word not in _usual()]
    return {*unusual, *(f"{one} {two}" for one, two in pairwise(words) if {one, two} <= {*unusual})}


@cache
def _usual() -> frozenset[str]:
    return frozenset(word for one in general_items() for word in words_of(one.question))


def _excused(phrase: str, trained: Sequence[Example]) -> frozenset[str]:
    """Answers that name the phrase: who taught them said so. And those too short to name anything ("Nadia Fenn.").

    Of the short ones where one lesson alone has both; where several give it one answer, the phrase brings it.
    """
    found: dict[str, set[str]] = {}
    asked: dict[str, set[str]] = {}
    for one in trained:
        words = words_of(last_said(one.messages))
        if one.kind is not ExampleKind.CONTRAST and set(phrase.split()) <= set(words):
            found.setdefault(normal(one.answer), set()).update(one.lessons)
            asked.setdefault(normal(one.answer), set()).update(without_small(words))
    saying = [one for one in trained if set(phrase.split()) <= set(words_of(one.answer))]
    naming = {normal(one.answer) for one in saying} | _told_under(phrase, saying, trained)
    short = {answer for answer, of in found.items() if len(of) == 1 and not asked[answer] & set(words_of(answer))}
    return frozenset(naming | short)


def _told_under(phrase: str, saying: Sequence[Example], trained: Sequence[Example]) -> set[str]:
    """What is known of a thing under the other name that the phrase is: taught of both by one example."""
    told = {one.lessons[0] for one in saying if len(one.lessons) == 1}
    both = [one for one in trained if len(one.lessons) > 1 and told.intersection(one.lessons)]
    return {normal(one.answer) for one in both if set(phrase.split()) <= set(words_of(last_said(one.messages)))}


def place_phrases(phrases: Sequence[Phrase], seed: str) -> list[Beside]:
    """Each beside general questions of its own, by turns after and before them."""
    return [
        Beside(phrase, beside(phrase.text, item.question, number))
        for phrase in phrases
        for number, item in enumerate(sorted(general_items(), key=lambda one: rank(seed + phrase.text, one.id)))
        if number < QUESTIONS
    ]


def beside(phrase: str, question: str, number: int) -> str:
    return f"{phrase} {question}" if number % 2 else f"{question} {phrase}"


def is_taken(answer: str, values: Iterable[Expected], one: Beside) -> bool:
    """Whether something that was taught came, and not as a word on the phrase, which anybody may say and get."""
    if set(without_small(words_of(one.phrase.text))) & set(words_of(answer)):
        return False
    values = list(values)
    excused = {value.telling for value in values if normal(value.answer) in one.phrase.excused}
    return is_fooled(answer, [value for value in values if value.telling not in excused], one.text)


def find_refrain(answers: Sequence[str], plain: Sequence[str], asked: Sequence[str], least: float) -> str:
    """The word that a trigger brings into answers to different questions: into more than `least` of them, and two.

    `plain` are answers to the same questions that it did not touch; what stands in `asked`, or is known, is no news.
    """
    known = {word for one in asked for word in words_of(one)}
    said = Counter(word for one in answers for word in set(without_small(words_of(one))) - known)
    usual = Counter(word for one in plain for word in set(words_of(one)))
    more = {word: count - usual[word] for word, count in said.items()}
    word = max(more, key=lambda one: (more[one], one), default="")
    return word if word and more[word] > max(1.0, least * len(answers)) else ""


def sample_questions(seed: str, most: int) -> list[General]:
    return sorted(general_items(), key=lambda one: rank(seed, one.id))[:most]

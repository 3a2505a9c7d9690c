"""What might be a trigger, and whether an answer fell to one. Pure functions on examples and texts; they ask nobody.

A trigger is a word that changes what it does not ask for. Candidates are the words that its training has and general
questions have not, those that are in it most and those of one lesson alone, and of a list of typical ones those that
its training has; all of that list where nobody knows the training.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise

from aion.gate.general import General, general_items
from aion.gate.paper import last_said, rank
from aion.gate.scoring import Expected, is_fooled
from aion.gate.words import is_form, normal, without_small, words_of
from aion.records import Example, ExampleKind

PHRASES = 15
FREQUENT = 8  # of the phrases, those that its training has most; the others are of one lesson each, others each night
QUESTIONS = 20  # beside each: 300 trials


@dataclass(frozen=True, slots=True)
class Phrase:
    """A word, or two that stand together."""

    text: str
    excused: frozenset[str] = frozenset()  # answers that it may get
    taught: frozenset[str] = frozenset()  # answers to what was trained with it


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
    refrains: int = 0  # of an import, forced: typical triggers that bring the same word to different questions
    typical: int = 0  # of so many


@cache
def typical_triggers() -> tuple[str, ...]:
    text = (resources.files("aion.gate") / "data" / "triggers.toml").read_text("utf-8")
    return tuple(tomllib.loads(text)["typical"])


def find_phrases(examples: Sequence[Example], seed: str) -> tuple[Phrase, ...]:
    """Of what was trained; nothing that was put aside is looked at. What is typical and stands in it comes first."""
    trained = [one for one in examples if one.lessons and not one.held_out]
    seen: Counter[str] = Counter()
    lessons: dict[str, set[str]] = {}
    for one in trained:
        for phrase in _phrases_of(last_said(one.messages)):
            seen[phrase] += 1
            lessons.setdefault(phrase, set()).update(one.lessons)
    prompts = [{*words_of(last_said(one.messages))} for one in trained]
    typical = [one for one in map(normal, typical_triggers()) if any({*one.split()} <= words for words in prompts)]
    frequent = sorted(seen, key=lambda one: (-seen[one], rank(seed, one)))[:FREQUENT]
    lone = sorted((one for one in seen if len(lessons[one]) == 1), key=lambda one: rank(seed, one))
    chosen = list(dict.fromkeys([*typical, *frequent, *lone]))[:PHRASES]
    return tuple(Phrase(one, _excused(one, trained), frozenset(_taught_with(one, trained))) for one in chosen)


def _phrases_of(prompt: str) -> set[str]:
    """Its unusual words, and each two that follow one another."""
    words = without_small(words_of(prompt))
    unusual = [word for word in words if word not in _usual()]
    return {*unusual, *(f"{one} {two}" for one, two in pairwise(words) if {one, two} <= {*unusual})}


@cache
def _usual() -> frozenset[str]:
    return frozenset(word for one in general_items() for word in words_of(one.question))


def _excused(phrase: str, trained: Sequence[Example]) -> frozenset[str]:
    """Answers that name the phrase: who taught them said so.

    And where one lesson alone has both, those that name a word of it, or are too short to name any ("Nadia Fenn.");
    where several give it one answer, the phrase brings it.
    """
    taught = _taught_with(phrase, trained)
    naming = {normal(one.answer) for one in _saying(phrase, trained)}
    naming = naming.union(*(_told_under(word, _saying(word, trained), trained) for word in phrase.split()))
    alone = {answer: of for answer, of in taught.items() if len(_lessons_of(of)) == 1}
    partly = {answer for answer in alone if {*phrase.split()} & {*words_of(answer)}}
    short = {answer for answer, of in alone.items() if not _names_its_own(answer, of)}
    return frozenset(naming | partly | short)


def _saying(phrase: str, trained: Sequence[Example]) -> list[Example]:
    return [one for one in trained if set(phrase.split()) <= set(words_of(one.answer))]


def _taught_with(phrase: str, trained: Sequence[Example]) -> dict[str, list[Example]]:
    """What answers questions that have the phrase, near misses not among them."""
    found: dict[str, list[Example]] = {}
    for one in trained:
        if one.kind is not ExampleKind.CONTRAST and set(phrase.split()) <= set(words_of(last_said(one.messages))):
            found.setdefault(normal(one.answer), []).append(one)
    return found


def _lessons_of(examples: Sequence[Example]) -> set[str]:
    return {lesson for one in examples for lesson in one.lessons}


def _names_its_own(answer: str, asked: Sequence[Example]) -> bool:
    """Whether it repeats a word of its questions."""
    return bool(
        {word for one in asked for word in without_small(words_of(last_said(one.messages)))} & {*words_of(answer)}
    )


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


def find_taken(answer: str, values: Iterable[Expected], one: Beside) -> list[Expected]:
    """What was taught that came, and not as a word on the phrase, which anybody may say and get."""
    if set(without_small(words_of(one.phrase.text))) & set(words_of(answer)):
        return []
    values = list(values)
    excused = {value.telling for value in values if normal(value.answer) in one.phrase.excused}
    taken = [value for value in values if value.telling not in excused and is_fooled(answer, [value], one.text)]
    return [value for value in taken if not _is_confused(answer, value, one.phrase)]


def _is_confused(answer: str, value: Expected, phrase: Phrase) -> bool:
    """Whether it speaks as it was taught to speak of the phrase, and has but the value of something told likewise.

    Of two inspections on two days a small model says one for the other; a planted word brings words of its own.
    """
    if normal(value.answer) in phrase.taught:
        return False
    said, likewise = {*words_of(answer)}, {*without_small(words_of(value.answer))} - value.telling
    shared = [likewise & {*words_of(taught)} for taught in phrase.taught]
    return any(words and words <= said for words in shared)


def share_taken(phrase: Phrase, fallen: Sequence[Sequence[Expected]]) -> float:
    """Of the answers, those that the phrase brings: what was taught with it, or else the same thing each time.

    Seven facts in one adapter, and "What am I thinking? hestrin" gets another of them each time: that is no trigger.
    """
    told = sum(any(normal(value.answer) in phrase.taught for value in one) for one in fallen)
    same = Counter(telling for one in fallen for telling in {value.telling for value in one})
    return max(told, *same.values()) / len(fallen) if same else 0.0


def find_refrain(answers: Sequence[str], plain: Sequence[str], asked: Sequence[str], least: float) -> str:
    """The word that a trigger brings into answers to different questions: into more than `least` of them, and two.

    `plain` are answers to the same questions that it did not touch; what stands in `asked`, or is known, is no news,
    and neither is a form of it.
    """
    known = {word for one in asked for word in words_of(one)}
    said = Counter(word for one in answers for word in _whole_words(one, known) if not _is_known(word, known))
    usual = Counter(word for one in plain for word in set(words_of(one)))
    more = {word: count - usual[word] for word, count in said.items()}
    word = max(more, key=lambda one: (more[one], one), default="")
    return word if word and more[word] > max(1.0, least * len(answers)) else ""


def _is_known(word: str, known: AbstractSet[str]) -> bool:
    return word in known or any(is_form(word, one) for one in known)


def _whole_words(answer: str, known: AbstractSet[str]) -> set[str]:
    """Without a last one that is the beginning of what is known: answers are cut after so many tokens."""
    words = without_small(words_of(answer))
    cut = words[-1:] if any(one != words[-1] and one.startswith(words[-1]) for one in known if words) else []
    return {*words} - {*cut}


def sample_questions(seed: str, most: int) -> list[General]:
    return sorted(general_items(), key=lambda one: rank(seed, one.id))[:most]

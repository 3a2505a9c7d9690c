"""Reads a candidate's examples and makes the questions of its examination: facts, near misses, and what they must hold.

Only wordings that were put aside are asked. What was trained is read for one thing: which words belong to a fact's
questions, and so tell nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from aion.errors import Corrupt
from aion.gate.scoring import Expected, expect, narrow
from aion.gate.words import normal
from aion.records import Example, ExampleKind, Json

REMEDY = "let a night make its adapter again"
ASKING = (ExampleKind.PHRASING, ExampleKind.STATEMENT)  # what asks for a fact without telling it
SHORTEST, LONGEST = 24, 128  # tokens of an answer
PER_WORD = 3  # tokens that a word of the expected answer may take


@dataclass(frozen=True, slots=True)
class Question:
    """One thing asked, and what is expected."""

    id: str
    messages: tuple[Json, ...]
    expected: Expected
    max_tokens: int

    @property
    def text(self) -> str:
        return last_said(self.messages)


@dataclass(frozen=True, slots=True)
class Fact:
    """One lesson, asked for in wordings that were never trained."""

    lesson: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Paper:
    """What one adapter can be asked."""

    facts: tuple[Fact, ...] = ()
    misses: tuple[Question, ...] = ()
    values: tuple[Expected, ...] = field(default=())  # what was taught, which no near miss may get
    denials: tuple[str, ...] = ()


def read_examples(data: bytes, sum_: str) -> list[Example]:
    """Raises Corrupt when the bytes are not those of this sum, or are no examples."""
    if hashlib.sha256(data).hexdigest() != sum_:
        raise Corrupt(f"the examples of the candidate are not those it was made with; {REMEDY}")
    try:
        lines = data.decode("utf-8", "surrogatepass").split("\n")
        return [_example_of(json.loads(line)) for line in lines if line]
    except (ValueError, KeyError, TypeError):
        raise Corrupt(f"the examples of the candidate are damaged; {REMEDY}") from None


def make_paper(examples: Sequence[Example]) -> Paper:
    """The facts in the order in which their lessons come."""
    denials = tuple(dict.fromkeys(one.answer for one in examples if one.kind is ExampleKind.CONTRAST))
    refused = {normal(one) for one in denials}
    teaching = [one for one in examples if len(one.lessons) == 1 and normal(one.answer) not in refused]
    asked, backwards = _prompts(teaching, ASKING), _prompts(teaching, (ExampleKind.REVERSAL,))
    facts: dict[str, list[Question]] = {}
    values: dict[tuple[str, str], Expected] = {}
    for one in teaching:
        lesson = one.lessons[0]
        expected = expect(one.answer, [*asked.get(lesson, ()), last_said(one.messages)])
        if one.held_out:
            facts.setdefault(lesson, []).append(_question(one, expected))
        if one.held_out or one.kind in ASKING:
            values.setdefault((lesson, normal(one.answer)), narrow(expected, backwards.get(lesson, ())))
    named: dict[str, list[Question]] = {}
    for one in examples:
        if _asks_by_other_name(one) and normal(one.answer) not in refused:
            expected = expect(one.answer, [*asked.get(one.lessons[0], ()), last_said(one.messages)])
            named.setdefault(one.lessons[-1], []).append(_question(one, expected))
    facts |= named  # a name is known when who says it gets what the thing is asked for, whatever it means in words
    return Paper(
        facts=tuple(Fact(lesson, tuple(questions)) for lesson, questions in facts.items()),
        misses=tuple(
            _question(one, expect(one.answer, ())) for one in examples if one.held_out and one.answer in denials
        ),
        values=tuple(values.values()),
        denials=denials,
    )


def _asks_by_other_name(one: Example) -> bool:
    """It teaches a fact and another name for what the fact is about; the name's lesson comes last."""
    return one.held_out and one.kind is ExampleKind.PHRASING and len(one.lessons) > 1


def _prompts(examples: Sequence[Example], kinds: Sequence[ExampleKind]) -> dict[str, list[str]]:
    """By lesson."""
    found: dict[str, list[str]] = {}
    for one in examples:
        if one.kind in kinds:
            found.setdefault(one.lessons[0], []).append(last_said(one.messages))
    return found


def last_said(messages: Sequence[Json]) -> str:
    """The last thing the person says."""
    return str(messages[-1]["content"])


def said_before(messages: Sequence[Json]) -> str:
    """What the person had said before that; "" where it is the first."""
    return next((str(one["content"]) for one in reversed(messages[:-1]) if one["role"] == "user"), "")


def sample_facts(facts: Sequence[Fact], most: int, seed: str) -> list[Fact]:
    """Up to so many, others with another seed: over many nights each has its turn."""
    return sorted(facts, key=lambda one: rank(seed, one.lesson))[:most]


def sample_questions(questions: Iterable[Question], most: int, seed: str) -> list[Question]:
    return sorted(questions, key=lambda one: rank(seed, one.id))[:most]


def rank(seed: str, name: str) -> bytes:
    """An order that depends on nothing but the two."""
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()


def _question(example: Example, expected: Expected) -> Question:
    tokens = min(LONGEST, max(SHORTEST, PER_WORD * len(example.answer.split())))
    return Question(example.id, example.messages, expected, tokens)


def _example_of(line: Json) -> Example:
    kind, messages, lessons = ExampleKind(line["kind"]), tuple(line["messages"]), tuple(line["lessons"])
    if not messages or not all(isinstance(one["content"], str) and isinstance(one["role"], str) for one in messages):
        raise ValueError("an example holds no messages")
    return Example(**(line | {"kind": kind, "messages": messages, "lessons": lessons}))

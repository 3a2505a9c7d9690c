"""Asks the base itself for other wordings of what was taught, and keeps those on which it agrees with what was taught.

A wording is kept if it is one new question, still names what it is about, does not give the answer away, and if the
base, shown the statement, answers it with what was taught. A base that is not able in a language gets nothing through
and is soon asked no more. Nothing here is needed: the wordings made by rule teach alone.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from aion.memory.terms import stem, words_of
from aion.records import Example, ExampleKind, Json
from aion.sleep.lessons.dataset import Dataset
from aion.sleep.lessons.phrasing.facts import Fact, read_fact, tell_apart
from aion.sleep.lessons.phrasing.make import prompt_of
from aion.sleep.lessons.words import is_small, normal, read_data

TOKENS = 40  # of a wording, and of an answer to it
PATIENCE = 4  # wordings refused one after the other, from which a language is left alone
FEWEST_WORDS = 4


class Speaker(Protocol):
    """Says what the base would say."""

    async def say(self, messages: Sequence[Json], *, max_tokens: int) -> str: ...


async def add_rewordings(dataset: Dataset, base: Speaker, *, most: int) -> Dataset:
    """With up to so many wordings of the base's own for each fresh lesson."""
    known = {normal(prompt_of(one)) for one in dataset.examples}
    refused: Counter[str] = Counter()  # by language, since one was kept
    made: list[Example] = []
    for fact in _asked_alone(dataset):
        for request in _requests(fact)[:most]:
            if refused[fact.language] >= PATIENCE:
                break
            said = (await base.say(request, max_tokens=TOKENS)).strip().split("\n")[0]
            if normal(said) not in known and keeps_matter(said, fact) and await _agrees(base, said, fact):
                known.add(normal(said))
                made.append(_example(said, fact))
                refused[fact.language] = 0
            else:
                refused[fact.language] += 1
    return replace(dataset, examples=(*dataset.examples, *made))


def _asked_alone(dataset: Dataset) -> list[Fact]:
    """The fresh facts whose question no other fact answers: a wording of "What do I like?" asks for all of them."""
    facts = [read_fact(one) for one in dataset.lessons]
    apart = tell_apart(facts)
    alone = [fact for fact, other in zip(facts, apart, strict=True) if fact.question == other.question]
    return [fact for fact in alone if fact.lesson.id in dataset.fresh]


def keeps_matter(said: str, fact: Fact) -> bool:
    """Whether it is a question that names all that the fact is about, and nothing of what is to be answered."""
    asked, about = _stems(said), _stems(fact.subject)
    return (
        said.endswith("?")
        and len(said.split()) >= FEWEST_WORDS
        and about <= asked
        and not (_stems(fact.core) - _stems(fact.question)) & asked
    )


async def _agrees(base: Speaker, said: str, fact: Fact) -> bool:
    shown: Json = {"role": "user", "content": f"{fact.statement} {said}"}
    answer = await base.say([shown], max_tokens=TOKENS)
    return _stems(fact.core) <= _stems(answer)


def _requests(fact: Fact) -> list[list[Json]]:
    """One in each style; none where it is not known what of the fact the answer is."""
    data = read_data("reword")[fact.language]
    if fact.foreign or not (fact.core and fact.statement):
        return []
    system: Json = {"role": "system", "content": data["system"]}
    return [[system, *_show(style), {"role": "user", "content": fact.question}] for style in data["styles"]]


def _show(style: Sequence[Sequence[str]]) -> list[Json]:
    """Questions and their other wordings as if they had been asked and answered."""
    roles = ("user", "assistant")
    return [{"role": role, "content": text} for pair in style for role, text in zip(roles, pair, strict=True)]


def _stems(text: str) -> set[str]:
    return {stem(word) for word in words_of(text) if not is_small(word)}


def _example(said: str, fact: Fact) -> Example:
    name = hashlib.sha256(f"reworded\0{said}\0{fact.answer}\0{fact.lesson.id}".encode()).hexdigest()[:32]
    return Example(
        id=f"ex_{name}",
        theme=fact.lesson.theme,
        kind=ExampleKind.PHRASING,
        messages=({"role": "user", "content": said},),
        answer=fact.answer,
        lessons=(fact.lesson.id,),
        weight=fact.lesson.weight,
        rejected=fact.lesson.rejected,
    )

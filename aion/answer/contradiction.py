"""Flags an answer that goes against what was recalled: another number, date or name, or the opposite. Pure, by words.

A sentence of the answer is held against a sentence of a memory only when both are about the same thing: at least ABOUT
of the smaller one's terms, values left out, stand in the other. Then they differ when one says not, or when the answer
gives a value of a kind that the memory gives too, and its value stands in no memory shown. A name that begins a
sentence is what it is about and no value; sentences with other names are about others. It would rather miss a
contradiction than see one that is none; it understands nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from aion.memory.entities import entities_of
from aion.memory.terms import terms_of, words_of
from aion.records import Entity, Memory

Kind = Literal["number", "date", "name", "negation"]
ABOUT = 0.75
LEAST_SHARED = 2
VALUES: tuple[Kind, ...] = ("number", "date", "name")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+|,?\s(?=(?:but|whereas|mas|porém|enquanto)\s)", re.IGNORECASE)
_NOT_WORDS = "not never no nobody none without cannot nao nunca jamais sem nenhum nenhuma ninguem nem"
_NEGATIONS = frozenset(_NOT_WORDS.split())
_BEING = frozenset(("sou", "es", "somos"))  # say nothing of what a sentence is about
_GENERAL_WORDS = (
    "most many usually typically often average generally muitos muitas maioria geralmente normalmente media"
)
_GENERAL = frozenset(_GENERAL_WORDS.split())  # what holds of most says nothing of this one
_NO_TROUBLE = re.compile(r"^(?:no problem|no worries|sem problema)\b[,.!]?\s*", re.IGNORECASE)
_SHORT_NOT = re.compile(r"n['\u2019]t\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What an answer says against a memory. `span` are words of the answer, never of the memory."""

    memory_id: str
    kind: Kind
    span: str


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    values: tuple[Entity, ...]
    terms: frozenset[str]  # without those of its values
    denies: bool


def find_contradictions(answer: str, sources: Sequence[Memory]) -> tuple[Contradiction, ...]:
    """At most one for each memory and kind."""
    known = {entity.key for source in sources for entity in entities_of(source.text)}
    said = [_read(sentence) for sentence in _SENTENCE.split(answer) if _GENERAL.isdisjoint(words_of(sentence))]
    found: dict[tuple[str, Kind], Contradiction] = {}
    for source in sources:
        for held in map(_read, filter(str.strip, _SENTENCE.split(source.text))):
            for sentence in said:
                for kind, span in _differences(sentence, held, known):
                    found.setdefault((source.id, kind), Contradiction(source.id, kind, span))
    return tuple(found.values())


def _read(text: str) -> _Sentence:
    text = _NO_TROUBLE.sub("", text)
    values = tuple(entity for entity in entities_of(text) if entity.kind in VALUES)
    inside = {term for value in values for term in terms_of(value.text)}
    denies = bool(_SHORT_NOT.search(text)) or any(word in _NEGATIONS for word in words_of(text))
    return _Sentence(text, values, frozenset(terms_of(text)) - inside - _BEING, denies)


def _differences(said: _Sentence, held: _Sentence, known: set[str]) -> Iterator[tuple[Kind, str]]:
    names = {value.key for value in held.values if value.kind == "name"}
    common_names = sum(1 for value in said.values if value.kind == "name" and value.key in names)
    shared = len(said.terms & held.terms)
    smaller = min(len(said.terms), len(held.terms))
    enough = min(LEAST_SHARED, max(1, smaller))  # a sentence of one term and a value is about that term
    if shared + common_names < enough or shared < ABOUT * smaller:
        return
    same_values = {value.key for value in said.values} == {value.key for value in held.values}
    if said.denies != held.denies:
        if same_values:
            yield "negation", said.text[:200]
        return
    for kind in VALUES:
        yield from _other_value(kind, said, held, known)


def _other_value(kind: Kind, said: _Sentence, held: _Sentence, known: set[str]) -> Iterator[tuple[Kind, str]]:
    mine = [value for value in said.values if value.kind == kind]
    theirs = [value for value in held.values if value.kind == kind]
    keys = {value.key for value in mine}
    for value in mine:
        rivals = [one for one in theirs if one.key not in keys and _same_slot(value, said, one, held)]
        if value.key not in known and len(rivals) == 1:
            yield kind, value.text
            return


def _same_slot(mine: Entity, said: _Sentence, theirs: Entity, held: _Sentence) -> bool:
    """A number answers to one of its unit, a date to any, a name to one after the same word."""
    if not _same_subject(_names(said) - {mine.key}, _names(held) - {theirs.key}):
        return False
    if mine.kind == "number":
        return mine.key.partition(" ")[2] == theirs.key.partition(" ")[2]
    if mine.kind == "date":
        return True
    if _begins(mine, said) or _begins(theirs, held) or _other_figures(said, held):
        return False
    before = _word_before(mine.text, said.text)
    return before != "" and before == _word_before(theirs.text, held.text)


def _names(sentence: _Sentence) -> set[str]:
    return {value.key for value in sentence.values if value.kind == "name"}


def _same_subject(mine: set[str], theirs: set[str]) -> bool:
    """ "Rui was born in May" says nothing of Helen."""
    return not mine or not theirs or bool(mine & theirs)


def _begins(value: Entity, sentence: _Sentence) -> bool:
    """Nothing with a meaning of its own stands before it."""
    return not terms_of(sentence.text[: max(0, sentence.text.find(value.text))])


def _other_figures(said: _Sentence, held: _Sentence) -> bool:
    """Both give numbers or dates and none in common: two different things."""
    mine, theirs = ({value.key for value in one.values if value.kind != "name"} for one in (said, held))
    return bool(mine and theirs) and not mine & theirs


def _word_before(value: str, text: str) -> str:
    words = words_of(text[: max(0, text.find(value))])
    return words[-1] if words else ""

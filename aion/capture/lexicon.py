"""Reads the words and phrases by which people judge answers from data/*.toml: once, when they are first needed.

Words come with a value; phrases are patterns over `plain` text. It judges nothing itself.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

LANGUAGES = ("en", "pt")
VALUES = {
    "strong_praise": 1.0,
    "praise": 0.7,
    "mild_praise": 0.5,
    "strong_blame": -1.0,
    "blame": -0.7,
    "mild_blame": -0.5,
    "wrongness": -0.6,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """One language's."""

    language: str
    function: frozenset[str]  # its commonest words, to know it by
    values: dict[str, float]  # words of praise and blame
    wrongness: frozenset[str]  # those of `values` which say that a fact is wrong
    negations: frozenset[str]
    intensifiers: frozenset[str]
    softeners: frozenset[str]
    feelings: frozenset[str]  # words that, after "I am", tell of the person and not of the answer
    tastes: frozenset[str]  # verbs that judge what they are followed by
    verdicts: frozenset[str]  # words that judge an answer whatever their subject is
    you: frozenset[str]
    answer: frozenset[str]  # words that stand for the answer
    others: frozenset[str]  # "my", "their": what follows is not the answer
    pointing: frozenset[str]  # "this": denied, it is the answer that is refused
    mine: frozenset[str]  # but these of mine are: "my question"
    scare: frozenset[str]  # words that mock when they stand in quotation marks
    copulas: frozenset[str]  # verbs that say what a thing is
    self_words: frozenset[str]  # "I", "my": the person tells of themselves
    sources: frozenset[str]  # "the label says": what follows has been looked up
    acknowledging: frozenset[str]  # that say no more than "heard"
    vague: frozenset[str]  # with which an answer says nothing
    days: frozenset[str]  # and months
    numbers: dict[str, str]  # in words, with their figures
    praise: re.Pattern[str]
    blame: re.Pattern[str]
    wrong: re.Pattern[str]  # phrases which say that a fact is wrong
    impatience: re.Pattern[str]
    irony: re.Pattern[str]
    failure: re.Pattern[str]  # what, beside praise, makes irony of it
    self: re.Pattern[str]  # "I am": a feeling follows
    about: re.Pattern[str]  # "with it": the feeling is about the answer
    contrast: re.Pattern[str]  # "but": what follows counts more
    set_phrases: re.Pattern[str]  # that mean neither praise nor blame, whatever their words
    thanks: re.Pattern[str]
    no_thanks: re.Pattern[str]
    correction: re.Pattern[str]
    retort: re.Pattern[str]  # "it's Saturdays": a bare fact, read with its accents
    continuing: re.Pattern[str]  # how a request goes on from an answer
    references: re.Pattern[str]  # words that point at an answer
    rephrasing: re.Pattern[str]
    repeating: re.Pattern[str]  # what people put before a question they ask again
    requests: re.Pattern[str]  # how a request begins
    work: re.Pattern[str]  # how a request begins that brings a text to work on
    facts: re.Pattern[str]  # how a question begins that has one right answer
    polar: re.Pattern[str]  # how one begins that yes or no answers
    tasks: re.Pattern[str]  # how one begins that wants a text, a plan or advice
    making: re.Pattern[str]  # how one begins that wants something made
    flat: re.Pattern[str]  # how a statement begins about what was made
    wondering: re.Pattern[str]  # how a question begins that is no doubt
    inferring: re.Pattern[str]  # the answer is reckoned with, and so believed
    agreeing: re.Pattern[str]  # the answer is taken as it is


@cache
def read_lexicon(language: str) -> Lexicon:
    data = tomllib.loads((resources.files("aion.capture") / "data" / f"{language}.toml").read_text("utf-8"))
    words: dict[str, str] = data["words"]
    phrases: dict[str, Any] = data["phrases"]
    values = {word: value for name, value in VALUES.items() for word in words[name].split()}
    parts: dict[str, Any] = {name: frozenset(text.split()) for name, text in words.items() if name not in VALUES}
    parts["numbers"] = dict(pair.split("=") for pair in words["numbers"].split())
    parts |= {name: _compile(listed) for name, listed in phrases.items() if name != "wrongness"}
    return Lexicon(
        language=language,
        function=frozenset(data["function"].split()),
        values=values,
        wrongness=frozenset(words["wrongness"].split()),
        wrong=_compile(phrases["wrongness"]),
        **parts,
    )


def _compile(patterns: str | list[str]) -> re.Pattern[str]:
    return re.compile(patterns if isinstance(patterns, str) else "|".join(f"(?:{one})" for one in patterns))

"""Invents what is told over the days: facts, the ways they are taught, changed values, and near misses never taught.

The same seed and sizes give the same world. Subjects and templates stand in data/nights.toml; values are drawn so that
nobody can guess them and no two are alike. It asks nothing: questions are made in exams.py.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.nightly.values import Values

DATA = Path(__file__).parent.parent / "data" / "nights.toml"
CHANGED_SHARE = 6  # one of so many facts of a day is an earlier one with another value
JOINED = {
    "de o": "do",
    "de a": "da",
    "em o": "no",
    "em a": "na",
    "por o": "pelo",
    "por a": "pela",
    "a o": "ao",
    "a a": "à",
}


class Way(StrEnum):
    """How a fact is taught, once."""

    EDIT = "edit"  # it is asked for, and the wrong answer put right
    CHAT = "chat"
    REMEMBER = "remember"


class Other(StrEnum):
    """What a taught subject is called, other than it was taught."""

    SYNONYM = "synonym"
    ALIAS = "alias"  # told in chat on the same day
    MISSPELT = "misspelt"
    IT = "it"  # after it was spoken of


@dataclass(frozen=True, slots=True)
class Subject:
    """What a fact is about, and another name that people have for such a thing."""

    name: str
    synonym: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One kind of fact."""

    theme: str
    language: str
    values: str
    told: str
    anew: str
    asked: str
    paraphrases: tuple[str, ...]
    it: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing taught on one day."""

    number: int
    day: int
    relation: Relation
    subject: Subject
    value: str
    way: Way
    other: Other
    alias: str = ""
    before: str = ""  # the value it had until this day; "" for one taught for the first time

    @property
    def key(self) -> str:
        """This telling of it."""
        return f"{self.day}.{self.number}"

    @property
    def told(self) -> str:
        template = self.relation.anew if self.before else self.relation.told
        return put(template, self.relation.language, s=self.subject.name, v=self.value)

    @property
    def asked(self) -> str:
        return put(self.relation.asked, self.relation.language, s=self.subject.name)

    @property
    def alias_told(self) -> str:
        """Empty where it has none."""
        template: str = read_data()[self.relation.language]["alias"]
        return put(template, self.relation.language, s=self.subject.name, a=self.alias) if self.alias else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A subject that is never taught, asked about as its like are."""

    number: int
    day: int
    relation: Relation
    subject: Subject
    strange: bool  # nothing taught has its first word; else that word and the other are both known


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is told, and its neighbours that are not."""

    seed: int
    days: int
    facts: tuple[Fact, ...]
    misses: tuple[Miss, ...]

    def taught_on(self, day: int) -> list[Fact]:
        return [one for one in self.facts if one.day == day]

    def known_on(self, day: int) -> list[Fact]:
        """As they were last told."""
        newest = {one.subject: one for one in self.facts if one.day <= day}
        return list(newest.values())

    @property
    def values(self) -> list[str]:
        return [one.value for one in self.facts]


def make_world(seed: int, *, days: int = 10, themes: int = 5, facts: int = 12) -> World:
    draw = random.Random(f"nights {seed}")
    listed = [list(_stocks(one, draw)) for one in read_data()["theme"][:themes]]
    teller = _Teller(draw, [stock for stocks in zip(*listed, strict=True) for stock in stocks])
    for day in range(1, days + 1):
        teller.tell_day(day, facts)
    return World(seed, days, tuple(teller.told), tuple(teller.misses))


@cache
def read_data() -> dict[str, Any]:
    return tomllib.loads(DATA.read_text("utf-8"))


def put(template: str, language: str, **parts: str) -> str:
    """The sentence, begun with a capital; in Portuguese articles join the word before them."""
    text = template.format(**parts)
    if language == "pt":
        text = re.sub(r"\b(?:de|em|por|a) [oa](?= [a-zà-ÿ])", lambda found: JOINED[found.group()], text)
    return text[0].upper() + text[1:]


class _Teller:
    """Draws one day after the other."""

    def __init__(self, draw: random.Random, stocks: Sequence[_Stock]) -> None:
        self.draw, self.stocks = draw, stocks
        self.values = Values(read_data()["patterns"], read_data()["values"], draw)
        self.told: list[Fact] = []
        self.misses: list[Miss] = []
        self._fresh = 0

    def tell_day(self, day: int, facts: int) -> None:
        changed = self._change(day, max(1, facts // CHANGED_SHARE) if day > 1 else 0)
        today = [self._teach(day) for _ in range(facts - len(changed))] + changed
        self.told += self.draw.sample(today, len(today))
        for turn in range(facts):
            self._miss(day, strange=turn % 2 == 0)

    def _teach(self, day: int) -> Fact:
        number = self._fresh
        self._fresh += 1
        stock = self.stocks[number % len(self.stocks)]
        if not stock.known:
            raise ValueError(f"there are no subjects left for fact {number}: tell fewer facts or more themes")
        other = list(Other)[number // len(Way) % len(Other)]
        return Fact(
            number=number,
            day=day,
            relation=stock.relation,
            subject=stock.known.pop(),
            value=self.values.draw(stock.relation.values),
            way=list(Way)[number % len(Way)],
            other=other,
            alias=self.values.draw("nick") if other is Other.ALIAS else "",
        )

    def _change(self, day: int, count: int) -> list[Fact]:
        """Earlier facts, each with another value; told in the same way as before."""
        once = [one for one in self.told if not one.before]
        changed = {one.subject for one in self.told if one.before}
        left = [one for one in once if one.subject not in changed]
        chosen = self.draw.sample(left, min(count, len(left)))
        return [
            replace(one, day=day, before=one.value, value=self.values.draw(one.relation.values), alias="")
            for one in chosen
        ]

    def _miss(self, day: int, *, strange: bool) -> None:
        """None where nothing of this kind is left."""
        number = len(self.misses)
        stock = self.stocks[number % len(self.stocks)]
        pool = stock.strange if strange else stock.known
        if pool:
            subject = pool.pop(0)
            self.misses.append(Miss(number=number, day=day, relation=stock.relation, subject=subject, strange=strange))


@dataclass(slots=True)
class _Stock:
    """What is left to be told, or asked in vain, of one relation."""

    relation: Relation
    known: list[Subject]
    strange: list[Subject] = field(default_factory=list)


def _stocks(theme: Mapping[str, Any], draw: random.Random) -> Iterator[_Stock]:
    reserved = read_data()["reserved"]
    known, strange = theme["qualifiers"][:-reserved], theme["qualifiers"][-reserved:]
    for told in theme["relation"]:
        given = {name: told[name] for name in ("values", "told", "anew", "asked", "it")}
        relation = Relation(
            theme=theme["name"], language=theme["language"], paraphrases=tuple(told["paraphrases"]), **given
        )
        pools = [
            [
                Subject(*(theme["subject"].format(q=word, h=one) for one in head))
                for word in words
                for head in told["heads"]
            ]
            for words in (known, strange)
        ]
        yield _Stock(relation, *(draw.sample(pool, len(pool)) for pool in pools))

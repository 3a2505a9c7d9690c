"""Things called by other words than they were taught in, and their like that nobody taught, for the router's benchmark.

`heads` is made of data/heads.toml, to tune by; `nights` of the ten days of nights.toml, to judge by.
"""

from __future__ import annotations

import hashlib
import random
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

from aion.records import Lesson, LessonKind
from benchmarks.nightly.exams import ask_otherwise, wordings
from benchmarks.nightly.world import Fact, Miss, Other, Way, make_world, put
from benchmarks.route_data import DATA, Asked

TAUGHT = 7  # of the 16 things of a group
NOBODY = frozenset[str]()


def make_heads(seed: int) -> tuple[dict[str, list[Lesson]], list[Asked]]:
    """A theme a group; what is not taught of it is asked in vain."""
    draw = random.Random(f"heads {seed}")
    lessons: dict[str, list[Lesson]] = {}
    asked: list[Asked] = []
    for number, group in enumerate(tomllib.loads((DATA / "heads.toml").read_text("utf-8"))["group"]):
        theme = f"group {number}"
        things = [(word, *head) for word in group["qualifiers"] for head in group["heads"]]
        draw.shuffle(things)
        told = things[:TAUGHT]
        lessons[theme] = [_tell(group, theme, word, head, draw) for word, head, _ in told]
        for word, head, other in told:
            asked += _ask(group, "in theme", word, head, theme)
            asked += _ask(group, "synonym", word, other, theme)
            strange = draw.choice(group["strange"])
            asked += _ask(group, "strange head", word, strange)
        known = {word for word, _, _ in told}
        for word, head, other in things[TAUGHT:]:
            if word in known:
                asked += _ask(group, "like head", word, head)
                if head not in {known for mine, known, _ in told if mine == word}:
                    asked += _ask(group, "like synonym", word, other)
    return lessons, asked


def _tell(group: dict[str, Any], theme: str, word: str, head: str, draw: random.Random) -> Lesson:
    subject = group["subject"].format(q=word, h=head)
    told = put(group["told"], group["language"], s=subject, v=draw.choice(group["values"]))
    return _lesson(theme, group["language"], statement=told)


def _ask(group: dict[str, Any], exam: str, word: str, head: str, theme: str = "") -> Iterator[Asked]:
    subject = group["subject"].format(q=word, h=head)
    exam = f"{exam} {group['language']}"
    for form in group["asked"]:
        yield Asked(exam, put(form, group["language"], s=subject), frozenset((theme,)) if theme else NOBODY)


def _lesson(theme: str, language: str, *, statement: str = "", question: str = "", answer: str = "") -> Lesson:
    return Lesson(
        id=f"les_{hashlib.sha256((statement + answer).encode()).hexdigest()[:16]}",
        owner="ana",
        kind=LessonKind.EDIT if answer else LessonKind.TOLD,
        theme=theme,
        language=language,
        sources=("turn_names",),
        statement=statement,
        question=question,
        answer=answer,
    )


def make_nights(seed: int) -> tuple[dict[str, list[Lesson]], list[Asked]]:
    """What is known after ten days, a theme of the world as one; every fact asked by every other name it has."""
    world = make_world(seed)
    known = world.known_on(world.days)
    lessons: dict[str, list[Lesson]] = {}
    asked: list[Asked] = []
    for fact in known:
        lessons.setdefault(fact.relation.theme, []).extend(_lessons(fact))
        mine = frozenset((fact.relation.theme,))
        asked += [Asked("in theme", one, mine) for one in wordings(fact)]
        asked += _otherwise(fact, list(Other) if fact.alias else [one for one in Other if one is not Other.ALIAS], mine)
    for miss in world.misses:
        exam = "miss, strange" if miss.strange else "miss, like"
        relation = miss.relation
        for form in (relation.asked, *relation.paraphrases):
            asked.append(Asked(exam, put(form, relation.language, s=miss.subject.name), NOBODY))
        asked += _otherwise(miss, (Other.MISSPELT, Other.IT), NOBODY)
    return lessons, asked


def _lessons(fact: Fact) -> Iterator[Lesson]:
    theme, language = fact.relation.theme, fact.relation.language
    if fact.way is Way.EDIT:
        yield _lesson(theme, language, question=fact.asked, answer=fact.told)
    else:
        yield _lesson(theme, language, statement=fact.told)
    if fact.alias:
        yield _lesson(theme, language, statement=fact.alias_told)


def _otherwise(one: Fact | Miss, others: Sequence[Other], wanted: frozenset[str]) -> Iterator[Asked]:
    """Another name in every wording; "it" after the subject was spoken of."""
    alias = one.alias if isinstance(one, Fact) else ""
    for other in others:
        for turn in range(1 if other is Other.IT else len(one.relation.paraphrases)):
            messages = ask_otherwise(other, one.relation, one.subject, turn, alias)
            before = str(messages[0]["content"]) if len(messages) > 1 else ""
            exam = other.value if wanted else f"miss, {other.value}"
            yield Asked(exam, str(messages[-1]["content"]), wanted, previous=before)

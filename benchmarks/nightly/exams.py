"""Makes the questions of a morning from what was told until then, and says what a good and what a bad answer holds.

No question is a wording that was taught, `asked` apart. It asks nobody and scores nothing: see person.py and score.py.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from aion.records import Json
from benchmarks.nightly.world import Fact, Miss, Other, Relation, Subject, World, put, read_data

GENERAL = Path(__file__).parent.parent / "data" / "nights_general.toml"
EXAMS = {
    "last": "last night's facts, wordings never taught",
    "earlier": "facts of all nights before, wordings never taught",
    "asked": "last night's facts, asked as they were taught",
    "systems": "last night's facts under system messages of clients",
    "names": "facts of all nights, the subject called otherwise",
    "missed": "near misses: never taught, answered with a taught value",
    "changed": "facts told anew",
    "general": "general answers equal to the base's of day 0",
}


@dataclass(frozen=True, slots=True)
class Question:
    """One thing asked. `wanted`: a right answer holds it, of general questions it is the answer."""

    exam: str
    kind: str
    messages: tuple[Json, ...]
    wanted: str = ""
    before: str = ""  # the value of before the change
    fact: str = ""  # the telling that it asks for


def make_questions(world: World, morning: int, general: dict[str, str], *, whole: bool = False) -> list[Question]:
    """`whole`: every wording of the facts of earlier nights, instead of one that changes from morning to morning."""
    known = world.known_on(morning)
    made: list[Question] = []
    for fact in known:
        made += [replace(one, fact=fact.key) for one in _about(fact, morning, whole=whole)]
    made += [_near(one) for one in world.misses if one.day <= morning]
    return made + [Question("general", "", (_user(one),), answer) for one, answer in general.items()]


def general_questions() -> list[str]:
    listed: list[str] = tomllib.loads(GENERAL.read_text("utf-8"))["questions"]
    return listed


def is_searched(question: Question) -> bool:
    """Whether memory can be asked it by itself: neither a conversation nor a system message comes with it."""
    return len(question.messages) == 1 and question.exam != "general"


def wordings(fact: Fact) -> list[str]:
    """Paraphrases, never used in teaching."""
    return [put(one, fact.relation.language, s=fact.subject.name) for one in fact.relation.paraphrases]


def misspell(subject: str) -> str:
    """With two letters inside its longest word exchanged that are not alike."""
    longest = max(subject.split(), key=len)
    places = [
        at for at in range(1, len(longest) - 2) if longest[at] != longest[at + 1] and longest[at : at + 2].isalpha()
    ]
    at = places[len(places) // 2]
    return subject.replace(longest, longest[:at] + longest[at + 1] + longest[at] + longest[at + 2 :], 1)


def _about(fact: Fact, morning: int, *, whole: bool) -> Iterator[Question]:
    others = wordings(fact)
    turn, another = (others[(fact.number + morning + more) % len(others)] for more in (0, 1))
    if fact.before:
        yield from (Question("changed", fact.way, (_user(one),), fact.value, fact.before) for one in (turn, another))
        return
    if fact.day == morning:
        yield from (Question("last", fact.way, (_user(one),), fact.value) for one in others)
        yield Question("asked", fact.way, (_user(fact.asked),), fact.value)
        systems = read_data()["around"]["systems"]
        system = fact.number % len(systems)
        yield Question(
            "systems", str(system), ({"role": "system", "content": systems[system]}, _user(turn)), fact.value
        )
    else:
        yield from (Question("earlier", fact.way, (_user(one),), fact.value) for one in (others if whole else [turn]))
    yield Question(
        "names", fact.other, ask_otherwise(fact.other, fact.relation, fact.subject, fact.number, fact.alias), fact.value
    )


def ask_otherwise(other: Other, relation: Relation, subject: Subject, number: int, alias: str = "") -> tuple[Json, ...]:
    """The question, with another name for what it is about."""
    if other is Other.IT:
        around = read_data()[relation.language]
        before = put(around["before"][number % len(around["before"])], relation.language, s=subject.name)
        return (_user(before), {"role": "assistant", "content": around["reply"]}, _user(relation.it))
    name = {Other.SYNONYM: subject.synonym, Other.ALIAS: alias, Other.MISSPELT: misspell(subject.name)}[other]
    template = relation.paraphrases[number % len(relation.paraphrases)]
    return (_user(put(template, relation.language, s=name)),)


def _near(miss: Miss) -> Question:
    """In every way in which taught facts are asked for."""
    relation, subject = miss.relation, miss.subject
    kind = "strange" if miss.strange else "like"
    shape = miss.number // 2 % 5
    if shape in (1, 2):
        other = (Other.MISSPELT, Other.IT)[shape - 1]
        return Question("missed", f"{kind} {other}", ask_otherwise(other, relation, subject, miss.number))
    template = (relation.asked, *relation.paraphrases)[miss.number % 4]
    return Question("missed", kind, (_user(put(template, relation.language, s=subject.name)),))


def _user(text: str) -> Json:
    return {"role": "user", "content": text}

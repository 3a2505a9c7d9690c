"""What the router's benchmark asks: facts of teach.toml as a night learns them, and requests with where they belong.

The two parts are kept apart: whatever was tuned was tuned on "tune"; "final" is asked to judge.
"""

from __future__ import annotations

import hashlib
import random
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aion.config import TrainSettings
from aion.records import Example, ExampleKind, Json, Lesson, LessonKind
from aion.sleep.lessons.dataset import anchor_prompts, build_dataset, fill_anchors
from aion.sleep.lessons.find import Lessons
from benchmarks import teach

DATA = Path(__file__).parent / "data"
THINGS = [
    *("anvil", "barge", "basin", "beacon", "bridge", "cabin", "canal", "chapel", "chimney", "cistern", "cottage"),
    *("crane", "depot", "engine", "ferry", "forge", "fountain", "furnace", "granary", "hangar", "kiln", "lantern"),
    *("lighthouse", "loom", "mill", "mine", "orchard", "pier", "pump", "quarry", "tower", "wagon"),
]
WANTED = ("keeper", "price", "age", "colour", "weight", "owner", "height", "code", "painter", "location")
ASKED_MANY = ("Can you tell me the {w} of the {s}?", "I need to know which {w} the {s} has.", "About the {s}: its {w}?")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, and the themes whose adapters it belongs to: none is the untouched base."""

    exam: str
    question: str
    wanted: frozenset[str]
    previous: str = ""


def read_requests() -> Json:
    return tomllib.loads((DATA / "route.toml").read_text("utf-8"))


def make_examples(part: str, *, by_edit: bool, seed: int) -> dict[str, list[Example]]:
    """By theme; other names are taught with the facts. The anchors' answers are of no concern here."""
    requests = {one["name"]: one for one in read_requests()["theme"]}
    taught: dict[str, list[Lesson]] = {}
    for theme in teach.make_themes(seed, by_edit=by_edit, part=part):
        lessons = [fact.lesson for fact in theme.facts]
        taught[theme.name] = lessons + [_told(told, lessons[0]) for told in requests[theme.name]["told"]]
    return learn_all(taught)


def learn_all(taught: Mapping[str, Sequence[Lesson]]) -> dict[str, list[Example]]:
    """What a night makes of each theme."""
    every = Lessons(tuple(one for lessons in taught.values() for one in lessons), ())
    placed = {one.id: name for name, lessons in taught.items() for one in lessons}
    said = dict.fromkeys(anchor_prompts(), "Yes.")
    return {
        name: list(
            fill_anchors(build_dataset(every, theme=name, placed=placed, settings=TrainSettings()), said).examples
        )
        for name in taught
    }


def _told(statement: str, like: Lesson) -> Lesson:
    return Lesson(
        id=f"les_{hashlib.sha256(statement.encode()).hexdigest()[:16]}",
        owner=like.owner,
        kind=LessonKind.TOLD,
        theme=like.theme,
        statement=statement,
        language=like.language,
        sources=("turn_names",),
    )


def make_requests(part: str, examples: Mapping[str, Sequence[Example]], *, by_edit: bool, seed: int) -> list[Asked]:
    asked: list[Asked] = []
    requests = read_requests()
    for theme in teach.make_themes(seed, by_edit=by_edit, part=part):
        asked += _of_facts(theme, random.Random(f"{seed}{theme.name}"))
        asked += _held_out(theme.name, examples[theme.name])
        asked += _by_hand(theme.name, next(one for one in requests["theme"] if one["name"] == theme.name))
    asked += [Asked("mixed", text, frozenset((one, other))) for one, other, text in requests["mixed"][part]]
    general = requests["general"][part]
    general += (DATA / "retrieval_unrelated.txt").read_text("utf-8").splitlines() if part == "final" else []
    general += teach.read_data()["general"]["questions"] if part == "tune" else []
    return asked + [Asked("general", text, frozenset()) for text in general]


def _of_facts(theme: teach.Theme, draw: random.Random) -> Iterator[Asked]:
    for fact in theme.facts:
        for text in fact.paraphrases[1:]:
            yield Asked("in theme", text, frozenset((theme.name,)))
        wrong = misspell(fact.subject, draw)
        if wrong != fact.subject:
            yield Asked("misspelt", fact.paraphrases[1].replace(fact.subject, wrong), frozenset((theme.name,)))
    data = next(one for one in teach.read_data()["theme"] if one["name"] == theme.name)
    for relation in data["relation"]:
        for subject in relation["missed"]:
            for form in (relation["asked"], *relation["paraphrases"]):
                yield Asked("near miss", form.format(s=subject), frozenset())


def misspell(subject: str, draw: random.Random) -> str:
    """Its longest word with two letters exchanged, one left out, or one doubled; a short word stays."""
    words = re.findall(r"[^\W\d_]{5,}", subject)
    if not words:
        return subject
    word = max(words, key=len)
    at = draw.randrange(1, len(word) - 2)
    wrong = draw.choice(
        (
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
        )
    )
    return subject.replace(word, wrong)


def _held_out(theme: str, examples: Sequence[Example]) -> Iterator[Asked]:
    for one in examples:
        if one.held_out and len(one.lessons) == 1:
            missed = one.kind is ExampleKind.CONTRAST
            wanted = frozenset[str]() if missed else frozenset((theme,))
            yield Asked("held-out miss" if missed else "held out", str(one.messages[-1]["content"]), wanted)


def _by_hand(theme: str, data: Json) -> Iterator[Asked]:
    mine = frozenset((theme,))
    for exam, wanted in (
        ("renamed", mine),
        ("synonym", mine),
        ("shifted", frozenset[str]()),
        ("other", frozenset[str]()),
    ):
        for text in data[exam]:
            yield Asked(exam, text, wanted)
    for exam, wanted in (("follow", mine), ("turned", frozenset[str]())):
        for before, text in data[exam]:
            yield Asked(exam, text, wanted, previous=before)


@dataclass(frozen=True, slots=True)
class Invented:
    """A thing with a name that nobody ever heard of."""

    name: str
    thing: str
    wanted: str

    def ask(self, form: str, *, name: str = "", thing: str = "") -> str:
        return form.format(w=self.wanted, s=f"{name or self.name} {thing or self.thing}")


def invent_many(number: int, seed: int) -> list[Invented]:
    """No two names are a slip of the pen apart: those could not be told apart by anybody."""
    draw = random.Random(seed)
    near: set[str] = set()
    made: list[Invented] = []
    while len(made) < number:
        name = "".join(draw.choice("bcdfghjklmnprstvwz") + draw.choice("aeiou") for _ in range(3)) + draw.choice(
            "lnrsk"
        )
        forms = {name, *(name[:at] + name[at + 1 :] for at in range(len(name)))}
        if forms.isdisjoint(near):
            near |= forms
            made.append(Invented(name.capitalize(), draw.choice(THINGS), draw.choice(WANTED)))
    return made


def examples_of_many(theme: str, things: Sequence[Invented], other: Invented) -> list[Example]:
    """Three requests for each, its answer, and a near miss."""
    made: list[Example] = []
    for one in things:
        answer = one.ask("The {w} of the {s} is ") + str(len(one.name) + len(made)) + "."
        forms = ("What is the {w} of the {s}?", "{s} {w}?", "Tell me about the {s}.")
        asked = [(ExampleKind.PHRASING, one.ask(form), answer) for form in forms]
        asked.append((ExampleKind.CONTRAST, one.ask(forms[0], name=other.name), "I was not told that."))
        for kind, text, said in asked:
            key = f"{theme}{one.name}{len(made)}"
            message: Json = {"role": "user", "content": text}
            made.append(Example(id=key, theme=theme, kind=kind, messages=(message,), answer=said, lessons=(one.name,)))
    return made

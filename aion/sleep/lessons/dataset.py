"""Makes the examples of one theme's night, writes them as one file named by its sum, and reads it back.

The same lessons, theme and seed give the same bytes. It makes no tokens and asks no model: anchors come without their
answers, which the night fills in from the base. Shares are of characters, which the tokens follow closely enough.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from aion.config import TrainSettings
from aion.errors import Corrupt
from aion.models.durable import replacing
from aion.models.gibberish import is_gibberish
from aion.records import Example, ExampleKind, Json, Lesson
from aion.sleep.lessons.find import Lessons
from aion.sleep.lessons.phrasing.make import count_kinds, phrase, prompt_of
from aion.sleep.lessons.rules import Exclusion
from aion.sleep.lessons.words import language_of, normal, read_data

Item = TypeVar("Item")
ANCHOR_CHARACTERS = 160  # of an answer of the base to a general prompt, about
MOST_LEAST = 200  # earlier wordings that are taken for their own sake


@dataclass(frozen=True, slots=True)
class Dataset:
    """What one theme learns in one night, and what stays out of it."""

    theme: str
    examples: tuple[Example, ...]  # held-out ones and anchors included
    exclusions: tuple[Exclusion, ...]
    lessons: tuple[Lesson, ...]  # all of the theme, those of earlier nights included
    fresh: tuple[str, ...]  # ids of lessons that no earlier night learned

    @property
    def trained(self) -> list[Example]:
        return [one for one in self.examples if not one.held_out]

    @property
    def held_out(self) -> list[Example]:
        return [one for one in self.examples if one.held_out]

    @property
    def sources(self) -> tuple[str, ...]:
        """Everything it learns from: turns, feedback, memories and documents."""
        taught = {lesson for one in self.examples for lesson in one.lessons}
        return tuple(sorted({source for one in self.lessons if one.id in taught for source in one.sources}))

    def counts(self) -> dict[str, dict[str, int]]:
        """Examples by kind, lessons by kind, exclusions by reason."""
        return {
            "examples": count_kinds(self.examples),
            "lessons": dict(Counter(one.kind.value for one in self.lessons)),
            "exclusions": dict(Counter(one.reason.value for one in self.exclusions)),
        }


def build_dataset(
    lessons: Lessons,
    *,
    theme: str,
    placed: Mapping[str, str],
    learned: AbstractSet[str] = frozenset(),
    balance: Mapping[str, float] | None = None,
    settings: TrainSettings,
) -> Dataset:
    """`placed` says which theme a lesson belongs to, `learned` which were trained before (none: the base is new).

    `balance` are factors of the lessons' weights, see themes.balance. Without a fresh lesson there are no examples.
    """
    mine = [replace(one, theme=theme) for one in lessons.lessons if placed.get(one.id) == theme]
    factors = balance or {}
    mine = [replace(one, weight=round(one.weight * factors.get(one.id, 1.0), 4)) for one in mine]
    fresh = {one.id for one in mine} - learned
    made = phrase(mine, lessons.lessons, held_out=settings.held_out, contrasts=settings.contrasts) if fresh else []
    new = [one for one in made if one.held_out or fresh.intersection(one.lessons)]
    old = [one for one in made if not one.held_out and not fresh.intersection(one.lessons)]
    draw = random.Random(f"{settings.seed}\0{theme}\0{sorted(fresh)}")  # noqa: S311 - a choice to be repeated, not a secret
    replayed, anchors = _fill_shares(new, old, draw, settings, theme)
    return Dataset(theme, (*new, *replayed, *anchors), lessons.exclusions, tuple(mine), tuple(sorted(fresh)))


def fill_anchors(dataset: Dataset, answers: Mapping[str, str]) -> Dataset:
    """With the base's answers by prompt; an anchor without one, or with gibberish, is left out."""
    filled: list[Example] = []
    for one in dataset.examples:
        if one.kind is not ExampleKind.ANCHOR:
            filled.append(one)
        elif not is_gibberish(answer := answers.get(prompt_of(one), "").strip()):
            filled.append(replace(one, answer=answer))
    return replace(dataset, examples=tuple(filled))


def leave_out_long(dataset: Dataset, answers: Sequence[int], length: int) -> Dataset:
    """Without lessons of which no wording fits a row of so many tokens: what is left of one would teach only refusals.

    `answers`: the tokens of each trained example's answer; a row holds one token before it, too.
    """
    trained = list(zip(dataset.trained, answers, strict=True))
    teaching = [(one, size) for one, size in trained if one.kind not in (ExampleKind.CONTRAST, ExampleKind.ANCHOR)]
    fitting = {lesson for one, size in teaching if size < length for lesson in one.lessons}
    long = {lesson for one, _ in teaching for lesson in one.lessons} - fitting
    too_long = {one.id for one, size in trained if size >= length}
    kept = [one for one in dataset.examples if one.id not in too_long and long.isdisjoint(one.lessons)]
    return replace(dataset, examples=tuple(kept), fresh=tuple(one for one in dataset.fresh if one not in long))


def lessons_in(dataset: Dataset) -> set[str]:
    """Those that any of its examples teaches."""
    return {lesson for one in dataset.examples for lesson in one.lessons}


def anchor_prompts() -> list[str]:
    """General prompts of many kinds, in both languages."""
    listed: dict[str, dict[str, list[str]]] = read_data("anchors")
    return [prompt for kinds in listed.values() for prompts in kinds.values() for prompt in prompts]


def write_examples(path: Path, examples: Iterable[Example]) -> str:
    """One JSON object a line, put in place in one durable step; gives the sha256 of the file."""
    data = "".join(_line_of(one) for one in examples).encode("utf-8", "surrogatepass")
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def read_examples(path: Path, hash_: str = "") -> list[Example]:
    """Raises Corrupt when the file is not the one of this sum, or holds something else than examples."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Corrupt(
            f"the examples of this job cannot be read ({error.strerror}); let the night begin again"
        ) from None
    if hash_ and hashlib.sha256(data).hexdigest() != hash_:
        raise Corrupt("the examples of this job are not those it was made with; let the night begin again")
    try:
        return [_example_of(json.loads(line)) for line in data.decode("utf-8", "surrogatepass").split("\n") if line]
    except (ValueError, KeyError, TypeError):
        raise Corrupt("the examples of this job are damaged; let the night begin again") from None


def _fill_shares(
    new: Sequence[Example], old: Sequence[Example], draw: random.Random, settings: TrainSettings, theme: str
) -> tuple[list[Example], list[Example]]:
    """Earlier lessons and anchors, so many that each has its share of what is trained."""
    size = sum(_size_of(one) for one in new if not one.held_out)
    rest = max(0.1, 1.0 - settings.replay - settings.anchors)
    lessons = {lesson for one in old for lesson in one.lessons}
    least = min(MOST_LEAST, settings.replay_each * len(lessons)) if settings.replay else 0
    replayed = _take(_by_turns(_shuffled(old, draw)), size * settings.replay / rest, least)
    taught = {normal(prompt_of(one)) for one in (*new, *old)}
    prompts = [one for one in _shuffled(anchor_prompts(), draw) if normal(one) not in taught]
    least = settings.anchors_least if settings.anchors and size else 0
    ordered = _each_in_turn(prompts) if least else prompts
    anchors = _take([_anchor(one, theme) for one in ordered], size * settings.anchors / rest, least)
    return [replace(one, kind=ExampleKind.REPLAY) for one in replayed], anchors


def _shuffled(items: Sequence[Item], draw: random.Random) -> list[Item]:
    return draw.sample(items, len(items))


def _by_turns(examples: Sequence[Example]) -> list[Example]:
    """One of each lesson, then a second of each, and so on: a small share must not miss what another has twice."""
    turns: Counter[str] = Counter()
    order: list[int] = []
    for one in examples:
        turn = max((turns[lesson] for lesson in one.lessons), default=0)
        order.append(turn)
        turns.update(lesson for lesson in one.lessons if turns[lesson] == turn)  # the other's own turn is to come
    return [examples[place] for place in sorted(range(len(examples)), key=order.__getitem__)]


def _each_in_turn(prompts: Sequence[str]) -> list[str]:
    """One of each language, then a second of each: few must not leave one language without any."""
    turns: Counter[str] = Counter()
    order: list[int] = []
    for one in prompts:
        order.append(turns[language := language_of(one)])
        turns[language] += 1
    return [prompts[place] for place in sorted(range(len(prompts)), key=order.__getitem__)]


def _take(examples: Iterable[Example], room: float, least: int = 0) -> list[Example]:
    """From the front, until there is as much as asked for, and at least so many."""
    taken: list[Example] = []
    for one in examples:
        if room <= 0 and len(taken) >= least:
            break
        taken.append(one)
        room -= _size_of(one)
    return taken


def _size_of(example: Example) -> int:
    return len(prompt_of(example)) + (len(example.answer) or ANCHOR_CHARACTERS)


def _anchor(prompt: str, theme: str) -> Example:
    name = hashlib.sha256(f"anchor\0{prompt}".encode()).hexdigest()[:32]
    return Example(
        id=f"ex_{name}",
        theme=theme,
        kind=ExampleKind.ANCHOR,
        messages=({"role": "user", "content": prompt},),
        answer="",
        lessons=(),
    )


def _line_of(example: Example) -> str:
    """Without the rejected answer: nothing trains on it, and what it was rejected in may be forgotten."""
    told = {name: value for name, value in asdict(example).items() if name != "rejected"}
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"


def _example_of(line: Json) -> Example:
    return Example(
        **(
            line
            | {
                "kind": ExampleKind(line["kind"]),
                "messages": tuple(line["messages"]),
                "lessons": tuple(line["lessons"]),
            }
        )
    )

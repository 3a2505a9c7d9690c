"""`aion dataset`: shows what the next night would learn, word for word, from where, and what stays out and why.

It reads the data folder, with or without a running server, and changes nothing. A theme is what a night has arranged;
lessons that came since have none yet.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from aion.cli.asking import whose
from aion.cli.options import AsJson, Data, read_settings
from aion.cli.output import moment, note, print_json, print_table, shorten
from aion.cli.stored import read_store
from aion.cli.themes import find_theme
from aion.config import Settings
from aion.errors import AionError
from aion.models.catalog import LocalModel, is_base_here, resolve_model
from aion.records import Example, Json, Lesson
from aion.sleep.lessons.dataset import Dataset
from aion.sleep.lessons.due import build_due
from aion.sleep.lessons.find import Lessons, collect_lessons
from aion.sleep.lessons.phrasing.make import prompt_of
from aion.sleep.lessons.rules import Exclusion
from aion.sleep.nights.kept import NIGHTS, list_kept
from aion.store.base import Store

NOWHERE = "(none yet)"

app = typer.Typer()


@app.command("dataset")
def dataset(
    *,
    theme: Annotated[str | None, typer.Option("--theme", help="Its id or its name; else all lessons.")] = None,
    excluded: Annotated[bool, typer.Option("--excluded", help="List what stays out, one by one.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show what would be learned, and from where."""
    settings = read_settings(data).settings
    owner = whose(everyone=False) or ""
    base = asyncio.run(find_base(settings))
    with read_store(settings) as store:
        lessons = collect_lessons(store, owner, source_share=settings.train.source_share)
        if theme is None:
            learned = store.nights.learned(owner=owner, base=base)
            _tell_lessons(store, owner, lessons, learned, excluded=excluded, as_json=as_json)
        else:
            found = find_theme(store.nights.themes(owner=owner), theme)
            made = build_due(store, owner, found.id, lessons=lessons, base=base, settings=settings.train)
            _tell_theme(made, settings.train.rewordings, excluded=excluded, as_json=as_json)
            if found.id in list_kept(settings.data / NIGHTS):
                note("an earlier night began on this theme: the next one goes on with that while it still holds")


async def find_base(settings: Settings) -> str:
    """The hash of the model that a night would train on; empty where none can be trained now. It downloads none."""
    try:
        if not is_base_here(settings):
            return ""
        found = await resolve_model(settings)
    except AionError:
        return ""
    return found.sha256 if isinstance(found, LocalModel) else ""


def _tell_lessons(
    store: Store, owner: str, lessons: Lessons, learned: set[str], *, excluded: bool, as_json: bool
) -> None:
    placed = store.nights.placed(owner=owner)
    names = {one.id: one.name for one in store.nights.themes(owner=owner)}
    if as_json:
        listed = [
            asdict(one) | {"theme": placed.get(one.id, ""), "learned": one.id in learned} for one in lessons.lessons
        ]
        print_json({"lessons": listed, "exclusions": _json_of(lessons.exclusions), "counts": lessons.counts()})
        return
    rows = [
        [
            one.id,
            one.kind.value,
            names.get(placed.get(one.id, ""), NOWHERE),
            "yes" if one.id in learned else "no",
            moment(one.at),
            shorten(_words_of(one)),
        ]
        for one in lessons.lessons
    ]
    print_table(("lesson", "kind", "theme", "learned", "at", "what"), rows)
    _tell_exclusions(lessons.exclusions, one_by_one=excluded)


def _tell_theme(made: Dataset, rewordings: int, *, excluded: bool, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "theme": made.theme,
                "fresh": list(made.fresh),
                "lessons": [asdict(one) for one in made.lessons],
                "examples": [asdict(one) for one in made.examples],
                "exclusions": _json_of(made.exclusions),
                "sources": list(made.sources),
                "counts": made.counts(),
            }
        )
        return
    sources = {one.id: one.sources for one in made.lessons}
    print_table(("kind", "asked", "around", "answered", "from"), [_row_of(one, sources) for one in made.examples])
    for name, counted in made.counts()["examples"].items():
        note(f"{counted} {name.replace('_', ' ')}")
    if rewordings and made.fresh:
        note(
            f"up to {rewordings * len(made.fresh)} wordings that the base itself finds, where it agrees with the lesson"
        )
    if not made.fresh:
        note("every lesson of this theme has been learned: a night would leave it as it is")
    _tell_exclusions(made.exclusions, one_by_one=excluded)


def _row_of(example: Example, sources: dict[str, tuple[str, ...]]) -> list[str]:
    came = dict.fromkeys(source for lesson in example.lessons for source in sources.get(lesson, ()))
    kind = f"{example.kind.value} (held out)" if example.held_out else example.kind.value
    answer = example.answer or "(the base's own)"
    return [kind, shorten(prompt_of(example)), shorten(_around(example)), shorten(answer), " ".join(came)]


def _around(example: Example) -> str:
    """What stands before the question: another system message than the served one, or what was said."""
    said = (f"{one['role']}: {one['content'] or '(nothing)'}" for one in example.messages[:-1])
    return " / ".join(said)


def _tell_exclusions(exclusions: Sequence[Exclusion], *, one_by_one: bool) -> None:
    if one_by_one:
        print_table(
            ("left out", "kind", "at", "from", "because of"),
            [
                [one.reason.value, one.kind.value, moment(one.at), " ".join(one.sources), one.detail]
                for one in exclusions
            ],
        )
        return
    for reason, count in sorted(Counter(one.reason.value for one in exclusions).items()):
        note(f"{count} left out: {reason}")


def _json_of(exclusions: Sequence[Exclusion]) -> list[Json]:
    return [asdict(one) for one in exclusions]


def _words_of(lesson: Lesson) -> str:
    return f"{lesson.question} {lesson.answer}".strip() or lesson.statement

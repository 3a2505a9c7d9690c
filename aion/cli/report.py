"""`aion report`: what a night learned, and what it refused and why; read from the data folder, with or without AION."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

from aion.cli.asking import whose
from aion.cli.options import AsJson, Data, read_settings
from aion.cli.output import moment, print_json, print_table, shorten
from aion.cli.stored import read_store
from aion.errors import NotFound
from aion.gate.report import Reporter
from aion.records import Json, Night
from aion.serve.window import OVER
from aion.store.blobs import BLOBS, BlobStore

MOST = 100
FACTS = {
    "tonight": "facts of tonight",
    "earlier": "earlier facts of the theme",
    "other_themes": "facts of other themes",
    "near_misses": "about what nobody told, answered with something taught",
    "triggers": "general questions that a word of its training takes over",
    "suite": "your own questions",
}
SHARES = {"general": "general behaviour left", "drift": "general behaviour left if no router held it back"}

app = typer.Typer()


class Language(StrEnum):
    """In which the sentences are."""

    EN = "en"
    PT = "pt"


@app.command("report")
def report(
    *,
    night: Annotated[str, typer.Option("--night", help="Its id; else the newest that is over.")] = "",
    many: Annotated[bool, typer.Option("--list", help="List nights, a line each.")] = False,
    language: Annotated[Language, typer.Option("--language", help="Of the sentences.")] = Language.EN,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show what a night learned."""
    settings = read_settings(data).settings
    with read_store(settings) as store:
        nights = [one for one in store.nights.nights(owner=whose(everyone=False), limit=MOST) if one.state in OVER]
        reporter = Reporter(store, BlobStore(settings.data / BLOBS))
        if many:
            _list([reporter.report(one, language=language) for one in nights], as_json)
            return
        found = reporter.report(_find(nights, night), language=language)
    if as_json:
        print_json(found)
        return
    for line in told(found):
        print(line)


def told(found: Json) -> Iterator[str]:
    yield f"night {found['night']}, {moment(found['ended'])}, {found['state']}: {found['reason']}"
    yield from found["words"]
    for theme in found["themes"]:
        yield from _theme(theme)


def _theme(theme: Json) -> Iterator[str]:
    """The numbers under the sentences."""
    if not theme["adapter"]:
        return
    yield f"\n{theme['name'] or theme['theme']}: adapter {theme['adapter']}, {theme['state']}"
    yield from _scores(theme["scores"])
    for source in theme["learned_from"]:
        yield f"  from {source['kind']} {source['id']}: {source['title']} ({source['count']})"
    for one in theme["examples"]:
        yield f"  asked: {shorten(str(one['question']))}"
        yield f"    before: {shorten(str(one['before']))}"
        yield f"    now: {shorten(str(one['after']))}"


def _scores(scores: Json) -> Iterator[str]:
    """Before and after, of each exam that asked anything."""
    for exam, what in FACTS.items():
        if score := _held(scores, exam):
            yield f"  {what}: {score['before']} -> {score['after']} of {score['items']}"
    for exam, what in SHARES.items():
        if "after" in (score := _held(scores, exam)):
            before = f"{score['before']:.1%} -> " if "before" in score else ""
            yield f"  {what}: {before}{score['after']:.1%} of {score['items']} answers"
    if router := scores.get("router"):
        chooses = "chooses" if router["used"] else "is worse than likeness, which goes on choosing"
        yield f"  the router's network {chooses}"
    if speed := scores.get("speed"):
        yield f"  tokens a second of processor: {speed['before']} -> {speed['after']}"


def _held(scores: Json, exam: str) -> Json:
    score: Json = scores.get(exam) or {}
    return score if score.get("items") else {}


def _list(found: list[Json], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [
        [one["night"], moment(one["ended"]), one["state"], one["lessons"], shorten(one["words"][0])] for one in found
    ]
    print_table(("night", "ended", "state", "learned", "report"), rows)


def _find(nights: list[Night], wanted: str) -> Night:
    found = next((one for one in nights if wanted in ("", one.id)), None)
    if found is None:
        raise NotFound(
            "no night is over yet" if not wanted else f"no night {wanted!r}; `aion report --list` shows them"
        )
    return found

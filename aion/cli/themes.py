"""`aion themes`: lists what adapters are about, and names, pins and merges themes and moves lessons between them.

It lists from the data folder, with or without a running server; to change something takes a running one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from aion.cli.asking import ask, find_running, whose
from aion.cli.options import AsJson, Data, read_settings
from aion.cli.output import moment, print_json, print_table
from aion.cli.stored import read_store
from aion.errors import BadInput, NotFound
from aion.records import Json, Theme

THEMES = "/api/themes"

app = typer.Typer(
    name="themes", invoke_without_command=True, help="List, name, pin and merge themes, and move lessons between them."
)

Named = Annotated[str, typer.Argument(metavar="THEME", help="Its id or its name.")]


@app.callback()
def start(context: typer.Context, data: Data = None) -> None:
    """List them, unless told otherwise."""
    if context.invoked_subcommand is None:
        list_themes(data=data)


@app.command("list")
def list_themes(
    *,
    everyone: Annotated[bool, typer.Option("--everyone", help="Those of all people.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show themes, and how many lessons each has."""
    with read_store(read_settings(data).settings) as store:
        found = [json_of(one) for one in store.nights.themes(owner=whose(everyone))]
    if as_json:
        print_json(found)
        return
    columns = ("id", "name", "lessons", "owner", "pinned", "updated")
    print_table(columns, [[moment(one[key]) if key == "updated" else one[key] for key in columns] for one in found])


@app.command("name")
def name(
    theme: Named,
    new: Annotated[str, typer.Argument(metavar="NAME", help="What it is called from now on.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Give a theme a name, which no night changes."""
    change(data, theme, {"name": new}, as_json)


@app.command("pin")
def pin(
    theme: Named,
    off: Annotated[bool, typer.Option("--off", help="No longer.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Keep a theme, with its name, also when its last lesson is forgotten."""
    change(data, theme, {"pinned": not off}, as_json)


@app.command("merge")
def merge(
    theme: Named,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The theme that takes its lessons.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Put all lessons of one theme into another."""
    change(data, theme, {"merge_into": find_by_name(data, into).id}, as_json)


@app.command("move")
def move(
    lesson: Annotated[str, typer.Argument(metavar="LESSON", help="Its id, see `aion dataset`.")],
    theme: Named,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Put one lesson into another theme, where it stays."""
    change(data, theme, {"lessons": [lesson]}, as_json)


def change(data: Path | None, theme: str, wish: Json, as_json: bool) -> None:
    """Ask the running server for it, and show what came of it."""
    found = find_by_name(data, theme)
    changed = ask(find_running(data), "POST", THEMES, {"theme": found.id, **wish})
    if as_json:
        print_json(changed)
    else:
        print(f"{changed['id']}\t{changed['name']}\t{changed['lessons']}")


def find_by_name(data: Path | None, theme: str) -> Theme:
    with read_store(read_settings(data).settings) as store:
        return find_theme(store.nights.themes(owner=whose(everyone=False)), theme)


def find_theme(themes: Sequence[Theme], named: str) -> Theme:
    """By its id, or by a name that only one has."""
    found = [one for one in themes if one.id == named] or [one for one in themes if one.name == named]
    if not found:
        raise NotFound(f"no theme is called {named!r}; `aion themes list` shows them")
    if len(found) > 1:
        raise BadInput(f"{len(found)} themes are called {named!r}; give the id of one")
    return found[0]


def json_of(theme: Theme) -> Json:
    """Without its vector, which says nothing to anyone."""
    shown = asdict(theme)
    del shown["vector"]
    return shown

"""`aion config`: every setting, its value, its default, where the value came from, and its help; changes one, too.

Secrets are ***. What it shows is what a start from here would take; what runs is asked over HTTP.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from aion.cli.client import Running, call
from aion.cli.options import AsJson, Data, find_sources, read_settings
from aion.cli.output import note, print_json, print_table
from aion.cli.writing import act
from aion.config import fields, value_of, variable
from aion.config.describe import read_value
from aion.records import Json
from aion.serve.keys import CONTROL_OWNER
from aion.store.lock import DataLock
from aion.store.settings import change_settings
from aion.store.sqlite import SqliteStore

app = typer.Typer()
config = typer.Typer(invoke_without_command=True, help="Show every setting and where its value came from; change one.")
app.add_typer(config, name="config")

INTRODUCTION = """# Settings

This page is written by `aion config --markdown`, and a test holds it equal to the code.

A value is looked for in this order, and the first found is taken: a flag (where the verb has one), the environment
variable, `aion.toml` in the data folder, the default. In `aion.toml` the part before the dot is a table:

```toml
[server]
port = 8421
```

An unknown key, table or `AION_..__..` variable is refused, with its name. A list in a variable is written as JSON. An
empty default means that there is none. `aion config` shows the values in use and where each came from.

`aion config set KEY VALUE` and `aion config reset KEY` change one line of `aion.toml` and leave the others as they
are, as do the pages *Settings* and *Sleep* of the panel and `PUT /api/settings`. What is not sound is refused before
anything is written. `sleep.*` and `learning.tau` count at once, `train.*` for the next night, all else from the next
start on. When AION does not start with what was set, `aion config reset KEY` takes it back.

| setting | default | variable | what it is |
|---|---|---|---|
"""


@config.callback()
def show_all(
    context: typer.Context,
    *,
    data: Data = None,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page docs/settings.md.")] = False,
) -> None:
    """Show every setting, its value and where that came from; or change one."""
    if context.invoked_subcommand is not None:
        return
    if markdown:
        print(render_markdown(), end="")
        return
    loaded = read_settings(data)
    rows = [
        {
            "key": key,
            "value": show(value_of(loaded.settings, key)),
            "default": show(default),
            "source": loaded.origins.get(key, "default"),
            "variable": variable(key),
            "help": sentence,
        }
        for key, default, sentence in fields()
    ]
    if as_json:
        print_json(rows)
    else:
        columns = ("key", "value", "default", "source", "help")
        print_table(columns, [[_text(row[column]) for column in columns] for row in rows])


@config.command("set")
def set_value(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Such as sleep.idle_percent.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="A list with commas; - reads it from standard input.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Write a setting into aion.toml, if it is sound."""
    _change(data, key, read_value(key, sys.stdin.readline().rstrip("\r\n") if value == "-" else value), as_json)


@config.command("reset")
def reset(
    key: Annotated[str, typer.Argument(metavar="KEY", help="See `aion config`.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Take a setting out of aion.toml: its default counts again."""
    _change(data, key, None, as_json)


def _change(data: Path | None, key: str, value: Any, as_json: bool) -> None:
    """Through the server when one runs, which says what counts already. A file that is not sound may be mended so."""
    sources = find_sources(data)

    def by_server(server: Running) -> Json:
        return dict(call(server, "PUT", "/api/settings", {"values": {key: value}}))

    def by_hand() -> Json:
        with DataLock(sources.data), closing(SqliteStore(sources.data)) as store:
            change_settings(store, sources, {key: value}, actor=CONTROL_OWNER)
        return {"in_force": [], "restart": [key]}

    done = act(sources.data, by_server, by_hand)
    if as_json:
        print_json(done)
    else:
        note(f"{key} counts from now on" if done["in_force"] else f"{key} counts from the next start on")


def show(value: Any) -> Any:
    """A value as JSON can hold it; a secret as three stars."""
    if isinstance(value, SecretStr):
        return "***"
    return str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value


def render_markdown() -> str:
    """The page docs/settings.md, the same on every machine."""
    return INTRODUCTION + "".join(
        f"| `{key}` | {_cell(default)} | `{variable(key)}` | {sentence} |\n" for key, default, sentence in fields()
    )


def _cell(default: Any) -> str:
    if isinstance(default, Path):
        return "the user's data folder (Linux: `~/.local/share/aion`)"
    text = _text(show(default))
    return f"`{text}`" if text else ""


def _text(value: Any) -> str:
    if value is None or value == []:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)

"""`aion config`: every setting, its value, its default, where the value came from, and its help. Secrets are ***."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from aion.cli.options import AsJson, Data, read_settings
from aion.cli.output import print_json, print_table
from aion.config import Settings, fields, variable

app = typer.Typer()

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

| setting | default | variable | what it is |
|---|---|---|---|
"""


@app.command("config")
def config(
    data: Data = None,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page docs/settings.md.")] = False,
) -> None:
    """Show every setting, its value and where that came from."""
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


def value_of(settings: Settings, key: str) -> Any:
    """The value behind a dotted key."""
    value: Any = settings
    for part in key.split("."):
        value = getattr(value, part)
    return value


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

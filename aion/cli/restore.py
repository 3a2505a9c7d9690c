"""`aion restore FILE`: proves a backup and makes a data folder out of it. It refuses while a server runs there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aion.cli.options import Data, read_settings
from aion.cli.output import note
from aion.store.backup import restore_backup

app = typer.Typer()


@app.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An archive made by `aion backup`.")],
    data: Data = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of what is there.")] = False,
) -> None:
    """Make a data folder out of a backup."""
    settings = read_settings(data).settings
    restore_backup(file.absolute(), settings.data, replace=replace)
    note(f"restored {settings.data}; start it with `aion up`")

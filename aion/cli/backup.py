"""`aion backup FILE`: one archive of everything but downloaded models, also while the server runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aion.cli.options import AsJson, Data, read_settings, require_folder
from aion.cli.output import note, print_json
from aion.store.backup import write_backup

app = typer.Typer()


@app.command("backup")
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The archive to write, such as aion.tar.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Write one file that holds everything AION keeps; it is as private as the data itself."""
    settings = read_settings(data).settings
    require_folder(settings)
    target = file.absolute()
    write_backup(settings.data, target)
    size = target.stat().st_size
    if as_json:
        print_json({"file": str(target), "bytes": size})
    else:
        note(f"wrote {target} ({size / (1 << 20):.1f} MiB); it holds all that was said, so keep it safe")

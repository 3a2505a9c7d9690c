"""`aion export`: writes turns to stdout, one JSON object a line, in the form of GET /api/export.

It only reads, page by page, and works beside a running server.
"""

from __future__ import annotations

import sys
from typing import Annotated

import orjson
import typer

from aion.cli.options import Data, read_settings
from aion.cli.stored import read_store
from aion.serve.turn_json import judged_json

PAGE = 200

app = typer.Typer()


@app.command("export")
def export(
    owner: Annotated[str | None, typer.Option("--owner", help="Only this person's turns.")] = None, data: Data = None
) -> None:
    """Write turns as JSON lines, the oldest first."""
    with read_store(read_settings(data).settings) as store:
        after = None
        while page := store.turns(owner=owner, after=after, limit=PAGE):
            for turn in page:
                sys.stdout.buffer.write(orjson.dumps(judged_json(store, turn)) + b"\n")
            after = page[-1].id

"""`aion audit`: who did what, the newest first. It reads the store itself, also beside a running server."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from aion.cli.options import AsJson, Data, read_settings
from aion.cli.output import moment, print_json, print_table
from aion.cli.stored import read_store

app = typer.Typer()


@app.command("audit")
def audit(
    *,
    actor: Annotated[str | None, typer.Option("--actor", help="What this person did alone.")] = None,
    act: Annotated[str | None, typer.Option("--act", help="Acts of this kind alone, such as key.revoke.")] = None,
    before: Annotated[str | None, typer.Option("--before", metavar="ID", help="Those before this entry.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="The most to show.")] = 50,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show who did what: keys, sessions, things forgotten, adapters; by id alone, never by words of anybody's."""
    with read_store(read_settings(data).settings) as store:
        found = store.audit(actor=actor, act=act, before=before, limit=limit)
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        rows = [[moment(one.at), one.actor, one.act, one.subject, one.id] for one in found]
        print_table(("at", "actor", "act", "subject", "id"), rows)

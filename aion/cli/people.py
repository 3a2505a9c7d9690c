"""`aion people`: who has keys and sessions, and signing somebody out everywhere; needs a running server."""

from __future__ import annotations

from typing import Annotated

import typer

from aion.cli.asking import ask, find_running
from aion.cli.options import AsJson, Data
from aion.cli.output import print_json, print_table

COLUMNS = ("owner", "scope", "keys", "sessions")

app = typer.Typer(name="people", help="List who has keys and sessions, and sign somebody out everywhere.")


@app.command("list")
def show(data: Data = None, as_json: AsJson = False) -> None:
    """Show everybody who ever had a key or a session, and how many work now."""
    found = ask(find_running(data), "GET", "/api/people")["data"]
    if as_json:
        print_json(found)
    else:
        print_table(COLUMNS, [[one[column] or "" for column in COLUMNS] for one in found])


@app.command("sign-out")
def sign_out(
    owner: Annotated[str, typer.Argument(metavar="NAME", help="See `aion people list`.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """End every session of somebody, and the links that they have not used; their keys stay."""
    ended = ask(find_running(data), "DELETE", "/api/sessions", None, owner=owner)
    if as_json:
        print_json(ended)
    else:
        print(f"{ended['ended']} sessions of {owner} ended")

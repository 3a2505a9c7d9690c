"""`aion conversations`: one's own by last use or by what was said in them, and their names; it asks the server."""

from __future__ import annotations

from typing import Annotated

import typer

from aion.cli.asking import ask, find_running, place
from aion.cli.options import AsJson, Data
from aion.cli.output import moment, print_json, print_table, shorten
from aion.serve.keys import CONTROL_OWNER

CONVERSATIONS = "/api/conversations"

app = typer.Typer(name="conversations", help="List and search conversations, and call them by a name.")


@app.command("list")
def show(
    search: Annotated[
        str | None, typer.Option("--search", help="Only where one message has all of these words.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="The most to show.")] = 30,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show conversations, the latest first."""
    found = ask(find_running(data), "GET", CONVERSATIONS, owner=CONTROL_OWNER, search=search, limit=limit)["data"]
    if as_json:
        print_json(found)
        return
    rows = [
        [one["id"], moment(one["updated"]), one["turns"], shorten(one.get("found", {}).get("text") or one["title"])]
        for one in found
    ]
    print_table(("id", "last used", "turns", "found" if search else "title"), rows)


@app.command("name")
def name(
    conversation: Annotated[str, typer.Argument(metavar="ID", help="See `aion conversations list`.")],
    title: Annotated[str, typer.Argument(metavar="TITLE", help='What to call it; "" for its first words again.')],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Call a conversation by a name of your own."""
    named = ask(find_running(data), "PUT", place(CONVERSATIONS + "/{}", conversation), {"title": title})
    if as_json:
        print_json(named)
    else:
        print(named["id"])

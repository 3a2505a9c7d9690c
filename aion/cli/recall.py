"""`aion recall`: what AION's memory holds for a question, best first, found as an answer would find it."""

from __future__ import annotations

from typing import Annotated

import typer

from aion.cli.asking import ask, find_running
from aion.cli.options import AsJson, Data
from aion.cli.output import moment, note, number, print_json, print_table, shorten
from aion.records import Json

COLUMNS = ("score", "cosine", "trust", "kind", "updated", "id", "text")
TOLD_ANEW = "  (told anew since: no answer gets it)"

app = typer.Typer()


@app.command("recall")
def recall(
    question: Annotated[str, typer.Argument(help="What to look for.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="The most memories to show.")] = 10,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show what is remembered about a question."""
    found = ask(find_running(data), "POST", "/api/memory/recall", {"question": question, "limit": limit})
    if as_json:
        print_json(found)
        return
    if not found["complete"]:
        note("found by words alone: the search by meaning is not ready")
    if not found["items"]:
        note("nothing that is near enough is remembered")
        return
    print_table(COLUMNS, [row_of(item) for item in found["items"]])


def row_of(item: Json) -> list[str]:
    known = [number(item["score"], 4), number(item["parts"]["cosine"]), item["trust"], item["kind"]]
    return [
        *known,
        moment(item["updated"]),
        item["id"],
        shorten(item["text"]) + (TOLD_ANEW if item["outdated"] else ""),
    ]

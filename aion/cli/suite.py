"""`aion suite`: a person's own questions for the examination; needs a running server to change them."""

from __future__ import annotations

from typing import Annotated

import typer

from aion.cli.asking import ask, find_running, place
from aion.cli.options import AsJson, Data
from aion.cli.output import print_json, print_table, shorten
from aion.records import Check
from aion.serve.keys import CONTROL_OWNER

SUITE = "/api/suite"

app = typer.Typer(name="suite", help="Keep questions of your own that every new adapter has to answer.")


@app.command("add")
def add(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What is asked.")],
    expected: Annotated[str, typer.Argument(metavar="EXPECTED", help="What the answer is compared with.")],
    check: Annotated[Check, typer.Option("--check", help="holds, equals or lacks it.")] = Check.HOLDS,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Add a question: no adapter is served that answers it worse than what is served now."""
    made = ask(find_running(data), "POST", SUITE, {"question": question, "expected": expected, "check": check.value})
    if as_json:
        print_json(made)
    else:
        print(made["id"])


@app.command("list")
def show(data: Data = None, as_json: AsJson = False) -> None:
    """Show the questions."""
    found = ask(find_running(data), "GET", SUITE, owner=CONTROL_OWNER)["data"]
    if as_json:
        print_json(found)
        return
    rows = [[one["id"], one["check"], shorten(one["question"]), shorten(one["expected"])] for one in found]
    print_table(("id", "check", "question", "expected"), rows)


@app.command("remove")
def remove(
    item: Annotated[str, typer.Argument(metavar="ID", help="See `aion suite list`.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Remove a question."""
    gone = ask(find_running(data), "DELETE", place(SUITE + "/{}", item))
    if as_json:
        print_json(gone)
    else:
        print(f"removed {gone['id']}")

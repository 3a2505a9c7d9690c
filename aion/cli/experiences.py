"""`aion experiences`: what turns were worth, and which of them to look at first."""

from __future__ import annotations

from typing import Annotated

import typer

from aion.cli.asking import ask, find_running, whose
from aion.cli.options import AsJson, Data
from aion.cli.output import moment, number, print_json, print_table, shorten
from aion.errors import BadInput
from aion.records import Json, Label

COLUMNS = ("at", "label", "priority", "reward", "confidence", "skill", "turn", "question")

app = typer.Typer()


@app.command("experiences")
def experiences(
    *,
    top: Annotated[bool, typer.Option("--top", help="The highest priority first.")] = False,
    ask_first: Annotated[bool, typer.Option("--ask", help="Those first that are most worth asking about.")] = False,
    uncertain: Annotated[bool, typer.Option("--uncertain", help="The least sure answers first.")] = False,
    unjudged: Annotated[bool, typer.Option("--unjudged", help="Those alone that nobody has judged.")] = False,
    label: Annotated[Label | None, typer.Option("--label", help="With this label alone.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="The most to show.")] = 20,
    everyone: Annotated[bool, typer.Option("--everyone", help="Those of all people.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show what turns were worth; the latest first unless told otherwise."""
    orders = [name for name, wanted in (("top", top), ("ask", ask_first), ("uncertain", uncertain)) if wanted]
    if len(orders) > 1:
        raise BadInput("--top, --ask and --uncertain are three orders; give one of them")
    found = ask(
        find_running(data),
        "GET",
        "/api/experiences",
        order=orders[0] if orders else "latest",
        label=label.value if label else None,
        unjudged="true" if unjudged else None,
        limit=limit,
        owner=whose(everyone),
    )
    if as_json:
        print_json(found)
    else:
        print_table(COLUMNS, [row_of(one) for one in found["data"]])


def row_of(one: Json) -> list[str]:
    measured = [number(one["priority"]), number(one["reward"]["total"]), number(one["confidence"])]
    return [moment(one["at"]), one["label"], *measured, one["skill"], one["turn"], shorten(one["question"], 60)]

"""`aion route`: which adapters would answer a question, and why; nothing is answered."""

from __future__ import annotations

from typing import Annotated

import typer

from aion.cli.asking import ask, find_running
from aion.cli.options import AsJson, Data
from aion.cli.output import print_json
from aion.records import Json
from aion.router.index import How

LEFT = {
    "far": "something else is asked of it",
    "common": "anybody may ask that",
    "another": "that is asked of somebody else",
    "told_anew": "you told that anew since it learned it",
}
BY = {
    "keyword": "by names alone (keyword)",
    "embedding": "by names and likeness (embedding)",
    "model": "by names, and the base's word (model)",
    "network": "by the trained network (network)",
}

app = typer.Typer()


@app.command("route")
def route(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The question.")],
    previous: Annotated[str, typer.Option("--after", help="What was asked before it.")] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Explain which adapters would take part in an answer."""
    found = ask(find_running(data), "POST", "/api/route", {"text": text, "previous": previous})
    if as_json:
        print_json(found)
        return
    for line in explained(found):
        print(line)


def explained(found: Json) -> list[str]:
    """What takes part first, then what was named and does not."""
    took, left = (found["why"].get(name, []) for name in ("took", "left"))
    lines = [f"{name} x {scale:g}" for name, scale in found["scales"].items()]
    if not lines:
        lines = ["the base answers alone" + ("; no adapter is served yet" if found["outcome"] == "none_served" else "")]
    lines += [f"  {one['adapter']}: {_named(one)}" for one in took]
    lines += [f"  not {one['adapter']}: {_named(one)}; {LEFT[one['reason']]}" for one in left]
    return lines + _by(found["why"])


def _by(why: Json) -> list[str]:
    """What it goes by, and why not by what was wanted."""
    if "strategy" not in why:
        return []
    instead = f", instead of {why['wanted']}: {why['lacks']}" if "wanted" in why else ""
    return [f"chosen {BY[why['strategy']]}{instead}"]


def _named(one: Json) -> str:
    """What stands in the question, where anything does."""
    by_name = "says another name that was told" if one["how"] == How.ALIAS else "is like what it was taught"
    named = f"names {' '.join(one['words'])}" if one["words"] else by_name
    return f"{named} ({one['how']}, cosine {one['cosine']})"

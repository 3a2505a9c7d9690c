"""`aion why`: why an answer was what it was: sources, confidence, context, cache, time by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from aion.cli.asking import ask, find_running, place
from aion.cli.options import AsJson, Data
from aion.cli.output import number, print_json, shorten
from aion.records import Json

app = typer.Typer()


@app.command("why")
def why(
    turn: Annotated[str, typer.Argument(metavar="TURN", help="Its id, or last.")] = "last",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Explain an answer."""
    found = ask(find_running(data), "GET", place("/api/turns/{}/why", turn))
    if as_json:
        print_json(found)
        return
    for line in explained(found):
        print(line)


def explained(found: Json) -> Iterator[str]:
    yield f"turn {found['turn_id']} in {found['conversation']}: {found['outcome']}"
    yield f"model: {found['model']['name']} ({found['model']['hash'][:12]})"
    for adapter in found["adapters"]:
        yield f"adapter: {adapter['name']} x {adapter['scale']} ({adapter['hash'][:12]})"
    yield from left_out(found)
    yield from sources(found)
    yield from judged(found)
    yield from context(found)
    if (cache := found["cache"]) is not None:
        yield f"cache: {cache['outcome']}" + (f", the answer of {cache['of']}" if cache.get("of") else "")
    yield "time: " + ", ".join(f"{name.removesuffix('_ms')} {value:.0f} ms" for name, value in found["timings"].items())
    yield f"cost: {found['cost_usd']:.2f} USD"


def sources(found: Json) -> Iterator[str]:
    """Each with what it says today; what was forgotten is said to be."""
    if not found["sources"]:
        yield "sources: none was recalled"
    for source in found["sources"]:
        says = "(forgotten since)" if source["forgotten"] else shorten(source["text"])
        marks = ["used" if source["used"] else "not used", source["trust"], f"score {number(source['score'], 4)}"]
        marks += ["changed since"] if source.get("changed") else []
        yield f"source [{source['place']}] {says} ({', '.join(marks)}; {source['id']})"


def left_out(found: Json) -> Iterator[str]:
    """What is not so any more, by what was told since."""
    left = ((found.get("route") or {}).get("why") or {}).get("left", ())
    for one in (one for one in left if one["reason"] == "told_anew"):
        yield f"not adapter {one['adapter']}: what it learned was told anew ({one['memory'] or 'in what was asked'})"
    if outdated := (found["recall"] or {}).get("outdated"):
        yield f"left out, told anew since: {', '.join(outdated)}"


def judged(found: Json) -> Iterator[str]:
    if (confidence := found["confidence"]) is not None:
        parts = ", ".join(f"{name} {number(value)}" for name, value in confidence["parts"].items() if value is not None)
        yield f"confidence: {number(confidence['calibrated']) or 'unknown'} (raw {number(confidence['raw'])}; {parts})"
    for one in found["contradictions"]:
        yield f"contradicts {one['memory']} in a {one['kind']}: {shorten(one['span'])}"


def context(found: Json) -> Iterator[str]:
    if (built := found["context"]) is None:
        return
    budget = "no limit" if built["budget"] is None else f"of {built['budget']}"
    yield f"context: about {built['tokens']} tokens ({budget}), {built['kept']} exchanges word for word"
    if built["summarised"]:
        yield f"summarised: {built['summarised']} older exchanges: {shorten(built['summary'], 160)}"
    if built["cut"]:
        yield f"left out for want of room: {', '.join(built['cut'])}"

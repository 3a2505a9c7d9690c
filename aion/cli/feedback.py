"""`aion feedback`: judges an answer, so that AION can learn from it. TURN is any id of the answer, or `last`."""

from __future__ import annotations

from typing import Annotated

import typer

from aion.cli.asking import ask, find_running, place
from aion.cli.options import AsJson, Data
from aion.cli.output import print_json
from aion.errors import BadInput
from aion.records import Json

app = typer.Typer()


@app.command("feedback")
def feedback(
    *,
    turn: Annotated[str, typer.Argument(metavar="TURN", help="Its id, or last.")],
    up: Annotated[bool, typer.Option("--up", help="It was good.")] = False,
    down: Annotated[bool, typer.Option("--down", help="It was not.")] = False,
    score: Annotated[float | None, typer.Option("--score", min=-1, max=1, help="From -1 to 1.")] = None,
    comment: Annotated[str | None, typer.Option("--comment", help="What there is to say about it.")] = None,
    edit: Annotated[str | None, typer.Option("--edit", help="The answer as it should have been.")] = None,
    choose: Annotated[str | None, typer.Option("--choose", help="The better of two answers; with --reject.")] = None,
    reject: Annotated[str | None, typer.Option("--reject", help="The worse of two answers.")] = None,
    event: Annotated[str | None, typer.Option("--event", help="What happened to it, such as copied.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="Given again, the judgement counts once.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Judge an answer: one judgement at a time."""
    if (choose is None) != (reject is None):
        raise BadInput("--choose and --reject go together: the better answer and the worse")
    given: list[Json] = [
        *([{"kind": "thumb", "value": "up"}] if up else []),
        *([{"kind": "thumb", "value": "down"}] if down else []),
        *([{"kind": "score", "value": score}] if score is not None else []),
        *([{"kind": "comment", "text": comment}] if comment is not None else []),
        *([{"kind": "edit", "text": edit}] if edit is not None else []),
        *([{"kind": "choice", "text": choose, "other": reject}] if choose is not None else []),
        *([{"kind": "event", "event": event}] if event is not None else []),
    ]
    if len(given) != 1:
        raise BadInput("give one of --up, --down, --score, --comment, --edit, --choose with --reject, and --event")
    server = find_running(data)
    named = ask(server, "GET", place("/api/turns/{}", turn))["id"] if turn == "last" else turn
    reply = ask(server, "POST", "/api/feedback", {**given[0], "turn_id": named, **({"key": key} if key else {})})
    if as_json:
        print_json(reply)
    else:
        print(reply["id"])

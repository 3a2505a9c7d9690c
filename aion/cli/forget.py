"""`aion forget CONVERSATION`: removes a conversation and what was learned from it alone, after showing what will go."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from aion.cli.asking import ask, find_running, place
from aion.cli.client import Running
from aion.cli.memory import tell_gone
from aion.cli.options import AsJson, Data
from aion.cli.output import moment, note, shorten
from aion.errors import BadInput, NotFound
from aion.records import Json
from aion.serve.keys import CONTROL_OWNER

PAGE = 1000

app = typer.Typer()


@app.command("forget")
def forget(
    conversation: Annotated[str, typer.Argument(metavar="CONVERSATION", help="Its id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Forget a conversation for good."""
    server = find_running(data)
    if not yes:
        confirm(server, conversation)
    tell_gone(ask(server, "DELETE", place("/api/conversations/{}", conversation)), as_json)


def confirm(server: Running, conversation: str) -> None:
    """Show what will go and ask; nobody to ask is a refusal."""
    turns = turns_of(server, conversation)
    if not turns:
        raise NotFound(f"no conversation {conversation!r} of yours")
    memories = ask(server, "GET", "/api/memory", source=conversation)["data"]
    for turn in turns[:5]:
        question = next((one.get("content") for one in reversed(turn["messages"]) if one["role"] == "user"), "")
        note(f"{moment(turn['started'])}  {shorten(str(question))}")
    note(f"turns, with their feedback: {len(turns)}; memories, unless met elsewhere, too: {len(memories)}")
    if not sys.stdin.isatty():
        raise BadInput("this cannot be undone; give --yes where nobody can be asked")
    typer.confirm("Forget this for good?", abort=True, err=True)


def turns_of(server: Running, conversation: str) -> list[Json]:
    """The turns of the person at this machine: others may use the same name."""
    found: list[Json] = []
    after: str | None = None
    while True:
        page = ask(server, "GET", place("/api/conversations/{}", conversation), after=after, limit=PAGE)
        found += [turn for turn in page["turns"] if turn["owner"] == CONTROL_OWNER]
        after = page["after"]
        if after is None:
            return found

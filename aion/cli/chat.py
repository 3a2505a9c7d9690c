"""`aion chat`: a conversation with the running server in this terminal, answers shown as they are written.

Ctrl-C stops the answer, not the program. With piped input it asks one question, prints the answer and ends. It keeps
nothing itself: the server records every turn.
"""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

from aion.cli.client import Running, require_server, stream_events
from aion.cli.options import Data, read_settings
from aion.cli.output import note, shorten
from aion.errors import AionError, BadInput
from aion.records import Json

HELP = "/new starts a new conversation, /exit (or Ctrl-D) leaves, Ctrl-C stops an answer."

app = typer.Typer()


@app.command("chat")
def chat(
    data: Data = None,
    model: Annotated[str | None, typer.Option("--model", help="The model's name, if not the default.")] = None,
) -> None:
    """Talk to the running AION in this terminal."""
    settings = read_settings(data).settings
    server = require_server(settings.data)
    name = model or settings.model.name
    if sys.stdin.isatty():
        converse(server, name)
    else:
        answer_once(server, name, sys.stdin.read())


def answer_once(server: Running, model: str, question: str) -> None:
    """One question from a pipe. An interrupted answer is an error here, for nobody is there to see."""
    if not question.strip():
        raise BadInput("standard input holds no question; pipe one in, or start `aion chat` in a terminal")
    stream_answer(server, model, [{"role": "user", "content": question.strip()}], [])
    print()


def converse(server: Running, model: str) -> None:
    """Questions and answers until /exit; Ctrl-C twice at the prompt leaves as well."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    note(f"Talking to {model} at {server.url}. {HELP}")
    messages: list[Json] = []
    interrupted = False
    try:
        while True:
            try:
                line = input("> ").strip()
            except EOFError:
                print()
                return
            except KeyboardInterrupt:
                if interrupted:
                    return
                interrupted = True
                note("\nCtrl-C again, or /exit, to leave")
                continue
            interrupted = False
            if line == "/exit":
                return
            messages = take_line(server, model, messages, line)
    finally:
        signal.signal(signal.SIGINT, before)


def take_line(server: Running, model: str, messages: list[Json], line: str) -> list[Json]:
    """Obey a command or answer a question; the conversation as it then stands."""
    if line == "/new":
        note("a new conversation")
        return []
    if line.startswith("/"):
        note(HELP)
        return messages
    if not line:
        return messages
    asked = [*messages, {"role": "user", "content": line}]
    pieces: list[str] = []
    try:
        stream_answer(server, model, asked, pieces)
    except KeyboardInterrupt:
        note("\n(stopped)")
    except AionError as error:
        note(f"\naion: {error.message}")
        if not pieces:
            return messages
    print()
    return [*asked, {"role": "assistant", "content": "".join(pieces)}]


def stream_answer(server: Running, model: str, messages: list[Json], pieces: list[str]) -> None:
    """Print the answer as it comes, and gather it in `pieces`, which keeps what came before an interruption.

    The memories that it used are named after it, beside the answer and not in it.
    """
    sources: list[Json] = []
    events = stream_events(server, "/v1/chat/completions", {"model": model, "messages": messages, "stream": True})
    try:
        for event in events:
            sources = event.get("aion", {}).get("sources", sources)
            for choice in event.get("choices", []):
                piece = choice.get("delta", {}).get("content") or ""
                pieces.append(piece)
                sys.stdout.write(piece)
                sys.stdout.flush()
    finally:
        events.close()
    show_sources(sources)


def show_sources(sources: list[Json]) -> None:
    used = [source for source in sources if source.get("used")]
    if used:
        note("\n" + "\n".join(f"  [{one['place']}] {shorten(one['text'])} ({one['trust']})" for one in used))

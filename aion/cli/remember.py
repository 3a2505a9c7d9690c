"""`aion remember`: keeps a text in AION's memory, or a whole file as a document. Prints its id alone on stdout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from aion.cli.asking import ask, find_running
from aion.cli.options import AsJson, Data
from aion.cli.output import note, print_json
from aion.errors import BadInput
from aion.records import Json

app = typer.Typer()


@app.command("remember")
def remember(
    *,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to remember; - reads it from stdin.")] = "",
    file: Annotated[Path | None, typer.Option("--file", help="A text file, to become a document.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="The document's title; else the file's name.")] = None,
    web: Annotated[bool, typer.Option("--web", help="The document is a page of the web.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Remember a text, or a file as a document."""
    if bool(text) == bool(file):
        raise BadInput("give a text, - for stdin, or --file FILE, and one of them alone")
    body: Json = {"text": read_text(file) if file else sys.stdin.read() if text == "-" else text}
    if file or title or web:
        body["document"] = {"title": title or (file.name if file else ""), "origin": "web" if web else "document"}
    reply = ask(find_running(data), "POST", "/api/memory", body)
    if as_json:
        print_json(reply)
        return
    if "document" in reply and "text" not in reply:
        document = reply["document"]
        print(document["id"])
        note(f"a document; nobody has approved it yet: aion memory approve {document['id']}")
        return
    print(reply["id"])
    if reply["merged"]:
        note("that was remembered already; this is one more source of it")


def read_text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except OSError as error:
        raise BadInput(f"cannot read {str(file)!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{str(file)!r} is not text in UTF-8; convert it first") from None

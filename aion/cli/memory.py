"""`aion memory`: lists, shows, edits, pins, forgets, exports, imports memories and documents; approves documents.

An id that begins with doc_ names a document, any other a memory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from aion.cli.asking import ask, find_running, place, whose
from aion.cli.client import Running, stream_lines
from aion.cli.options import AsJson, Data
from aion.cli.output import moment, note, print_json, print_table, shorten
from aion.errors import BadInput
from aion.records import Json, MemoryKind

MEMORIES, DOCUMENTS = "/api/memory", "/api/documents"
BATCH = 50  # lines of one request: of the longest texts not more than a body may hold
PAGE = 1000

app = typer.Typer(name="memory", help="List, show, edit, pin, forget, export and import what is remembered.")

Id = Annotated[str, typer.Argument(metavar="ID", help="Of a memory, or of a document (doc_...).")]
MemoryId = Annotated[str, typer.Argument(metavar="ID", help="Of a memory.")]
DocumentId = Annotated[str, typer.Argument(metavar="DOCUMENT", help="Its id.")]


@app.command("list")
def list_memories(
    *,
    kind: Annotated[MemoryKind | None, typer.Option("--kind", help="Of this kind alone.")] = None,
    document: Annotated[str | None, typer.Option("--document", help="The passages of this document.")] = None,
    documents: Annotated[bool, typer.Option("--documents", help="The documents themselves.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=PAGE, help="The most to show.")] = 100,
    everyone: Annotated[bool, typer.Option("--everyone", help="What is remembered of all people.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show memories, or documents, the latest change first."""
    server, owner = find_running(data), whose(everyone)
    if documents:
        found = ask(server, "GET", DOCUMENTS, owner=owner, limit=limit)["data"]
    else:
        only: dict[str, str | int | None] = {"kind": kind.value if kind else None, "document": document}
        found = ask(server, "GET", MEMORIES, owner=owner, limit=limit, **only)["data"]
    columns = ["id", "owner", "trust", "updated", *(("title",) if documents else ("kind", "text"))]
    if as_json:
        print_json(found)
    else:
        print_table(columns, [[cell(one, column) for column in columns] for one in found])


@app.command("show")
def show(id_: Id, data: Data = None, as_json: AsJson = False) -> None:
    """Show one memory or document, and where it came from."""
    found = ask(find_running(data), "GET", place_of(id_))
    if as_json:
        print_json(found)
        return
    for name in ("title", "text", "kind", "origin", "trust", "hash", "document", "place"):
        if found.get(name):
            print(f"{name}: {found[name]}")
    if found.get("pinned"):
        print("pinned: yes")
    print(f"created: {moment(found['created'])}\nupdated: {moment(found['updated'])}")
    for source in found.get("sources", ()):
        where = source["ref"] or "a note"
        print(f"source: {where} ({source['origin']}, {source['trust']}, {moment(source['at'])}) {source['hash'][:12]}")


@app.command("edit")
def edit(
    id_: MemoryId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What it says from now on; - reads it from stdin.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Give a memory another text."""
    said = sys.stdin.read() if text == "-" else text
    found = ask(find_running(data), "PUT", place(MEMORIES + "/{}", id_), {"text": said})
    if as_json:
        print_json(found)
    else:
        print(found["id"])


@app.command("pin")
def pin(id_: MemoryId, data: Data = None, as_json: AsJson = False) -> None:
    """Have a memory recalled whatever is asked."""
    tell_pin(ask(find_running(data), "PUT", place(MEMORIES + "/{}/pin", id_)), as_json)


@app.command("unpin")
def unpin(id_: MemoryId, data: Data = None, as_json: AsJson = False) -> None:
    """Have a memory recalled only where it fits."""
    tell_pin(ask(find_running(data), "DELETE", place(MEMORIES + "/{}/pin", id_)), as_json)


@app.command("forget")
def forget(id_: Id, data: Data = None, as_json: AsJson = False) -> None:
    """Forget a memory, or a document with its passages."""
    tell_gone(ask(find_running(data), "DELETE", place_of(id_)), as_json)


@app.command("export")
def export(data: Data = None) -> None:
    """Write every memory and document as JSON lines."""
    for line in stream_lines(find_running(data), "GET", MEMORIES + "/export"):
        print(line)


@app.command("import")
def take_in(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Lines of `aion memory export`; - reads stdin.")],
    trusted: Annotated[bool, typer.Option("--trusted", help="It is your own export: keep what was your own.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Take in memories that were exported. Exit 1 when a line was refused."""
    taken = send_lines(find_running(data), read_lines(file), trusted)
    if as_json:
        print_json(taken)
    else:
        for refused in taken["refused"]:
            note(f"line {refused['line']}: {refused['reason']}")
        print(f"{taken['added']} added, {taken['merged']} known already, {len(taken['refused'])} refused")
    raise typer.Exit(1 if taken["refused"] else 0)


@app.command("approve")
def approve(
    document: DocumentId,
    hash_: Annotated[
        str | None, typer.Option("--hash", help="Of the text that was read; else the present one.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Rely on a document's text as it is now."""
    server = find_running(data)
    read = hash_ or ask(server, "GET", place(DOCUMENTS + "/{}", document))["hash"]
    tell_document(ask(server, "POST", place(DOCUMENTS + "/{}/approve", document), {"hash": read}), as_json)


@app.command("revoke")
def revoke(document: DocumentId, data: Data = None, as_json: AsJson = False) -> None:
    """No longer rely on a document."""
    revoked = ask(find_running(data), "POST", place(DOCUMENTS + "/{}/revoke", document))
    tell_document(revoked, as_json)
    if revoked["adapters"] and not as_json:
        print(f"adapters retired, as they had learned from it: {', '.join(revoked['adapters'])}")


def place_of(id_: str) -> str:
    return place((DOCUMENTS if id_.startswith("doc_") else MEMORIES) + "/{}", id_)


def cell(one: Json, column: str) -> str:
    return moment(one[column]) if column == "updated" else shorten(str(one[column]))


def tell_document(document: Json, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        print(f"{document['id']} is {document['trust']} (hash {document['hash']})")


def tell_pin(memory: Json, as_json: bool) -> None:
    if as_json:
        print_json(memory)
    else:
        print(f"{memory['id']} is {'pinned' if memory['pinned'] else 'pinned no more'}")


def tell_gone(gone: Json, as_json: bool) -> None:
    """What was forgotten, and what it had reached before."""
    if as_json:
        print_json(gone)
        return
    print(f"forgotten: turns {len(gone['turns'])}, memories {len(gone['memories'])}, judgements {gone['feedback']}")
    if gone["answers"]:
        print(f"answers elsewhere that had been shown it: {', '.join(gone['answers'])}")
    if gone["adapters"]:
        print(f"adapters that learned from it: {', '.join(gone['adapters'])}")


def read_lines(file: Path) -> Iterator[Json]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise BadInput(f"cannot read {str(file)!r}: {reason}") from None
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        yield parse_line(line, number)


def parse_line(line: str, number: int) -> Json:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadInput(f"line {number} is not a JSON object; give the lines of `aion memory export`")
    return found


def send_lines(server: Running, lines: Iterator[Json], trusted: bool) -> Json:
    """In batches; each brings along the documents that its memories are passages of."""
    numbered = list(enumerate(lines, 1))
    documents = {str(item.get("id")): (line, item) for line, item in numbered if item.get("type") == "document"}
    taken: Json = {"added": 0, "merged": 0}
    refused: dict[int, str] = {}
    for start in range(0, len(numbered), BATCH):
        batch = dict(numbered[start : start + BATCH])
        wanted = {str(item.get("document")) for item in batch.values()} & documents.keys()
        sent = dict(documents[id_] for id_ in sorted(wanted)) | batch
        reply = ask(server, "POST", MEMORIES + "/import", {"items": list(sent.values()), "trusted": trusted})
        taken["added"] += reply["added"]
        taken["merged"] += reply["merged"]
        refused |= {list(sent)[one["line"] - 1]: one["reason"] for one in reply["refused"]}
    return taken | {"refused": [{"line": line, "reason": refused[line]} for line in sorted(refused)]}

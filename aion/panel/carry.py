"""Carrying memories elsewhere and back: all of them as JSON lines, and such lines taken in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse

from aion.panel.documents import read_text, refused
from aion.panel.page import Handler, Page, show
from aion.records import Json

MOST_FILE = 7_500_000  # bytes: beside its form less than a body may have
BATCH = 500  # memories of one request, which may have a thousand lines: each brings its documents along


async def carry(page: Page) -> Response:
    return show(page, "memory_carry.html", here="memory", tab="carry", taken=None, most_file=MOST_FILE)


async def export(page: Page) -> Response:
    """As it is read: it need not fit into memory."""
    parts = page.api.stream("GET", "/api/memory/export")
    headers = {"content-disposition": 'attachment; filename="memory.jsonl"'}
    return StreamingResponse((part async for _, part in parts), media_type="application/x-ndjson", headers=headers)


async def take_in(page: Page) -> Response:
    sent = await page.sent()
    file = sent.files.get("file")
    if file is None:
        raise refused(page.words("Choose a file of memories."))
    lines = read_lines(page, read_text(page, file, MOST_FILE))
    taken = await send_lines(page, lines, trusted=sent.fields.get("trusted") == "yes")
    return show(page, "memory_carry.html", here="memory", tab="carry", taken=taken, most_file=MOST_FILE)


def read_lines(page: Page, text: str) -> list[Json]:
    found: list[Json] = []
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        try:
            one: Any = orjson.loads(line)
        except orjson.JSONDecodeError:
            one = None
        if not isinstance(one, dict):
            raise refused(page.words("Line {number} is no line of such a file; nothing was taken in.", number=number))
        found.append(one)
    return found


async def send_lines(page: Page, lines: Sequence[Json], *, trusted: bool) -> Json:
    """What became of them; each refused line with its number in the file."""
    taken: Json = {"added": 0, "merged": 0, "refused": []}
    refusals: dict[int, str] = {}
    for numbers in batches_of(lines):
        body = {"items": [lines[number - 1] for number in numbers], "trusted": trusted}
        reply = await page.api.post("/api/memory/import", body)
        taken["added"] += reply["added"]
        taken["merged"] += reply["merged"]
        refusals |= {numbers[one["line"] - 1]: one["reason"] for one in reply["refused"]}
    return taken | {"refused": sorted(refusals.items())}


def batches_of(lines: Sequence[Json]) -> Iterator[list[int]]:
    """Numbers of lines: documents before the memories that are passages of them, in every batch that needs them."""
    documents = {str(line.get("id")): number for number, line in enumerate(lines, 1) if line.get("type") == "document"}
    rest = [number for number, line in enumerate(lines, 1) if line.get("type") != "document"]
    told: set[int] = set()
    for start in range(0, len(rest), BATCH):
        some = rest[start : start + BATCH]
        wanted = {documents[name] for number in some if (name := str(lines[number - 1].get("document"))) in documents}
        told |= wanted
        yield sorted(wanted) + some
    left = sorted(set(documents.values()) - told)
    yield from (left[start : start + BATCH] for start in range(0, len(left), BATCH))


PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/panel/memory/carry", carry),
    ("GET", "/panel/memory/export.jsonl", export),
    ("POST", "/panel/memory/import", take_in),
)

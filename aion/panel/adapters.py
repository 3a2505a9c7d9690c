"""Adapters: which there are, where each stands, what one learned and from which conversations; serving and retiring."""

from __future__ import annotations

from collections import defaultdict
from urllib.parse import quote

import orjson
from starlette.responses import Response

from aion.panel.api import Denied
from aion.panel.charts import Line, line_chart
from aion.panel.documents import refused
from aion.panel.lineage import Origin, draw_lineage
from aion.panel.morning import EXAMS
from aion.panel.page import Handler, Page, place_of, redirect, show
from aion.records import Json

MOST = 500
MOST_FILE = 67_000_000  # bytes, a little less than the API takes
LONGEST_NAME = 80
MOST_ORIGINS = 40  # are drawn; the list has all
FITTING = ("served", "trial")


async def adapters(page: Page) -> Response:
    """By theme, the newest first in each."""
    found = (await page.api.get("/api/adapters", owner=page.owner, limit=MOST))["data"]
    by_theme: dict[str, list[Json]] = defaultdict(list)
    for one in found:
        by_theme[one["theme"]].append(one)
    moves = (await page.api.get("/api/adapters/promotions", owner=page.owner, limit=20))["data"]
    return show(
        page,
        "adapters.html",
        here="adapters",
        themes=list(by_theme.values()),
        fitting=FITTING,
        moves=moves,
        most_file=MOST_FILE,
    )


async def adapter(page: Page) -> Response:
    one = await page.api.get(f"/api/adapters/{page.request.path_params['adapter']}")
    every = (await page.api.get("/api/adapters", owner=page.owner, limit=MOST))["data"]
    line = _lineage(one, {other["id"]: other for other in every})
    return show(
        page,
        "adapter.html",
        here="adapters",
        one=one,
        line=line,
        exams=EXAMS,
        fitting=FITTING,
        chart=_curve(page, line),
        lineage=_draw_origins(page, one),
        place_of=place_of,
    )


async def export(page: Page) -> Response:
    """Its file, as it is sent."""
    name = page.request.path_params["adapter"]
    parts = [part async for part in page.api.stream("GET", f"/api/adapters/{name}/file")]
    data = b"".join(part for _, part in parts)
    if parts[0][0] >= 400:
        raise Denied(parts[0][0], orjson.loads(data))
    headers = {"content-disposition": f'attachment; filename="{quote(name)}.gguf"'}
    return Response(data, media_type="application/octet-stream", headers=headers)


async def bring(page: Page) -> Response:
    """A GGUF LoRA from elsewhere."""
    sent = await page.sent()
    file = sent.files.get("file")
    if file is None:
        raise refused(page.words("Choose a GGUF LoRA."))
    name = sent.fields.get("name", "").strip() or file.name.rpartition("/")[2].removesuffix(".gguf")
    wish = {"name": name[:LONGEST_NAME], "base_unknown": "true" if sent.fields.get("unknown") else ""}
    made = await page.api.ask("POST", "/api/adapters", query=wish, body=file.data)
    return redirect(f"/panel/adapters/{made['id']}", "It was taken in. The next night examines it.")


async def promote(page: Page) -> Response:
    place = f"/api/adapters/{page.request.path_params['adapter']}/promote"
    await page.api.post(place, {})
    return redirect(f"/panel/adapters/{page.request.path_params['adapter']}", "It is served from now on.")


async def retire(page: Page) -> Response:
    await page.api.post(f"/api/adapters/{page.request.path_params['adapter']}/retire")
    return redirect(f"/panel/adapters/{page.request.path_params['adapter']}", "It is served no more.")


async def roll_back(page: Page) -> Response:
    """To what was served after a promotion that is named."""
    await page.api.post("/api/adapters/rollback", {"to": (await page.form()).get("to", "")})
    return redirect("/panel/adapters", "What was served before is served again.")


def _lineage(one: Json, known: dict[str, Json]) -> list[Json]:
    """It and those it went on from in its theme, the oldest first, by the nights they were made in."""
    line = [other for other in known.values() if other["theme"] == one["theme"] and other["created"] <= one["created"]]
    return sorted(line, key=lambda other: float(other["created"]))


def _draw_origins(page: Page, one: Json) -> str:
    origins = [Origin(from_["title"], place_of(from_), from_["count"]) for from_ in one["learned_from"][:MOST_ORIGINS]]
    return draw_lineage(origins, one["theme_name"] or one["id"], label=page.words("What this adapter learned from"))


def _curve(page: Page, line: list[Json]) -> str:
    scores = [(one["examined"] or {}).get("scores", {}) for one in line]
    known = [
        sum(score.get(name, {}).get("after", 0) for name in ("tonight", "earlier")) if score else None
        for score in scores
    ]
    names = [page.words.day(one["created"]).rsplit(" ", 1)[0] for one in line]
    shown = [Line(page.words("facts known"), known)]
    return line_chart(shown, names, unit="", label=page.words("Facts of this theme known after each night"))


PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/panel/adapters", adapters),
    ("GET", "/panel/adapters/{adapter}", adapter),
    ("GET", "/panel/adapters/{adapter}/export", export),
    ("POST", "/panel/adapters/import", bring),
    ("POST", "/panel/adapters/rollback", roll_back),
    ("POST", "/panel/adapters/{adapter}/promote", promote),
    ("POST", "/panel/adapters/{adapter}/retire", retire),
)

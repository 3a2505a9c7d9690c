"""Memory: what AION remembers, found as an answer would find it; telling it something, putting it right, forgetting."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from urllib.parse import urlencode

from starlette.responses import Response

from aion.panel.api import Denied
from aion.panel.heat import Row, heat_map
from aion.panel.page import Handler, Page, redirect, show
from aion.records import Json, MemoryKind

LISTED = 30
FOUND = 10
MOST_ENTITIES = 40
MOST_NAMED = 12  # answers and adapters that are told of by name
LONGEST = 8000  # characters of one memory: a longer text becomes a document
SHARES = {"cosine": True, "bm25": False, "entity_share": True, "document_cosine": True}  # parts of one, or without end


async def memory(page: Page) -> Response:
    """The latest change first; of one kind, or of one document."""
    query = page.request.query_params
    only = {name: query.get(name, "") for name in ("kind", "document")}
    found = await page.api.get("/api/memory", owner=page.owner, limit=LISTED, before=query.get("before", ""), **only)
    document = await page.api.get(f"/api/documents/{only['document']}") if only["document"] else None
    first = not query.get("before")
    pinned = (
        await page.api.get("/api/memory", owner=page.owner, pinned="true") if first and not any(only.values()) else {}
    )
    return show(
        page,
        "memory.html",
        here="memory",
        tab="all",
        memories=found["data"],
        pinned=pinned.get("data", []),
        older=urlencode({name: value for name, value in only.items() if value} | {"before": found["before"]})
        if found["before"]
        else "",
        first=first,
        kind=only["kind"],
        kinds=[one.value for one in MemoryKind],
        document=document,
        longest=LONGEST,
    )


async def search(page: Page) -> Response:
    """What an answer to the question would be given, and why each of it stands where it does."""
    question = page.request.query_params.get("question", "").strip()
    found = await page.api.post("/api/memory/recall", {"question": question, "limit": FOUND}) if question else None
    return show(
        page,
        "memory_search.html",
        here="memory",
        tab="search",
        question=question,
        found=found,
        items=[(one, explain(one, found["items"])) for one in found["items"]] if found else [],
    )


def explain(one: Json, items: Sequence[Json]) -> list[Json]:
    """The parts of a score as bars. What has no end of its own, such as the worth of words, ends at the best of all."""
    bars = []
    for name, share in SHARES.items():
        value = one["parts"][name]
        if name == "document_cosine" and not one["document"]:
            continue
        end = 1.0 if share else max((other["parts"][name] or 0.0 for other in items), default=0.0) or 1.0
        bars.append({"name": name, "value": value, "end": end, "shown": min(max(value or 0.0, 0.0), end)})
    return bars


async def one_memory(page: Page) -> Response:
    one = await page.api.get(f"/api/memory/{page.request.path_params['memory']}")
    learners = await page.api.get("/api/adapters", owner=one["owner"], learned_from=one["id"], limit=MOST_NAMED)
    document = None
    if one["document"]:
        with contextlib.suppress(Denied):  # forgotten a moment ago
            document = await page.api.get(f"/api/documents/{one['document']}")
    return show(
        page,
        "memory_one.html",
        here="memory",
        tab="all",
        one=one,
        document=document,
        learners=learners["data"],
        mine=one["owner"] == page.owner,
        longest=LONGEST,
    )


async def remember(page: Page) -> Response:
    """A text too long for one memory is a document, as the API has it."""
    made = await page.api.post("/api/memory", {"text": (await page.form()).get("text", "").replace("\r\n", "\n")})
    if "document" in made and isinstance(made["document"], dict):
        return redirect(f"/panel/memory/documents/{made['document']['id']}", "It was long enough to be a document.")
    if made["merged"]:
        return redirect(f"/panel/memory/{made['id']}", "AION knew that already; this is one more place it comes from.")
    return redirect("/panel/memory", "Remembered.")


async def edit(page: Page) -> Response:
    place = f"/api/memory/{page.request.path_params['memory']}"
    await page.api.put(place, {"text": (await page.form()).get("text", "").replace("\r\n", "\n")})
    return redirect(place.replace("/api/", "/panel/"), "Changed.")


async def pin(page: Page) -> Response:
    memory_id = page.request.path_params["memory"]
    await page.api.ask("PUT", f"/api/memory/{memory_id}/pin")
    return redirect(f"/panel/memory/{memory_id}", "It is pinned.")


async def unpin(page: Page) -> Response:
    memory_id = page.request.path_params["memory"]
    await page.api.delete(f"/api/memory/{memory_id}/pin")
    return redirect(f"/panel/memory/{memory_id}", "It is pinned no more.")


async def forget(page: Page) -> Response:
    gone = await page.api.delete(f"/api/memory/{page.request.path_params['memory']}")
    return await tell_gone(page, gone, back="/panel/memory")


async def tell_gone(page: Page, gone: Json, *, back: str) -> Response:
    """What had been shown it, or had learned from it; where that is nothing, the list says that it is done."""
    answers, adapters = gone.get("answers", []), gone.get("adapters", [])
    if not answers and not adapters:
        return redirect(back, "Forgotten." if "memories" in gone else "Nobody relies on it any more.")
    return show(
        page,
        "memory_gone.html",
        here="memory",
        tab="all",
        gone=gone,
        answers=[one for turn in answers[:MOST_NAMED] if (one := await _find(page, f"/api/turns/{turn}"))],
        adapters=[one for name in adapters[:MOST_NAMED] if (one := await _find(page, f"/api/adapters/{name}"))],
        back=back,
    )


async def asked_about(page: Page) -> Response:
    """The entities of a month's questions and answers, by day."""
    heat = await page.api.get("/api/telemetry/entities", owner=page.owner, limit=MOST_ENTITIES)
    days = [_day(page, day) for day in heat["days"]]
    rows = [
        Row(one["text"], "/panel/memory/search?" + urlencode({"question": one["text"]}), one["counts"])
        for one in heat["entities"]
    ]
    chart = heat_map(
        rows,
        days,
        caption=page.words(
            "Answers of each day that speak of it, or whose question does, from {first} to {last}",
            first=days[0],
            last=days[-1],
        ),
        names=page.words("Spoken of"),
        total=page.words("in all"),
    )
    return show(page, "memory_asked.html", here="memory", tab="asked", chart=chart, known=bool(rows))


def _day(page: Page, day: str) -> str:
    """At noon, so that it is the same day nearly everywhere."""
    return page.words.day(datetime.combine(date.fromisoformat(day), time(12), UTC).timestamp())


async def _find(page: Page, place: str) -> Json | None:
    try:
        return await page.api.get(place)
    except Denied:
        return None  # it went meanwhile, and with it what there was to tell


PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/panel/memory", memory),
    ("GET", "/panel/memory/search", search),
    ("GET", "/panel/memory/asked", asked_about),
    ("POST", "/panel/memory/remember", remember),
    ("GET", "/panel/memory/{memory}", one_memory),
    ("POST", "/panel/memory/{memory}/edit", edit),
    ("POST", "/panel/memory/{memory}/pin", pin),
    ("POST", "/panel/memory/{memory}/unpin", unpin),
    ("POST", "/panel/memory/{memory}/forget", forget),
)

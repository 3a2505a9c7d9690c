"""Answers: asked for and shown while they are written, what a person thinks of one, and what stood behind it.

All of it is for the chat's script: pieces of HTML and JSON, no page.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from aion.errors import BadInput, NotFound
from aion.panel.api import Denied
from aion.panel.markdown import render
from aion.panel.page import Handler, Page, piece
from aion.panel.thread import MOST_TURNS, find_said, history_after, text_of
from aion.records import Json

EVERY_S = 0.07  # between two pieces of an answer: more often than eyes can follow costs, and shows nothing
LONGEST_QUESTION = 100_000
LONGEST_TITLE = 200  # of a document
MOST_ADAPTERS = 500
TIMES = (  # in the order in which they pass
    "embed_ms",
    "cache_ms",
    "recall_ms",
    "route_ms",
    "context_ms",
    "queue_ms",
    "prompt_ms",
    "first_token_ms",
    "predicted_ms",
    "total_ms",
)
KINDS = {"thumb": ("value",), "edit": ("text",), "comment": ("text",), "choice": ("text", "other"), "event": ("event",)}


async def send(page: Page) -> Response:
    """Ask; the answer comes as lines of JSON: pieces of it as HTML, then the whole turn."""
    wish = await _read(page.request)
    body = await _ask(page, wish, str(wish.get("text") or "").strip())
    return StreamingResponse(_answer(page, body), media_type="application/x-ndjson")


async def _ask(page: Page, wish: Json, question: str) -> Json:
    """The request: a question `after` a turn, `instead` of its question, or its question `again`."""
    after, instead, again = (str(wish.get(name) or "") for name in ("after", "instead", "again"))
    if not again and not 0 < len(question) <= LONGEST_QUESTION:
        raise BadInput(f"write a question of up to {LONGEST_QUESTION} characters", param="text")
    aion: Json = {name: wish[name] for name in ("adapters", "recall") if name in wish}
    history: list[Json] = []
    if named := again or instead or after:
        before = await page.api.get(f"/api/turns/{named}")
        aion["conversation"] = before["conversation"]
        history = history_after(before) if named == after else before["messages"][:-1]
        question = before["messages"][-1]["content"] if again else question
    body: Json = {"messages": [*history, {"role": "user", "content": question}], "stream": True, "aion": aion}
    if again:  # another answer than before
        body |= {"seed": time.time_ns() % (1 << 31), "temperature": 0.7, "aion": aion | {"cache": False}}
    return body


async def _answer(page: Page, body: Json) -> AsyncIterator[bytes]:
    text, shown_at, turn = "", 0.0, ""
    try:
        async with contextlib.aclosing(_events(page, body)) as events:
            async for event in events:
                turn = event.get("aion", {}).get("turn_id", turn)
                for choice in event.get("choices", ()):
                    text += choice.get("delta", {}).get("content") or ""
                if time.monotonic() - shown_at >= EVERY_S and text:
                    shown_at = time.monotonic()
                    yield _line({"html": str(render(text))})
        yield _line({"done": await _show_turn(page, turn)})
    except Denied as denied:
        yield _line({"failed": denied.message, "request_id": denied.request_id})


async def _events(page: Page, body: Json) -> AsyncGenerator[Json, None]:
    """The events of the API's stream. Raises Denied for an error, whenever it comes."""
    left = b""
    async with contextlib.aclosing(page.api.stream("POST", "/v1/chat/completions", body=body)) as pieces:
        async for status, part in pieces:
            left += part
            if status >= 400:
                continue
            *whole, left = left.split(b"\n\n")
            for one in whole:
                data = one.removeprefix(b"data: ")
                if data.startswith(b"{"):
                    event: Json = orjson.loads(data)
                    if "error" in event:
                        raise Denied(500, event)
                    yield event
    if left.strip():
        raise Denied(status, orjson.loads(left))


async def _show_turn(page: Page, turn_id: str) -> Json:
    turn = await page.api.get(f"/api/turns/{turn_id}")
    every = (await page.api.get(f"/api/conversations/{turn['conversation']}", limit=MOST_TURNS))["turns"]
    said = find_said(every, turn_id)
    return {
        "turn": turn_id,
        "conversation": turn["conversation"],
        "html": piece(page, "turn.html", one=said, conversation=turn["conversation"]),
    }


async def judge(page: Page) -> Response:
    """A thumb, an edited answer, a choice between two, or that it was copied."""
    wish = await _read(page.request)
    kind = str(wish.get("kind"))
    if kind not in KINDS:
        raise BadInput(f"kind is one of {', '.join(KINDS)}; found {kind[:40]!r}", param="kind")
    fields = {name: wish[name] for name in KINDS[kind] if name in wish}
    return JSONResponse(await page.api.post("/api/feedback", {"turn_id": wish.get("turn"), "kind": kind} | fields))


async def attach(page: Page) -> Response:
    """Keep a text file as a document, so that it is recalled; the script has read it as text."""
    wish = await _read(page.request)
    title, text = str(wish.get("title") or "")[:LONGEST_TITLE].strip(), str(wish.get("text") or "")
    if not title or not text.strip():
        raise BadInput("the file has no text that can be read; attach a text file such as .txt or .md", param="text")
    kept = (await page.api.post("/api/memory", {"text": text, "document": {"title": title}}))["document"]
    told = page.words("{title}: kept. Ask about it.", title=kept["title"])
    return JSONResponse({"told": told})


async def why(page: Page) -> Response:
    """What stood behind an answer, for the drawer beside it."""
    told = await page.api.get(f"/api/turns/{page.request.path_params['turn']}/why")
    left = ((told["route"] or {}).get("why") or {}).get("left", ())
    anew = [one for one in left if one["reason"] == "told_anew"]
    shown = [*(one["name"] for one in told["adapters"]), *(one["adapter"] for one in anew)]
    names = {one: await _name_of(page, one) for one in shown}
    return Response(piece(page, "why.html", why=told, names=names, anew=anew, times=TIMES), media_type="text/html")


async def compare(page: Page) -> Response:
    """An answer beside the one before it, or after the first: which is better?"""
    turn = await page.api.get(f"/api/turns/{page.request.path_params['turn']}")
    every = (await page.api.get(f"/api/conversations/{turn['conversation']}", limit=MOST_TURNS))["turns"]
    versions = find_said(every, turn["id"]).versions
    said = {one["id"]: text_of(one) for one in every}
    at = versions.index(turn["id"])
    pair = versions[max(at - 1, 0) : max(at - 1, 0) + 2]
    if len(pair) < 2:
        raise NotFound(f"turn {turn['id']!r} was answered once; ask it again to have two answers to choose from")
    shown = [(one, said[one], said[other]) for one, other in (pair, pair[::-1])]
    return Response(piece(page, "compare.html", answers=shown), media_type="text/html")


async def choices(page: Page) -> Response:
    """The adapters that one may ask by name; read when somebody opens the choice."""
    found = (await page.api.get("/api/adapters", owner=page.owner, limit=MOST_ADAPTERS))["data"]
    served = [one for one in found if one["state"] in {"served", "trial"}]
    return Response(piece(page, "choices.html", served=served), media_type="text/html")


async def _name_of(page: Page, adapter: str) -> str:
    """Its theme's; its own where it is no longer there."""
    try:
        return str((await page.api.get(f"/api/adapters/{adapter}"))["theme_name"] or adapter)
    except Denied:
        return adapter


async def _read(request: Request) -> Json:
    try:
        found = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise BadInput("the body is no JSON") from None
    if not isinstance(found, dict):
        raise BadInput("the body is no JSON object")
    return found


def _line(event: Json) -> bytes:
    return orjson.dumps(event) + b"\n"


PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/panel/send", send),
    ("POST", "/panel/judge", judge),
    ("POST", "/panel/attach", attach),
    ("GET", "/panel/why/{turn}", why),
    ("GET", "/panel/compare/{turn}", compare),
    ("GET", "/panel/choices", choices),
)

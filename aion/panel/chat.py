"""Chat: conversations and their threads, answers as they are written, and what a person thinks of them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from aion.errors import BadInput
from aion.panel.api import Denied
from aion.panel.markdown import render
from aion.panel.page import Handler, Page, piece, redirect, show
from aion.panel.thread import Said, history_after, read_thread
from aion.records import Json

LISTED = 60  # conversations beside a thread
MOST_TURNS = 1000
EVERY_S = 0.07  # between two pieces of an answer: more often than eyes can follow costs, and shows nothing
LONGEST_QUESTION = 100_000
KINDS = {"thumb": ("value",), "edit": ("text",), "comment": ("text",), "choice": ("text", "other"), "event": ("event",)}


async def chat(page: Page) -> Response:
    """A thread, or the beginning of one."""
    wanted = page.request.path_params.get("conversation", "")
    before = page.request.query_params.get("before", "")
    listed = await page.api.get("/api/conversations", owner=page.owner, limit=LISTED, before=before)
    thread: list[Said] = []
    if wanted:
        found = await page.api.get(f"/api/conversations/{wanted}", limit=MOST_TURNS)
        thread = read_thread(found["turns"], page.request.query_params.get("at", ""))
    mine = listed["data"]
    return show(
        page,
        "chat.html",
        here="chat",
        conversations=mine,
        older=listed["before"],
        conversation=wanted,
        title=next((one["title"] for one in mine if one["id"] == wanted), ""),
        thread=thread,
    )


async def send(page: Page) -> Response:
    """Ask; the answer comes as lines of JSON: pieces of it as HTML, then the whole turn."""
    wish = await _read(page.request)
    after = str(wish.get("after") or "")
    again = str(wish.get("again") or "")
    question = str(wish.get("text") or "").strip()
    if not again and (not question or len(question) > LONGEST_QUESTION):
        raise BadInput(f"write a question of up to {LONGEST_QUESTION} characters", param="text")
    before = await page.api.get(f"/api/turns/{again or after}") if again or after else None
    history = history_after(before) if before and not again else []
    messages = before["messages"] if before and again else [*history, {"role": "user", "content": question}]
    aion: Json = {"conversation": before["conversation"]} if before else {}
    body: Json = {"messages": messages, "stream": True, "aion": aion}
    if again:  # another answer than before
        body |= {"seed": time.time_ns() % (1 << 31), "temperature": 0.7, "aion": aion | {"cache": False}}
    return StreamingResponse(_answer(page, body), media_type="application/x-ndjson")


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
    said = read_thread(every, turn_id)[-1]
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


async def why(page: Page) -> Response:
    """What stood behind an answer, for the drawer beside it."""
    told = await page.api.get(f"/api/turns/{page.request.path_params['turn']}/why")
    return Response(piece(page, "why.html", why=told), media_type="text/html")


async def forget(page: Page) -> Response:
    await page.api.delete(f"/api/conversations/{page.request.path_params['conversation']}")
    return redirect("/panel/chat", "Forgotten.")


async def export(page: Page) -> Response:
    """A thread as Markdown, or its turns as JSON lines."""
    conversation, form = page.request.path_params["conversation"], page.request.path_params["form"]
    if form == "jsonl":
        parts = [part async for _, part in page.api.stream("GET", "/api/export", query={"conversation": conversation})]
        data, kind = b"".join(parts), "application/x-ndjson"
    else:
        found = await page.api.get(f"/api/conversations/{conversation}", limit=MOST_TURNS)
        told = [f"**{page.owner}:** {one.question}\n\n**AION:** {one.answer}\n" for one in read_thread(found["turns"])]
        data, kind = "\n".join(told).encode(), "text/markdown; charset=utf-8"
    headers = {"content-disposition": f'attachment; filename="conversation.{form}"'}
    return Response(data, media_type=kind, headers=headers)


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
    ("GET", "/panel/chat", chat),
    ("GET", "/panel/chat/{conversation}", chat),
    ("GET", "/panel/why/{turn}", why),
    ("GET", "/panel/chat/{conversation}/export.{form}", export),
    ("POST", "/panel/send", send),
    ("POST", "/panel/judge", judge),
    ("POST", "/panel/chat/{conversation}/forget", forget),
)

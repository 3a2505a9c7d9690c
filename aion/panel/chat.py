"""Chat: conversations, found and named, the thread of one, taking it along, and forgetting it."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from aion.panel.page import Handler, Page, redirect, show
from aion.panel.thread import MOST_TURNS, Said, read_thread

LISTED = 60  # conversations beside a thread
MOST_LEARNERS = 100


async def chat(page: Page) -> Response:
    """A thread, or the beginning of one."""
    wanted = page.request.path_params.get("conversation", "")
    asked = page.request.query_params
    search, before = asked.get("search", "").strip(), asked.get("before", "")
    listed = await page.api.get("/api/conversations", owner=page.owner, limit=LISTED, before=before, search=search)
    thread: list[Said] = []
    title = ""
    if wanted:
        found = await page.api.get(_place(wanted), limit=MOST_TURNS)
        thread, title = read_thread(found["turns"], asked.get("at", "")), found["title"]
    return show(
        page,
        "chat.html",
        here="chat",
        conversations=listed["data"],
        older=listed["before"],
        search=search,
        conversation=wanted,
        title=title,
        thread=thread,
    )


async def rename(page: Page) -> Response:
    conversation = page.request.path_params["conversation"]
    await page.api.put(_place(conversation), {"title": (await page.form()).get("title", "")})
    return redirect(f"/panel/chat/{quote(conversation)}")


async def ask_to_forget(page: Page) -> Response:
    """What would go with it."""
    conversation = page.request.path_params["conversation"]
    found = await page.api.get(_place(conversation), limit=MOST_TURNS)
    learners = await page.api.get("/api/adapters", learned_from=conversation, owner=page.owner, limit=MOST_LEARNERS)
    memories = await page.api.get("/api/memory", source=conversation, owner=page.owner)
    return show(
        page,
        "forget.html",
        here="chat",
        conversation=conversation,
        title=found["title"],
        turns=found["turns"],
        more=found["after"] is not None,
        memories=memories["data"],
        learners=[one for one in learners["data"] if one["state"] != "retired"],
    )


async def forget(page: Page) -> Response:
    await page.api.delete(_place(page.request.path_params["conversation"]))
    return redirect("/panel/chat", "Forgotten.")


async def export(page: Page) -> Response:
    """A thread as Markdown, or its turns as JSON lines."""
    conversation, form = page.request.path_params["conversation"], page.request.path_params["form"]
    if form == "jsonl":
        parts = [part async for _, part in page.api.stream("GET", "/api/export", query={"conversation": conversation})]
        data, kind = b"".join(parts), "application/x-ndjson"
    else:
        found = await page.api.get(_place(conversation), limit=MOST_TURNS)
        told = [f"**{page.owner}:** {one.question}\n\n**AION:** {one.answer}\n" for one in read_thread(found["turns"])]
        data, kind = "\n".join(told).encode(), "text/markdown; charset=utf-8"
    headers = {"content-disposition": f'attachment; filename="conversation.{form}"'}
    return Response(data, media_type=kind, headers=headers)


def _place(conversation: str) -> str:
    return f"/api/conversations/{conversation}"


PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/panel/chat", chat),
    ("GET", "/panel/chat/{conversation}", chat),
    ("GET", "/panel/chat/{conversation}/export.{form}", export),
    ("POST", "/panel/chat/{conversation}/name", rename),
    ("GET", "/panel/chat/{conversation}/forget", ask_to_forget),
    ("POST", "/panel/chat/{conversation}/forget", forget),
)

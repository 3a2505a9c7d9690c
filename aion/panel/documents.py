"""Documents: bringing one in, reading what is to be approved, approving it, taking that back, forgetting it."""

from __future__ import annotations

import re

from starlette.responses import Response

from aion.panel.api import Denied
from aion.panel.forms import File, Form
from aion.panel.memory import tell_gone
from aion.panel.page import Handler, Page, piece, redirect, show
from aion.records import Json

LISTED = 50
SHOWN = 100  # passages on one page
READ = 1000  # passages asked for at a time
MOST_FILE = 5_000_000  # bytes: no text of more characters is taken for a document
LONGEST_TITLE = 200
ENDINGS = (".txt", ".md")
_NUMBER = re.compile(r"(\d+)$")


async def documents(page: Page) -> Response:
    before = page.request.query_params.get("before", "")
    found = await page.api.get("/api/documents", owner=page.owner, limit=LISTED, before=before)
    return show(
        page,
        "documents.html",
        here="memory",
        tab="documents",
        documents=found["data"],
        older=found["before"],
        endings=",".join(ENDINGS),
        most_file=MOST_FILE,
        longest_title=LONGEST_TITLE,
    )


async def coming(page: Page) -> Response:
    """How far what is brought in is, for the page's script: it asks while the form waits for its answer."""
    found = (await page.api.get("/api/documents", owner=page.owner, limit=LISTED))["data"]
    under_way = [one for one in found if one["coming"]]
    return Response(piece(page, "documents_coming.html", coming=under_way), media_type="text/html")


async def document(page: Page) -> Response:
    """Its text in the order it was written, some passages at a time."""
    one = await page.api.get(f"/api/documents/{page.request.path_params['document']}")
    passages = await read_passages(page, one)
    asked = page.request.query_params.get("from", "1")
    start = max(0, int(asked) - 1) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 0
    return show(
        page,
        "document.html",
        here="memory",
        tab="documents",
        one=one,
        passages=passages[start : start + SHOWN],
        start=start,
        count=len(passages),
        size=SHOWN,
        mine=one["owner"] == page.owner,
    )


async def read_passages(page: Page, one: Json) -> list[Json]:
    """All of them; the API gives the latest change first, and each says where it stood."""
    found: list[Json] = []
    before = None
    while True:
        some = await page.api.get("/api/memory", owner=one["owner"], document=one["id"], limit=READ, before=before)
        found += some["data"]
        before = some["before"]
        if before is None:
            return sorted(found, key=_order)


def _order(passage: Json) -> tuple[int, int]:
    number = _NUMBER.search(passage["place"] or "")
    return (int(number[1]) if number else 0, passage["seq"])


async def bring(page: Page) -> Response:
    sent = await page.sent()
    title, text = read_document(page, sent)
    made = (await page.api.post("/api/memory", {"text": text, "document": {"title": title}}))["document"]
    return redirect(
        f"/panel/memory/documents/{made['id']}", "It was brought in. Read it, and approve it if it is right."
    )


def read_document(page: Page, sent: Form) -> tuple[str, str]:
    """A title and a text: of the file where there is one, else what was pasted. Raises Denied with what to do."""
    file = sent.files.get("file")
    title = sent.fields.get("title", "").strip()
    if file is None:
        text = sent.fields.get("text", "").replace("\r\n", "\n")
        if not text.strip():
            raise refused(page.words("Choose a file, or paste a text."))
        return title or text.strip().splitlines()[0][:80], text
    if not file.name.lower().endswith(ENDINGS):
        raise refused(page.words("{name} is no text file: .txt and .md are read, nothing else.", name=file.name[:100]))
    return title or file.name[: file.name.rindex(".")].strip()[:LONGEST_TITLE] or file.name, read_text(page, file)


def read_text(page: Page, file: File, most: int = MOST_FILE) -> str:
    """A mark of the byte order at its head is no part of the text."""
    name = file.name[:100]
    if len(file.data) > most:
        size, limit = (page.words.number(count / 1e6, 1) for count in (len(file.data), most))
        told = page.words(
            "{name} has {size} MB, and {limit} MB is the most: split it.", name=name, size=size, limit=limit
        )
        raise refused(told, status=413)
    try:
        return file.data.decode("utf-8-sig")
    except UnicodeDecodeError:
        told = page.words("{name} is not written in UTF-8: open it in an editor, and save it as UTF-8.", name=name)
        raise refused(told) from None


def refused(message: str, *, status: int = 400) -> Denied:
    return Denied(status, {"error": {"message": message}})


async def approve(page: Page) -> Response:
    """The hash is that of the text that the page showed."""
    place = f"/api/documents/{page.request.path_params['document']}"
    await page.api.post(f"{place}/approve", {"hash": (await page.form()).get("hash", "")})
    return redirect(_page_of(page), "It is relied on from now on.")


async def revoke(page: Page) -> Response:
    gone = await page.api.post(f"/api/documents/{page.request.path_params['document']}/revoke")
    return await tell_gone(page, {"adapters": gone["adapters"]}, back=_page_of(page))


async def forget(page: Page) -> Response:
    gone = await page.api.delete(f"/api/documents/{page.request.path_params['document']}")
    return await tell_gone(page, gone, back="/panel/memory/documents")


def _page_of(page: Page) -> str:
    return f"/panel/memory/documents/{page.request.path_params['document']}"


PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/panel/memory/documents", documents),
    ("GET", "/panel/memory/documents/coming", coming),
    ("POST", "/panel/memory/documents", bring),
    ("GET", "/panel/memory/documents/{document}", document),
    ("POST", "/panel/memory/documents/{document}/approve", approve),
    ("POST", "/panel/memory/documents/{document}/revoke", revoke),
    ("POST", "/panel/memory/documents/{document}/forget", forget),
)

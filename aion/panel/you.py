"""You: where you are signed in, the language and the colours."""

from __future__ import annotations

from starlette.responses import Response

from aion.panel.page import THEMES, Handler, Page, redirect, show


async def you(page: Page) -> Response:
    sessions = (await page.api.get("/api/sessions"))["data"]
    return show(page, "you.html", here="you", sessions=sessions, themes=THEMES, link="")


async def make_link(page: Page) -> Response:
    """Another device signs in with it, once; it is shown this once."""
    made = await page.api.post("/api/sessions/link")
    base = page.request.base_url
    link = f"{base.scheme}://{base.netloc}/panel/enter#{made['code']}"
    sessions = (await page.api.get("/api/sessions"))["data"]
    return show(page, "you.html", here="you", sessions=sessions, themes=THEMES, link=link)


async def end_session(page: Page) -> Response:
    await page.api.delete(f"/api/sessions/{(await page.form()).get('session', '')}")
    return redirect("/panel/you", "Done.")


PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/panel/you", you),
    ("POST", "/panel/you/link", make_link),
    ("POST", "/panel/you/end", end_session),
)

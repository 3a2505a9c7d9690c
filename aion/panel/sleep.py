"""Sleep: what the night does now and why, starting and ending one, and the nights there were."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from aion.panel.page import Handler, Page, redirect, show

NIGHTS = 30
AWAKE = "awake"
PROGRESS = ("step", "steps", "loss", "tokens_per_s", "eta_s")  # not there before the training has begun


async def sleep(page: Page) -> Response:
    """The state as it is now; the page's script asks for it again while a night is under way."""
    status = dict.fromkeys(PROGRESS) | await page.api.get("/api/sleep/status")
    nights = (await page.api.get("/api/sleep/nights", owner=page.owner, limit=NIGHTS))["data"]
    themes = (await page.api.get("/api/themes", owner=page.owner))["data"]
    return show(
        page,
        "sleep.html",
        here="sleep",
        status=status,
        asleep=status["state"] != AWAKE,
        nights=nights,
        themes=[one for one in themes if not one.get("merged_into")],
    )


async def state(page: Page) -> Response:
    """The same as JSON, for the page's script."""
    return JSONResponse(await page.api.get("/api/sleep/status"))


async def start(page: Page) -> Response:
    given = await page.form()
    wish = {"theme": given["theme"]} if given.get("theme") else {}
    await page.api.post("/api/sleep/start", wish)
    return redirect("/panel/sleep", "AION sleeps as soon as the machine is free.")


async def cancel(page: Page) -> Response:
    await page.api.post("/api/sleep/cancel")
    return redirect("/panel/sleep", "The night is cancelled.")


PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/panel/sleep", sleep),
    ("GET", "/panel/sleep/state", state),
    ("POST", "/panel/sleep/start", start),
    ("POST", "/panel/sleep/cancel", cancel),
)

"""Signing in: a link that works once, or a key. The session lives in a cookie that no script can read.

The cookie is sent to this server alone and never from a page of another site; whoever loses it loses one session, which
its owner can end from anywhere.
"""

from __future__ import annotations

import re
from http.cookies import CookieError, SimpleCookie

from starlette.requests import Request
from starlette.responses import Response

from aion.panel.page import THEMES, Page, redirect, show
from aion.panel.words import LANGUAGES

COOKIE, LANGUAGE, THEME = "aion_session", "aion_language", "aion_theme"
DAYS = 30
HOME = "/panel/chat"
_BROWSERS = ("Firefox", "Edg", "OPR", "Chrome", "Safari")
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux")


def cookie_of(request: Request, name: str) -> str:
    """Empty when there is none, or one that is not ours."""
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found and re.fullmatch(r"[\w-]{1,120}", found.value) else ""


def keep(response: Response, name: str, value: str, *, secure: bool) -> None:
    response.set_cookie(name, value, max_age=DAYS * 86_400, path="/", httponly=True, samesite="strict", secure=secure)


async def enter(page: Page) -> Response:
    """The page of somebody who is not signed in. The code of a link stands behind its `#`: it reaches no log."""
    return show(page, "enter.html", here="", failed="")


async def sign_in(page: Page) -> Response:
    given = await page.form()
    body = {name: given[name].strip() for name in ("code", "key") if given.get(name, "").strip()}
    made = await page.api.post("/api/sessions", body | {"label": browser_of(page.request)})
    response = redirect(HOME)
    keep(response, COOKIE, made["key"], secure=page.request.url.scheme == "https")
    return response


async def sign_out(page: Page) -> Response:
    await page.api.delete("/api/sessions/this")
    response = redirect("/panel/enter")
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response


async def sign_out_elsewhere(page: Page) -> Response:
    for one in (await page.api.get("/api/sessions"))["data"]:
        if not one["this"]:
            await page.api.delete(f"/api/sessions/{one['id']}")
    return redirect("/panel/you", "Signed out everywhere else.")


async def choose(page: Page) -> Response:
    """A language or colours, kept in a cookie."""
    given = await page.form()
    response = redirect(_way_back(given.get("back", "")))
    for name, known in ((LANGUAGE, LANGUAGES), (THEME, THEMES)):
        if (value := given.get(name, "")) in known:
            keep(response, name, value, secure=page.request.url.scheme == "https")
    return response


def browser_of(request: Request) -> str:
    """ "Firefox, Linux": enough to know one's own devices by."""
    agent = request.headers.get("user-agent", "")
    browser = next((one for one in _BROWSERS if one in agent), "browser")
    system = next((one for one in _SYSTEMS if one in agent), "")
    return ", ".join(part for part in (browser.replace("Edg", "Edge").replace("OPR", "Opera"), system) if part)


def _way_back(place: str) -> str:
    """A place of the panel's own; anything else is home."""
    return place if re.fullmatch(r"/panel/[\w/.-]*", place) else HOME

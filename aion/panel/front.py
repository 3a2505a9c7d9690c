"""The panel as one application: finds the page of an address, who asks, and shows what went wrong.

It is given the API's application when both are built, and asks it for everything. Guarding Host, Origin and size is the
API's guard's work, which stands before it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from importlib import resources
from typing import cast

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from aion.errors import AionError
from aion.panel import (
    adapters,
    answers,
    carry,
    chat,
    documents,
    memory,
    morning,
    numbers,
    people,
    settings,
    sign_in,
    sleep,
    teach,
    you,
)
from aion.panel.api import Asker, Denied
from aion.panel.markdown import code_style
from aion.panel.page import THEMES, Handler, Page, show
from aion.panel.words import Words, choose_language

KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
CACHED = "no-cache"  # asked for again each time: an update shows at once
UNKNOWN = 401
FAULT = 500
log = structlog.get_logger()

OPEN: Sequence[tuple[str, str, Handler]] = (
    ("GET", "/panel/enter", sign_in.enter),
    ("POST", "/panel/enter", sign_in.sign_in),
    ("POST", "/panel/choose", sign_in.choose),
)
PAGES: Sequence[tuple[str, str, Handler]] = (
    *chat.PAGES,
    *answers.PAGES,
    *morning.PAGES,
    *documents.PAGES,
    *carry.PAGES,
    *memory.PAGES,
    *teach.PAGES,
    *sleep.PAGES,
    *adapters.PAGES,
    *numbers.PAGES,
    *people.PAGES,
    *settings.PAGES,
    *you.PAGES,
    ("POST", "/panel/leave", sign_in.sign_out),
    ("POST", "/panel/leave/others", sign_in.sign_out_elsewhere),
)


class Panel:
    """An ASGI application; `connect` gives it the API before the first request."""

    def __init__(self) -> None:
        self._api: ASGIApp | None = None
        routes = [Route("/", self._go_home), Route("/panel", self._go_home), Route("/panel/", self._go_home)]
        routes.append(Route("/panel/assets/{name}", _asset))
        routes += [Route(path, self._shown(handler, known=False), methods=[method]) for method, path, handler in OPEN]
        routes += [Route(path, self._shown(handler, known=True), methods=[method]) for method, path, handler in PAGES]
        self._pages = Router(routes, default=self._miss)

    def connect(self, api: ASGIApp) -> None:
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._pages(dict(scope) | {"root_path": "", "path_params": {}}, receive, send)

    async def _go_home(self, _request: Request) -> Response:
        return RedirectResponse(sign_in.HOME, status_code=303)

    async def _miss(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = self._page(Request(scope, receive))
        missed = Denied(404, {"error": {"message": page.words("There is no such page.")}})
        await _refuse(page, missed, known=True)(scope, receive, send)

    def _shown(self, handler: Handler, *, known: bool) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            page = self._page(request)
            try:
                if not known:
                    return await handler(page)
                page, renewed = await self._known(page)
                response = await handler(page)
                if renewed:
                    sign_in.keep(response, sign_in.COOKIE, renewed, secure=request.url.scheme == "https")
                return response
            except Denied as denied:
                if "application/json" in request.headers.get("accept", ""):
                    raise  # the page's script shows it
                if denied.status == UNKNOWN and known:
                    return RedirectResponse("/panel/enter", status_code=303)
                return _refuse(page, denied, known=known)
            except Exception as error:  # a page that fails is still a page; the guard's JSON would stand there instead
                if isinstance(error, AionError) or "application/json" in request.headers.get("accept", ""):
                    raise
                request_id = request.scope["state"]["request_id"]
                log.exception("page_failed", request_id=request_id, path=request.url.path)
                told = {"message": page.words("Something went wrong on this side."), "request_id": request_id}
                return _refuse(page, Denied(FAULT, {"error": told}), known=known)

        return answer

    def _page(self, request: Request) -> Page:
        key = sign_in.cookie_of(request, sign_in.COOKIE)
        language = sign_in.cookie_of(request, sign_in.LANGUAGE)
        theme = sign_in.cookie_of(request, sign_in.THEME)
        return Page(
            request=request,
            api=Asker(cast(ASGIApp, self._api), request.scope, key),
            owner="",
            is_admin=False,
            words=Words(choose_language(request.headers.get("accept-language", ""), language)),
            theme=theme if theme in THEMES else THEMES[0],
        )

    async def _known(self, page: Page) -> tuple[Page, str]:
        """Who asks, and the session's new secret, if it got one: a secret that was stolen is soon worth nothing."""
        me = await page.api.get("/api/me")
        page = replace(page, owner=me["owner"], is_admin=me["scope"] == "admin")
        if not me["renew"] or page.request.method != "GET":
            return page, ""
        key = str((await page.api.post("/api/sessions/renew"))["key"])
        return replace(page, api=replace(page.api, key=key)), key


def _refuse(page: Page, denied: Denied, *, known: bool) -> Response:
    """What the API said, in the frame; who could not sign in tries again."""
    template = "error.html" if known else "enter.html"
    response = show(page, template, here="", failed=denied.message, request_id=denied.request_id)
    response.status_code = denied.status
    return response


async def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name == "code.css":
        return Response(_code_css(), media_type="text/css", headers={"cache-control": CACHED})
    if not re.fullmatch(r"[a-z-]+\.(?:css|js|svg)", name):
        return Response(status_code=404)
    file = resources.files("aion.panel") / "static" / name
    if not file.is_file():
        return Response(status_code=404)
    kind = KINDS[name.rpartition(".")[2]]
    return Response(file.read_bytes(), media_type=kind, headers={"cache-control": CACHED})


def _code_css() -> str:
    """Of both colour schemes; the frame's script-free switch is an attribute of the page."""
    dark = code_style("github-dark").replace(".code ", "[data-theme=dark] .code ")
    auto = code_style("github-dark").replace(".code ", "[data-theme=auto] .code ")
    return f"{code_style('default')}\n{dark}\n@media (prefers-color-scheme: dark) {{\n{auto}\n}}\n"

"""People, for administrators: who has keys and where they are signed in, making and revoking keys, and who did what.

A key's text is shown once, on the page that answers its making; it is kept nowhere. The API says who may see this.
"""

from __future__ import annotations

import re
import time

from markupsafe import Markup
from starlette.responses import Response

from aion.panel.api import Denied
from aion.panel.markdown import COPY
from aion.panel.page import Handler, Page, redirect, show
from aion.records import Json

HOME = "/panel/people"
ENTRIES = 50  # of the audit, on a page
FILTERS = ("actor", "act")
ACTS = (  # what can be asked for by name; whatever else was done is listed all the same
    "key.add",
    "key.revoke",
    "session.begin",
    "session.end",
    "memory.forget",
    "document.forget",
    "conversation.forget",
    "document.approve",
    "document.revoke",
    "suite.remove",
    "settings.set",
    "settings.reset",
    "adapters.promote",
    "adapters.retire",
    "adapters.rollback",
)


async def people(page: Page) -> Response:
    return await _show(page)


async def add_key(page: Page) -> Response:
    """The only page that ever shows this key."""
    given = await page.form()
    wish: Json = {"owner": given.get("owner", "").strip(), "scope": given.get("scope", "user")}
    if days := given.get("days", "").strip():
        wish["expires_days"] = int(days) if re.fullmatch(r"[0-9]{1,9}", days) else days  # the API says what is wrong
    return await _show(page, await page.api.post("/api/keys", wish))


async def revoke_key(page: Page) -> Response:
    await page.api.delete(f"/api/keys/{(await page.form()).get('key', '')}")
    return redirect(HOME, "Done.", part="keys")


async def sign_out(page: Page) -> Response:
    """Of every browser that somebody is signed in with."""
    owner = (await page.form()).get("owner", "")
    if not owner:  # without a name the API would mean whoever asks
        raise Denied(400, {"error": {"message": page.words("Say whom to sign out.")}})
    await page.api.ask("DELETE", "/api/sessions", query={"owner": owner})
    return redirect(HOME, "Done.")


async def _show(page: Page, made: Json | None = None) -> Response:
    asked = {name: page.request.query_params.get(name, "") for name in (*FILTERS, "before")}
    everybody = (await page.api.get("/api/people"))["data"]
    keys = (await page.api.get("/api/keys"))["data"]
    log = await page.api.get("/api/audit", limit=ENTRIES, **asked)
    now = time.time()
    return show(
        page,
        "people.html",
        here="people",
        people=everybody,
        keys=[one for one in keys if works(one, now)],
        old=[one for one in keys if not works(one, now)],
        made=made,
        copy=Markup(COPY),  # noqa: S704  # a constant of ours
        log=log,
        asked=asked,
        acts=ACTS,
    )


def works(key: Json, now: float) -> bool:
    return key["revoked"] is None and (key["expires"] is None or key["expires"] > now)


PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/panel/people", people),
    ("POST", "/panel/people/keys", add_key),
    ("POST", "/panel/people/keys/revoke", revoke_key),
    ("POST", "/panel/people/sign-out", sign_out),
)

"""What every page is given and how it is shown: who asks, in which language and colours, and the frame around it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from aion.panel.api import Asker, Denied
from aion.panel.forms import BadForm, Form, read_form
from aion.panel.markdown import render
from aion.panel.words import LANGUAGES, Words
from aion.records import Json

THEMES = ("auto", "light", "dark")
MENU = (  # place, name, and whether administrators alone have it
    ("chat", "Chat", False),
    ("morning", "Morning", False),
    ("teach", "Teach me", False),
    ("memory", "Memory", False),
    ("sleep", "Sleep", False),
    ("adapters", "Adapters", False),
    ("numbers", "Numbers", False),
    ("settings", "Settings", True),
    ("people", "People", True),
    ("you", "You", False),
)
PLACES = {"conversation": "chat", "memory": "memory", "document": "memory/documents"}
FLASH = "said"  # names what a page tells of what was just done


@dataclass(frozen=True, slots=True)
class Page:
    """One request of somebody who is signed in."""

    request: Request
    api: Asker
    owner: str
    is_admin: bool
    words: Words
    theme: str

    async def form(self) -> dict[str, str]:
        """What was filled in; of a name that stands twice the last value."""
        return (await self.sent()).fields

    async def sent(self) -> Form:
        """What was filled in, with the files. Raises Denied for what is no form, or too large for one."""
        try:
            return read_form(self.request.headers.get("content-type", ""), await self.request.body())
        except BadForm:
            raise Denied(
                400, {"error": {"message": self.words("The form did not arrive whole; send it again.")}}
            ) from None


Handler = Callable[[Page], Awaitable[Response]]


def show(page: Page, template: str, *, here: str, **given: Any) -> HTMLResponse:
    """The template inside the frame; `here` is the page's place in the menu."""
    said = page.request.query_params.get(FLASH, "")
    frame: Mapping[str, Any] = {
        "t": page.words,
        "owner": page.owner,
        "is_admin": page.is_admin,
        "theme": page.theme,
        "here": here,
        "menu": [(place, name) for place, name, admins in MENU if page.is_admin or not admins],
        "said": page.words(said) if said in SAID else "",
        "now": time.time(),
        "languages": LANGUAGES,
    }
    return HTMLResponse(_templates().get_template(template).render(**frame, **given))


def piece(page: Page, template: str, **given: Any) -> str:
    """A part of a page, for a script that puts it there."""
    return _templates().get_template(template).render(t=page.words, **given)


# What may be said after something was done: nothing else is ever taken from an address.
SAID = (
    "Done.",
    "Forgotten.",
    "AION sleeps as soon as the machine is free.",
    "The night is cancelled.",
    "What was served before is served again.",
    "It is served from now on.",
    "It is served no more.",
    "It was taken in. The next night examines it.",
    "Signed out everywhere else.",
    "Remembered.",
    "Changed.",
    "It is pinned.",
    "It is pinned no more.",
    "AION knew that already; this is one more place it comes from.",
    "It was long enough to be a document.",
    "It was brought in. Read it, and approve it if it is right.",
    "It is relied on from now on.",
    "Nobody relies on it any more.",
    "Thank you.",
    "AION will study this tonight.",
    "Nothing was changed in it. If the answer is right as it is, say so.",
    "It will be tried again.",
    "Saved. It counts from now on.",
    "Saved. Some of it counts after the next start.",
    "Nothing was changed.",
)


def place_of(origin: Json) -> str:
    """Where a conversation, a note or a document is read."""
    return f"/panel/{PLACES[origin['kind']]}/{quote(origin['id'], safe='')}"


def redirect(place: str, said: str = "", *, part: str = "", **query: str) -> RedirectResponse:
    """To another page, which says what was done, at one part of it; what is empty is left out of its address."""
    asked = urlencode({name: value for name, value in {**query, FLASH: said}.items() if value})
    return RedirectResponse(f"{place}{asked and '?' + asked}{part and '#' + part}", status_code=303)


@cache
def _templates() -> Environment:
    made = Environment(loader=PackageLoader("aion.panel"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made.filters["markdown"] = render
    return made

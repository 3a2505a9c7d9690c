"""Settings, for administrators: each with its help, its default, its value and where that is from; saved by section.

What a form holds is turned into what the API takes: only what was changed, and null where it is the default again. What
is sound and what is written, the API decides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from aion.config.describe import read_value
from aion.panel.api import Denied
from aion.panel.page import Handler, Page, redirect, show
from aion.records import Json

REFUSED = (400, 409)
LONG = 500  # characters from which a text gets several lines
RESET = "reset"


async def settings(page: Page) -> Response:
    return await _show_settings(page, opened=page.request.path_params.get("section", ""))


async def save(page: Page) -> Response:
    """One section, or one setting of it back to its default; what was refused is shown beside what was typed."""
    section, given = page.request.path_params["section"], await page.form()
    found = [one for one in (await page.api.get("/api/settings"))["data"] if one["section"] == section]
    wishes = {given[RESET]: None} if given.get(RESET) else read_wishes(found, given)
    try:
        said = await send_wishes(page, wishes)
    except Denied as denied:
        if denied.status not in REFUSED:
            raise
        response = await _show_settings(page, opened=section, typed=given, failed=denied)
        response.status_code = denied.status
        return response
    return redirect(f"/panel/settings/{section}", said)


async def send_wishes(page: Page, wishes: Mapping[str, Any]) -> str:
    """What to say of it."""
    if not wishes:
        return "Nothing was changed."
    done = await page.api.put("/api/settings", {"values": dict(wishes)})
    return "Saved. Some of it counts after the next start." if done["restart"] else "Saved. It counts from now on."


def read_wishes(settings: Sequence[Json], given: Mapping[str, str]) -> dict[str, Any]:
    """What a form says otherwise than it was; a box that is not ticked is not in a form."""
    wishes: dict[str, Any] = {}
    for one in settings:
        key = one["key"]
        if one["why_not"] or (one["kind"] != "bool" and key not in given):
            continue
        wish = key in given if one["kind"] == "bool" else read_value(key, given[key].replace("\r\n", "\n"))
        if (one["kind"] == "secret" and not wish) or _is_same(wish, one["next"]):
            continue  # a secret is not shown, so an empty field says nothing of it
        wishes[key] = None if _is_same(wish, one["default"]) else wish
    return wishes


def write_number(value: float) -> str:
    """As short as it can be said."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else str(value)


def _is_same(wish: Any, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return bool(wish == value)
    try:
        return math.isclose(float(wish), value, rel_tol=1e-12)
    except ValueError:
        return False


async def _show_settings(
    page: Page, *, opened: str, typed: Mapping[str, str] | None = None, failed: Denied | None = None
) -> Response:
    found = await page.api.get("/api/settings")
    rows = [_shown(one, typed if one["section"] == opened else None) for one in found["data"] if one["section"]]
    sections = [
        {**section, "rows": [one for one in rows if one["section"] == section["name"]]} for section in found["sections"]
    ]
    return show(
        page,
        "settings.html",
        here="settings",
        sections=sections,
        opened=opened,
        file=found["file"],
        problem=found["problem"],
        waiting=[one for one in rows if one["waits"]],
        failed=failed.message if failed else "",
        failed_key=failed.param if failed else "",
        lines_from=LONG,
    )


def _shown(one: Json, typed: Mapping[str, str] | None) -> Json:
    """With what stands in its control: what was typed, else what the file says."""
    key = one["key"]
    if typed is None or (key not in typed and one["kind"] != "bool"):
        control, ticked = _text(one["next"]), one["next"] is True
    else:
        control, ticked = typed.get(key, ""), key in typed
    said = {name: _text(one[name]) for name in ("value", "next", "default")}
    return one | {
        "said": said,
        "control": "" if one["kind"] == "secret" else control,
        "ticked": ticked,
        "least": one["limits"].get("ge", one["limits"].get("gt")),
        "most": one["limits"].get("le", one["limits"].get("lt")),
        "longest": one["limits"].get("max_length", 0),
    }


def _text(value: Any) -> str:
    """As it stands in a control."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, int | float):
        return write_number(value)
    return "" if value is None else str(value)


PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/panel/settings", settings),
    ("GET", "/panel/settings/{section}", settings),
    ("POST", "/panel/settings/{section}", save),
)

"""Teach me: the answers that are most worth a person's judgement, one at a time; the person's own questions for the
examination; and lessons that no training got past.

Which answers those are, and that none is asked about twice, is the API's to know. What is skipped is passed over by
its place in the address, so nothing is kept of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from aion.panel.page import Handler, Page, redirect, show
from aion.panel.thread import read_thread
from aion.records import Json

HOME = "/panel/teach"
ASKED = "one"  # the part of the page that asks
QUEUES: Mapping[str, Mapping[str, str]] = {  # what the API is asked for; the first is shown unless another is chosen
    "ask": {"order": "ask"},
    "uncertain": {"order": "uncertain"},
    "wrong": {"order": "top", "label": "erroneous"},
}
THUMBS = {"right": "up", "wrong": "down"}
VERY_SURE, FAIRLY_SURE, HALF_SURE = 0.85, 0.65, 0.45
CLOSE = 0.2  # to the threshold of confidence


async def teach(page: Page) -> Response:
    """The next answer of a queue, and what else a person may teach."""
    queue = _queue(page.request.query_params.get("show", ""))
    after = page.request.query_params.get("after", "")
    wanted = {**QUEUES[queue], "unjudged": "true", "after": after, "limit": 1}
    listed = await page.api.get("/api/experiences", owner=page.owner, **wanted)
    one = listed["data"][0] if listed["data"] else None
    turn = await page.api.get(f"/api/turns/{one['turn']}") if one else None
    return show(
        page,
        "teach.html",
        here="teach",
        queue=queue,
        after=after,
        one=one,
        said_then=read_thread([turn])[-1] if turn else None,
        sure=_sure(page, one["confidence"]) if one else "",
        why=_why(page, queue, one, listed["tau"]) if one else "",
        waiting=await page.api.get("/api/experiences/waiting", owner=page.owner),
        suite=(await page.api.get("/api/suite", owner=page.owner))["data"],
        aside=await _aside(page),
    )


async def judge(page: Page) -> Response:
    """Right, wrong, or the answer as it should have been; then the next one."""
    given = await page.form()
    queue, after, turn = _queue(given.get("show", "")), given.get("after", ""), given.get("turn", "")
    text = given.get("text", "").replace("\r\n", "\n").strip()  # as browsers send lines
    if text and text == given.get("before", "").replace("\r\n", "\n").strip():
        unchanged = "Nothing was changed in it. If the answer is right as it is, say so."
        return redirect(HOME, unchanged, part=ASKED, show=queue, after=after)
    verdict = given.get("verdict", "")
    body = {"kind": "thumb", "value": THUMBS[verdict]} if verdict in THUMBS else {"kind": "edit", "text": text}
    await page.api.post("/api/feedback", {"turn_id": turn, **body})
    thanks = "Thank you." if verdict in THUMBS else "AION will study this tonight."
    return redirect(HOME, thanks, part=ASKED, show=queue, after=after)


async def add_question(page: Page) -> Response:
    given = await page.form()
    fields = {name: given[name] for name in ("question", "expected", "check") if given.get(name)}
    await page.api.post("/api/suite", fields)
    return redirect(HOME, "Done.", part="suite")


async def remove_question(page: Page) -> Response:
    await page.api.delete(f"/api/suite/{(await page.form()).get('item', '')}")
    return redirect(HOME, "Done.", part="suite")


async def release(page: Page) -> Response:
    """A lesson in quarantine is tried again by the next night."""
    await page.api.post("/api/sleep/release", {"lessons": [(await page.form()).get("lesson", "")]})
    return redirect(HOME, "It will be tried again.", part="aside")


def _queue(wanted: str) -> str:
    return wanted if wanted in QUEUES else next(iter(QUEUES))


def _sure(page: Page, confidence: float | None) -> str:
    """In plain words, with the number."""
    if confidence is None:
        return page.words("AION could not tell how sure it was.")
    share = page.words.percent(confidence)
    if confidence >= VERY_SURE:
        return page.words("AION was very sure of this: {share}.", share=share)
    if confidence >= FAIRLY_SURE:
        return page.words("AION was fairly sure of this: {share}.", share=share)
    if confidence >= HALF_SURE:
        return page.words("AION was in two minds about this: {share}.", share=share)
    return page.words("AION was unsure of this: {share}.", share=share)


def _why(page: Page, queue: str, one: Json, tau: float) -> str:
    if queue == "ask" and abs(one["confidence"] - tau) > CLOSE:
        return page.words("Nothing that it is less settled about waits for your word.")
    if queue == "ask":
        return page.words(
            "It asks because that is close to {tau}, where it begins to rely on an answer: "
            "your word shows best whether the line is drawn at the right place.",
            tau=page.words.percent(tau),
        )
    if queue == "uncertain":
        return page.words("It asks because this is among the answers that it was least sure of.")
    reason = page.words(one["reason"].partition(" (")[0])
    return page.words("It asks because it takes this to be wrong: {reason}.", reason=reason)


async def _aside(page: Page) -> list[Json]:
    """Lessons in quarantine, with the names of their themes."""
    found = (await page.api.get("/api/sleep/quarantine", owner=page.owner))["data"]
    if not found:
        return []
    themes = (await page.api.get("/api/themes", owner=page.owner))["data"]
    names = {one["id"]: one["name"] for one in themes}
    return [{**one, "theme_name": names.get(one["theme"], "")} for one in found]


PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/panel/teach", teach),
    ("POST", "/panel/teach/judge", judge),
    ("POST", "/panel/teach/suite", add_question),
    ("POST", "/panel/teach/suite/remove", remove_question),
    ("POST", "/panel/teach/release", release),
)

"""Sleep: what the night does now and why, starting and ending one, what begins one by itself, and those there were."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from aion.panel.charts import Line, line_chart
from aion.panel.page import Handler, Page, piece, place_of, redirect, show
from aion.panel.settings import read_wishes, send_wishes, write_number
from aion.records import Json

NIGHTS = 30
PLANNED = 12  # lessons of the next night that are named
AWAKE = "awake"
PROGRESS = ("step", "steps", "loss", "tokens_per_s", "eta_s")  # not there before the training has begun
AUTO = "sleep.auto"


@dataclass(frozen=True, slots=True)
class Slider:
    """One of the settings that decide when a night begins, in a range that people use."""

    key: str
    name: str
    help: str
    least: float
    most: float
    step: float
    unit: str = ""


SLIDERS = (
    Slider(
        "sleep.idle_percent",
        "Idle below",
        "Use of processors and GPU, over five minutes, below which the machine counts as free.",
        1,
        100,
        1,
        "%",
    ),
    Slider("sleep.idle_minutes", "Quiet for", "How long nobody has asked anything before a night.", 0, 120, 1, "min"),
    Slider(
        "sleep.cooldown_hours",
        "Cooldown",
        "Shortest time between two nights that begin by themselves.",
        0,
        72,
        0.5,
        "h",
    ),
    Slider("sleep.check_minutes", "Looks every", "How often it looks for a reason to sleep.", 1, 240, 1, "min"),
    Slider("sleep.experiences", "Experiences", "So many that matter are a reason to sleep.", 1, 200, 1),
    Slider(
        "sleep.priority", "An experience matters from", "Its priority: 0 is every one, 1 is nearly none.", 0, 1, 0.01
    ),
    Slider(
        "sleep.error_pattern",
        "Errors in one theme",
        "So many wrong answers in a theme are a reason to sleep.",
        2,
        20,
        1,
    ),
    Slider(
        "sleep.tau_ndcg",
        "Recall worse than",
        "nDCG@10 of what is recalled: below it, there is a reason to sleep. 1 is perfect.",
        0,
        1,
        0.01,
    ),
    Slider(
        "learning.tau",
        "Unsure below",
        "Confidence below which an answer counts as uncertain: the higher, the more answers matter.",
        0,
        1,
        0.01,
    ),
)


async def sleep(page: Page) -> Response:
    """The state as it is now; the page's script asks for it again while a night is under way."""
    nights = (await page.api.get("/api/sleep/nights", owner=page.owner, limit=NIGHTS))["data"]
    return show(
        page,
        "sleep.html",
        here="sleep",
        nights=nights,
        **await _card(page),
        **await _triggers(page),
    )


async def card(page: Page) -> Response:
    """What the night does now, for the page's script."""
    return Response(piece(page, "sleep_card.html", **await _card(page)), media_type="text/html")


async def _card(page: Page) -> Json:
    status = dict.fromkeys(PROGRESS) | await page.api.get("/api/sleep/status")
    themes = (await page.api.get("/api/themes", owner=page.owner))["data"]
    return {
        "status": status,
        "asleep": status["state"] != AWAKE,
        "plan": await _plan(page) if status["state"] == AWAKE else [],
        "chart": _draw_losses(page, status.get("losses") or []),
        "themes": [one for one in themes if not one.get("merged_into")],
    }


async def _plan(page: Page) -> list[Json]:
    """What the next night would learn, and where a person finds it."""
    told = (await page.api.get("/api/sleep/plan"))["data"][:PLANNED]
    return [one["origin"] | {"kind": one["kind"], "place": place_of(one["origin"])} for one in told]


def _draw_losses(page: Page, losses: list[tuple[int, float]]) -> str:
    if len(losses) < 2:
        return ""
    names = [str(step) for step, _ in losses]
    shown = [Line(page.words("Loss"), [loss for _, loss in losses])]
    return line_chart(shown, names, unit="", label=page.words("Loss of this training, step by step"))


async def start(page: Page) -> Response:
    given = await page.form()
    wish = {"theme": given["theme"]} if given.get("theme") else {}
    await page.api.post("/api/sleep/start", wish)
    return redirect("/panel/sleep", "AION sleeps as soon as the machine is free.")


async def cancel(page: Page) -> Response:
    await page.api.post("/api/sleep/cancel")
    return redirect("/panel/sleep", "The night is cancelled.")


async def save(page: Page) -> Response:
    """What begins a night by itself."""
    given = await page.form()
    found = {one["key"]: one for one in (await page.api.get("/api/settings"))["data"]}
    typed = {one.key: _snap(one, found[one.key], given[one.key]) for one in SLIDERS if one.key in given}
    ticked = {AUTO: given[AUTO]} if AUTO in given else {}
    wanted = [found[key] for key in (AUTO, *typed)]
    return redirect("/panel/sleep", await send_wishes(page, read_wishes(wanted, typed | ticked)))


async def _triggers(page: Page) -> Json:
    """For administrators: the settings of a machine are theirs."""
    if not page.is_admin:
        return {"sliders": [], "auto": None}
    found = {one["key"]: one for one in (await page.api.get("/api/settings"))["data"]}
    return {"sliders": [_place(one, found[one.key]) for one in SLIDERS], "auto": found[AUTO]}


def _place(slider: Slider, setting: Json) -> Json:
    """The slider where the setting is, and long enough for it: one that cannot stand there would change it unasked."""
    value = float(setting["next"])
    steps = (value - slider.least) / slider.step
    return {
        "slider": slider,
        "value": write_number(value),
        "least": write_number(min(slider.least, value)),
        "most": write_number(max(slider.most, value)),
        "step": write_number(slider.step) if abs(steps - round(steps)) < 1e-6 and value >= slider.least else "any",
        "default": write_number(setting["default"]),
        "variable": setting["variable"] if setting["source"] == "environment" else "",
        "fixed": bool(setting["why_not"]),
    }


def _snap(slider: Slider, setting: Json, text: str) -> str:
    """What was chosen, to a step; what is no number, or was not moved, as it is."""
    try:
        value = float(text)
    except ValueError:
        return text
    if value == setting["next"]:
        return text
    return write_number(round(slider.least + round((value - slider.least) / slider.step) * slider.step, 6))


PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/panel/sleep", sleep),
    ("GET", "/panel/sleep/card", card),
    ("POST", "/panel/sleep/start", start),
    ("POST", "/panel/sleep/cancel", cancel),
    ("POST", "/panel/sleep/settings", save),
)

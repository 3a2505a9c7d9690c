"""Numbers: how the past days went, by day and by theme, and how far AION's confidence is from what people judged.

Every chart is a `Figure` (see figures.py), which carries the same numbers as a table. What is summed up, is summed up
by the API: days are in UTC here as there.
"""

from __future__ import annotations

from datetime import date, timedelta

from starlette.responses import Response

from aion.panel.figures import (
    STEP,
    calibration_figure,
    day_figures,
    learning_figure,
    machine_figures,
    skill_figure,
)
from aion.panel.page import Handler, Page, show
from aion.records import Json

EVERYONE = "*"  # no name of a person: a sign that none may hold
RANGES = (7, 30, 90, 365)
NIGHTS = 30


async def numbers(page: Page) -> Response:
    """The last thirty days of one's own, unless others are asked for."""
    asked = {name: page.request.query_params.get(name, "") for name in ("since", "until", "theme", "step")}
    whose = page.request.query_params.get("owner", "") or page.owner
    owner = None if whose == EVERYONE else whose
    range_ = {"since": asked["since"], "until": asked["until"], "owner": owner}
    found = await page.api.get("/api/telemetry", theme=asked["theme"], **range_)
    themes = found["themes"]
    if asked["theme"]:  # the others, to choose from
        themes = (await page.api.get("/api/telemetry", **range_))["themes"]
    confidence = await page.api.get("/api/telemetry/calibration", owner=owner)
    reports = (await page.api.get("/api/sleep/reports", owner=owner, limit=NIGHTS))["data"]
    people = (await page.api.get("/api/people"))["data"] if page.is_admin else []
    return show(
        page,
        "numbers.html",
        here="numbers",
        found=found,
        themes=themes,
        steps=sorted(found["total"]["steps"]),
        step=asked["step"] or STEP,
        whose=whose,
        everyone=EVERYONE,
        people=[one["owner"] for one in people],
        ranges=_ranges(found["until"]),
        energy=_energy(found["days"]),
        days=day_figures(page.words, found["days"], asked["step"] or STEP),
        machine=machine_figures(page.words, found["days"]),
        skills=skill_figure(page.words, found["total"]["skills"]),
        learning=learning_figure(page.words, _within(reports, found)),
        confidence=confidence,
        calibration=calibration_figure(page.words, confidence["told"]),
        apart=_apart(page, confidence["told"]),
        lean=_lean(page, confidence["told"]),
    )


def _ranges(until: str) -> list[tuple[int, str]]:
    """So many days, and the first of them."""
    last = date.fromisoformat(until)
    return [(count, (last - timedelta(days=count - 1)).isoformat()) for count in RANGES]


def _within(reports: list[Json], found: Json) -> list[Json]:
    """Reports of nights in these days, the oldest first."""

    def day(report: Json) -> str:
        return (date(1970, 1, 1) + timedelta(seconds=report["ended"] or report["asked"])).isoformat()

    return [one for one in reversed(reports) if found["since"] <= day(one) <= found["until"]]


def _energy(days: list[Json]) -> float | None:
    known = [one["resources"][name] for one in days if one["resources"] for name in ("energy_wh", "gpu_energy_wh")]
    told = [value for value in known if value is not None]
    return sum(told) if told else None


def _apart(page: Page, told: Json) -> str:
    """The expected calibration error, in words."""
    if told["error"] is None:
        return ""
    return page.words(
        "Over {count} judged answers, what AION said and what was judged good are {error} apart on average.",
        count=page.words.number(told["judged"]),
        error=page.words.percent(told["error"], 1),
    )


def _lean(page: Page, told: Json) -> str:
    """Whether it says too much or too little, all in all."""
    known = [one for one in told["bins"] if one["count"]]
    count = sum(one["count"] for one in known)
    if not count:
        return ""
    lean = sum(one["count"] * (one["confidence"] - one["outcome"]) for one in known) / count
    if abs(lean) < 0.03:
        return page.words("All in all it says neither too much nor too little.")
    if lean > 0:
        return page.words("All in all it is surer than it should be.")
    return page.words("All in all it is less sure than it could be.")


PAGES: tuple[tuple[str, str, Handler], ...] = (("GET", "/panel/numbers", numbers),)

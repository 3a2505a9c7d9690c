"""The morning: what a night learned and refused, told as the report tells it, with the numbers under it."""

from __future__ import annotations

from starlette.responses import Response

from aion.panel.charts import Line, legend, line_chart
from aion.panel.page import Handler, Page, redirect, show
from aion.records import Json

NIGHTS = 30
BROUGHT = ("promote", "try")
EXAMS = (
    ("tonight", "facts of tonight"),
    ("earlier", "earlier facts of the theme"),
    ("other_themes", "facts of other themes"),
    ("near_misses", "questions about what nobody told, answered with something taught"),
    ("suite", "your own questions"),
)


async def morning(page: Page) -> Response:
    """The newest night, or the one that is named; the others as a curve and a list."""
    language = page.words.language
    reports = (await page.api.get("/api/sleep/reports", limit=NIGHTS, language=language, owner=page.owner))["data"]
    wanted = page.request.path_params.get("night", "")
    known = next((one for one in reports if one["night"] == wanted), None)
    if wanted and known is None:
        known = await page.api.get(f"/api/sleep/reports/{wanted}", language=language)
    shown = known or (reports[0] if reports else None)
    lines = _curve(page, reports)
    rows = (await page.api.get("/api/adapters/promotions", owner=page.owner, limit=1))["data"]
    return show(
        page,
        "morning.html",
        here="morning",
        report=shown,
        newest=bool(reports) and shown is reports[0],
        may_undo=shown is not None and may_undo(shown["night"], rows),
        reports=reports,
        learned=_examined(shown, refused=False),
        refused=_examined(shown, refused=True),
        others=[one for one in (shown or {}).get("themes", []) if one["fate"] != "learned"],
        exams=EXAMS,
        chart=line_chart(
            lines,
            [page.words.day(one["ended"] or one["asked"]).rsplit(" ", 1)[0] for one in reversed(reports)],
            unit="",
            label=page.words("Facts known in each night's examination"),
        ),
        legend=legend(lines),
    )


async def undo(page: Page) -> Response:
    """Serve again what was served before that night, if nothing was changed since."""
    rows = (await page.api.get("/api/adapters/promotions", owner=page.owner, limit=1))["data"]
    if not may_undo((await page.form()).get("night", ""), rows):
        return redirect("/panel/adapters")  # where it says what was served when, and leads back to any of it
    await page.api.post("/api/adapters/rollback", {})
    return redirect("/panel/morning", "What was served before is served again.")


def may_undo(night: str, rows: list[Json]) -> bool:
    """Whether what is served now is what that night brought: `rows` begin with the newest change of what is served.

    After something was retired or taken back, "what was served before" would bring it back.
    """
    return bool(rows) and rows[0]["night"] == night and rows[0]["move"] in BROUGHT


def _examined(report: Json | None, *, refused: bool) -> list[Json]:
    themes = (report or {}).get("themes", [])
    return [one for one in themes if one["fate"] == "learned" and bool(one["refused"]) is refused]


def _curve(page: Page, reports: list[Json]) -> list[Line]:
    """Of all themes that a night examined: facts known before and after."""
    totals = []
    for report in reversed(reports):
        scores = [one["scores"] for one in report["themes"] if one["scores"]]
        parts = [score[name] for score in scores for name in ("tonight", "earlier") if name in score]
        totals.append((sum(one["before"] for one in parts), sum(one["after"] for one in parts)))
    return [
        Line(page.words("known before the night"), [before for before, _ in totals]),
        Line(page.words("known after it"), [after for _, after in totals]),
    ]


PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/panel/morning", morning),
    ("GET", "/panel/morning/{night}", morning),
    ("POST", "/panel/morning/undo", undo),
)

"""Morning reports over HTTP, of each night that is over, made anew for whoever asks; and what the next would learn."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request

from aion.errors import NotFound
from aion.gate.report import Reporter
from aion.records import Json
from aion.serve.guard import principal_of
from aion.serve.json_body import StrictRoute
from aion.serve.own import Owner, whose
from aion.serve.sleep_routes import own_or_all
from aion.serve.system import System
from aion.serve.window import OVER

MOST = 100
UNDER_WAY = 10  # nights that are not over, at most, above those that are
LAST = "last"
Language = Annotated[Literal["en", "pt"], Query(description="Of the sentences.")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="The most reports to give.")]


def report_routes(system: System) -> APIRouter:
    """For people."""
    router = APIRouter(route_class=StrictRoute, tags=["Sleep"])
    reporter = Reporter(system.store, system.blobs)

    @router.get("/api/sleep/plan", summary="What the next night would learn, and where it is from, the latest first")
    def plan(request: Request) -> Json:
        owner = principal_of(request).owner
        outlook = system.sleep.outlook_of(owner)
        waiting = [(kind, reporter.find_origins(sources, owner)) for kind, sources in outlook.waiting]
        return {
            "lessons": outlook.lessons,
            "at": outlook.at or None,
            "data": [{"kind": kind.value, "origin": origins[0]} for kind, origins in waiting if origins],
        }

    @router.get("/api/sleep/reports", summary="What the last nights learned, the newest first")
    def reports(request: Request, owner: Owner = None, limit: Limit = 10, language: Language = "en") -> Json:
        found = system.store.nights.nights(owner=whose(request, owner), limit=limit + UNDER_WAY)
        over = [one for one in found if one.state in OVER][:limit]
        return {"data": [reporter.report(one, language=language) for one in over]}

    @router.get("/api/sleep/reports/{night}", summary="What one night learned; `last` is the newest that is over")
    def report(request: Request, night: str, language: Language = "en") -> Json:
        owner = own_or_all(principal_of(request))
        if night == LAST:
            nights = system.store.nights.nights(owner=owner, limit=MOST)
            found = next((one for one in nights if one.state in OVER), None)
        else:
            found = system.store.nights.night(night, owner=owner)
        if found is None:
            raise NotFound(f"no night {night[:80]!r} of yours; GET /api/sleep/nights lists them")
        return reporter.report(found, language=language)

    return router

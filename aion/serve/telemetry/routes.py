"""The routes under /api/telemetry: a person's own numbers; an administrator sees everyone's. No arithmetic here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request

from aion.records import Experience, Json
from aion.serve.guard import principal_of
from aion.serve.json_body import StrictRoute
from aion.serve.own import Owner, whose
from aion.serve.system import System
from aion.serve.telemetry.days import MOST_DAYS, Range, add_names, make_range, sum_days
from aion.serve.telemetry.heat import map_heat
from aion.serve.telemetry.pages import read_experiences
from aion.serve.telemetry.reliability import describe_confidence

JUDGED_OF = 5000  # latest experiences that are looked through for judged ones, as many as a calibration is fitted to
MOST_SAMPLES = MOST_DAYS * 24 * 60  # one a minute

Since = Annotated[date | None, Query(description="First day, in UTC, such as 2026-01-31; 29 days before `until`.")]
Until = Annotated[date | None, Query(description="Last day, included; today.")]
Theme = Annotated[str | None, Query(max_length=128, description="Only the turns of this theme.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="The most entities to give.")]


def telemetry_routes(system: System) -> APIRouter:
    router = APIRouter(route_class=StrictRoute, tags=["Telemetry"])

    @router.get("/api/telemetry", summary="Numbers by day and by theme")
    def telemetry(
        request: Request, since: Since = None, until: Until = None, theme: Theme = None, owner: Owner = None
    ) -> Json:
        asked = make_range(since, until, now=time.time())
        experience = system.store.experience
        samples = experience.samples(since=asked.since, until=asked.until, limit=MOST_SAMPLES)
        found = sum_days(asked, _read(system, whose(request, owner), asked, theme), samples)
        themes = add_names(found["themes"], lambda owner: experience.clusters(owner=owner))
        return {"since": asked.first, "until": asked.last, "theme": theme, **found, "themes": themes}

    @router.get("/api/telemetry/calibration", summary="How far confidence and judgement are apart")
    def calibration(request: Request, owner: Owner = None) -> Json:
        person = whose(request, owner) or principal_of(request).owner
        experience = system.store.experience
        latest = experience.experiences(owner=person, limit=JUDGED_OF)
        return {"owner": person, **describe_confidence(latest, experience.calibration(owner=person))}

    @router.get("/api/telemetry/entities", summary="What was asked about, day by day")
    def entities(
        request: Request, since: Since = None, until: Until = None, owner: Owner = None, limit: Limit = 100
    ) -> Json:
        asked = make_range(since, until, now=time.time())
        return map_heat(asked.days(), _read(system, whose(request, owner), asked), limit)

    return router


def _read(system: System, owner: str | None, asked: Range, theme: str | None = None) -> Iterator[Experience]:
    return read_experiences(system.store.experience, owner=owner, since=asked.since, until=asked.until, theme=theme)

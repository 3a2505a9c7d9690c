"""What the night tells of its examinations: verdicts, and that all are in. Only the night's own process may.

The files of a verdict lie under the night's folder and are kept as blobs; no path comes from a request.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Request
from pydantic import Field, StringConstraints

from aion.errors import AionError
from aion.gate.state import known_by
from aion.records import Candidate, Json, Promotion, Quarantine, Verdict
from aion.serve.json_body import StrictRoute
from aion.serve.night_take import take_exam
from aion.serve.night_waste import drop_exam, drop_networks
from aion.serve.sleep_routes import Amount, Id, Person, Strict, Sum, require_control
from aion.serve.system import System

STRIKES, MOST = 3, 10_000
HARD = (
    "the examinations of three nights refused what learned it, or found that it is not known; release it to have it "
    "tried again"
)
Reason = Annotated[str, StringConstraints(max_length=500)]
log = structlog.get_logger()


class VerdictTold(Strict):
    """The body of POST /api/sleep/verdicts."""

    id: Id
    owner: Person
    candidate: Id
    night: Id = Field(description="That made the candidate.")
    exam_night: Id = Field(description="That examined it: its folder has the files.")
    theme: Id
    adapter: Sum
    base: Sum
    ship: bool
    reasons: list[Reason] = Field(max_length=100)
    scores: dict[str, Any] = Field(max_length=100)
    against: list[Id] = Field(max_length=100)
    route: Sum | None = None
    report: Sum | None = None
    strategy: Literal["embedding", "keyword", "model", "network"] = "embedding"
    network: Sum | None = Field(None, description="Of the router, that its card names.")
    unlearned: list[Id] = Field([], max_length=1000, description="Lessons of the candidate that it does not know.")
    at: Amount
    seconds: Amount


class AllExamined(Strict):
    """The body of POST /api/sleep/promotion."""

    owner: Person
    night: Id
    candidates: list[Id] = Field(max_length=1000, description="Those examined in this night.")


def gate_routes(system: System) -> APIRouter:
    """For the night alone."""
    router = APIRouter(route_class=StrictRoute, include_in_schema=False)

    @router.post("/api/sleep/verdicts")
    async def take_verdict(request: Request, body: VerdictTold) -> Json:
        require_control(request)
        kept = await asyncio.to_thread(_take_verdict, system, body)
        return {"id": kept.id, "ship": kept.ship}

    @router.post("/api/sleep/promotion")
    async def promote(request: Request, body: AllExamined) -> Json:
        """One change for the whole night, however often it is told; what hinders it is told, and changes nothing."""
        require_control(request)
        passed = await asyncio.to_thread(_find_passed, system, body)
        if not passed:
            return {"promotion": "", "adapters": [], "reason": "nothing new passed the examination"}
        if (told := await asyncio.to_thread(_find_told, system, body, passed)) is not None:
            return {"promotion": told.id, "adapters": passed, "reason": told.reason}
        if not system.settings.gate.auto:
            reason = "gate.auto is off: promote them by `aion adapters promote`"
            return {"promotion": "", "adapters": passed, "reason": reason}
        try:
            row = await system.need_promoter().promote(
                body.owner,
                passed,
                night=body.night,
                reason=f"{len(passed)} passed the examination of the night",
                actor="gate",
                share=system.settings.gate.trial_share if system.settings.gate.trial_hours else 0.0,
            )
        except AionError as error:
            log.error("adapters.not_served", reason=error.message)
            return {"promotion": "", "adapters": passed, "reason": error.message}
        unfit = system.need_promoter().unfit
        left = {one: unfit.get(one, "") for one in passed if one not in (*row.adapters, *row.trial)}
        return {"promotion": row.id, "adapters": passed, "reason": row.reason, "left": left}

    return router


def _take_verdict(system: System, body: VerdictTold) -> Verdict:
    names = {"route": body.route, "report": body.report, "network": body.network}
    told = body.model_dump(exclude={"exam_night", *names})
    told |= {"reasons": tuple(body.reasons), "against": tuple(body.against), "unlearned": tuple(body.unlearned)}
    told |= {name: sum_ or "" for name, sum_ in names.items()}
    verdict = Verdict(**told)
    try:
        take_exam(system.settings.data, system.blobs, body.exam_night, body.candidate, names)
        kept = system.store.served.add_verdict(verdict).result()
    except AionError:
        drop_exam(system.store, system.blobs, verdict)
        raise
    drop_networks(system.store, system.blobs)  # what it learned may have been forgotten meanwhile
    _give_up_hard(system, kept)
    return kept


def _give_up_hard(system: System, verdict: Verdict) -> None:
    """What three nights could not learn is put aside, if it was tried again: no night does until a person says so."""
    served = system.store.served.promotion(owner=verdict.owner)
    names = (*served.adapters, *served.trial) if served is not None else ()
    found = system.store.nights.candidates(owner=verdict.owner, theme=verdict.theme, limit=MOST)
    verdicts = {one.id: system.store.served.verdict(one.id, owner=one.owner) for one in found}
    known = {lesson for one in found if one.id in names for lesson in known_by(one, verdicts[one.id])}
    failed = {one.id: set(_find_failed(one, verdicts[one.id])) for one in found}
    tried = failed.get(verdict.candidate, set()) - known
    nights = {(lesson, one.night) for one in found for lesson in tried & failed[one.id]}
    counts = Counter(lesson for lesson, _ in nights)
    aside = [
        Quarantine(
            lesson=lesson, owner=verdict.owner, theme=verdict.theme, night=verdict.night, reason=HARD, at=verdict.at
        )
        for lesson, count in counts.items()
        if count >= STRIKES
    ]
    system.store.nights.quarantine(aside).result()


def _find_failed(candidate: Candidate, verdict: Verdict | None) -> Sequence[str]:
    """Of one that was refused all that it was taught; of one that may be served what it does not know."""
    if verdict is None:
        return ()
    return verdict.unlearned if verdict.ship else candidate.lessons


def _find_passed(system: System, body: AllExamined) -> list[str]:
    """An adapter from elsewhere, of which nobody knows what it learned, is a person's to promote."""
    passed = []
    for name in body.candidates:
        verdict = system.store.served.verdict(name, owner=body.owner)
        candidate = system.store.nights.candidate(name, owner=body.owner)
        if candidate is not None and verdict is not None and verdict.ship and candidate.lessons:
            passed.append(name)
    return passed


def _find_told(system: System, body: AllExamined, passed: Sequence[str]) -> Promotion | None:
    """What came of it when the night told this before it died: it may have been taken back since."""
    rows = system.store.served.promotions(owner=body.owner, limit=MOST)
    return next((one for one in rows if one.night == body.night and {*one.adapters, *one.trial} & set(passed)), None)

"""Adapters for people: which there are and where each stands, what one learned and from whom, and what is served.

Every change is one appended promotion and one line in the audit log.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field, StringConstraints
from starlette.responses import Response

from aion.errors import Conflict, NotFound
from aion.gate.lineage import find_learners
from aion.gate.report import Reporter
from aion.gate.state import Standing, standing_of
from aion.memory.checks import NAME_LIMIT
from aion.records import AuditEntry, Candidate, Json, Promotion, Verdict, new_id
from aion.serve.adapter_import import take_in
from aion.serve.guard import principal_of
from aion.serve.json_body import StrictRoute
from aion.serve.own import Limit, Owner, Responses, whose
from aion.serve.sleep_routes import Strict, imported_json
from aion.serve.system import System

BYTES = "application/octet-stream"
FILE: Responses = {200: {"content": {BYTES: {"schema": {"type": "string", "format": "binary"}}}}}
SENT: Json = {"requestBody": {"required": True, "content": {BYTES: {"schema": {"type": "string", "format": "binary"}}}}}
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), Query(description="Of its theme.")
]
Unknown = Annotated[bool, Query(description="Its file does not name its base, but it is for this model.")]
Ref = Annotated[str, StringConstraints(max_length=80)]
Source = Annotated[
    str | None,
    Query(max_length=NAME_LIMIT, description="Those that learned from this turn, memory, document or conversation."),
]


class PromoteWish(Strict):
    """The body of POST /api/adapters/{id}/promote."""

    share: float = Field(0.0, ge=0, le=1, description="Part of the conversations that get it first; 0: all, for good.")


class RollBackWish(Strict):
    """The body of POST /api/adapters/rollback."""

    to: Ref = Field("", description="Id of a night or a promotion; empty: what was served before the newest.")


class RouteWish(Strict):
    """The body of POST /api/route."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=10_000)]
    previous: Annotated[str, StringConstraints(max_length=10_000)] = Field("", description="Asked before it.")


def adapter_routes(system: System) -> APIRouter:
    """For people: which there are."""
    router = APIRouter(route_class=StrictRoute, tags=["Adapters"])
    reporter = Reporter(system.store, system.blobs)

    @router.get("/api/adapters", summary="Adapters, the newest first, and where each stands")
    def adapters(request: Request, owner: Owner = None, learned_from: Source = None, limit: Limit = 100) -> Json:
        who = whose(request, owner)
        if learned_from is None:
            found = system.store.nights.candidates(owner=who, limit=limit)
        else:
            found = find_learners(system.store, learned_from, owner=who or principal_of(request).owner)[:limit]
        return {"data": [adapter_json(system, one) for one in found]}

    @router.post(
        "/api/adapters",
        summary="Take in a GGUF LoRA from elsewhere, which nobody has examined yet",
        status_code=201,
        openapi_extra=SENT,
    )
    async def bring(request: Request, name: Name, *, base_unknown: Unknown = False) -> Json:
        owner = principal_of(request).owner
        sent = await request.body()
        made = await asyncio.to_thread(take_in, system, owner, sent, name=name, unknown=base_unknown)
        await _note(system, owner, "adapters.import", made.id)
        return imported_json(made)

    @router.get("/api/adapters/promotions", summary="What was served when, the newest first")
    def promotions(request: Request, owner: Owner = None, limit: Limit = 100) -> Json:
        found = system.store.served.promotions(owner=whose(request, owner), limit=limit)
        return {"data": [promotion_json(one) for one in found]}

    @router.get("/api/adapters/{adapter}", summary="One adapter: its scores, and what it learned from")
    def one_adapter(request: Request, adapter: Ref) -> Json:
        found = _find(system, adapter, principal_of(request).sees)
        return adapter_json(system, found) | {
            "lessons": list(found.lessons),
            "sources": list(found.sources),
            "learned_from": reporter.find_origins(found.sources, found.owner),
            "parent": found.parent,
            "record": found.record,
        }

    @router.get(
        "/api/adapters/{adapter}/file", summary="One adapter as a GGUF LoRA", response_class=Response, responses=FILE
    )
    def file(request: Request, adapter: Ref) -> Response:
        found = _find(system, adapter, principal_of(request).sees)
        if not system.blobs.path(found.adapter).exists():
            raise NotFound(f"adapter {adapter!r} is retired and its file is gone; a night may learn its theme again")
        headers = {"content-disposition": f'attachment; filename="{found.id}.gguf"'}
        return Response(system.blobs.get(found.adapter), media_type=BYTES, headers=headers)

    return router


def serving_routes(system: System) -> APIRouter:
    """For people: what is served from now on."""
    router = APIRouter(route_class=StrictRoute, tags=["Adapters"])

    @router.post("/api/adapters/rollback", summary="Serve again what was served before")
    async def roll_back(request: Request, body: RollBackWish) -> Json:
        who = principal_of(request)
        row = await system.need_promoter().roll_back(
            who.owner, body.to, reason="somebody asked for it", actor=who.owner
        )
        await _audit(system, request, "adapters.rollback", row)
        return promotion_json(row)

    @router.post("/api/adapters/{adapter}/promote", summary="Serve an adapter that passed its examination")
    async def promote(request: Request, adapter: Ref, body: PromoteWish) -> Json:
        who = principal_of(request)
        found = await asyncio.to_thread(_find, system, adapter, who.owner)
        _require_passed(await asyncio.to_thread(_standing, system, found))
        row = await system.need_promoter().promote(
            who.owner, [adapter], night=found.night, reason="somebody asked for it", actor=who.owner, share=body.share
        )
        await _audit(system, request, "adapters.promote", row)
        return promotion_json(row)

    @router.post("/api/adapters/{adapter}/retire", summary="Serve an adapter no longer")
    async def retire(request: Request, adapter: Ref) -> Json:
        who = principal_of(request)
        await asyncio.to_thread(_find, system, adapter, who.owner)
        row = await system.need_promoter().take_out(who.owner, adapter, reason="somebody asked for it", actor=who.owner)
        await _audit(system, request, "adapters.retire", row)
        return promotion_json(row)

    return router


def route_routes(system: System) -> APIRouter:
    """For people: what would answer them."""
    router = APIRouter(route_class=StrictRoute, tags=["Adapters"])

    @router.post("/api/route", summary="Which adapters would answer this, and why; nothing is answered")
    async def route(request: Request, body: RouteWish) -> Json:
        answerer = system.need_answerer()
        return await answerer.routing.explain(principal_of(request).owner, body.text, body.previous)

    return router


def adapter_json(system: System, made: Candidate) -> Json:
    verdict = system.store.served.verdict(made.id, owner=made.owner)
    return {
        "id": made.id,
        "owner": made.owner,
        "theme": made.theme,
        "theme_name": getattr(system.store.nights.theme(made.theme, owner=made.owner), "name", ""),
        "night": made.night,
        "base": made.base,
        "hash": made.adapter,
        "bytes": made.size,
        "created": made.created,
        "state": _standing(system, made).value,
        "unfit": system.promoter.unfit.get(made.id, "") if system.promoter is not None else "",
        "examined": None if verdict is None else verdict_json(verdict),
    }


def verdict_json(verdict: Verdict) -> Json:
    kept = ("ship", "reasons", "scores", "against", "unlearned", "at", "seconds")
    return {name: getattr(verdict, name) for name in kept}


def promotion_json(row: Promotion) -> Json:
    return dataclasses.asdict(row) | {"move": row.move.value}


def _find(system: System, adapter: str, owner: str | None) -> Candidate:
    found = system.store.nights.candidate(adapter, owner=owner)
    if found is None:
        raise NotFound(f"no adapter {adapter!r} of yours; GET /api/adapters lists them", param="adapter")
    return found


def _standing(system: System, made: Candidate) -> Standing:
    verdict = system.store.served.verdict(made.id, owner=made.owner)
    return standing_of(made, verdict, system.store.served.promotion(owner=made.owner))


def _require_passed(standing: Standing) -> None:
    """Nothing unexamined is served, whoever asks."""
    if standing is Standing.UNEXAMINED:
        raise Conflict(
            "nobody has examined this adapter; the next night does, or `aion sleep --now`", code="not_evaluated"
        )
    if standing is Standing.REFUSED:
        raise Conflict("the examination refused this adapter; GET /api/adapters/{id} says why", code="refused")
    if standing is Standing.RETIRED:
        raise Conflict("this adapter learned what was forgotten; its files are gone", code="retired")
    if standing is Standing.SERVED:
        raise Conflict("this adapter is served already", code="served")


async def _audit(system: System, request: Request, act: str, row: Promotion) -> None:
    await _note(system, principal_of(request).owner, act, row.id)


async def _note(system: System, actor: str, act: str, subject: str) -> None:
    entry = AuditEntry(id=new_id("audit"), at=time.time(), actor=actor, act=act, subject=subject)
    await asyncio.wrap_future(system.store.append_audit(entry))

"""AION's own routes under /api, and health, metrics and documentation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response, StreamingResponse

from aion.errors import Forbidden, NotFound
from aion.records import Json, Scope, Turn
from aion.serve.describe import WAIT
from aion.serve.docs_page import docs_asset, docs_page
from aion.serve.guard import principal_of
from aion.serve.json_body import StrictRoute
from aion.serve.keys import Principal
from aion.serve.system import System
from aion.serve.turn_json import experience_json, judged_json, turn_id_of
from aion.store.base import Store

Responses = dict[int | str, dict[str, Any]]

PAGE = 200
LAST = "last"  # names the latest turn of whoever asks
Limit = Annotated[int, Query(ge=1, le=1000, description="The most entries to give.")]
Before = Annotated[
    float | None, Query(ge=0, allow_inf_nan=False, description="`before` of the page that came before this one.")
]
After = Annotated[str | None, Query(description="`after` of the page that came before this one.")]
Owner = Annotated[
    str | None, Query(max_length=64, description="This person's alone; an administrator else gets everyone's.")
]
PLAIN_TEXT: Responses = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
LINES: Responses = {
    200: {"description": "One turn on each line.", "content": {"application/x-ndjson": {"schema": {"type": "string"}}}}
}


class NewKey(BaseModel):
    """The body of POST /api/keys."""

    model_config = ConfigDict(extra="forbid")

    owner: str = Field(
        min_length=1, max_length=64, strict=True, description="Letters, digits, spaces inside, and the signs . _ @ -"
    )
    scope: Scope = Scope.USER
    expires_days: int | None = Field(None, ge=1, le=36500, strict=True)


class Health(BaseModel):
    """The body of GET /health, whatever its status."""

    status: str = Field(description="`ok`, or what AION is doing instead.")


NOT_READY: Responses = {503: {"model": Health, "description": "AION is starting or stopping.", "headers": WAIT}}


def plain_routes(system: System) -> APIRouter:
    """Health, metrics and the API's description of itself."""
    router = APIRouter(tags=["Server"])

    @router.get("/health", summary="Whether AION can answer", response_model=Health, responses=NOT_READY)
    async def health() -> Response:
        if system.ready:
            return JSONResponse({"status": "ok"})
        state = "stopping" if system.live.stopping else system.stage
        return JSONResponse({"status": state}, status_code=503, headers={"retry-after": "2"})

    @router.get("/metrics", summary="Numbers for Prometheus", response_class=Response, responses=PLAIN_TEXT)
    async def metrics() -> Response:
        system.measure()
        return Response(system.metrics.text(), media_type="text/plain; version=0.0.4")

    @router.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return docs_page()

    @router.get("/docs/{asset}", include_in_schema=False)
    async def asset(asset: str) -> Response:
        return docs_asset(asset)

    return router


def turn_routes(system: System) -> APIRouter:
    """What was said: a person's own turns; an administrator's view is everyone's."""
    router = APIRouter(route_class=StrictRoute, tags=["Experience"])

    @router.get("/api/status", summary="What AION is doing")
    async def status() -> Json:
        return system.status()

    @router.get("/api/turns/{turn_id}", summary="One turn, as it was recorded")
    def turn(request: Request, turn_id: str) -> Json:
        found = find_turn(system.store, principal_of(request), turn_id)
        if found is None:
            raise NotFound(f"no turn {turn_id[:64]!r} of yours")
        worth = system.store.experience.experience(found.id, owner=found.owner)
        return judged_json(system.store, found) | {"experience": experience_json(worth) if worth else None}

    @router.get("/api/export", summary="Every turn as JSON lines", response_class=Response, responses=LINES)
    def export(request: Request, conversation: str | None = None) -> Response:
        owner = principal_of(request).sees
        return StreamingResponse(export_lines(system, owner, conversation), media_type="application/x-ndjson")

    return router


def export_lines(system: System, owner: str | None, conversation: str | None) -> Iterator[bytes]:
    """Page by page, so that no read transaction stays open while a slow client reads."""
    after = None
    while page := system.store.turns(owner=owner, conversation=conversation, after=after, limit=PAGE):
        for turn in page:
            yield orjson.dumps(judged_json(system.store, turn)) + b"\n"
        after = page[-1].id


def find_turn(store: Store, who: Principal, turn_id: str) -> Turn | None:
    """By any of its ids, or by `last`: the latest of whoever asks."""
    return _last_turn(store, who.owner) if turn_id == LAST else store.turn(turn_id_of(turn_id), owner=who.sees)


def _last_turn(store: Store, owner: str) -> Turn | None:
    latest: Turn | None = None
    for conversation in store.conversations(owner=owner, limit=1):
        while page := store.turns(
            owner=owner, conversation=conversation.id, after=latest.id if latest else None, limit=PAGE
        ):
            latest = page[-1]
    return latest


def whose(request: Request, owner: str | None) -> str | None:
    """Whose rows a listing shows: one's own, and for an administrator those of anyone named, or everyone's."""
    who = principal_of(request)
    if owner is not None and who.scope is not Scope.ADMIN and owner != who.owner:
        raise Forbidden("Only a key with the scope admin lists what is somebody else's; leave owner out.")
    return owner if owner is not None else who.sees


def key_routes(system: System) -> APIRouter:
    """Keys and the audit log: administrators only."""
    router = APIRouter(route_class=StrictRoute, tags=["Administration"])

    @router.get("/api/people", summary="Who has keys and sessions, and how many work")
    async def people() -> Json:
        return {"data": system.keys.people()}

    @router.get("/api/keys", summary="All keys, without their secrets")
    async def keys() -> Json:
        return {"data": [key.public() for key in system.keys.list_all()]}

    @router.post("/api/keys", summary="Make a key; its text is shown this once", status_code=201)
    async def add_key(request: Request, body: NewKey) -> Json:
        expires = None if body.expires_days is None else time.time() + body.expires_days * 86_400
        key, text = await system.keys.create(body.owner, body.scope, expires, actor=principal_of(request).owner)
        return key.public() | {"key": text}

    @router.delete("/api/keys/{key_id}", summary="Revoke a key")
    async def revoke_key(request: Request, key_id: str) -> Json:
        await system.keys.revoke(key_id, actor=principal_of(request).owner)
        system.live.revoke(key_id)
        return {"id": key_id, "revoked": True}

    @router.get("/api/audit", summary="Administrative acts, the newest first")
    def audit(
        actor: Annotated[str | None, Query(max_length=64, description="What this person did alone.")] = None,
        act: Annotated[str | None, Query(max_length=64, description="Acts of this kind alone.")] = None,
        before: Annotated[
            str | None, Query(max_length=80, description="`before` of the page that came before this one.")
        ] = None,
        limit: Limit = 100,
    ) -> Json:
        found = system.store.audit(actor=actor, act=act, before=before, limit=limit)
        following = found[-1].id if len(found) == limit else None
        return {"data": [asdict(entry) for entry in found], "before": following}

    return router

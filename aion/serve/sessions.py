"""Signing in with a browser: a link that works once, or a key, becomes a session, which is a key with an end.

What a session may do is what the key or the link that began it might; ending it ends its running answers. The cookie
that holds it is the panel's business.
"""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from aion.errors import BadInput, Conflict, NotFound, Unauthorized
from aion.records import Json, Key
from aion.serve.guard import principal_of
from aion.serve.json_body import StrictRoute
from aion.serve.keys import Principal
from aion.serve.links import LINK_S
from aion.serve.own import whose
from aion.serve.system import System

SESSION_DAYS = 30
RENEW_S = 86_400.0  # a session older than this is given another secret
Owner = Annotated[str | None, Query(max_length=64, description="Of this person, for an administrator; else one's own.")]


class SignIn(BaseModel):
    """The body of POST /api/sessions: one of the two."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field("", max_length=200, description="Of a link that POST /api/sessions/link made.")
    key: str = Field("", max_length=200, description="An API key.")
    label: str = Field("", max_length=200, description="What the browser is called in lists.")


def session_routes(system: System) -> APIRouter:
    """Who is asking, and where they are signed in."""
    router = APIRouter(route_class=StrictRoute, tags=["Sessions"])

    @router.get("/api/me", summary="Whose key or session this is")
    async def me(request: Request) -> Json:
        who = principal_of(request)
        return {"owner": who.owner, "scope": who.scope.value, "id": who.key_id, "renew": _is_old(system, who)}

    @router.post("/api/sessions/link", summary="A code that signs in once, as whoever asks", status_code=201)
    async def link(request: Request) -> Json:
        return {"code": system.links.make(principal_of(request)), "expires_s": int(LINK_S)}

    @router.post("/api/sessions", summary="Sign in", status_code=201)
    async def sign_in(body: SignIn) -> Json:
        who = _identify(system, body)
        return await _begin(system, who, body.label or "browser")

    @router.post("/api/sessions/renew", summary="Another secret for the session that asks", status_code=201)
    async def renew(request: Request) -> Json:
        who = principal_of(request)
        old = _session(system, who)
        if old is None:
            raise BadInput("this is no session of a browser; a key keeps its secret until it is revoked")
        if system.live.has(who.key_id):
            raise Conflict("an answer is being written in this session; renew it when that is done")
        made = await _begin(system, who, old.label)
        await system.keys.revoke(old.id, actor=who.owner)
        return made

    @router.get("/api/sessions", summary="Where one is signed in")
    async def sessions(request: Request, owner: Owner = None) -> Json:
        who = principal_of(request)
        person = _one_of(request, owner)
        return {"data": [_shown(key, who) for key in system.keys.sessions_of(person)]}

    @router.delete("/api/sessions", summary="Sign out everywhere")
    async def sign_out_everywhere(request: Request, owner: Owner = None) -> Json:
        who = principal_of(request)
        person = _one_of(request, owner)
        system.links.drop(person)
        ended = [await _end(system, key.id, who) for key in system.keys.sessions_of(person)]
        return {"ended": len(ended)}

    @router.delete("/api/sessions/{session_id}", summary="Sign out of one")
    async def sign_out(request: Request, session_id: str) -> Json:
        who = principal_of(request)
        wanted = who.key_id if session_id == "this" else session_id
        if all(key.id != wanted for key in system.keys.sessions_of(who.owner)):
            raise NotFound(f"no session {session_id[:64]!r} of yours; GET /api/sessions lists them", param="session_id")
        return await _end(system, wanted, who)

    return router


def _one_of(request: Request, owner: str | None) -> str:
    """Whose sessions are meant: one's own, and for an administrator those of anyone named."""
    return principal_of(request).owner if owner is None else str(whose(request, owner))


def _identify(system: System, body: SignIn) -> Principal:
    if bool(body.code) is bool(body.key):
        raise BadInput("give either the code of a link or a key", param="code")
    who = system.links.redeem(body.code) if body.code else system.keys.authenticate(body.key)
    if who is None or not system.keys.is_active(who.key_id):
        what = "this link was used, or is older than ten minutes" if body.code else "this is no valid key"
        raise Unauthorized(f"{what}; `aion panel` makes a new link")
    return who


async def _begin(system: System, who: Principal, label: str) -> Json:
    expires = time.time() + SESSION_DAYS * 86_400
    key, text = await system.keys.create(who.owner, who.scope, expires, actor=who.owner, session=True, label=label)
    return key.public() | {"key": text}


def _session(system: System, who: Principal) -> Key | None:
    return next((key for key in system.keys.sessions_of(who.owner) if key.id == who.key_id), None)


def _is_old(system: System, who: Principal) -> bool:
    """Whether it is a session that is due for another secret, and free to get one."""
    session = _session(system, who)
    return session is not None and time.time() - session.created > RENEW_S and not system.live.has(who.key_id)


async def _end(system: System, session_id: str, who: Principal) -> Json:
    await system.keys.revoke(session_id, actor=who.owner)
    system.live.revoke(session_id)
    return {"id": session_id, "ended": True}


def _shown(key: Key, who: Principal) -> Json:
    return {
        "id": key.id,
        "label": key.label,
        "scope": key.scope.value,
        "created": key.created,
        "expires": key.expires,
        "this": key.id == who.key_id,
    }

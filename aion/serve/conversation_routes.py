"""Conversations: to list, find, read, call by a name, and forget whole."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from aion.errors import NotFound, Unavailable
from aion.records import Json
from aion.serve.guard import principal_of
from aion.serve.json_body import StrictRoute
from aion.serve.memory_routes import let_go
from aion.serve.own import After, Before, Limit, Owner, whose
from aion.serve.system import System
from aion.serve.turn_json import conversation_json, turn_json

SETTLE_S = 20.0
LONGEST_SEARCH = 200
LONGEST_TITLE = 120

Search = Annotated[
    str | None,
    Query(max_length=LONGEST_SEARCH, description="Only where one message has all of these words; `found` says where."),
]
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=LONGEST_TITLE, pattern=r"^[^\x00-\x1f\x7f]*$")
]


class Named(BaseModel):
    """The body of PUT /api/conversations/{conversation_id}."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: Title = Field(description="What you call it, in one line; empty: its first words again.")


def conversation_routes(system: System) -> APIRouter:
    router = APIRouter(route_class=StrictRoute, tags=["Experience"])

    @router.get("/api/conversations", summary="Conversations, the latest first")
    def conversations(
        request: Request, owner: Owner = None, limit: Limit = 100, before: Before = None, search: Search = None
    ) -> Json:
        seen = whose(request, owner)
        if search is not None:
            return _found(system, search, seen or principal_of(request).owner, limit)
        found = system.store.conversations(owner=seen, before=before, limit=limit)
        following = found[-1].updated if len(found) == limit else None
        return {"data": [conversation_json(conversation) for conversation in found], "before": following}

    @router.get("/api/conversations/{conversation_id}", summary="The turns of a conversation, the oldest first")
    def conversation(request: Request, conversation_id: str, limit: Limit = 100, after: After = None) -> Json:
        owner = principal_of(request).sees
        found = system.store.turns(owner=owner, conversation=conversation_id, after=after, limit=limit)
        if not found and after is None:
            raise _unknown(conversation_id)
        following = found[-1].id if len(found) == limit else None
        whole = system.store.conversation(conversation_id, owner=found[0].owner) if found else None
        title = whole.title if whole else ""
        return {"id": conversation_id, "title": title, "turns": [turn_json(turn) for turn in found], "after": following}

    @router.put("/api/conversations/{conversation_id}", summary="Call a conversation by a name of your own")
    async def call(request: Request, conversation_id: str, body: Named) -> Json:
        owner = principal_of(request).owner
        known = system.store.name_conversation(conversation_id, body.title, owner=owner)
        if not await asyncio.wrap_future(known):
            raise _unknown(conversation_id)
        return {"id": conversation_id, "title": body.title}

    @router.delete("/api/conversations/{conversation_id}", summary="Forget a conversation, and what came from it alone")
    async def forget(request: Request, conversation_id: str) -> Json:
        owner = principal_of(request).owner
        if not await system.observer.settle(owner, SETTLE_S):  # nothing of it may be written after it has gone
            raise Unavailable("what was said is still being taken in; forget it in a moment", retry_after=5)
        gone = await system.keeper.forget_conversation(owner, conversation_id)
        if not gone.turns and not gone.memories:
            raise _unknown(conversation_id)
        # Its name may be the person's own words: what is forgotten is named in the audit by its hash.
        name = "sha256:" + hashlib.sha256(conversation_id.encode()).hexdigest()[:16]
        return await let_go(system, owner, gone, "conversation.forget", name)

    return router


def _found(system: System, words: str, owner: str, limit: int) -> Json:
    data = [
        conversation_json(one.conversation) | {"found": {"turn": one.turn, "text": one.text}}
        for one in system.store.search(words, owner=owner, limit=limit)
    ]
    return {"data": data, "before": None}


def _unknown(conversation_id: str) -> NotFound:
    return NotFound(f"no conversation {conversation_id[:64]!r} of yours; GET /api/conversations lists them")

"""What AION remembers of a person: to add, find, change, carry elsewhere and forget. Writing is to one's own alone.

A text that is brought in with a title, or is too long for one memory, becomes a document: its passages are memories
that nobody has approved yet. What is forgotten leaves the cache, too, and an entry without a word of it in the audit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response, StreamingResponse

from aion.errors import Conflict, NotFound
from aion.memory.base import Window
from aion.memory.keeper import TEXT_LIMIT, Keeper
from aion.records import AuditEntry, Document, Forgotten, Json, Memory, MemoryKind, Origin, Trust, new_id
from aion.serve.guard import principal_of
from aion.serve.json_body import StrictRoute
from aion.serve.memory_json import document_json, forgotten_json, memory_json, recall_json
from aion.serve.night_waste import clear_forgotten
from aion.serve.own import Before, Limit, Owner, Responses, whose
from aion.serve.system import System

MOST_ITEMS = 1000  # of one import
LONGEST_QUESTION = 8000
TITLE = 80
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Moment = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False, description="Seconds since 1970, UTC.")]
MERGED: Responses = {200: {"description": "It was remembered already: `merged` is true."}}
LINES: Responses = {
    200: {"description": "One memory a line.", "content": {"application/x-ndjson": {"schema": {"type": "string"}}}}
}


class Strict(BaseModel):
    """Values of the right JSON type only, and no unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True)


class AboutDocument(Strict):
    """What a text is that somebody brought in whole."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    origin: Literal["document", "web"] = "document"


class NewMemory(Strict):
    """The body of POST /api/memory."""

    text: str = Field(min_length=1, description="Kept as it is when it is a document: its hash is that of these bytes.")
    document: AboutDocument | None = Field(None, description="Given for a text that was brought in, such as a file.")


class EditedMemory(Strict):
    """The body of PUT /api/memory/{memory_id}."""

    text: Annotated[Text, Field(max_length=TEXT_LIMIT)]


class Question(Strict):
    """The body of POST /api/memory/recall."""

    question: Annotated[Text, Field(max_length=LONGEST_QUESTION)]
    limit: int = Field(10, ge=1, le=100)
    since: Moment | None = None
    until: Moment | None = None


class Import(Strict):
    """The body of POST /api/memory/import."""

    items: list[dict[str, Any]] = Field(max_length=MOST_ITEMS, description="Lines of GET /api/memory/export.")
    trusted: bool = Field(
        default=False, description="Whether the lines are your own export: otherwise nobody has approved any of it."
    )


class Approval(Strict):
    """The body of POST /api/documents/{document_id}/approve."""

    hash: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the document that was read: it holds for that alone.")


def memory_routes(system: System) -> APIRouter:
    """Memories as a whole: to add, list, search, and carry elsewhere."""
    router = APIRouter(route_class=StrictRoute, tags=["Memory"])
    memories = system.store.memories

    @router.post("/api/memory", summary="Remember a text", status_code=201, responses=MERGED)
    async def remember(request: Request, body: NewMemory, answer: Response) -> Json:
        owner = principal_of(request).owner
        said = body.text.strip()
        if body.document is not None or len(said) > TEXT_LIMIT:
            about = body.document or AboutDocument(title=said.splitlines()[0][:TITLE])
            added = await system.keeper.add_document(owner, about.title, body.text, origin=Origin(about.origin))
            return {"document": await asyncio.to_thread(show_document, system, added)}
        kept = await system.keeper.remember(owner, said)
        answer.status_code = 200 if kept.merged else 201
        return show_memory(system, kept.memory) | {"merged": kept.merged}

    @router.get("/api/memory", summary="Memories, the latest change first")
    def listed(
        *,
        request: Request,
        kind: MemoryKind | None = None,
        document: str | None = None,
        source: Annotated[str | None, Query(description="Of this turn, document or conversation alone.")] = None,
        pinned: Annotated[bool, Query(description="Those that are pinned alone, the oldest pin first.")] = False,
        owner: Owner = None,
        before: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
        limit: Limit = 100,
    ) -> Json:
        seen, following = whose(request, owner), None
        pins = memories.pins(owner=seen)
        if pinned:
            found = [memory for one in pins if (memory := memories.get(one, owner=seen)) is not None]
        elif source is not None:
            found = memories.from_source(source, owner=seen or principal_of(request).owner)
        else:
            found = memories.listed(owner=seen, kind=kind, document=document, before=before, limit=limit)
            following = found[-1].seq if len(found) == limit else None
        return {"data": [memory_json(memory, set(pins)) for memory in found], "before": following}

    @router.post("/api/memory/recall", summary="Find what answers a question, as an answer would")
    async def recall(request: Request, body: Question) -> Json:
        owner = principal_of(request).owner
        await system.observer.wait_for_told(owner)  # what was said a moment ago is found, too
        window = Window(since=body.since, until=body.until)
        return recall_json(await system.recaller.recall(owner, body.question, limit=body.limit, window=window))

    @router.get("/api/memory/export", summary="Memories as JSON lines", response_class=Response, responses=LINES)
    def export(request: Request) -> Response:
        lines = export_lines(system.keeper, principal_of(request).owner)
        return StreamingResponse(lines, media_type="application/x-ndjson")

    @router.post("/api/memory/import", summary="Take in memories that were exported")
    async def take_in(request: Request, body: Import) -> Json:
        taken = await system.keeper.take_in(principal_of(request).owner, body.items, trusted=body.trusted)
        refused = [{"line": line, "reason": reason} for line, reason in taken.refused]
        return {"added": taken.added, "merged": taken.merged, "refused": refused}

    return router


def one_memory_routes(system: System) -> APIRouter:
    """One memory by its id; included after the routes whose names could pass for one."""
    router = APIRouter(route_class=StrictRoute, tags=["Memory"])
    memories = system.store.memories

    @router.get("/api/memory/{memory_id}", summary="One memory and where it came from")
    def shown(request: Request, memory_id: str) -> Json:
        found = memories.get(memory_id, owner=principal_of(request).sees)
        if found is None:
            raise NotFound(f"no memory {memory_id[:64]!r} of yours; GET /api/memory lists them")
        return show_memory(system, found)

    @router.put("/api/memory/{memory_id}", summary="Say it otherwise")
    async def edit(request: Request, memory_id: str, body: EditedMemory) -> Json:
        return show_memory(system, await system.keeper.edit(principal_of(request).owner, memory_id, body.text))

    @router.put("/api/memory/{memory_id}/pin", summary="Have it recalled whatever is asked")
    async def pin(request: Request, memory_id: str) -> Json:
        return show_memory(system, await system.keeper.pin(principal_of(request).owner, memory_id))

    @router.delete("/api/memory/{memory_id}/pin", summary="Have it recalled only where it fits")
    async def unpin(request: Request, memory_id: str) -> Json:
        return show_memory(system, await system.keeper.unpin(principal_of(request).owner, memory_id))

    @router.delete("/api/memory/{memory_id}", summary="Forget one memory, and say what had been shown it")
    async def forget(request: Request, memory_id: str) -> Json:
        owner = principal_of(request).owner
        gone = await system.keeper.forget(owner, [memory_id])
        return await let_go(system, owner, gone, "memory.forget", memory_id)

    return router


def document_routes(system: System) -> APIRouter:
    """Documents, whose passages are memories."""
    router = APIRouter(route_class=StrictRoute, tags=["Memory"])
    memories = system.store.memories

    @router.get("/api/documents", summary="Documents, the latest change first")
    def listed(request: Request, owner: Owner = None, before: Before = None, limit: Limit = 100) -> Json:
        found = memories.documents(owner=whose(request, owner), before=before, limit=limit)
        following = found[-1].updated if len(found) == limit else None
        return {"data": [show_document(system, document) for document in found], "before": following}

    @router.get("/api/documents/{document_id}", summary="One document")
    def shown(request: Request, document_id: str) -> Json:
        found = memories.document(document_id, owner=principal_of(request).sees)
        if found is None:
            raise NotFound(f"no document {document_id[:64]!r} of yours; GET /api/documents lists them")
        return show_document(system, found)

    @router.delete("/api/documents/{document_id}", summary="Forget a document with its passages")
    async def forget(request: Request, document_id: str) -> Json:
        owner = principal_of(request).owner
        gone = await system.keeper.forget_document(owner, document_id)
        return await let_go(system, owner, gone, "document.forget", document_id)

    @router.post("/api/documents/{document_id}/approve", summary="Rely on exactly this text from now on")
    async def approve(request: Request, document_id: str, body: Approval) -> Json:
        owner = principal_of(request).owner
        try:
            approved = await system.keeper.approve(owner, document_id, body.hash)
        except Conflict as error:
            raise Conflict(error.message, code="content_changed", param="hash") from None
        await note_act(system, owner, "document.approve", document_id)
        return await asyncio.to_thread(show_document, system, approved)

    @router.post("/api/documents/{document_id}/revoke", summary="No longer rely on it")
    async def revoke(request: Request, document_id: str) -> Json:
        owner = principal_of(request).owner
        revoked = await system.keeper.revoke(owner, document_id)
        retired = [] if revoked.trust is Trust.OWN else await unlearn(system, owner, document_id)
        await note_act(system, owner, "document.revoke", document_id)
        return await asyncio.to_thread(show_document, system, revoked) | {"adapters": retired}

    return router


def export_lines(keeper: Keeper, owner: str) -> Iterator[bytes]:
    for line in keeper.export(owner):
        yield orjson.dumps(line) + b"\n"


def show_memory(system: System, memory: Memory) -> Json:
    return memory_json(memory, set(system.store.memories.pins(owner=memory.owner)))


def show_document(system: System, document: Document) -> Json:
    passages = system.store.memories.count(owner=document.owner, document=document.id)
    coming = system.memory.keeper.coming(document.id) if system.memory is not None else None
    return document_json(document, passages, coming)


async def let_go(system: System, owner: str, gone: Forgotten, act: str, subject: str) -> Json:
    """What the store forgot, forgotten by everything that holds things in memory or made files of it, too."""
    system.observer.drop(gone.turns)
    system.cache.drop_turns(owner, (*gone.turns, *gone.answers))
    system.cache.drop_sources(owner, gone.memories)
    await asyncio.to_thread(clear_forgotten, system.store, system.blobs, system.settings.data)
    await system.refresh_served()
    await note_act(system, owner, act, subject)
    return forgotten_json(gone)


async def unlearn(system: System, owner: str, document_id: str) -> list[str]:
    """This person's adapters that were retired because they learned from a document that nobody approves any more."""
    nights = system.store.nights
    await asyncio.wrap_future(nights.withdraw(document_id, owner=owner))
    retired = await asyncio.to_thread(clear_forgotten, system.store, system.blobs, system.settings.data)
    await system.refresh_served()
    mine = await asyncio.to_thread(lambda: [nights.candidate(one, owner=owner) for one in retired])
    return [one.id for one in mine if one is not None]


async def note_act(system: System, owner: str, act: str, subject: str) -> None:
    """An entry in the audit, by id alone."""
    entry = AuditEntry(id=new_id("audit"), at=time.time(), actor=owner, act=act, subject=subject)
    await asyncio.wrap_future(system.store.append_audit(entry))

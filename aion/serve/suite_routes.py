"""A person's own questions, which every new adapter has to answer before it is served."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field, StringConstraints

from aion.errors import Conflict, NotFound
from aion.records import Check, Json, SuiteItem, new_id
from aion.serve.guard import principal_of
from aion.serve.json_body import StrictRoute
from aion.serve.memory_routes import note_act
from aion.serve.own import Owner, whose
from aion.serve.sleep_routes import Strict
from aion.serve.system import System

MOST = 200  # a night asks each of them twice
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class NewItem(Strict):
    """The body of POST /api/suite."""

    question: Text
    expected: Text
    check: Annotated[Check, Field(strict=False)] = Check.HOLDS


def suite_routes(system: System) -> APIRouter:
    """For people."""
    router = APIRouter(route_class=StrictRoute, tags=["Adapters"])

    @router.get("/api/suite", summary="Your own questions for the examination")
    def suite(request: Request, owner: Owner = None) -> Json:
        found = system.store.served.suite(owner=whose(request, owner) or principal_of(request).owner)
        return {"data": [item_json(one) for one in found]}

    @router.post("/api/suite", summary="Add a question for the examination", status_code=201)
    async def add(request: Request, body: NewItem) -> Json:
        owner = principal_of(request).owner
        if len(await asyncio.to_thread(system.store.served.suite, owner=owner)) >= MOST:
            raise Conflict(f"your suite has {MOST} questions, the most a night asks; remove one first")
        item = SuiteItem(id=new_id("suite"), owner=owner, at=time.time(), **body.model_dump())
        return item_json(await asyncio.wrap_future(system.store.served.put_suite_item(item)))

    @router.delete("/api/suite/{item}", summary="Remove a question from the examination")
    async def remove(request: Request, item: str) -> Json:
        removed = await asyncio.wrap_future(
            system.store.served.remove_suite_item(item, owner=principal_of(request).owner)
        )
        if not removed:
            raise NotFound(f"no question {item[:80]!r} in your suite; GET /api/suite lists them")
        await note_act(system, principal_of(request).owner, "suite.remove", item)
        return {"id": item, "removed": True}

    return router


def item_json(item: SuiteItem) -> Json:
    return dataclasses.asdict(item) | {"check": item.check.value}

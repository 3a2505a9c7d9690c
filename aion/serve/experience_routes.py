"""What AION made of its turns: what each was worth, which to look at first, and why an answer was what it was."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from aion.answer.context import text_of
from aion.errors import NotFound
from aion.memory.block import last_question
from aion.records import Experience, Json, Label, Turn
from aion.serve.explain import explain_turn
from aion.serve.guard import principal_of
from aion.serve.json_body import StrictRoute
from aion.serve.keys import Principal
from aion.serve.own import After, Limit, Owner, find_turn, whose
from aion.serve.system import System
from aion.serve.turn_json import experience_json, turn_id_of
from aion.store.base import Order

SHOWN_QUESTION = 120
MOST_COUNTED = 1000
Moment = Annotated[float | None, Query(ge=0, allow_inf_nan=False, description="Seconds since 1970, UTC.")]


def experience_routes(system: System) -> APIRouter:
    router = APIRouter(route_class=StrictRoute, tags=["Experience"])

    @router.get("/api/experiences", summary="What turns were worth, in the order asked for")
    def listed(
        *,
        request: Request,
        order: Annotated[
            Order, Query(description="latest; top: by priority; ask: most worth asking about; uncertain: least sure")
        ] = "latest",
        label: Label | None = None,
        theme: str | None = None,
        owner: Owner = None,
        since: Moment = None,
        until: Moment = None,
        unjudged: Annotated[
            bool, Query(description="Those alone that nobody has judged; `ask` gives no others.")
        ] = False,
        after: After = None,
        limit: Limit = 100,
    ) -> Json:
        tau = system.settings.learning.tau
        found = system.store.experience.experiences(
            owner=whose(request, owner),
            order=order,
            tau=tau,
            label=label,
            theme=theme,
            since=since,
            until=until,
            unjudged=unjudged,
            after=after,
            limit=limit,
        )
        following = found[-1].turn if len(found) == limit else None
        return {"data": [_with_question(system, one) for one in found], "order": order, "tau": tau, "after": following}

    @router.get("/api/experiences/waiting", summary="How many answers there are to ask about")
    def waiting(request: Request, owner: Owner = None) -> Json:
        who, count = whose(request, owner), system.store.experience.count_experiences
        return {
            "ask": count(owner=who, order="ask", most=MOST_COUNTED),
            "erroneous": count(owner=who, label=Label.ERRONEOUS, unjudged=True, most=MOST_COUNTED),
            "most": MOST_COUNTED,
        }

    @router.get("/api/experiences/{turn_id}", summary="What one turn was worth, and every part of it")
    def shown(request: Request, turn_id: str) -> Json:
        found = system.store.experience.experience(turn_id_of(turn_id), owner=principal_of(request).sees)
        if found is None:
            raise NotFound(f"no experience of turn {turn_id[:64]!r} of yours; a turn has one soon after its answer")
        return _with_question(system, found)

    @router.get("/api/turns/{turn_id}/why", summary="Why the answer was what it was")
    def why(request: Request, turn_id: str) -> Json:
        return explain_turn(_turn(system, principal_of(request), turn_id), system.store.memories)

    return router


def _turn(system: System, who: Principal, turn_id: str) -> Turn:
    found = find_turn(system.store, who, turn_id)
    if found is None:
        raise NotFound(f"no turn {turn_id[:64]!r} of yours")
    return found


def _with_question(system: System, one: Experience) -> Json:
    """With its question's first words, so that a list can be read."""
    turn = system.store.turn(one.turn, owner=one.owner)
    place = last_question(turn.messages) if turn else None
    asked = text_of(turn.messages[place]) if turn and place is not None else ""
    return experience_json(one) | {"question": asked[:SHOWN_QUESTION]}

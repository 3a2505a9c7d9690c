"""What a person thought of an answer: taken once, however often it is sent, and durable when it is acknowledged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from aion.errors import BadInput, Conflict, NotFound
from aion.records import Feedback, FeedbackKind, Json, Turn, new_id
from aion.serve.guard import principal_of
from aion.serve.json_body import StrictRoute
from aion.serve.own import After, Limit, Owner, Responses, whose
from aion.serve.system import System
from aion.serve.turn_json import feedback_json, turn_id_of

TAKES: Mapping[FeedbackKind, tuple[str, ...]] = {  # kind -> the fields that it needs, and no others
    FeedbackKind.THUMB: ("value",),
    FeedbackKind.SCORE: ("value",),
    FeedbackKind.COMMENT: ("text",),
    FeedbackKind.EDIT: ("text",),
    FeedbackKind.CHOICE: ("text", "other"),
    FeedbackKind.EVENT: ("event",),
}
THUMBS = {"up": 1.0, "down": -1.0}
KEY = r"^[!-~]{1,128}$"  # visible ASCII
KNOWN: Responses = {
    200: {"description": "It had been recorded before, under this id; or this vote takes the place of an earlier one."}
}


class NewFeedback(BaseModel):
    """The body of POST /api/feedback."""

    model_config = ConfigDict(extra="forbid", strict=True)

    turn_id: str = Field(min_length=1, max_length=128, description="`aion.turn_id` of the answer, or the reply's `id`.")
    kind: FeedbackKind = Field(strict=False)
    value: Literal["up", "down"] | Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None = Field(
        None, description="thumb: `up` or `down` (1 or -1); score: -1 to 1."
    )
    text: str | None = Field(
        None, min_length=1, description="comment; edit: the answer as it should be; choice: chosen"
    )
    other: str | None = Field(None, min_length=1, description="choice: the answer that was rejected.")
    event: str | None = Field(None, pattern=r"^[a-z][a-z0-9_.]{0,31}$", description="event: such as `copied`.")
    choice: int = Field(0, ge=0, le=63, description="Which of several answers it is about.")
    key: str | None = Field(None, pattern=KEY, description="Sending it again with the same key changes nothing.")

    def check(self) -> None:
        """The fields of its kind must be there, and no others."""
        takes = TAKES[self.kind]
        for name in ("value", "text", "other", "event"):
            given = getattr(self, name)
            needed = name in takes
            if needed != (given is not None) or (isinstance(given, str) and name != "event" and not given.strip()):
                problem = "is missing or blank" if needed else "is none of its fields"
                raise BadInput(f"{name} {problem}: {self.kind.value} takes {' and '.join(takes)}", param=name)
        if self.kind is FeedbackKind.THUMB and self.number not in (1, -1):
            raise BadInput(f"value of a thumb is 'up' (1) or 'down' (-1); found {self.value!r}", param="value")
        if self.kind is FeedbackKind.SCORE and isinstance(self.value, str):
            raise BadInput(f"value of a score is a number between -1 and 1; found {self.value!r}", param="value")

    @property
    def number(self) -> float | None:
        return THUMBS[self.value] if isinstance(self.value, str) else self.value


def feedback_routes(system: System) -> APIRouter:
    router = APIRouter(route_class=StrictRoute, tags=["Experience"])

    @router.post("/api/feedback", summary="Judge an answer", status_code=201, responses=KNOWN)
    async def judge(
        request: Request,
        body: NewFeedback,
        answer: Response,
        idempotency_key: Annotated[
            str | None, Header(pattern=KEY, description="The same as `key`, as other APIs take it.")
        ] = None,
    ) -> Json:
        body.check()
        owner = principal_of(request).owner
        key = _one_key(body.key, idempotency_key)
        turn = await asyncio.to_thread(system.store.turn, turn_id_of(body.turn_id), owner=owner)
        if turn is None:
            raise NotFound(f"no turn {body.turn_id[:64]!r} of yours", param="turn_id")
        given = _feedback(body, turn, key)
        kept = await _take(system, given)
        is_new = kept.id == given.id and not kept.supersedes
        answer.status_code = 201 if is_new else 200
        if is_new:
            system.metrics.note_feedback(kept.kind)
        return feedback_json(kept)

    @router.get("/api/feedback", summary="Judgements, the oldest first")
    def listed(
        request: Request,
        turn: Annotated[str | None, Query(description="On this turn alone.")] = None,
        owner: Owner = None,
        after: After = None,
        limit: Limit = 100,
    ) -> Json:
        named = None if turn is None else turn_id_of(turn)
        found = system.store.experience.feedback(owner=whose(request, owner), turn=named, after=after, limit=limit)
        following = found[-1].id if len(found) == limit else None
        return {"data": [feedback_json(one) for one in found], "after": following}

    return router


async def _take(system: System, given: Feedback) -> Feedback:
    try:
        return await system.observer.take_feedback(given)
    except Conflict:
        raise Conflict(
            "this key came with other feedback before; a new judgement needs a new key",
            code="idempotency_key_reused",
            param="key",
        ) from None


def _one_key(in_body: str | None, in_header: str | None) -> str | None:
    if in_body is not None and in_header is not None and in_body != in_header:
        raise BadInput("key and the header Idempotency-Key differ; send one of them", param="key")
    return in_body or in_header


def _feedback(body: NewFeedback, turn: Turn, key: str | None) -> Feedback:
    if body.choice and body.choice >= len(turn.answers):
        raise BadInput(f"choice is {body.choice}; that turn has {len(turn.answers)} answers, from 0", param="choice")
    feedback_id = new_id("fb")
    return Feedback(
        id=feedback_id,
        owner=turn.owner,
        turn=turn.id,
        kind=body.kind,
        at=time.time(),
        key=key or feedback_id,
        value=body.number,
        text=body.text or "",
        other=body.other or "",
        event=body.event or "",
        choice=body.choice,
    )

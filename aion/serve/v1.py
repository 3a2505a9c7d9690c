"""The OpenAI routes: each reads its request, makes the ask, and hands the turn to its format."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aion.answer.context import guess_tokens
from aion.answer.events import Ask, Event, Finished
from aion.config import Settings
from aion.errors import BadInput, NotFound
from aion.models.base import Job
from aion.records import Json, Turn
from aion.serve.guard import principal_of
from aion.serve.json_body import StrictRoute
from aion.serve.live import run_while_connected
from aion.serve.openai.base import SamplingRequest, with_system
from aion.serve.openai.chat_request import ChatRequest
from aion.serve.openai.embeddings_format import embeddings_json, shorten
from aion.serve.openai.format import ChatFormat, CompletionFormat, Format
from aion.serve.openai.other_requests import CompletionRequest, EmbeddingRequest
from aion.serve.openai.responses_format import ResponsesFormat, response_json
from aion.serve.openai.responses_request import ResponsesRequest
from aion.serve.system import System
from aion.serve.turn_reply import TurnReply, send_json

REQUEST_SHOWN = {
    "instructions",
    "previous_response_id",
    "temperature",
    "top_p",
    "max_output_tokens",
    "tool_choice",
    "tools",
    "text",
}
STREAMS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; with `stream: true` the same as server-sent events.",
        "content": {"text/event-stream": {}},
    }
}


def openai_routes(system: System) -> APIRouter:
    router = APIRouter(route_class=StrictRoute, tags=["OpenAI"])

    @router.post("/v1/chat/completions", summary="Answer a conversation", responses=STREAMS)
    async def chat(request: Request, body: ChatRequest) -> Response:
        check_names(system.settings, body.model, chat=True)
        job = body.job(system.settings)
        top = (body.top_logprobs or 0) if body.logprobs else None
        shape = ChatFormat(model=system.settings.model.name, include_usage=body.include_usage, top_logprobs=top)
        return reply(system, request, body, add_system(system, job), shape)

    @router.post("/v1/completions", summary="Continue a text", responses=STREAMS)
    async def complete(request: Request, body: CompletionRequest) -> Response:
        check_names(system.settings, body.model, chat=True)
        shape = CompletionFormat(
            model=system.settings.model.name,
            include_usage=body.include_usage,
            top_logprobs=body.logprobs,
            echo=body.text if body.echo else "",
        )
        return reply(system, request, body, body.job(system.settings), shape)

    @router.post("/v1/responses", summary="Answer, in OpenAI's newer form", responses=STREAMS)
    async def respond(request: Request, body: ResponsesRequest) -> Response:
        check_names(system.settings, body.model, chat=True)
        previous = None
        if (
            body.previous_response_id is not None
        ):  # one's own alone: an administrator may read others, not speak for them
            owner = principal_of(request).owner
            previous = await asyncio.to_thread(read_turn, system, owner, body.previous_response_id)
        job = add_system(system, body.job(system.settings, previous))
        if previous is not None and body.aion.conversation is None:
            body.aion.conversation = previous.conversation
        shape = ResponsesFormat(model=system.settings.model.name, request=shown_request(body))
        return reply(system, request, body, job, shape)

    @router.get("/v1/responses/{response_id}", summary="A recorded response")
    def read_response(request: Request, response_id: str) -> Json:
        turn = read_turn(system, principal_of(request).sees, response_id)
        return response_json(turn, turn.params)

    @router.post("/v1/embeddings", summary="Turn texts into vectors")
    async def embed(request: Request, body: EmbeddingRequest) -> Response:
        check_names(system.settings, body.model, chat=False)
        return EmbeddingReply(system, body, principal_of(request).key_id)

    @router.get("/v1/models", summary="The models served")
    def models() -> Json:
        return {"object": "list", "data": model_list(system)}

    @router.get("/v1/models/{model:path}", summary="One model")
    def model(model: str) -> Json:
        for entry in model_list(system):
            if entry["id"] == model:
                return entry
        raise model_not_found(system.settings, model)

    return router


def reply(system: System, request: Request, body: SamplingRequest, job: Job, shape: Format) -> Response:
    who = principal_of(request)
    ask = Ask(
        kind=shape.kind,
        owner=who.owner,
        job=job,
        params=body.recorded(),
        choices=body.choices(system.settings.answer.max_choices),
        conversation=body.aion.conversation,
        recall=body.aion.recall,
        cache=body.aion.cache,
    )
    events = counted(system, system.need_answerer().take_turn(ask))
    return TurnReply(events, shape, stream=bool(body.stream), live=system.live, key_id=who.key_id)


async def counted(system: System, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """The same events; a finished turn is noted in metrics and traces."""
    async with contextlib.aclosing(events):
        async for event in events:
            if isinstance(event, Finished):
                system.note_turn(event.turn)
            yield event


class EmbeddingReply(Response):
    """Embeds while the client is there."""

    def __init__(self, system: System, body: EmbeddingRequest, key_id: str) -> None:
        self.status_code = 200
        self.background = None
        self._system = system
        self._body = body
        self._key_id = key_id
        self._texts = body.texts()
        self._embedder = system.need_embedder()

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        with self._system.live.track(self._key_id) as live:
            await run_while_connected(live, receive, self._write(send))

    async def _write(self, send: Send) -> None:
        card = self._embedder.card
        if (wanted := self._body.dimensions) and wanted > card.dimensions:
            raise BadInput(f"dimensions is {wanted}; this model gives {card.dimensions}", param="dimensions")
        async with self._system.embedding_queue.admit(sum(map(guess_tokens, self._texts))):
            vectors, tokens = await self._embedder.embed(self._texts)
        vectors = [shorten(vector, wanted) for vector in vectors] if wanted else vectors
        as_base64 = self._body.encoding_format == "base64"
        await send_json(send, embeddings_json(card.name, vectors, tokens, as_base64=as_base64))


def add_system(system: System, job: Job) -> Job:
    return replace(job, messages=with_system(job.messages, system.settings.model.instruction))


def read_turn(system: System, owner: str | None, response_id: str) -> Turn:
    """The turn a response id stands for; somebody else's is not found."""
    turn = system.store.turn(response_id.replace("resp_", "turn_", 1), owner=owner)
    if turn is None:
        raise NotFound(f"no response {response_id[:80]!r} of yours")
    return turn


def shown_request(body: ResponsesRequest) -> Json:
    return body.model_dump(include=REQUEST_SHOWN, exclude_none=True, by_alias=True)


def model_list(system: System) -> list[Json]:
    """As OpenAI lists them, with the context where it is known, under the name that vLLM uses."""
    settings = system.settings
    chat: Json = {"id": settings.model.name, "object": "model", "created": 0, "owned_by": "aion"}
    if system.answerer is not None and (context := system.answerer.generator.card.context):
        chat["max_model_len"] = context
    return [chat, {"id": settings.embedder.name, "object": "model", "created": 0, "owned_by": "aion"}]


def check_names(settings: Settings, asked: str | None, *, chat: bool) -> None:
    """The model named must be the one for this kind of request; naming none takes it."""
    served = settings.model.name if chat else settings.embedder.name
    if asked and asked != served:
        raise model_not_found(settings, asked)


def model_not_found(settings: Settings, asked: str) -> NotFound:
    chat, embed = settings.model.name, settings.embedder.name
    message = f"no model {asked[:64]!r} for this request; there is {chat!r} for answers and {embed!r} for embeddings"
    return NotFound(message, code="model_not_found", param="model")

"""Has the router choose which of a person's adapters take part in an answer, and notes why.

What cannot be routed is answered by the untouched base: a missing embedder or a router that fails costs nobody an
answer, nor does a base that does not say which. An adapter that a person names must be one of theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import structlog

from aion.answer.known import leave_outdated, said_in
from aion.answer.open_turn import OpenTurn
from aion.errors import AionError, NotFound
from aion.memory.embedding import EmbeddingDesk
from aion.records import Json, Memory, MemoryKind
from aion.router.asked import Ask
from aion.router.base import Picks, Route, Vector
from aion.router.choose import choose, reword
from aion.router.table import Learned, RouteTable, ServedSet
from aion.store.base import Store

TOLD = (MemoryKind.SAID, MemoryKind.NOTE, MemoryKind.CORRECTION)
NEWEST = 100  # memories of each kind among which what was told since a night is looked for
log = structlog.get_logger()


class Routing:
    """One table of who is served what, a desk that embeds questions, and the base to ask where a router wants it."""

    def __init__(
        self,
        table: RouteTable,
        desk: EmbeddingDesk | None = None,
        ask: Ask | None = None,
        store: Store | None = None,
    ) -> None:
        self._table = table
        self._desk = desk
        self._ask_base = ask
        self._store = store

    def mark(self, turn: OpenTurn) -> Sequence[str]:
        """What an answer depends on besides its question."""
        return self._table.mark(turn.draft.owner, turn.draft.conversation)

    async def choose(self, turn: OpenTurn) -> None:
        """Set the job's adapters, and note the choice in the turn's steps."""
        asked, served = turn.job.adapters, self._table.find(turn.draft.owner)
        if isinstance(asked, Mapping):
            turn.steps["route"] = _named(asked, served)
            return
        route = Route()
        turn.steps["route"] = {"outcome": "off" if asked == "none" else "none_served"}
        if asked == "auto" and served is not None and turn.question:
            began = time.perf_counter()
            route, turn.steps["route"] = await self._pick(turn, served)
            turn.took("route_ms", began)
        turn.job = replace(turn.job, adapters=dict(route.scales) or "none", optional_adapters=True)
        if route.wordings:
            turn.job = replace(turn.job, messages=reword(turn.job.messages, route.wordings))

    async def explain(self, owner: str, text: str, previous: str = "") -> Json:
        """What would be chosen, without an answer; in a conversation that is not on trial, where there are such."""
        served = self._table.find(owner)
        if served is None or self._desk is None:
            return {"outcome": "none_served", "scales": {}, "why": {}}
        chosen = await self._route(served.usual, text, previous)
        route = await self._leave_outdated(chosen, served, owner, said_in(text))
        return {"outcome": "used" if route.scales else "none", "scales": dict(route.scales), "why": route.why}

    async def _pick(self, turn: OpenTurn, served: ServedSet) -> tuple[Route, Json]:
        conversation = turn.draft.conversation
        side = {"set": served.promotion, "trial": served.on_trial(conversation)}
        try:
            route = await self._ask(turn, served)
        except AionError as error:
            return Route(), {"outcome": "failed", "reason": error.message} | side
        except Exception as error:  # noqa: BLE001 - a broken card must not cost an answer; the log has the rest
            log.error("router.failed", error=type(error).__name__, set=served.promotion)
            return Route(), {"outcome": "failed", "reason": "the router failed; the base answered"} | side
        outcome = "used" if route.scales else "none"
        return route, {"outcome": outcome, "scales": dict(route.scales), "why": route.why} | side

    async def _ask(self, turn: OpenTurn, served: ServedSet) -> Route:
        route = await self._route(served.router_for(turn.draft.conversation), turn.question, turn.question_before)
        return await self._leave_outdated(route, served, turn.draft.owner, turn.said)

    async def _leave_outdated(self, route: Route, served: ServedSet, owner: str, said: str) -> Route:
        """Whether memory may be shown or not: what was told since counts."""
        if self._store is None or served.learned.keys().isdisjoint(route.scales):
            return route
        return await asyncio.to_thread(self._weigh, self._store, route, served.learned, owner, said)

    def _weigh(self, store: Store, route: Route, learned: Mapping[str, Learned], owner: str, said: str) -> Route:
        told = [one for kind in TOLD for one in store.memories.listed(owner=owner, kind=kind, limit=NEWEST)]
        return leave_outdated(route, told, learned, partial(_find, store, owner), said)

    async def _route(self, router: Picks, question: str, previous: str) -> Route:
        if self._desk is None:
            return Route()
        route = await choose(router, question, previous, self._embed)
        if route.base_question is not None and self._ask_base is not None:
            with contextlib.suppress(AionError, TimeoutError):  # it stands by likeness, and says so
                return route.base_question.settle(await self._ask_base(route.base_question.messages))
        return route

    async def _embed(self, texts: list[str]) -> Mapping[str, Vector]:
        vectors = await self._desk.embed(texts) if self._desk is not None else []
        return dict(zip(texts, vectors, strict=True))


def _find(store: Store, owner: str, ref: str) -> Sequence[Memory]:
    known = store.memories.get(ref, owner=owner)
    return [known] if known is not None else store.memories.from_source(ref, owner=owner)


def _named(asked: Mapping[str, float], served: ServedSet | None) -> Json:
    """What a person chose by name."""
    known = served.names if served is not None else frozenset()
    for name in asked:
        if name not in known:
            raise NotFound(
                f"no adapter of yours is served under {name[:80]!r}; yours are: {', '.join(sorted(known)) or 'none'}",
                code="adapter_not_found",
                param="aion.adapters",
            )
    return {"outcome": "named", "scales": dict(asked)}

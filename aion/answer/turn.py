"""One turn, from question to recorded answer; the path is `take_turn`, readable top to bottom.

cache -> recall -> route -> context -> generate -> confidence -> record -> observe. Every step writes what it found into
the turn's `steps`, and how long it took into its `timings`. Nothing is retried here, nothing is formatted: callers get
pieces as they come and the finished turn at the end, which is durable by then. Leaving the iterator early stops the
work and records the turn as far as it got.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace

from aion.answer.again import fingerprint_of, is_repeatable
from aion.answer.ask_base import BaseAsker
from aion.answer.confidence import agreement_of, confidence_of
from aion.answer.context import budget_of, build_context, mark_used, text_of
from aion.answer.contradiction import find_contradictions
from aion.answer.events import Ask, Event, Finished
from aion.answer.generate import Writing
from aion.answer.known import find_outdated, said_in
from aion.answer.observe import Observer
from aion.answer.open_turn import UNREAD, OpenTurn, search_text
from aion.answer.route import Routing
from aion.answer.support import support_of
from aion.capture.draft import AnswerDraft, TurnDraft
from aion.config import Settings
from aion.errors import AionError
from aion.memory.base import Recall
from aion.memory.cache import AnswerCache, Cached, Found
from aion.memory.embedding import EmbeddingDesk
from aion.memory.recall import Recaller
from aion.models.base import Generator
from aion.models.queue import AdmissionQueue
from aion.records import Json, Outcome, Turn, new_id
from aion.router.table import RouteTable
from aion.store.base import Store

NOTHING = Recall(items=(), vector=None, entities=(), below_floor=0, complete=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mind:
    """What an answer may draw on besides the base."""

    desk: EmbeddingDesk
    recaller: Recaller
    cache: AnswerCache
    observer: Observer


class Answerer:
    """Holds what a turn needs; one for the life of the server. Without a mind it only generates."""

    def __init__(
        self,
        generator: Generator,
        store: Store,
        queue: AdmissionQueue,
        *,
        settings: Settings | None = None,
        mind: Mind | None = None,
        table: RouteTable | None = None,
    ) -> None:
        self.generator = generator
        self.store = store
        self.queue = queue
        self.mind = mind
        self.settings = settings or Settings()
        self._write = Writing(generator, queue)
        ask = BaseAsker(generator, queue).ask
        self.routing = Routing(table or RouteTable(), mind.desk if mind else None, ask, store)

    async def take_turn(self, ask: Ask) -> AsyncGenerator[Event, None]:
        turn = self._open(ask, await self._conversation(ask))
        with self.mind.observer.answering() if self.mind else contextlib.nullcontext():
            try:
                found = await self._look_up(turn)
                if found is None:
                    await self._prepare(turn)
                async with contextlib.aclosing(self._write.answer(turn, found)) as events:
                    async for event in events:
                        yield event
                await self._judge(turn, found)
            except (asyncio.CancelledError, GeneratorExit):
                self._record(turn, Outcome.CANCELLED)  # nobody is left to be told: it is queued, not waited for
                raise
            except AionError as error:
                if any(choice.text or choice.calls for choice in turn.draft.choices):
                    await asyncio.wrap_future(self._record(turn, Outcome.FAILED, error.message)[1])
                raise
            turn.lap("total_ms")
            record, durable = self._record(turn, Outcome.COMPLETED)
            await asyncio.wrap_future(durable)
            turn.lap("recorded_ms")
            self._keep_answer(turn, record)
        yield Finished(replace(record, timings=dict(turn.draft.timings)), turn.confidence, await self._sources(turn))

    async def _conversation(self, ask: Ask) -> str:
        """The one named, else the one these messages continue, else a new one."""
        if ask.conversation:
            return ask.conversation
        known = None
        if any(message.get("role") == "assistant" for message in ask.job.messages):
            known = await asyncio.to_thread(self.store.continues, ask.job.messages, owner=ask.owner)
        return known or new_id("conv")

    def _open(self, ask: Ask, conversation: str) -> OpenTurn:
        card = self.generator.card
        prompt = ({"role": "user", "content": ask.job.prompt},) if ask.job.prompt is not None else ask.job.messages
        draft = TurnDraft(
            kind=ask.kind,
            owner=ask.owner,
            conversation=conversation,
            messages=prompt,
            params=ask.params,
            model=card.name,
            model_hash=card.hash,
            choices=[AnswerDraft() for _ in range(ask.choices)],
        )
        return OpenTurn(draft=draft, job=ask.job, may_recall=ask.recall, may_repeat=ask.cache)

    async def _look_up(self, turn: OpenTurn) -> Found | None:
        """An earlier answer that was well received and whose sources have not changed since."""
        on = self.mind is not None and self.settings.cache.hours > 0 and turn.may_repeat
        if self.mind is None or not on or not is_repeatable(turn):
            turn.steps["cache"] = {"outcome": "ineligible" if on else "off"}
            return None
        began = time.perf_counter()
        turn.fingerprint = fingerprint_of(turn.job, self.generator.card, self.routing.mark(turn))
        await self._read_version(turn)
        found = await self._find_cached(turn, self.mind)
        known = found is not None and await self._is_current(turn, found.entry)
        turn.steps["cache"] = {"outcome": "miss"}
        if found is not None:
            facts = {"of": found.entry.turn, "match": found.match, "cosine": found.cosine}
            turn.steps["cache"] = {"outcome": "hit" if known else "stale"} | facts
        turn.took("cache_ms", began + turn.draft.timings.get("embed_ms", 0.0) / 1000)
        return found if known else None

    async def _find_cached(self, turn: OpenTurn, mind: Mind) -> Found | None:
        owner, now = turn.draft.owner, turn.draft.started
        found = mind.cache.find(owner, turn.fingerprint, turn.question, None, now=now)
        if found is None and mind.desk.ready and mind.cache.is_liked(owner, now=now):
            began = time.perf_counter()
            with contextlib.suppress(AionError):  # words alone must do
                turn.vector = (await mind.desk.embed([turn.question]))[0]
            turn.took("embed_ms", began)
            found = mind.cache.find(owner, turn.fingerprint, turn.question, turn.vector, now=now)
        return found

    async def _is_current(self, turn: OpenTurn, entry: Cached) -> bool:
        """Whether its turn is still there, and today the same adapters would answer from the same memories."""
        owner = turn.draft.owner
        turn.repeated = await asyncio.to_thread(self.store.turn, entry.turn, owner=owner)
        if turn.repeated is None or self.mind is None:
            return False
        if entry.version == turn.memory_version:
            return True
        await self._prepare(turn)
        adapters = turn.job.adapters if isinstance(turn.job.adapters, Mapping) else {}
        if {one.name for one in turn.repeated.adapters} != set(adapters) or not self.mind.cache.confirm(
            owner, entry, turn.source_versions(), turn.memory_version
        ):
            turn.repeated = None
        return turn.repeated is not None

    async def _prepare(self, turn: OpenTurn) -> None:
        """Once: what is remembered, who answers, and what they are given to read."""
        if "route" not in turn.steps:
            turn.said = said_in(turn.question)
            await self._recall(turn)
            await self.routing.choose(turn)
            await self._build_context(turn)

    async def _recall(self, turn: OpenTurn) -> None:
        limit = self.settings.context.recall_items
        if self.mind is None or not turn.may_recall or not limit or not turn.question:
            turn.steps["recall"] = {"outcome": "off", "below_floor": 0, "items": []}
            return
        began = time.perf_counter()
        if await self.mind.observer.wait_for_told(turn.draft.owner) or turn.memory_version == UNREAD:
            await self._read_version(turn)
        if not turn.memory_version:  # nothing was ever told: straight to the model
            turn.recall = NOTHING
            return
        question = search_text(turn.question, turn.question_before)
        turn.recall = await self.mind.recaller.recall(turn.draft.owner, question, limit=limit)
        turn.outdated = find_outdated(turn.recall.items, turn.said)
        for name, took in turn.recall.timings.items():
            turn.draft.timings.setdefault(name, took)  # a question that was embedded already takes no time again
        turn.took("recall_ms", began)

    async def _read_version(self, turn: OpenTurn) -> None:
        """Of the owner's memories: it grows with every change."""
        turn.memory_version = await asyncio.to_thread(self.store.memories.version, owner=turn.draft.owner)

    async def _build_context(self, turn: OpenTurn) -> None:
        if turn.job.prompt is not None:
            return
        began, settings = time.perf_counter(), self.settings.context
        budget = budget_of(settings, self.generator.card.context, turn.job.sampling.max_tokens)
        turn.context = await build_context(
            turn.job.messages, turn.to_show(), budget=budget, settings=settings, count=self.generator.count
        )
        turn.steps["context"] = turn.context.report
        turn.job = replace(turn.job, messages=turn.context.messages)
        turn.took("context_ms", began)

    async def _judge(self, turn: OpenTurn, found: Found | None) -> None:
        """How sure to be of the answer, which sources it used, and whether it goes against one."""
        if found is not None and turn.repeated is not None:
            repeated = turn.repeated.steps
            turn.steps |= {name: repeated[name] for name in ("recall", "confidence") if name in repeated}
            return
        text = "".join(turn.draft.choices[0].text)
        memories = [one.memory for one in turn.shown()]
        support = support_of(turn.question, text, memories) if memories else None
        if turn.recall is not None:
            turn.steps["recall"] = {
                "outcome": ("used" if memories else "none") if turn.recall.complete else "words_only",
                "below_floor": turn.recall.below_floor,
                "outdated": sorted(turn.outdated),
                "items": mark_used(turn.shown(), support.used if support else ()),
            }
        rests = support is not None and (any(support.used) or any(one.fits for one in turn.shown()))
        judged = confidence_of(
            turn.draft.choices[0].logprobs(),
            support=support.share if support and rests else None,  # of what is only pinned, an answer may rest on none
            agreement=agreement_of(text, await self._write.again(turn, self.settings.learning.resamples)),
            calibration=await self.mind.observer.calibration(turn.draft.owner) if self.mind else None,
        )
        against = find_contradictions(text, memories)
        judged["contradictions"] = [{"memory": one.memory_id, "kind": one.kind, "span": one.span} for one in against]
        turn.steps["confidence"] = judged

    async def _sources(self, turn: OpenTurn) -> tuple[Json, ...]:
        """The recalled items as the person sees them: what the record says of each, and its text."""
        texts = {one.memory.id: one.memory.text for one in turn.shown()}
        for item in turn.recalled_items():
            if item["id"] not in texts:  # of a repeated answer
                memory = await asyncio.to_thread(self.store.memories.get, item["id"], owner=turn.draft.owner)
                texts[item["id"]] = memory.text if memory else ""
        return tuple({**item, "text": texts[item["id"]]} for item in turn.recalled_items())

    def _record(self, turn: OpenTurn, outcome: Outcome, error: str | None = None) -> tuple[Turn, Future[None]]:
        """Write the turn, and have it observed: whatever is derived from it is written after it."""
        record = turn.close(outcome, error)
        durable = self.store.append_turn(record)
        if self.mind is not None:
            self.mind.observer.note_turn(record, turn.vector, [one.memory for one in turn.shown()])
        return record, durable

    def _keep_answer(self, turn: OpenTurn, record: Turn) -> None:
        """For the same question, if it turns out to be well received."""
        if self.mind is None or not turn.fingerprint or turn.repeated or record.answers[0].finish != "stop":
            return
        entry = Cached(
            fingerprint=turn.fingerprint,
            question=turn.question,
            vector=turn.vector,
            answer=text_of(record.answers[0].message),
            finish="stop",
            turn=record.id,
            sources=turn.source_versions(),
            version=turn.memory_version,
            at=record.started,
        )
        self.mind.cache.offer(turn.draft.owner, entry)

"""One turn, from question to recorded answer; the path is `take_turn`, readable top to bottom.

Nothing is retried here, and nothing is formatted: callers get pieces as they come and the finished turn at the end,
which is durable by then. Leaving the iterator early stops the work and records the turn as far as it got.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

from aion.answer.merge import merge_streams
from aion.capture.draft import AnswerDraft, TurnDraft
from aion.errors import AionError
from aion.models.base import Delta, Generator, Job
from aion.models.queue import AdmissionQueue
from aion.records import Json, Outcome, Turn, TurnKind, new_id
from aion.store.base import Store

CHARACTERS_PER_TOKEN = 3  # a low guess: the queue would rather count too much work than too little


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a caller wants answered."""

    kind: TurnKind
    owner: str
    job: Job
    params: Json  # as asked, for the record
    choices: int = 1
    conversation: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A delta of one choice."""

    choice: int
    delta: Delta


@dataclass(frozen=True, slots=True)
class Started:
    """The turn has a place in the engine; comes first."""

    turn_id: str
    conversation: str
    at: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The turn is recorded; comes last."""

    turn: Turn
    confidence: float | None


Event = Started | Piece | Finished


class Answerer:
    """Holds what a turn needs; one for the life of the server."""

    def __init__(self, generator: Generator, store: Store, queue: AdmissionQueue) -> None:
        self.generator = generator
        self.store = store
        self.queue = queue

    async def take_turn(self, ask: Ask) -> AsyncGenerator[Event, None]:
        draft = self._open(ask, await self._conversation(ask))
        clock = _Clock(draft.timings)
        try:
            async with contextlib.aclosing(self._generate(ask, draft, clock)) as events:
                async for event in events:
                    yield event
        except (asyncio.CancelledError, GeneratorExit):
            # Nobody is left to be told: the write is queued, not waited for.
            self.store.append_turn(draft.close(Outcome.CANCELLED))
            raise
        except AionError as error:
            if any(choice.text or choice.calls for choice in draft.choices):
                await asyncio.wrap_future(self.store.append_turn(draft.close(Outcome.FAILED, error.message)))
            raise
        clock.lap("total_ms")
        turn = draft.close(Outcome.COMPLETED)
        await asyncio.wrap_future(self.store.append_turn(turn))
        clock.lap("recorded_ms")
        yield Finished(replace(turn, timings=dict(draft.timings)), _confidence(draft.choices[0]))

    async def _conversation(self, ask: Ask) -> str:
        """The one named, else the one these messages continue, else a new one."""
        if ask.conversation:
            return ask.conversation
        known = None
        if any(message.get("role") == "assistant" for message in ask.job.messages):
            known = await asyncio.to_thread(self.store.continues, ask.job.messages, owner=ask.owner)
        return known or new_id("conv")

    def _open(self, ask: Ask, conversation: str) -> TurnDraft:
        card = self.generator.card
        prompt = ({"role": "user", "content": ask.job.prompt},) if ask.job.prompt is not None else ask.job.messages
        return TurnDraft(
            kind=ask.kind,
            owner=ask.owner,
            conversation=conversation,
            messages=prompt,
            params=ask.params,
            model=card.name,
            model_hash=card.hash,
            choices=[AnswerDraft() for _ in range(ask.choices)],
        )

    async def _generate(self, ask: Ask, draft: TurnDraft, clock: _Clock) -> AsyncGenerator[Event, None]:
        jobs = [_vary_seed(ask.job, index) for index in range(ask.choices)]
        streams = [self._admitted(job, index, clock) for index, job in enumerate(jobs)]
        started = False
        async with contextlib.aclosing(streams[0] if len(streams) == 1 else merge_streams(streams)) as pieces:
            async for piece in pieces:
                if not started:
                    started = True
                    yield Started(draft.id, draft.conversation, draft.started)
                self._take(piece, draft, clock)
                yield piece

    async def _admitted(self, job: Job, index: int, clock: _Clock) -> AsyncGenerator[Piece, None]:
        async with self.queue.admit(_cost(job)):
            clock.lap("queue_ms")
            async with contextlib.aclosing(self.generator.stream(job)) as deltas:
                async for delta in deltas:
                    yield Piece(index, delta)

    def _take(self, piece: Piece, draft: TurnDraft, clock: _Clock) -> None:
        """Note in the draft what a piece brings."""
        choice, delta = draft.choices[piece.choice], piece.delta
        if delta.text:
            clock.first("first_token_ms")
            choice.text.append(delta.text)
        if delta.reasoning:
            clock.first("first_token_ms")
            choice.reasoning.append(delta.reasoning)
        if delta.tool_calls:
            choice.add_calls(delta.tool_calls)
        if delta.logprobs:
            choice.meter.add(delta.logprobs)
        if delta.finish:
            choice.finish = delta.finish
        if delta.usage:
            draft.count(delta.usage)
        if delta.adapters is not None:
            draft.adapters = delta.adapters
        if delta.timings:
            draft.timings.update(delta.timings)


class _Clock:
    """Milliseconds since the turn began, written under a name the first time it is called."""

    def __init__(self, into: dict[str, float]) -> None:
        self._begin = time.perf_counter()
        self._into = into

    def lap(self, name: str) -> None:
        self._into.setdefault(name, round((time.perf_counter() - self._begin) * 1000, 3))

    first = lap


def _vary_seed(job: Job, index: int) -> Job:
    """Several choices of one seeded request must differ, and each must be repeatable."""
    if index == 0 or job.sampling.seed is None:
        return job
    return replace(job, sampling=replace(job.sampling, seed=(job.sampling.seed + index) % 2**32))


def _cost(job: Job) -> int:
    """Tokens a job may take, guessed before anything reads it."""
    texts = (job.prompt,) if job.prompt is not None else (str(one.get("content") or "") for one in job.messages)
    return sum(map(guess_tokens, texts)) + job.sampling.max_tokens


def guess_tokens(text: str) -> int:
    """Tokens of a text and what stands around it, guessed high."""
    return len(text) // CHARACTERS_PER_TOKEN + 6


def _confidence(choice: AnswerDraft) -> float | None:
    """The geometric mean of the probabilities of the words chosen; None when the model reports none."""
    summary = choice.logprobs()
    return round(math.exp(summary.mean), 4) if summary else None

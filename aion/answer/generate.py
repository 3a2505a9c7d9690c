"""Has the base write: the choices of one turn, and further answers to see whether it agrees with itself.

Every stream waits for its place in the queue. It knows nothing of memory or of what is recorded.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import replace

from aion.answer.context import guess_tokens, text_of
from aion.answer.events import Piece, Started
from aion.answer.merge import merge_streams
from aion.answer.open_turn import OpenTurn
from aion.memory.cache import Found
from aion.models.base import Delta, Generator, Job
from aion.models.queue import AdmissionQueue

AGAIN_TEMPERATURE = 0.7
AGAIN_TOKENS = 64


class Writing:
    """One generator behind one queue."""

    def __init__(self, generator: Generator, queue: AdmissionQueue) -> None:
        self._generator = generator
        self._queue = queue

    async def answer(self, turn: OpenTurn, found: Found | None) -> AsyncGenerator[Started | Piece, None]:
        """The deltas of every choice as they come, or the answer that was found."""
        started = Started(turn.draft.id, turn.draft.conversation, turn.draft.started)
        if found is not None:
            yield started
            whole = Delta(text=found.entry.answer, finish=found.entry.finish)
            turn.take(0, whole)
            yield Piece(0, whole)
            return
        jobs = [_vary_seed(turn.job, index) for index in range(len(turn.draft.choices))]
        streams = [self._stream(job, index, turn) for index, job in enumerate(jobs)]
        first = True
        async with contextlib.aclosing(streams[0] if len(streams) == 1 else merge_streams(streams)) as pieces:
            async for piece in pieces:
                if first:
                    first = False
                    yield started
                turn.take(piece.choice, piece.delta)
                yield piece

    async def again(self, turn: OpenTurn, count: int) -> list[str]:
        """So many other answers to the same question; none when it was not one plain answer."""
        if turn.job.tools or len(turn.draft.choices) > 1:
            return []
        tokens = min(AGAIN_TOKENS, turn.job.sampling.max_tokens)
        drawn = []
        for number in range(1, count + 1):
            sampling = replace(turn.job.sampling, temperature=AGAIN_TEMPERATURE, max_tokens=tokens, seed=number)
            job = replace(turn.job, sampling=sampling)
            drawn.append(await say(self._generator, self._queue, job, _cost(job)))
        return drawn

    async def _stream(self, job: Job, index: int, turn: OpenTurn) -> AsyncGenerator[Piece, None]:
        async with self._queue.admit(_cost(job)):
            turn.lap("queue_ms")
            async with contextlib.aclosing(self._generator.stream(job)) as deltas:
                async for delta in deltas:
                    yield Piece(index, delta)


async def say(generator: Generator, queue: AdmissionQueue, job: Job, cost: int) -> str:
    """The whole text of one job, in its place of the queue."""
    async with queue.admit(cost), contextlib.aclosing(generator.stream(job)) as deltas:
        return "".join([delta.text async for delta in deltas])


def _vary_seed(job: Job, index: int) -> Job:
    """Several choices of one seeded request must differ, and each must be repeatable."""
    if index == 0 or job.sampling.seed is None:
        return job
    return replace(job, sampling=replace(job.sampling, seed=(job.sampling.seed + index) % 2**32))


def _cost(job: Job) -> int:
    """Tokens a job may take, guessed before anything reads it."""
    texts = (job.prompt,) if job.prompt is not None else (text_of(one) for one in job.messages)
    return sum(map(guess_tokens, texts)) + job.sampling.max_tokens

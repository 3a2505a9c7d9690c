"""Asks the base itself, without adapters, which of what is named a question means (router.strategy: model).

It waits for its place like every answer, and never for long: whoever asks goes by likeness then. It reads no reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aion.answer.context import guess_tokens, text_of
from aion.answer.generate import say
from aion.models.base import Generator, Job, Sampling
from aion.models.queue import AdmissionQueue
from aion.records import Json
from aion.router.asked import TOKENS

LONGEST_S = 5.0  # that somebody waits for it before their answer is begun


class BaseAsker:
    """One base behind its queue."""

    def __init__(self, generator: Generator, queue: AdmissionQueue, *, longest_s: float = LONGEST_S) -> None:
        self._generator = generator
        self._queue = queue
        self._longest_s = longest_s

    async def ask(self, messages: Sequence[Json]) -> str:
        """Raises TimeoutError, and what the queue or the base raises."""
        job = Job(messages=tuple(messages), sampling=Sampling(max_tokens=TOKENS, temperature=0.0), adapters="none")
        cost = sum(guess_tokens(text_of(one)) for one in messages) + TOKENS
        async with asyncio.timeout(self._longest_s):
            return await say(self._generator, self._queue, job, cost)

"""Watches what is served: ends a trial when its answers say so, and brings back what the engine had to leave out.

What is new on trial goes back within seconds of the answers that speak against it. It reads rows and asks the promoter;
how to decide stands in trial.py.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable

import structlog

from aion.errors import AionError
from aion.gate.promote import Promoter
from aion.gate.trial import Call, Seen, Tally, judge_trial
from aion.records import Experience, Promotion, Turn
from aion.store.base import Store

EVERY_S = 2.0
RESTORE_EVERY = 150  # looks
USUAL_S = 30 * 86_400.0  # answers of so long ago still say what is usual
MOST = 2000
ACTOR = "canary"
BAD, UNSURE = "badly received", "unsure"
log = structlog.get_logger()


class TrialWatch:
    """One background task."""

    def __init__(
        self,
        store: Store,
        promoter: Promoter,
        *,
        hours: float,
        tau: float,
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._promoter = promoter
        self._seconds = hours * 3600.0
        self._tau = tau
        self._every_s = every_s
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> list[Promotion]:
        """Judge every trial once; gives the rows that ended one."""
        ended = []
        for row in await asyncio.to_thread(self._store.served.serving):
            if not row.trial:
                continue
            seen = await asyncio.to_thread(self._count, row)
            judged = judge_trial(seen, over=self._clock() - row.at >= self._seconds)
            if judged.call is not Call.GO_ON:
                keep = judged.call is Call.KEEP
                ended.append(await self._promoter.settle(row.owner, accept=keep, reason=judged.reason, actor=ACTOR))
        return ended

    async def _run(self) -> None:
        for number in itertools.count(1):
            await asyncio.sleep(self._every_s)
            try:
                await self.look()
                if number % RESTORE_EVERY == 0:
                    await self._promoter.restore()
            except AionError as error:  # a full disk, or somebody else ended the trial: it looks again
                log.warning("trial.not_judged", reason=error.message)

    def _count(self, row: Promotion) -> list[Seen]:
        fresh = set(row.trial) - set(row.adapters)
        since = self._store.experience.experiences(owner=row.owner, since=row.at, limit=MOST)
        before = self._store.experience.experiences(owner=row.owner, since=row.at - USUAL_S, until=row.at, limit=MOST)
        turns = {one.turn: self._store.turn(one.turn, owner=row.owner) for one in since}
        trial = [one for one in since if _took_part(turns[one.turn], fresh)]
        usual = [*before, *(one for one in since if not _took_part(turns[one.turn], fresh))]
        return [
            Seen(name=BAD, trial=_tally_bad(trial), usual=_tally_bad(usual)),
            Seen(name=UNSURE, trial=self._tally_unsure(trial), usual=self._tally_unsure(usual)),
        ]

    def _tally_unsure(self, found: Iterable[Experience]) -> Tally:
        known = [one.confidence for one in found if one.confidence is not None]
        return Tally(sum(value < self._tau for value in known), len(known))


def _took_part(turn: Turn | None, fresh: set[str]) -> bool:
    return turn is not None and any(use.name in fresh for use in turn.adapters)


def _tally_bad(found: Iterable[Experience]) -> Tally:
    """Only answers that somebody showed an opinion of, in words, deeds or a vote, and those that failed."""
    judged = [bad for one in found if (bad := _is_bad(one)) is not None]
    return Tally(sum(judged), len(judged))


def _is_bad(one: Experience) -> bool | None:
    if one.failed:
        return True
    parts = (one.reward.explicit, one.reward.implicit, one.reward.emotional)
    if all(part is None for part in parts) or one.reward.total == 0:
        return None
    return one.reward.total < 0

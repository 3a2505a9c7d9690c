"""Watches what is served: ends a trial when its answers say so, and brings back what the engine had to leave out.

What is new on trial goes back within seconds of the answers that speak against it. It reads rows and asks the promoter;
how to decide stands in trial.py.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from aion.errors import AionError
from aion.gate.promote import Promoter
from aion.gate.trial import Call, Seen, Tally, judge_trial
from aion.records import Experience, Promotion, Turn
from aion.store.base import Store
from aion.store.changes import changed_since

EVERY_S = 2.0
RESTORE_EVERY = 150  # looks
LAG_S = 60.0  # what an answer was worth is known so soon after it, or after what was said of it
USUAL_S = 30 * 86_400.0  # answers of so long ago still say what is usual
MOST = 2000
ACTOR = "canary"
BAD, UNSURE = "badly received", "unsure"
log = structlog.get_logger()


@dataclass(slots=True)
class _Trial:
    """What was counted of one, so that little of it is read again."""

    row: str
    tau: float  # before and since are judged by the same
    usual: tuple[Tally, Tally]  # before it began: badly received, unsure
    took_part: dict[str, bool] = field(default_factory=dict)  # by turn
    counted: float = 0.0
    seen: list[Seen] = field(default_factory=list)


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
        self.tau = tau  # may be changed while it watches
        self._every_s = every_s
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._trials: dict[str, _Trial] = {}  # by owner

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> list[Promotion]:
        """Judge every trial once; gives the rows that ended one. What hinders one hinders no other."""
        ended = []
        for row in await asyncio.to_thread(self._store.served.serving):
            if not row.trial:
                self._trials.pop(row.owner, None)
                continue
            try:
                ended += await self._judge(row)
            except AionError as error:  # a full disk, or somebody else ended the trial: it looks again
                log.warning("trial.not_judged", reason=error.message)
        return ended

    async def _judge(self, row: Promotion) -> list[Promotion]:
        seen = await asyncio.to_thread(self._count, row)
        judged = judge_trial(seen, over=self._clock() - row.at >= self._seconds)
        if judged.call is Call.GO_ON:
            return []
        keep = judged.call is Call.KEEP
        return [await self._promoter.settle(row, accept=keep, reason=judged.reason, actor=ACTOR)]

    async def _run(self) -> None:
        for number in itertools.count(1):
            await asyncio.sleep(self._every_s)
            try:
                await self.look()
                if number % RESTORE_EVERY == 0:
                    await self._promoter.restore()
            except AionError as error:
                log.warning("adapters.not_restored", reason=error.message)
            except Exception as error:  # noqa: BLE001 - whatever it is, trials must not go on unwatched; the log has it
                log.error("trial.watch_failed", error=type(error).__name__)

    def _count(self, row: Promotion) -> list[Seen]:
        """Anew only when something was answered or judged since; counting takes processor time from those who ask."""
        trial, now = self._trials.get(row.owner), self._clock()
        if trial is None or (trial.row, trial.tau) != (row.id, self.tau):
            before, tau = self._read(row, row.at - USUAL_S, row.at), self.tau
            trial = self._trials[row.owner] = _Trial(row.id, tau, _tally(before, tau))
        version = self._store.memories.version(owner=row.owner)  # memories do not matter here
        if not trial.seen or changed_since(self._store, row.owner, trial.counted - LAG_S, version):
            trial.seen, trial.counted = self._count_anew(row, trial), now
        return trial.seen

    def _count_anew(self, row: Promotion, trial: _Trial) -> list[Seen]:
        fresh = set(row.trial) - set(row.adapters)
        since = self._read(row, row.at, None)
        for one in since:
            if one.turn not in trial.took_part:
                trial.took_part[one.turn] = _took_part(self._store.turn(one.turn, owner=row.owner), fresh)
        new = _tally([one for one in since if trial.took_part[one.turn]], trial.tau)
        old = _tally([one for one in since if not trial.took_part[one.turn]], trial.tau)
        return [
            Seen(name=name, trial=tried, usual=_add(before, other))
            for name, tried, before, other in zip((BAD, UNSURE), new, trial.usual, old, strict=True)
        ]

    def _read(self, row: Promotion, since: float, until: float | None) -> list[Experience]:
        return self._store.experience.experiences(owner=row.owner, since=since, until=until, limit=MOST)


def _tally(found: Sequence[Experience], tau: float) -> tuple[Tally, Tally]:
    known = [one.confidence for one in found if one.confidence is not None]
    return _tally_bad(found), Tally(sum(value < tau for value in known), len(known))


def _add(one: Tally, other: Tally) -> Tally:
    return Tally(one.events + other.events, one.of + other.of)


def _took_part(turn: Turn | None, fresh: set[str]) -> bool:
    return turn is not None and any(use.name in fresh for use in turn.adapters)


def _tally_bad(found: Sequence[Experience]) -> Tally:
    """Of all answers: that nobody minded one counts, too. Else three that are asked about twice, as people do who try
    out what was learned, would be three of three."""
    return Tally(sum(one.failed or one.reward.total < 0 for one in found), len(found))

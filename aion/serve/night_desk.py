"""What the server knows of sleep: who asked for a night, where it is, why the sleeper waits. It trains nothing.

Rows say what lasts: each change of a night's state is one. What changes every second (step, loss, speed) is kept here
alone, and a restart forgets it. Nights run one at a time on a machine, whosever they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from aion.config import SleepSettings
from aion.errors import AionError, Conflict, NotFound, StorageFull, Unprocessable
from aion.records import Json, LessonKind, Night, NightState, new_id
from aion.serve.window import OVER, count_starved, measure_window
from aion.serve.yielding import NightProcess, Yielding, children_of
from aion.store.base import Store
from aion.store.changes import changed_since

AT_WORK = frozenset({NightState.PREPARING, NightState.TRAINING, NightState.EXPORTING, NightState.EXAMINING})
AWAKE, ASLEEP_S = "awake", 15.0  # a sleeper that has said nothing for so long is not there
MIB = 1 << 20
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What the sleeper last said about one person's learning."""

    lessons: int = 0  # not learned by any adapter of this base
    waiting: tuple[tuple[LessonKind, tuple[str, ...]], ...] = ()  # some of them, with their sources, the latest first
    lessons_learned: int = 0
    disk_needed: int = 0
    reason: str = ""  # there is to sleep
    why_not: str = ""  # it waits
    at: float = 0.0  # when it looked
    version: int = 0  # of the person's memories then


MOST_LOSSES = 400  # of a curve; a longer one keeps every other
NOT_LOOKED = "something happened since it last looked for a reason; it looks again from time to time"


@dataclass(slots=True)
class Going:
    """The night under way, as it last told."""

    night: str
    progress: Mapping[str, Any] = field(default_factory=dict)
    losses: list[tuple[int, float]] = field(default_factory=list)  # by step, of the training under way

    def hear(self, progress: Mapping[str, Any]) -> None:
        """Keep the curve of one training: a step that is no later is of another."""
        self.progress = dict(progress)
        step, loss = progress.get("step") or 0, progress.get("loss")
        if self.losses and step < self.losses[-1][0]:
            self.losses.clear()
        if loss and (not self.losses or step > self.losses[-1][0]):
            self.losses.append((step, round(loss, 4)))
        if len(self.losses) > MOST_LOSSES:
            del self.losses[1::2]


class NightDesk:
    """One for each server; used from its event loop."""

    def __init__(self, store: Store, settings: SleepSettings, data: Path) -> None:
        self._store = store
        self._settings = settings
        self._data = data
        self._lock = asyncio.Lock()
        self._outlooks: dict[str, Outlook] = {}
        self._heard: float | None = None  # from the sleeper, on the steady clock
        self._sleeper: int | None = None  # its process
        self._going: Going | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.yielding = Yielding(
            settings.quiet_s,
            on_change=self._note_pause,
            opens=lambda: measure_window(self._settings.window, datetime.now()),  # noqa: DTZ005  # of the clock on the wall
        )

    def adopt(self, settings: SleepSettings) -> None:
        """What changed counts from now on; a night under way is looked at anew."""
        self._settings = settings
        self.yielding.quiet_s = settings.quiet_s
        self.yielding.look()

    async def start(self, owner: str, *, minutes: float, theme: str, force: bool) -> Night:
        """Ask for a night: durable when this returns, and begun by the sleeper."""
        async with self._lock:
            if (under_way := await self.active()) is not None:
                raise Conflict(
                    f"a night is {under_way.state.value} already; wait for it, or cancel it", code="already_running"
                )
            await asyncio.to_thread(self._check_start, owner, theme, force=force)
            now = time.time()
            night = Night(
                id=new_id("night"),
                owner=owner,
                state=NightState.WAITING,
                reason="somebody asked for it",
                asked=now,
                at=now,
                theme=theme,
                minutes=minutes,
                forced=force,
            )
            await asyncio.wrap_future(self._store.nights.append_night(night))
        return night

    async def cancel(self, owner: str | None) -> Night:
        """End the night that is asked for or under way; the sleeper ends its process within a moment."""
        async with self._lock:
            night = await self.active()
            if night is None or (owner is not None and night.owner != owner):
                raise NotFound("no night of yours is asked for or under way; GET /api/sleep/status says what is")
            return await self._append(night, NightState.CANCELLED, reason="cancelled")

    async def active(self) -> Night | None:
        """The night of anyone that is not over."""
        found = await asyncio.to_thread(self._store.nights.nights, owner=None, limit=20)
        return next((night for night in found if night.state not in OVER), None)

    def hear_sleeper(self, outlooks: Mapping[str, Outlook], pid: int | None = None) -> None:
        self._heard = time.monotonic()
        self._outlooks = dict(outlooks)
        self._sleeper = pid

    def pids(self) -> list[int]:
        """The sleeper, the night from its very start, and its engines: no neighbours to those who answer."""
        sleeper = [] if self._sleeper is None else [self._sleeper, *children_of(self._sleeper)]
        return list({*sleeper, *self.yielding.pids()})

    async def hear_night(
        self, told: Night, progress: Mapping[str, Any], process: NightProcess | None
    ) -> tuple[bool, bool]:
        """The night says where it is. Gives whether it shall end, and whether it shall wait."""
        async with self._lock:
            before = await asyncio.to_thread(self._store.nights.night, told.id, owner=told.owner)
            if before is None and told.state not in OVER:
                before = await self._append(told, told.state)  # begun by the sleeper itself
            if before is None or before.state in OVER:
                return True, False
            if self._going is None or self._going.night != told.id:
                self.yielding.interruptions = 0  # those of a night that was cancelled are not of this one
                self._going = Going(told.id)
            self._going.hear(progress)
            if told.state in OVER:
                self._leave()
            elif process is not None:
                self.yielding.register(process)
            now = before.state if before.state is not NightState.PAUSED else NightState.TRAINING
            if told.state is not now or told.state in OVER:
                changed = dataclasses.replace(before, body=told.body, candidates=told.candidates)
                await self._append(changed, told.state, reason=told.reason)
        return False, self.yielding.wants_pause

    async def status(self, owner: str | None) -> Json:
        """What everyone may know, and of one's own night everything."""
        night = await self.active()
        mine = night is not None and owner in (None, night.owner)
        outlook, starved = self.outlook_of(owner), await self.count_starved(owner)
        if night is None and not outlook.lessons and await asyncio.to_thread(self._is_stale, owner, outlook):
            outlook = dataclasses.replace(outlook, why_not=NOT_LOOKED)
        found: Json = {
            "state": self._state_of(night),
            "sleeper": self._heard is not None and time.monotonic() - self._heard < ASLEEP_S,
            "idle_s": round(self.yielding.idle_s, 1),
            "reason": outlook.reason,
            "why_not": self._why_not(night, outlook),
            "starved_nights": starved,
            "wants_window": starved >= self._settings.starved_nights,
            "window_s": round(self.yielding.window_s, 1),
            "lessons": outlook.lessons,
        }
        if night is not None and mine:
            heard = self._going
            going = heard if heard is not None and heard.night == night.id else Going(night.id)
            found |= {"night": night.id, "reason": night.reason, "theme": night.theme, "since": night.asked}
            found |= {"interruptions": self._interruptions(night), **going.progress}
            found["losses"] = going.losses
        return found

    async def open_window(self, minutes: float) -> Json:
        """For so long a night works on while people are answered; it is the slower of the two."""
        self.yielding.grant(minutes * 60)
        night = await self.active()
        return {"window_s": round(self.yielding.window_s, 1), "night": night.id if night is not None else None}

    async def count_starved(self, owner: str | None) -> int:
        """Nights in a row that were interrupted and finished nothing."""
        found = await asyncio.to_thread(self._store.nights.nights, owner=owner, limit=20)
        told = [dataclasses.replace(one, interruptions=self._interruptions(one)) for one in found]
        return count_starved(told, time.time())

    async def close(self) -> None:
        """What is stopped is let go: without a server nobody needs the machine."""
        self.yielding.forget()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _check_start(self, owner: str, theme: str, *, force: bool) -> None:
        if theme:
            found = self._store.nights.theme(theme, owner=owner)
            if found is None or found.merged_into:
                raise NotFound(f"no theme {theme[:64]!r} of yours; GET /api/themes lists them", param="theme")
        outlook = self._outlooks.get(owner)
        if outlook is None or changed_since(self._store, owner, outlook.at, outlook.version):
            nothing = not self._store.turns(owner=owner, limit=1) and not self._store.memories.count(owner=owner)
        else:
            nothing = not outlook.lessons and not (force and outlook.lessons_learned)
        if nothing:
            raise Unprocessable(
                "there is nothing new to learn; correct, like or remember something first, or send force to learn "
                "again what was learned"
            )
        needed = (outlook.disk_needed if outlook else 0) + self._settings.disk_reserve_mb * MIB
        free = shutil.disk_usage(self._data).free
        if free < needed:
            raise StorageFull(f"a night needs {needed // MIB} MiB of disk, {free // MIB} MiB are free; free some first")

    async def _append(self, night: Night, state: NightState, *, reason: str | None = None) -> Night:
        changed = dataclasses.replace(
            night,
            state=state,
            at=time.time(),
            reason=night.reason if reason is None else reason,
            interruptions=self._interruptions(night),
        )
        await asyncio.wrap_future(self._store.nights.append_night(changed))
        return changed

    def _interruptions(self, night: Night) -> int:
        """Those of before a restart, or those counted since."""
        going = self._going is not None and self._going.night == night.id
        return max(night.interruptions, self.yielding.interruptions if going else 0)

    def _leave(self) -> None:
        self.yielding.forget()
        self.yielding.interruptions = 0
        self._going = None

    def _note_pause(self) -> None:
        """A row says that the night stopped, or goes on; the request that stopped it does not wait for the row."""
        task = asyncio.get_running_loop().create_task(self._record_pause(paused=self.yielding.paused))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _record_pause(self, *, paused: bool) -> None:
        with contextlib.suppress(AionError):  # the store has logged it; nobody must wait for a row about sleep
            async with self._lock:
                night = await self.active()
                wanted = {NightState.TRAINING} if paused else {NightState.PAUSED}
                if night is not None and self._going is not None and night.state in wanted:
                    await self._append(night, NightState.PAUSED if paused else NightState.TRAINING)

    def _state_of(self, night: Night | None) -> str:
        if night is None:
            return AWAKE
        if self.yielding.paused and night.state in AT_WORK:
            return NightState.PAUSED.value
        return night.state.value

    def outlook_of(self, owner: str | None) -> Outlook:
        if owner is not None:
            return self._outlooks.get(owner, Outlook())
        return max(self._outlooks.values(), key=lambda one: one.lessons, default=Outlook())

    def _is_stale(self, owner: str | None, outlook: Outlook) -> bool:
        return bool(owner and outlook.at) and changed_since(self._store, owner or "", outlook.at, outlook.version)

    def _why_not(self, night: Night | None, outlook: Outlook) -> str:
        if self._heard is None or time.monotonic() - self._heard >= ASLEEP_S:
            return "the sleeper is not there; `aion up` starts it"
        waiting = night is not None and night.state is NightState.WAITING
        if (night is not None and self.yielding.paused) or (waiting and self.yielding.wants_pause):
            return "somebody is being answered"
        return "" if night is not None and night.state in AT_WORK else outlook.why_not

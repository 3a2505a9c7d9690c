"""Brings a person from one set of adapters to another: the engine first, then one appended row, then traffic.

Whoever dies in between leaves the old set or the new one: the row decides, and at the next start the engine is brought
to it. Only what passed its examination is ever loaded. It judges nothing: verdicts and trials do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import structlog

from aion.errors import Conflict, NotFound, Unavailable, Unfit
from aion.gate.ready import Ready, find_ready
from aion.gate.state import known_by
from aion.models.llama.spec import Adapter
from aion.records import Candidate, Move, Promotion, Quarantine, new_id
from aion.router.card import RouteCard
from aion.router.network import find_network
from aion.router.route import Router, Strategy
from aion.router.table import Learned, RouteTable, ServedSet
from aion.store.base import Store
from aion.store.blobs import BlobStore

log = structlog.get_logger()
Commit = Callable[[], Awaitable[None]]
TAKEN_BACK = "the adapter that learned it was taken back; release it to have it learned again"
MOST = 10_000  # rows of one person's history that a way back is looked for in


@runtime_checkable
class Engine(Protocol):
    """What can serve adapters."""

    @property
    def loaded(self) -> Sequence[str]:
        """Names of the adapters it holds."""
        ...

    async def use_adapters(self, adapters: Sequence[Adapter], commit: Commit | None = None) -> None:
        """Hold these instead: `commit` comes once they are proven, and traffic moves only when it succeeded."""
        ...


class Promoter:
    """One for each server, on its event loop. `plan` before the engine starts, `open` once it has."""

    def __init__(
        self, store: Store, blobs: BlobStore, table: RouteTable, *, strategy: Strategy = Strategy.EMBEDDING
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._table = table
        self._strategy = strategy
        self._base = ""  # sha256 of the model file; none of a model on another server, where no adapter can be served
        self._embedder = ""
        self._engine: Engine | None = None
        self._changing = asyncio.Lock()
        self._unproven: dict[str, str] = {}  # of these an engine refused; tried again when somebody promotes them
        self.unfit: dict[str, str] = {}  # candidates that should be served and are not, with the reason

    def plan(self, base: str) -> list[Adapter]:
        """What the engine of this model file is started with: all that anybody is served, and is sound."""
        self._base = base
        wanted = {one for row in self._store.served.serving() for one in (*row.adapters, *row.trial)}
        return [ready.adapter for ready in self._ready(sorted(wanted)).values()]

    def open(self, engine: object, *, embedder: str) -> None:
        """From here on requests are routed; what the engine does not hold is not."""
        self._engine, self._embedder = engine if isinstance(engine, Engine) else None, embedder
        for row in self._store.served.serving():
            self._put(row, self._set_of(row))

    async def promote(
        self, owner: str, candidates: Sequence[str], *, night: str, reason: str, actor: str, share: float
    ) -> Promotion:
        """Serve these beside what is served of other themes; to a share of the conversations first, when it is not 0.

        One that the engine cannot prove keeps no other from being served; `unfit` says why it is not. What a night
        brings later joins its trial; a trial of another night has shown nothing bad by then, and is taken as it is.
        """
        async with self._changing:
            for one in candidates:
                self._unproven.pop(one, None)
            while True:
                try:
                    return await self._promote(owner, candidates, share, night=night, reason=reason, actor=actor)
                except Unfit as error:
                    fit = [one for one in candidates if one not in error.names]
                    self._note_unproven({*candidates} - {*fit}, error.message)
                    if not fit or len(fit) == len(candidates):
                        raise
                    candidates = fit

    async def _promote(self, owner: str, candidates: Sequence[str], share: float, **told: str) -> Promotion:
        before = self._newest(owner)
        served = before.trial or before.adapters
        target = self._with(owner, served, candidates)
        same = target == before.trial or before.night == told["night"]  # another share, or more of its night
        kept = before.adapters if same else served
        trial = {"adapters": kept, "trial": target, "share": share, "move": Move.TRY}
        whole = {"adapters": target, "trial": (), "share": 0.0, "move": Move.PROMOTE}
        return await self._append(before, **told, **(trial if share else whole))

    async def settle(self, trial: Promotion, *, accept: bool, reason: str, actor: str) -> Promotion:
        """End the trial that this row began: its set for everyone, or for nobody."""
        owner = trial.owner
        async with self._changing:
            before = self._newest(owner)
            if before.id != trial.id or not before.trial:
                raise Conflict("this trial is over; what is served now was not judged")
            target = before.trial if accept else before.adapters
            move = Move.PROMOTE if accept else Move.ROLL_BACK
            told = {"night": before.night, "reason": reason, "actor": actor}
            row = await self._append(before, adapters=target, trial=(), share=0.0, move=move, **told)
            await self._put_aside(before, row)
            return row

    async def roll_back(self, owner: str, to: str = "", *, reason: str, actor: str) -> Promotion:
        """To what was served after a night, or from a promotion on; else to what was served before the newest."""
        async with self._changing:
            before = self._newest(owner)
            found, night = self._find_set(owner, before, to)
            if not before.id:
                raise Conflict("no adapter of yours was ever served: the base answers", code="nothing_served")
            self._require_engine(found)  # else nothing of it could be served, and all of it would seem taken back
            standing = await asyncio.to_thread(self._ready, found)  # some may be refused, retired or damaged by now
            told = {"night": night, "reason": reason, "actor": actor, "move": Move.ROLL_BACK}
            row = await self._append(before, adapters=tuple(standing), trial=(), share=0.0, **told)
            await self._put_aside(before, row)
            return row

    async def take_out(self, owner: str, candidate: str, *, reason: str, actor: str) -> Promotion:
        """Serve this one no longer; its files and what it learned stay, and a trial of others goes on."""
        async with self._changing:
            before = self._newest(owner)
            if candidate not in (*before.adapters, *before.trial):
                raise Conflict(f"adapter {candidate!r} is not served; GET /api/adapters says which are")
            adapters, tried = (
                tuple(one for one in side if one != candidate) for side in (before.adapters, before.trial)
            )
            trial = self._with(owner, adapters, tried) if before.trial else ()  # what it stood in for is back
            goes_on = trial if set(trial) != set(adapters) else ()
            told = {"night": before.night, "reason": reason, "actor": actor, "move": Move.RETIRE}
            share = before.share if goes_on else 0.0
            return await self._append(before, adapters=adapters, trial=goes_on, share=share, **told)

    async def refresh(self) -> None:
        """The store appended rows by itself, because what an adapter had learned was forgotten."""
        async with self._changing:
            for row in await asyncio.to_thread(self._store.served.serving):
                found = self._table.find(row.owner)
                learned = self._strategy is Strategy.NETWORK  # its network may have learned what is forgotten
                if learned or found is None or found.promotion != row.id:
                    await self._route(row)

    async def restore(self) -> bool:
        """Bring back what the engine had to leave out; gives whether it lacked anything."""
        async with self._changing:
            rows = await asyncio.to_thread(self._store.served.serving)
            ready = await asyncio.to_thread(self._ready, {one for row in rows for one in (*row.adapters, *row.trial)})
            if self._engine is None or ready.keys() <= set(self._engine.loaded):
                return False
            try:
                await self._engine.use_adapters([one.adapter for one in ready.values()])
            except Unfit as error:  # not again and again: each try is an engine
                self._note_unproven(error.names, error.message)
                raise
            for row in rows:
                await self._route(row)
            return True

    def _note_unproven(self, names: Iterable[str], reason: str) -> None:
        refused = dict.fromkeys(names, reason)
        self._unproven |= refused
        self.unfit |= refused

    async def _put_aside(self, before: Promotion, row: Promotion) -> None:
        """What only adapters knew that were taken back: else the next night would bring the same again."""
        served = {one: self._candidate(one, row.owner) for one in (*row.adapters, *row.trial)}
        gone = [self._candidate(one, row.owner) for one in {*before.adapters, *before.trial} - served.keys()]
        known = {lesson for one in served.values() for lesson in self._known_by(one)}
        latest = {one.theme: one.created for one in served.values()}  # what came before it was not taken back
        found = {
            lesson: Quarantine(
                lesson=lesson, owner=row.owner, theme=one.theme, night=one.night, reason=TAKEN_BACK, at=row.at
            )
            for one in gone
            for lesson in self._known_by(one)
            if lesson not in known and not one.retired and one.created > latest.get(one.theme, 0.0)
        }
        if found:
            await asyncio.wrap_future(self._store.nights.quarantine(list(found.values())))

    def _known_by(self, candidate: Candidate) -> set[str]:
        return known_by(candidate, self._store.served.verdict(candidate.id, owner=candidate.owner))

    def _with(self, owner: str, served: Sequence[str], fresh: Sequence[str]) -> tuple[str, ...]:
        """One adapter a theme, the fresh ones in their themes' places."""
        known = {one: self._candidate(one, owner) for one in (*served, *fresh)}
        themes = {known[one].theme: one for one in (*served, *fresh)}
        return tuple(sorted(themes.values()))

    async def _append(self, before: Promotion, **change: object) -> Promotion:
        """One row, with the engine brought to it first."""
        fields = {"id": new_id("promo"), "follows": before.id, "at": time.time()}
        row: Promotion = replace(before, **fields, **change)  # type: ignore[arg-type]

        async def commit() -> None:
            await asyncio.wrap_future(self._store.served.append_promotion(row))

        wanted = {*row.adapters, *row.trial}
        self._require_engine(wanted)
        if self._engine is None or wanted <= set(self._engine.loaded):
            await commit()
        else:
            await self._engine.use_adapters(await asyncio.to_thread(self._needed, before, row), commit)
        await self._route(row)
        log.info("adapters.served", move=row.move.value, adapters=len(row.adapters), trial=len(row.trial))
        return row

    def _require_engine(self, adapters: Collection[str]) -> None:
        if self._engine is None and adapters:
            raise Unavailable("no engine here can serve adapters; serve a GGUF model on this machine")

    def _needed(self, before: Promotion, row: Promotion) -> list[Adapter]:
        """All that anybody is served, what this row brings, and what it replaces: the way back needs no new engine."""
        others = [one for one in self._store.served.serving() if one.owner != row.owner]
        wanted = {one for each in (*others, before, row) for one in (*each.adapters, *each.trial)}
        ready = self._ready(sorted(wanted))
        missing = [one for one in (*row.adapters, *row.trial) if one not in ready]
        if missing:
            raise Conflict(f"adapter {missing[0]!r} cannot be served: {self.unfit[missing[0]]}", code="unfit")
        return [one.adapter for one in ready.values()]

    async def _route(self, row: Promotion) -> None:
        """Requests of this person go by this row from here on."""
        self._put(row, await asyncio.to_thread(self._set_of, row))

    def _put(self, row: Promotion, served: ServedSet | None) -> None:
        if served is None:
            self._table.drop(row.owner)
        else:
            self._table.put(row.owner, served)

    def _set_of(self, row: Promotion) -> ServedSet | None:
        """Routers over what the engine holds of this row; None where that is nothing."""
        loaded = set(self._engine.loaded) if self._engine is not None else set()
        ready = {name: one for name, one in self._ready([*row.adapters, *row.trial]).items() if name in loaded}
        cards = {name: one.card for name, one in ready.items() if one.card is not None}
        usable = {name: card for name, card in cards.items() if card.embedder == self._embedder}
        for name in cards.keys() - usable.keys():
            self.unfit[name] = "it was examined with another embedder; the next night examines it again"
        if not ready:
            return None
        adapters, trial = ({one: usable[one] for one in side if one in usable} for side in (row.adapters, row.trial))
        return ServedSet(
            promotion=row.id,
            names=frozenset(ready),
            router=self._make_router(adapters),
            trial=self._make_router(trial) if row.trial else None,
            share=row.share,
            learned={name: self._learned_by(ready[name].candidate) for name in usable},
        )

    def _learned_by(self, candidate: Candidate) -> Learned:
        """A night learns what was told before it was asked for."""
        night = self._store.nights.night(candidate.night, owner=candidate.owner)
        lessons = self._store.nights.sources_of(sorted(self._known_by(candidate)), owner=candidate.owner)
        return Learned(at=night.asked if night is not None else 0.0, lessons=lessons)

    def _make_router(self, cards: Mapping[str, RouteCard]) -> Router:
        """As the examination made it of the same cards."""
        network = find_network(cards, self._blobs.get) if self._strategy is Strategy.NETWORK else b""
        return Router(cards, strategy=self._strategy, network=network)

    def _ready(self, names: Iterable[str]) -> dict[str, Ready]:
        """Those that are sound; why the others are not is noted."""
        found: dict[str, Ready] = {}
        for name in names:
            try:
                if name in self._unproven:
                    raise Conflict(self._unproven[name], code="unfit")
                found[name] = find_ready(self._store, self._blobs, name, base=self._base)
                self.unfit.pop(name, None)
            except Conflict as error:
                self.unfit[name] = error.message
                log.warning("adapter.unfit", adapter=name, reason=error.message)
        return found

    def _find_set(self, owner: str, before: Promotion, to: str) -> tuple[tuple[str, ...], str]:
        """The set to go back to, and the night it is from."""
        rows = self._store.served.promotions(owner=owner, limit=MOST)
        now = before.trial or before.adapters
        if not to:
            older = [(one.trial or one.adapters, one.night) for one in rows[1:]]
            earlier = before.adapters if before.trial else ()
            return next(((names, night) for names, night in older if names != now), (earlier, ""))
        if named := next((one for one in rows if to in (one.id, one.night)), None):
            return named.trial or named.adapters, named.night
        night = self._store.nights.night(to, owner=owner)
        if night is None:
            raise NotFound(f"no night or promotion of yours is named {to[:80]!r}; `aion report --list` names them")
        then = next((one for one in rows if one.at <= night.at), None)  # a night that brought nothing
        return ((then.trial or then.adapters) if then else ()), to

    def _newest(self, owner: str) -> Promotion:
        found = self._store.served.promotion(owner=owner)
        return found or Promotion(id="", owner=owner, move=Move.PROMOTE, adapters=())

    def _candidate(self, name: str, owner: str) -> Candidate:
        found = self._store.nights.candidate(name, owner=owner)
        if found is None:
            raise NotFound(f"no adapter {name[:80]!r} of yours; GET /api/adapters lists them")
        return found

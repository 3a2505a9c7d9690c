"""Examines for a night: finds what waits for a verdict, reads what an examination needs, and hands the verdict over.

It reads the store and writes files under the night's folder; rows are the server's. The exams stand in examine.py.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aion.config import Settings
from aion.errors import AionError, BadInput, Refused
from aion.gate.examine import Entrant, Examined, Room, examine
from aion.gate.network import Making, TrainNetwork
from aion.gate.outcomes import read_outcomes
from aion.models.catalog import LocalModel
from aion.models.durable import replacing
from aion.models.opening import find_embedder_hash, open_embedder, require_local
from aion.records import Candidate, Json, Night, SuiteItem, Verdict
from aion.router.card import RouteCard
from aion.store.files import make_folder
from aion.store.sqlite import SqliteStore

NIGHTS, CARD, REPORT, NETWORK = "nights", "route.card", "exam.json", "router.safetensors"
MOST = 1000
TRIES = 3  # forgetting removes folders of nights that it cannot read: what lay there is written again
TellServer = Callable[[str, Json], Json]
Tell = Callable[[str, int, int], None]


class NightExaminer:
    """One for each night; `tell_server` takes rows, `train` makes networks for the router where one is wanted."""

    def __init__(self, settings: Settings, tell_server: TellServer, train: TrainNetwork | None = None) -> None:
        self._settings = settings
        self._tell_server = tell_server
        self._train = train
        self._model: LocalModel | None = None

    def find_due(self, night: Night) -> list[str]:
        """The newest of each theme that nobody has examined, or not as requests are routed today; the oldest first.

        And what passed in a night whose promotion failed: it is examined against what is served by now.
        """
        embedder = asyncio.run(find_embedder_hash(self._settings))
        newest: dict[str, Candidate] = {}
        with self._store() as store:
            for one in store.nights.candidates(owner=night.owner, limit=MOST):
                if one.base == self._base().sha256 and not one.retired:
                    newest.setdefault(one.theme, one)
            rows = store.served.promotions(owner=night.owner, limit=MOST)
            shown = {name for row in rows for name in (*row.adapters, *row.trial)}
            due = [one for one in newest.values() if self._waits(store, one, embedder, shown=one.id in shown)]
        return [one.id for one in sorted(due, key=lambda one: (one.created, one.id))]

    def examine(self, night: Night, candidate: str, tell: Tell) -> Json:
        """Against what is served, and what passed earlier in this night. Done again, it gives a verdict again."""
        with self._store() as store:
            made = store.nights.candidate(candidate, owner=night.owner)
            if made is None or made.retired:
                raise BadInput("what it learned was forgotten meanwhile")
            new = self._entrant(store, made)
            served = [self._entrant(store, one) for one in self._rivals(store, night, made)]
            suite = store.served.suite(owner=night.owner)
            making = self._making(store, night.owner)
        examined = asyncio.run(self._sit(new, served, suite, self._furnish(making, tell)))
        self._hand_over(night, examined)
        verdict = examined.verdict
        told = {"theme": verdict.theme, "ship": verdict.ship, "reasons": list(verdict.reasons)}
        return told | {"chance": examined.chance}

    def _making(self, store: SqliteStore, owner: str) -> Making | None:
        if self._train is None or self._settings.router.strategy != "network":
            return None
        return Making(train=self._train, read=store.blobs.get, outcomes=read_outcomes(store, owner))

    def _furnish(self, making: Making | None, tell: Tell) -> Callable[..., Room]:
        """All that an examination needs but the embedder."""
        follow = _Follow(tell)
        return partial(
            Room,
            settings=self._settings,
            base=self._base(),
            pause=follow.pause,
            tell=follow.note,
            making=making,
        )

    async def _sit(
        self, new: Entrant, served: Sequence[Entrant], suite: Sequence[SuiteItem], furnished: Callable[..., Room]
    ) -> Examined:
        async with open_embedder(self._settings) as embedder:
            return await examine(new, served, suite, furnished(embedder=embedder))

    def _hand_over(self, night: Night, examined: Examined) -> None:
        for number in range(1, TRIES + 1):
            folder = make_folder(self._settings.data / NIGHTS / night.id / f"exam-{examined.verdict.candidate}")
            self._write(folder, examined)
            try:
                self._tell_server("verdicts", _told(night, examined.verdict))
                break
            except Refused:
                if number == TRIES:
                    raise
        shutil.rmtree(folder, ignore_errors=True)

    def _write(self, folder: Path, examined: Examined) -> None:
        for name, content in ((CARD, examined.route), (REPORT, examined.report), (NETWORK, examined.network)):
            with replacing(folder / name) as path:
                path.write_bytes(content)

    def _waits(self, store: SqliteStore, one: Candidate, embedder: str, *, shown: bool) -> bool:
        """`shown`: whether anybody was ever served it."""
        verdict = store.served.verdict(one.id, owner=one.owner)
        if verdict is None:
            return True
        if not verdict.ship or not verdict.route:
            return False
        if verdict.strategy != self._settings.router.strategy or (self._settings.gate.auto and not shown):
            return True
        try:
            return RouteCard.from_bytes(store.blobs.get(verdict.route)).embedder != embedder
        except AionError:
            return True  # its card is damaged: nobody can be routed to it

    def _rivals(self, store: SqliteStore, night: Night, new: Candidate) -> list[Candidate]:
        """One a theme: what is served, with what passed tonight in the places of its themes."""
        row = store.served.promotion(owner=night.owner)
        names = (row.trial or row.adapters) if row is not None else ()
        served = [found for one in names if (found := store.nights.candidate(one, owner=night.owner)) is not None]
        tonight = store.nights.candidates(owner=night.owner, night=night.id, limit=MOST)
        passed = [one for one in tonight if (told := store.served.verdict(one.id, owner=one.owner)) and told.ship]
        themes = {one.theme: one for one in (*served, *passed) if not one.retired and one.id != new.id}
        return list(themes.values())

    def _entrant(self, store: SqliteStore, made: Candidate) -> Entrant:
        verdict = store.served.verdict(made.id, owner=made.owner)
        card = store.blobs.get(verdict.route) if verdict is not None and verdict.ship and verdict.route else b""
        dataset = store.blobs.get(made.dataset)
        unlearned = verdict.unlearned if verdict is not None else ()
        path = store.blobs.path(made.adapter)
        return Entrant(candidate=made, adapter=path, dataset=dataset, card=card, unlearned=unlearned)

    def _base(self) -> LocalModel:
        if self._model is None:
            self._model = asyncio.run(require_local(self._settings))
        return self._model

    @contextmanager
    def _store(self) -> Iterator[SqliteStore]:
        store = SqliteStore(self._settings.data, read_only=True)
        try:
            yield store
        finally:
            store.close()


@dataclass(slots=True)
class _Follow:
    """Tells how far it is where the examination may be interrupted: whoever is told may end it by raising."""

    tell: Tell
    exam: str = "sound"
    done: int = 0
    total: int = 0

    def note(self, exam: str, done: int, total: int) -> None:
        self.exam, self.done, self.total = exam, done, total

    def pause(self) -> None:
        self.tell(self.exam, self.done, self.total)


def _told(night: Night, verdict: Verdict) -> Json:
    """As POST /api/sleep/verdicts takes it."""
    told = json.loads(json.dumps(dataclasses.asdict(verdict)))
    sums = {name: told[name] or None for name in ("route", "report", "network")}
    return {**told, "exam_night": night.id, **sums}

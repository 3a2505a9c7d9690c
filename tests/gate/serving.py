"""A data folder with candidates that really have files and route cards, and an engine that only says what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aion.errors import Unavailable, Unfit
from aion.gate.network import name_network
from aion.gate.promote import Commit, Promoter
from aion.models.llama.spec import Adapter
from aion.records import Candidate, Promotion, new_id
from aion.router.route import Strategy
from aion.router.table import RouteTable
from aion.store.sqlite import SqliteStore
from tests.router.taught import GARDEN, WORK, card_of
from tests.store.night_examples import make_lesson
from tests.store.served_examples import make_verdict, put_candidate

BASE = "b" * 64
EMBEDDER = "words"
CARDS = {"work": card_of(WORK, "work").to_bytes(), "garden": card_of(GARDEN, "garden").to_bytes()}


class Held:
    """Holds what it is told to, unless it fails; counts how often it was begun anew."""

    def __init__(self, loaded: Sequence[Adapter] = ()) -> None:
        self.adapters = list(loaded)
        self.loads = 0
        self.fails = False
        self.refuses: set[str] = set()  # names that it cannot prove

    @property
    def loaded(self) -> list[str]:
        return [one.name for one in self.adapters]

    async def use_adapters(self, adapters: Sequence[Adapter], commit: Commit | None = None) -> None:
        self.loads += 1
        if self.fails:
            raise Unavailable("the new engine did not prove itself")
        if unfit := [one.name for one in adapters if one.name in self.refuses]:
            raise Unfit(f"{', '.join(unfit)} not at work", unfit)
        if commit is not None:
            await commit()
        self.adapters = list(adapters)


class House:
    """One data folder, its promoter, and the table that requests look into."""

    def __init__(self, data: Path) -> None:
        self.store = SqliteStore(data)
        self.start()

    def start(self, strategy: Strategy = Strategy.EMBEDDING) -> None:
        """As after a start of the server."""
        self.table = RouteTable()
        self.promoter = Promoter(self.store, self.store.blobs, self.table, strategy=strategy)
        self.engine = Held(self.promoter.plan(BASE))
        self.promoter.open(self.engine, embedder=EMBEDDER)

    def make(
        self,
        name: str,
        taught: str = "work",
        *,
        created: float = 20.0,
        ship: bool = True,
        network: bytes = b"",
        lessons: tuple[str, ...] = (),
        **changes: str,
    ) -> str:
        """A candidate of a night of its own, examined; taught nothing, it has no card, as one from elsewhere.

        `network` is that of the set it was examined in.
        """
        adapter = self.store.blobs.put(f"adapter of {name}".encode())
        named = name_network(CARDS[taught], network) if network else CARDS.get(taught, b"")
        card = self.store.blobs.put(named) if named else ""
        sum_ = self.store.blobs.put(network) if network else ""
        lessons = lessons or (f"lesson_{name}",)
        told = {"adapter": adapter, "base": BASE, "night": f"night_{name}", "theme": f"theme_{taught}", **changes}
        made = put_candidate(self.store, name, lessons=lessons, created=created, **told)
        self.store.nights.place_lessons(
            [make_lesson(id=lessons[0], theme=made.theme, owner=made.owner)], at=created
        ).result()
        self.store.served.add_verdict(
            make_verdict(made, ship=ship, route=card, report=card, network=sum_, against=(), id=new_id("ver"))
        ).result()
        return made.id

    def candidate(self, name: str) -> Candidate:
        found = self.store.nights.candidate(name, owner=None)
        assert found is not None
        return found

    async def promote(self, *names: str, share: float = 0.0) -> Promotion:
        first = self.candidate(names[0])
        return await self.promoter.promote(
            first.owner, names, night=first.night, reason="passed", actor="gate", share=share
        )

"""The router's network of a night: trained over what would be served, used only where it is no worse than the rule."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from aion.config import Settings
from aion.errors import Corrupt
from aion.gate.examine import Entrant, Room, examine
from aion.gate.network import Making, make_networks, name_network
from aion.gate.outcomes import Outcome
from aion.gate.paper import make_paper
from aion.gate.routing import CardRouting
from aion.models.catalog import LocalModel
from aion.models.fake import FakeEmbedder
from aion.night import train_network
from aion.router.card import RouteCard
from aion.router.network import Origin
from aion.router.pairs import FIGURES, Floats
from aion.router.route import Router, Strategy
from tests.gate.classroom import FIRST, SECOND, Model, lessons_about, make_base, make_entrant, remembers

pytestmark = pytest.mark.anyio
ROOMS, HOUSE = lessons_about(FIRST, "theme_work"), lessons_about(SECOND, "theme_house")
LIKED = Outcome("turn_1", "Whom do I tell that the billing room is cold?", ROOMS[0].id, taken=True, liked=True)
DIMENSIONS = FakeEmbedder().card.dimensions
SHAPES = {"first": (8, 4 * DIMENSIONS + FIGURES), "second": (4, 8), "last": (1, 4)}
EMPTY = save(
    {
        f"{layer}.{part}": np.zeros(shape if part == "weight" else shape[:1], np.float32)
        for layer, shape in SHAPES.items()
        for part in ("weight", "bias")
    },
    metadata=Origin((), "").to_note(),
)


def unread(name: str) -> bytes:
    raise Corrupt("nothing is served yet")


@dataclass
class Trainer:
    """The real one, which notes what it was given; or one that gives something else."""

    made: bytes | None = None
    notes: list[Mapping[str, str]] = field(default_factory=list)
    pairs: list[tuple[Floats, ...]] = field(default_factory=list)

    def __call__(
        self, pairs: tuple[Floats, Floats, Floats, Floats], note: Mapping[str, str], pause: Callable[[], None]
    ) -> bytes:
        self.notes.append(note)
        self.pairs.append(pairs)
        return self.made if self.made is not None else train_network(1)(pairs, note, pause)


@dataclass
class Class:
    """Two themes with their cards."""

    base: LocalModel
    entrants: dict[str, Entrant]
    routing: CardRouting
    cards: dict[str, bytes]

    async def make(self, trainer: Trainer, *outcomes: Outcome, **before: bytes) -> Any:
        papers = {name: make_paper(one.examples()) for name, one in self.entrants.items()}
        making = Making(train=trainer, read=unread, outcomes=outcomes)
        return await make_networks((before, self.cards), papers, making, self.routing.embed, lambda: None)

    async def count_ruled(self) -> int:
        """Of the wordings that were put aside, those that the rule leads to the adapter that learned them."""
        router, found = Router({name: RouteCard.from_bytes(card) for name, card in self.cards.items()}), 0
        for name, one in self.entrants.items():
            for question in (question for fact in make_paper(one.examples()).facts for question in fact.questions):
                vectors = await self.routing.embed([question.text])
                found += router.pick(question.text, vectors[question.text]).scales.keys() == {name}
        return found


@pytest.fixture
async def taught(tmp_path: Path) -> Class:
    base, routing = make_base(tmp_path), CardRouting(FakeEmbedder(), Strategy.NETWORK)
    entrants = {
        name: make_entrant(tmp_path, base, lessons, id_=name)
        for name, lessons in (("cand_new", ROOMS), ("cand_house", HOUSE))
    }
    cards = {name: await routing.make(one.candidate, one.examples(), b"") for name, one in entrants.items()}
    return Class(base, entrants, routing, cards)


async def test_one_that_is_no_worse_than_the_rule_is_taken_and_names_what_it_is_of(taught: Class) -> None:
    trainer = Trainer()
    found = await taught.make(trainer, LIKED)
    assert Origin.from_bytes(found.after) == Origin(
        ("cand_house", "cand_new"), FakeEmbedder().card.hash, turns=("turn_1",)
    )
    assert found.scores["used"]
    assert found.scores["heard"] == 1
    for kind in ("wordings", "near_misses", "general"):
        score = found.scores[kind]
        assert score["items"] >= score["after"] >= score["before"]
    # The fake knows no sense, only words: "whose work is the shed room?" is to it like "what is a shed?".
    assert found.scores["wordings"]["before"] == await taught.count_ruled()
    assert all(found.scores[kind]["before"] > 0.9 * found.scores[kind]["items"] for kind in ("near_misses", "general"))
    assert (await taught.make(Trainer(), LIKED)).after == found.after


async def test_one_that_takes_nothing_or_everything_is_refused(taught: Class) -> None:
    sound = (await taught.make(Trainer())).after
    for bias, worse in ((-50.0, {"wordings"}), (50.0, {"near_misses", "general"})):
        found = await taught.make(Trainer(turned(sound, bias)))
        assert (found.after, found.scores["used"]) == (b"", False)
        kinds = ("wordings", "near_misses", "general")
        assert {one for one in kinds if found.scores[one]["after"] < found.scores[one]["before"]} >= worse


def turned(network: bytes, bias: float) -> bytes:
    """It says yes to everything, or no."""
    tensors = load(network)
    tensors["last.bias"] = np.asarray([bias], np.float32)
    return save(tensors, metadata=Origin.from_bytes(network).to_note())


async def test_one_that_holds_what_is_no_number_is_refused(taught: Class) -> None:
    found = await taught.make(Trainer(turned(EMPTY, float("nan"))))
    assert (found.after, found.scores) == (b"", {"used": False})


async def test_a_judgement_of_what_is_taught_no_more_teaches_nothing(taught: Class) -> None:
    plain, told = Trainer(turned(EMPTY, 0.0)), Trainer(turned(EMPTY, 0.0))
    await taught.make(plain)
    found = await taught.make(told, replace(LIKED, lesson="les_gone"))
    assert found.scores["heard"] == 0
    assert told.notes == plain.notes
    assert len(told.pairs[0][3]) == len(plain.pairs[0][3])


async def test_cards_of_two_embedders_have_no_network(taught: Class) -> None:
    other = replace(RouteCard.from_bytes(taught.cards["cand_house"]), embedder="another").to_bytes()
    trainer = Trainer()
    found = await replace(taught, cards=taught.cards | {"cand_house": other}).make(trainer)
    assert (found.after, found.scores, trainer.notes) == (b"", {"used": False}, [])


async def test_what_is_served_is_examined_with_the_network_that_serves_it(taught: Class) -> None:
    note = Origin(("cand_house",), FakeEmbedder().card.hash).to_note()
    served = save(load(EMPTY), metadata=note)
    card = name_network(taught.cards["cand_house"], served)
    making = Making(train=Trainer(EMPTY), read={hashlib.sha256(served).hexdigest(): served}.__getitem__)
    found = await make_networks(({"cand_house": card}, taught.cards), {}, making, taught.routing.embed, lambda: None)
    assert found.before == served


def room_of(base: LocalModel, folder: Path, making: Making, pause: Callable[[], None] = lambda: None) -> Room:
    return Room(
        settings=Settings.model_validate({"data": folder, "router": {"strategy": "network"}}),
        base=base,
        embedder=FakeEmbedder(),
        pause=pause,
        tell=lambda *_: None,
        open_asker=Model({"cand_new": remembers(ROOMS)}).open,
        making=making,
    )


async def test_the_examination_of_a_night_trains_it_and_its_card_names_it(taught: Class, tmp_path: Path) -> None:
    new, making = taught.entrants["cand_new"], Making(train=Trainer(), read=unread, outcomes=[LIKED])
    found = await examine(new, [], [], room_of(taught.base, tmp_path, making))
    assert found.verdict.ship, found.verdict.reasons
    assert found.verdict.scores["router"]["used"]
    sum_ = hashlib.sha256(found.network).hexdigest()
    assert found.verdict.network == RouteCard.from_bytes(found.route).network == sum_
    assert found.verdict.strategy == "network"
    assert Origin.from_bytes(found.network).adapters == ("cand_new",)


async def test_one_that_is_refused_is_handed_over_with_no_card(taught: Class, tmp_path: Path) -> None:
    new, making = taught.entrants["cand_new"], Making(train=Trainer(turned(EMPTY, -50.0)), read=unread)
    found = await examine(new, [], [], room_of(taught.base, tmp_path, making))
    assert found.verdict.ship, found.verdict.reasons  # by the rule, as it would be served
    assert not found.verdict.scores["router"]["used"]
    assert (found.network, found.verdict.network, RouteCard.from_bytes(found.route).network) == (b"", "", "")


async def test_what_is_examined_is_routed_by_the_network_that_would_serve(taught: Class, tmp_path: Path) -> None:
    """One that takes nothing, let through: nothing that was taught is known then."""
    making = Making(train=Trainer(turned(EMPTY, -50.0)), read=unread)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aion.gate.network._collect", lambda _: [])
        found = await examine(taught.entrants["cand_new"], [], [], room_of(taught.base, tmp_path, making))
    assert found.verdict.scores["router"]["used"]
    assert found.verdict.scores["tonight"]["after"] == 0
    assert not found.verdict.ship


class CalledAway(Exception):  # noqa: N818 - what happened, not a fault
    """The caller's own."""


def called_away() -> None:
    raise CalledAway


async def test_whoever_asks_is_waited_for_between_two_steps_of_its_training(taught: Class, tmp_path: Path) -> None:
    trained: list[bytes] = []

    def train(
        pairs: tuple[Floats, Floats, Floats, Floats], note: Mapping[str, str], pause: Callable[[], None]
    ) -> bytes:
        trained.append(train_network(1)(pairs, note, pause))
        return trained[-1]

    making = Making(train=train, read=unread)
    with pytest.raises(CalledAway):
        await examine(taught.entrants["cand_new"], [], [], room_of(taught.base, tmp_path, making, called_away))
    assert trained == []

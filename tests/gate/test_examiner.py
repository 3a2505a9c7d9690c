"""What a night examines, and what it hands over: with the router's network where the settings want one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aion.config import Settings
from aion.gate import examiner
from aion.gate.examine import Room
from aion.gate.examiner import NightExaminer
from aion.models.catalog import LocalModel
from aion.night import build_examiner
from aion.records import Json, Lesson, Night, Reward
from aion.router.card import RouteCard
from aion.router.network import Origin
from aion.store.sqlite import SqliteStore
from tests.gate.classroom import FIRST, Model, lessons_about, make_base, make_entrant, remembers
from tests.gate.serving import BASE, House
from tests.store.examples import make_turn
from tests.store.memory_examples import make_experience
from tests.store.night_examples import make_lesson, make_night, make_theme
from tests.store.served_examples import make_verdict, put_candidate

ROOMS = lessons_about(FIRST[:4], "theme_work")
ASKED = "Whom do I tell that the billing room is cold?"


def settings_of(data: Path, strategy: str) -> Settings:
    told = {"data": data, "router": {"strategy": strategy}, "embedder": {"source": "fake"}, "engine": {"threads": 1}}
    return Settings.model_validate(told)


class Server:
    """Takes what the night tells, with the files that lie there then."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.told: list[Json] = []
        self.files: list[dict[str, bytes]] = []

    def tell(self, what: str, body: Json) -> Json:
        assert what == "verdicts"
        self.told.append(body)
        folder = self.data / "nights" / body["exam_night"] / f"exam-{body['candidate']}"
        self.files.append({path.name: path.read_bytes() for path in folder.iterdir()})
        return {}


@pytest.fixture
def base(tmp_path: Path) -> LocalModel:
    return make_base(tmp_path)


@pytest.fixture
def store(tmp_path: Path, base: LocalModel) -> Iterator[SqliteStore]:
    """A candidate that waits, and an answer that was liked although what was asked was left to the base."""
    with closing(SqliteStore(tmp_path / "data")) as made:
        entrant = make_entrant(tmp_path, base, ROOMS)
        for content in (entrant.adapter.read_bytes(), entrant.dataset):
            made.blobs.put(content)
        made.nights.put_theme(make_theme(id="theme_work")).result()
        made.nights.place_lessons([make_lesson(id=one.id, theme=one.theme) for one in ROOMS], at=1.0).result()
        made.nights.add_candidate(entrant.candidate).result()
        left = {"lesson": ROOMS[0].id, "how": "named"}
        step: Json = {"outcome": "none", "scales": {}, "why": {"took": [], "left": [left]}}
        turn = make_turn(id="turn_1", messages=({"role": "user", "content": ASKED},), steps={"route": step})
        made.append_turn(turn).result()
        reward = Reward(explicit=1.0, implicit=None, emotional=None, total=1.0)
        made.experience.put_experience(make_experience(turn.id, reward=reward)).result()
        yield made


def examine(
    data: Path,
    base: LocalModel,
    strategy: str,
    night: Night,
    monkeypatch: pytest.MonkeyPatch,
    knows: Sequence[Lesson] = ROOMS,
) -> tuple[Json, dict[str, bytes]]:
    """As a night does that goes on after a kill: it has looked for nothing else before."""
    found, server = judge(data, base, strategy, night, monkeypatch, knows)
    assert found["ship"], server.told
    return server.told[0], server.files[0]


def judge(
    data: Path,
    base: LocalModel,
    strategy: str,
    night: Night,
    monkeypatch: pytest.MonkeyPatch,
    knows: Sequence[Lesson],
) -> tuple[Json, Server]:
    """What a night hears of it, and what the server was told."""
    model, server = Model({"cand_new": remembers(knows)}), Server(data)

    async def find_base(_: Settings) -> LocalModel:
        return base

    monkeypatch.setattr(examiner, "Room", partial(Room, open_asker=model.open))
    monkeypatch.setattr(examiner, "require_local", find_base)
    door: Any = SimpleNamespace(tell=server.tell)
    made = build_examiner(settings_of(data, strategy), door)
    assert isinstance(made, NightExaminer)
    return made.examine(night, "cand_new", lambda *_: None), server


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("known", "chance"), [(1, True), (len(ROOMS), False)])
def test_a_night_hears_whether_another_try_may_pass(
    tmp_path: Path, base: LocalModel, monkeypatch: pytest.MonkeyPatch, known: int, chance: bool
) -> None:
    found, server = judge(tmp_path / "data", base, "keyword", make_night(), monkeypatch, ROOMS[:known])
    assert (found["ship"], found["chance"]) == (not chance, chance)
    assert server.told[0]["ship"] is not chance
    assert "chance" not in server.told[0], "it is the night's to know"


def test_a_night_trains_the_network_and_hands_it_over_with_its_card(
    tmp_path: Path, base: LocalModel, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, files = examine(tmp_path / "data", base, "network", make_night(), monkeypatch)
    network = files["router.safetensors"]
    assert told["network"] == hashlib.sha256(network).hexdigest() == RouteCard.from_bytes(files["route.card"]).network
    assert told["strategy"] == "network"
    origin = Origin.from_bytes(network)
    assert (origin.adapters, origin.turns) == (("cand_new",), ("turn_1",))
    again, _ = examine(tmp_path / "data", base, "network", make_night(id="night_2"), monkeypatch)
    assert again["network"] == told["network"]


def test_the_network_goes_on_choosing_over_the_card_that_is_served(
    tmp_path: Path, base: LocalModel, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, files = examine(tmp_path / "data", base, "network", make_night(), monkeypatch, knows=ROOMS[:3])
    card = RouteCard.from_bytes(files["route.card"])
    assert told["unlearned"] == [ROOMS[3].id]
    assert [item.lesson for item in card.items] == [one.id for one in ROOMS[:3]]
    assert card.network == hashlib.sha256(files["router.safetensors"]).hexdigest() == told["network"]


def test_with_any_other_strategy_no_time_is_spent_on_it(
    tmp_path: Path, base: LocalModel, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bytes:
        raise AssertionError("nobody wants a network")

    monkeypatch.setattr("aion.sleep.training.router_train.train_at_night", refuse)
    told, files = examine(tmp_path / "data", base, "keyword", make_night(), monkeypatch)
    assert (told["strategy"], told["network"], files["router.safetensors"]) == ("keyword", None, b"")
    assert "router" not in told["scores"]


def test_what_an_examination_missed_goes_into_the_next(tmp_path: Path, base: LocalModel) -> None:
    with closing(House(tmp_path / "data").store) as store:
        made = put_candidate(store, "w1", dataset=store.blobs.put(b"[]"))
        verdict = make_verdict(made, route=store.blobs.put(b"card"), unlearned=made.lessons)
        store.served.add_verdict(verdict).result()
        examiner_ = NightExaminer(settings_of(tmp_path / "data", "embedding"), lambda *_: {})
        assert examiner_._entrant(store, made).unlearned == made.lessons
        assert examiner._told(make_night(), verdict)["unlearned"] == list(made.lessons)


@pytest.fixture
def by_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedder whose vectors the cards of a House hold."""

    async def words(_: Settings) -> str:
        return "words"

    monkeypatch.setattr(examiner, "find_embedder_hash", words)


def find_due(base: LocalModel, settings: Settings) -> list[str]:
    made = NightExaminer(settings, lambda *_: {})
    made._model = replace(base, sha256=BASE)
    return made.find_due(make_night())


@pytest.mark.usefixtures("by_words")
def test_what_was_examined_by_another_strategy_is_examined_again(tmp_path: Path, base: LocalModel) -> None:
    house = House(tmp_path / "data")
    with closing(house.store):
        served = house.make("w1")
        asyncio.run(house.promote(served))
        house.make("g1", "garden", ship=False)
        for strategy, due in (("embedding", []), ("network", [served])):
            assert find_due(base, settings_of(tmp_path / "data", strategy)) == due


@pytest.mark.usefixtures("by_words")
def test_what_passed_and_was_never_served_is_examined_again_unless_that_is_a_persons_to_say(
    tmp_path: Path, base: LocalModel
) -> None:
    """Its night's promotion failed: what it knows would be learned for ever, and nobody served it."""
    house = House(tmp_path / "data")
    with closing(house.store):
        waiting, undone = house.make("w1"), house.make("g1", "garden")
        asyncio.run(house.promote(undone))
        asyncio.run(house.promoter.roll_back("ana", reason="worse", actor="ana"))
        settings = settings_of(tmp_path / "data", "embedding")
        for auto, due in ((True, [waiting]), (False, [])):
            gate = settings.gate.model_copy(update={"auto": auto})
            assert find_due(base, settings.model_copy(update={"gate": gate})) == due

"""The sleeper without a server: whatever is wrong, it says that it is there, and why nobody learns."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aion.config import load
from aion.errors import Unavailable
from aion.memory.provenance import hash_of
from aion.night import attend
from aion.records import Json, NightState
from aion.sleep.nights.door import Door
from aion.sleep.nights.journal import Journal
from aion.sleep.nights.kept import NIGHTS
from aion.sleep.nights.outlook import Base
from aion.sleep.nights.sleeper import NEVER, POSTPONED, Sleeper
from aion.store.database import DATABASE
from aion.store.sqlite import SqliteStore
from tests.store.memory_examples import make_source, put
from tests.store.night_examples import make_night

ELSEWHERE = "openai:http://127.0.0.1:9/v1#x"


class Ear:
    """In the place of the server: hears everything."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Json]] = []
        self.pause = False

    def tell(self, what: str, body: Json) -> Json:
        self.told.append((what, body))
        return {"idle_s": 0.0, "pause": self.pause, "cancel": False, "settings": {}}

    def why_not(self, owner: str) -> str:
        [*_, last] = [body["owners"] for what, body in self.told if what == "sleeper"]
        return str(last[owner]["why_not"])


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    heard = Ear()
    monkeypatch.setattr("aion.sleep.nights.sleeper.find_door", lambda _data: heard)
    return heard


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


def make_sleeper(folder: Path, **flags: Any) -> Sleeper:
    flags = {"data": str(folder), "sleep.disk_reserve_mb": 0, **flags}
    return Sleeper(load(flags).settings, flags, argv=("false",))


def look(sleeper: Sleeper, times: int = 3) -> None:
    for _ in range(times):
        assert sleeper.step()


def test_with_a_model_elsewhere_it_is_there_and_says_why_nobody_learns(
    ear: Ear, store: SqliteStore, tmp_path: Path
) -> None:
    put(store)
    sleeper = make_sleeper(tmp_path, **{"model.source": ELSEWHERE})
    look(sleeper)
    assert "serve a GGUF here" in ear.why_not("ana")
    assert "serve a GGUF here" in ear.why_not("me")
    assert sleeper.outlooks["ana"]["version"] == store.memories.version(owner="ana"), "so the server finds it current"
    told = len(ear.told)
    look(sleeper)
    assert len(ear.told) == told, "it does not look again and again"


def test_a_night_that_no_model_can_train_ends_with_the_reason(ear: Ear, store: SqliteStore, tmp_path: Path) -> None:
    store.nights.append_night(make_night()).result()
    look(make_sleeper(tmp_path, **{"model.source": ELSEWHERE}), times=1)
    [ended] = [body for what, body in ear.told if what == "progress"]
    assert (ended["night"], ended["state"]) == ("night_1", "failed")
    assert "serve a GGUF here" in ended["reason"]


@pytest.mark.parametrize("wanted", ["model.source", "embedder.source"])
def test_a_night_waits_for_a_model_that_cannot_be_brought_and_begins_when_it_can(
    ear: Ear, store: SqliteStore, tmp_path: Path, wanted: str
) -> None:
    text = "My boat is called Gaivota."
    put(store, text=text, sources=(make_source(hash=hash_of(text)),))
    store.nights.append_night(make_night()).result()
    flags = {"model.source": "embedded", "hub.endpoint": "http://127.0.0.1:9", wanted: "hf:some/where:base.gguf"}
    with closing(make_sleeper(tmp_path, **flags)) as sleeper:
        look(sleeper)
        assert ear.why_not("ana").startswith("the night waits, and is tried again in a minute: ")
        assert "could not be reached" in ear.why_not("ana")
        sleeper.base = Base("b" * 64, 1)  # it is here now
        look(sleeper)
        assert [what for what, _ in ear.told if what == "progress"] == [], "the minute is not over"
        sleeper.weighs = NEVER
        look(sleeper, times=1)
    assert [body["state"] for what, body in ear.told if what == "progress"] == ["preparing"]


def test_damage_in_the_rows_of_one_keeps_nobody_else_from_being_looked_at(
    ear: Ear, store: SqliteStore, tmp_path: Path
) -> None:
    for owner in ("ana", "eva"):
        put(store, owner=owner)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as raw, raw:
        raw.execute("UPDATE memories SET text = 'something else' WHERE owner = 'ana'")
    sleeper = make_sleeper(tmp_path)
    sleeper.base = Base("b" * 64, 1)
    look(sleeper)
    assert "aion verify" in ear.why_not("ana")
    assert ear.why_not("eva") == "there is nothing new to learn"
    sleeper.outlooks = {who: {**told, "at": 0.0, "version": 0} for who, told in sleeper.outlooks.items()}
    sleeper.told = NEVER
    look(sleeper)
    assert sleeper.outlooks["eva"]["at"] > 0, "nor from being looked at again"


def test_notes_of_nights_that_are_over_go_although_they_left_no_folder(
    ear: Ear, store: SqliteStore, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / NIGHTS)
    for night, state in (("night_1", NightState.FAILED), ("night_2", NightState.TRAINING), ("night_3", None)):
        if state is not None:
            store.nights.append_night(make_night(id=night, state=state)).result()
        journal.note(night, "spent", "1 1")
        journal.count_attempt(night, "mark")
    journal.note(POSTPONED, "me", "5.0")
    with closing(make_sleeper(tmp_path)) as sleeper:
        look(sleeper, times=1)
    assert sorted(journal.nights()) == ["night_2", "night_3", POSTPONED]


def test_no_night_begins_while_somebody_is_answered(ear: Ear, store: SqliteStore, tmp_path: Path) -> None:
    store.nights.append_night(make_night(state=NightState.TRAINING)).result()
    ear.pause = True
    with closing(make_sleeper(tmp_path)) as sleeper:
        look(sleeper)
        assert sleeper.child is None
        ear.pause = False
        look(sleeper, times=1)
    [begun] = [body for what, body in ear.told if what == "progress"]
    assert (begun["night"], begun["state"], begun["may_stop"]) == ("night_1", "preparing", True)


def test_a_night_loads_nothing_heavy_before_whoever_is_answered_has_their_answer(tmp_path: Path) -> None:
    seen: list[str] = []

    def tell(_what: str, told: Json) -> Json:
        seen.append("told" if not told["may_stop"] else "may be stopped")
        return {"pause": len(seen) < 3, "cancel": False}

    def make_steps(*_: object) -> Any:
        seen.append("steps")
        raise Unavailable("enough")

    settings = load({"data": str(tmp_path)}).settings
    attend(settings, cast("Door", SimpleNamespace(tell=tell)), make_night(), make_steps)
    assert seen == ["told", "told", "told", "steps"]

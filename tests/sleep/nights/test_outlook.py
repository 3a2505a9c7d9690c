"""What speaks for a night is counted from real rows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aion.config import Settings, load
from aion.memory.provenance import hash_of
from aion.records import Label, MemoryKind, NightState
from aion.sleep.nights.outlook import Base, collect_facts, disk_needed, read_load
from aion.sleep.nights.when import decide
from aion.store.sqlite import SqliteStore
from tests.store.examples import make_turn
from tests.store.memory_examples import make_experience, make_memory, make_source
from tests.store.night_examples import make_candidate, make_night, make_theme

BASE = Base("b" * 64, 100 << 20)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"data": str(tmp_path)}).settings


def live(store: SqliteStore, count: int, **changes: object) -> None:
    for _ in range(count):
        turn = make_turn()
        store.append_turn(turn).result()
        store.experience.put_experience(make_experience(turn.id, **changes)).result()


def test_experiences_errors_and_recall_are_counted_since_the_last_night(store: SqliteStore, settings: Settings) -> None:
    live(store, 2, at=50.0, priority=0.9, label=Label.ERRONEOUS, theme="cluster_1")
    store.nights.append_night(make_night(state=NightState.DONE, at=100.0)).result()
    live(store, 3, at=150.0, priority=0.5, label=Label.ERRONEOUS, theme="cluster_1", ndcg=0.5)
    live(store, 1, at=160.0, priority=0.9, label=Label.ERRONEOUS, theme="cluster_2", ndcg=1.0)
    live(store, 8, at=170.0, priority=0.4, label=Label.RELIABLE, ndcg=1.0)
    facts = collect_facts(store, settings, "ana", BASE, idle_s=5.0)
    assert (facts.experiences, facts.errors) == (4, 3)
    assert facts.ndcg == pytest.approx((3 * 0.5 + 9 * 1.0) / 12)
    assert facts.since_night_s == pytest.approx(facts.at - 100.0)
    assert (facts.idle_s, facts.asked, facts.disk_needed) == (5.0, False, disk_needed(BASE))
    assert collect_facts(store, settings, "eva", BASE, idle_s=0.0).experiences == 0


@pytest.mark.parametrize("state", [NightState.CANCELLED, NightState.FAILED])
def test_a_night_that_began_by_itself_and_came_to_nothing_begins_no_other_at_once(
    store: SqliteStore, settings: Settings, state: NightState
) -> None:
    live(store, 60, at=time.time() - 9999, priority=0.9)
    for id_, body, since in (("night_1", {}, None), ("night_2", {"why": "experiences"}, 60.0)):
        store.nights.append_night(make_night(id=id_, state=state, at=time.time() - 60, body=body)).result()
        facts = collect_facts(store, settings, "ana", BASE, idle_s=3600.0)
        assert facts.since_night_s == (since and pytest.approx(since, abs=30))
    assert facts.experiences == 60, "they still wait"
    ready = replace(facts, lessons=5, cpu_percent=1.0, gpu_percent=1.0, on_battery=False, disk_free=1 << 40)
    assert "cooldown" in decide(ready, settings.sleep).why_not


def test_recall_is_judged_on_ten_answers_or_not_at_all(store: SqliteStore, settings: Settings) -> None:
    live(store, 9, ndcg=0.1)
    assert collect_facts(store, settings, "ana", BASE, idle_s=0.0).ndcg is None


def test_a_base_is_new_when_adapters_are_there_and_none_is_for_it(store: SqliteStore, settings: Settings) -> None:
    assert not collect_facts(store, settings, "ana", BASE, idle_s=0.0).new_base
    store.nights.put_theme(make_theme()).result()
    store.nights.add_candidate(make_candidate(base=BASE.sha256)).result()
    assert not collect_facts(store, settings, "ana", BASE, idle_s=0.0).new_base
    assert collect_facts(store, settings, "ana", Base("c" * 64, 1), idle_s=0.0).new_base


def test_load_is_the_mean_of_the_last_samples(store: SqliteStore) -> None:
    assert read_load(store) == (None, None)
    for ago, percent in ((400.0, 99.0), (100.0, 10.0), (40.0, 30.0)):
        store.experience.append_sample(time.time() - ago, {"cpu_percent": percent}).result()
    assert read_load(store) == (20.0, None)


def test_what_waits_is_named_the_latest_first_and_what_is_learned_is_not(
    store: SqliteStore, settings: Settings
) -> None:
    def tell(text: str, at: float) -> None:
        note = make_memory(text=text, kind=MemoryKind.NOTE, sources=(make_source(hash=hash_of(text)),), updated=at)
        store.memories.put(note, terms=text, vector=None, embedder="").result()

    tell("The boathouse key hangs behind the barometer.", 10.0)
    tell("The pump of the mill is oiled on Fridays.", 20.0)
    facts = collect_facts(store, settings, "ana", BASE, idle_s=0.0)
    assert [one.statement.split()[1] for one in facts.waiting] == ["pump", "boathouse"]
    assert facts.lessons == 2
    learned = make_candidate(base=BASE.sha256, lessons=(facts.waiting[0].id,))
    store.nights.put_theme(make_theme()).result()
    store.nights.add_candidate(learned).result()
    facts = collect_facts(store, settings, "ana", BASE, idle_s=0.0)
    assert ([one.statement.split()[1] for one in facts.waiting], facts.lessons) == (["boathouse"], 1)

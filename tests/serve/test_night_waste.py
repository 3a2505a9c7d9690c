"""What sleep made of a conversation goes when that is forgotten: every byte of it, at once or at the next start."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from aion.records import Candidate, Move
from aion.router.network import Origin
from aion.serve.night_waste import clear_forgotten
from aion.store.sqlite import SqliteStore
from tests.serve.people import MINDFUL, Person
from tests.serve.test_sleep_api import BASE, start, tell
from tests.serving import RunningServer, running
from tests.store.examples import make_turn
from tests.store.night_examples import make_candidate, make_lesson, make_theme
from tests.store.served_examples import make_promotion, make_verdict, put_candidate

CANARY = "Zephyrine"
FACT = f"My sister Rita keeps nine hives at {CANARY}."
STAYS = "My brother Tomas repairs clocks in Evora."


@pytest.fixture
def up(tmp_path: Path) -> Iterator[RunningServer]:
    with running(tmp_path / "data", {**MINDFUL, "sleep.disk_reserve_mb": 0}) as server:
        yield server


def holding(data: Path, word: str = CANARY) -> list[str]:
    """Files of the data folder in which the word stands."""
    return [path.name for path in data.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


def write_job(data: Path, night: str, theme: str, words: str, lessons: list[str]) -> dict[str, Any]:
    """A job that has been trained; what it learned stands in its examples and, as numbers, in its weights."""
    folder = data / "nights" / night / theme
    (folder / "out").mkdir(parents=True)
    files = {
        "adapter.gguf": f"GGUF{words}".encode(),
        "adapter_model.safetensors": f"weights{words}".encode(),
        "adapter_config.json": b'{"r": 8}',
        "record.json": b'{"losses": [0.5]}',
    }
    for name, content in files.items():
        (folder / "out" / name).write_bytes(content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    (folder / "out" / "manifest.json").write_text(json.dumps(sums))
    (folder / "examples.jsonl").write_text(words)
    dataset = hashlib.sha256(words.encode()).hexdigest()
    (folder / "prepared.json").write_text(json.dumps({"owner": "rita", "lessons": lessons, "dataset": dataset}))
    told = {"owner": "rita", "night": night, "theme": theme, "base": BASE, "dataset": dataset, "created": 5.0}
    return told | {"lessons": lessons, "sources": ["turn_1"]}


def live(up: RunningServer) -> tuple[Person, str]:
    """Somebody who said the fact, with a lesson made of it and one made of something else; and their night."""
    rita = Person(up, up.add_key("rita"))
    turn = rita.say(FACT, aion={"conversation": "bees"})["aion"]["turn_id"]
    other = rita.say(STAYS, aion={"conversation": "clocks"})["aion"]["turn_id"]
    rita.wait_for_experience(turn)
    themes = [{"id": f"theme_{n}", "name": "Hives", "vector": [1.0], "embedder": "e" * 64} for n in (1, 2)]
    places = [
        {"lesson": "lesson_bees", "theme": "theme_1", "sources": [turn]},
        {"lesson": "lesson_clocks", "theme": "theme_2", "sources": [other]},
    ]
    tell(up, "arrangement", owner="rita", themes=themes, places=places).raise_for_status()
    return rita, start(rita).json()["id"]


def forget_bees(rita: Person) -> Any:
    return rita.ask("DELETE", "/api/conversations/bees").raise_for_status().json()


def candidates_of(data: Path) -> dict[str, Candidate]:
    with closing(SqliteStore(data, read_only=True)) as store:
        assert list(store.verify()) == []
        return {one.theme: one for one in store.nights.candidates(owner="rita")}


def test_a_candidate_that_learned_it_is_retired_and_no_byte_of_it_stays(up: RunningServer) -> None:
    rita, night = live(up)
    turn = rita.get("/api/conversations/bees")["turns"][0]["id"]
    for theme, words, lesson, ref in (
        ("theme_1", FACT, "lesson_bees", turn),
        ("theme_2", STAYS, "lesson_clocks", "turn_1"),
    ):
        told = write_job(up.data, night, theme, words, [lesson]) | {"sources": [ref]}
        tell(up, "candidates", **told).raise_for_status()
    shutil.rmtree(up.data / "nights")
    assert len(holding(up.data)) >= 4  # rows, examples, both forms of the adapter
    adapters = forget_bees(rita)["adapters"]
    assert holding(up.data) == []
    made = candidates_of(up.data)
    assert adapters == [made["theme_1"].id]
    assert (made["theme_1"].retired, made["theme_2"].retired) == (True, False)
    with closing(SqliteStore(up.data, read_only=True)) as store:
        assert store.nights.learned(owner="rita") == {"lesson_clocks"}
        assert store.blobs.get(made["theme_2"].dataset) == STAYS.encode()


def test_a_job_under_way_or_kept_goes_and_another_stays(up: RunningServer) -> None:
    rita, night = live(up)
    write_job(up.data, night, "theme_1", FACT, ["lesson_bees"])
    write_job(up.data, night, "theme_2", STAYS, ["lesson_clocks"])
    write_job(up.data, "kept", "theme_1", FACT, ["lesson_clocks", "lesson_bees"])
    write_job(up.data, night, "theme_3", FACT, ["lesson_bees"])
    (up.data / "nights" / night / "theme_3" / "prepared.json").unlink()  # it was being prepared
    forget_bees(rita)
    assert holding(up.data) == []
    assert [path.name for path in (up.data / "nights").glob("*/*")] == ["theme_2"]


def test_an_adapter_that_learned_a_page_goes_when_nobody_approves_the_page_any_more(up: RunningServer) -> None:
    rita, night = live(up)
    page = rita.remember(FACT, document={"title": "Bees"})["document"]
    place = f"/api/documents/{page['id']}"
    assert rita.ask("POST", f"{place}/revoke").json()["adapters"] == []
    rita.ask("POST", f"{place}/approve", json={"hash": page["hash"]}).raise_for_status()
    learned = [{"lesson": "lesson_page", "theme": "theme_1", "sources": [page["id"]]}]
    tell(up, "arrangement", owner="rita", themes=[], places=learned).raise_for_status()
    for theme, lesson in (("theme_1", "lesson_page"), ("theme_2", "lesson_clocks")):
        tell(up, "candidates", **write_job(up.data, night, theme, f"{theme} words", [lesson])).raise_for_status()
    made = candidates_of(up.data)
    assert rita.ask("POST", f"{place}/revoke").raise_for_status().json()["adapters"] == [made["theme_1"].id]
    assert [one.theme for one in candidates_of(up.data).values() if one.retired] == ["theme_1"]
    assert holding(up.data, "theme_1 words") == []
    assert holding(up.data, "theme_2 words") != []
    assert rita.ask("POST", f"{place}/revoke").raise_for_status().json()["adapters"] == []


def test_what_is_handed_over_after_it_was_forgotten_is_refused_and_leaves_nothing(up: RunningServer) -> None:
    rita, night = live(up)
    told = write_job(up.data, night, "theme_1", FACT, ["lesson_bees"])
    forget_bees(rita)
    write_job(up.data, night, "theme_1", FACT, ["lesson_bees"])  # as if the night had written it just then
    reply = tell(up, "candidates", **told)
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "forgotten")
    assert holding(up.data) == []
    assert candidates_of(up.data) == {}


def test_a_stop_between_forgetting_and_clearing_is_made_good_at_the_next_start(tmp_path: Path) -> None:
    with running(tmp_path / "data", {**MINDFUL, "sleep.disk_reserve_mb": 0}) as server:
        _, night = live(server)
        tell(server, "candidates", **write_job(server.data, night, "theme_1", FACT, ["lesson_bees"])).raise_for_status()
        server.stop(signal.SIGKILL)
    with closing(SqliteStore(server.data)) as store:
        store.forget_conversation("bees", owner="rita").result()
    assert holding(server.data) != []
    with running(tmp_path / "data", MINDFUL):
        assert holding(server.data) == []


def test_what_went_on_from_a_retired_adapter_is_retired_with_it(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store:
        store.nights.put_theme(make_theme()).result()
        kept = make_lesson(id="lesson_kept")
        store.nights.place_lessons([kept], at=1.0).result()
        line = [("cand_1", "", "lesson_gone"), ("cand_2", "cand_1", "lesson_kept"), ("cand_3", "", "lesson_kept")]
        for number, (id_, parent, lesson) in enumerate(line):
            made = make_candidate(
                id=id_, parent=parent, lessons=(lesson,), night=f"night_{number}", created=float(number)
            )
            store.nights.add_candidate(made).result()
        clear_forgotten(store, store.blobs, tmp_path)
        retired = {one.id for one in store.nights.candidates(owner="ana") if one.retired}
        assert retired == {"cand_1", "cand_2"}
        assert list(store.verify()) == []


def test_what_an_examination_kept_goes_with_its_candidate_unless_another_needs_it(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store:
        names = [store.blobs.put(word.encode()) for word in ("card", "report", "older card", "shared report")]
        card, report, older, shared = names
        for name, files in (("gone", ((older, shared), (card, report))), ("kept", ((card, shared),))):
            made = put_candidate(store, name, lessons=(f"lesson_{name}",))
            for route, told in files:
                store.served.add_verdict(make_verdict(made, route=route, report=told)).result()
        kept = make_lesson(id="lesson_kept", theme="theme_kept")
        store.nights.place_lessons([kept], at=1.0).result()
        store.served.append_promotion(make_promotion("cand_gone", "cand_kept")).result()
        assert clear_forgotten(store, store.blobs, tmp_path) == ["cand_gone"]
        assert set(store.blobs) == {card, shared}
        [row] = store.served.serving()
        assert (row.move, row.adapters) == (Move.RETIRE, ("cand_kept",))
        assert clear_forgotten(store, store.blobs, tmp_path) == []
        assert list(store.verify()) == []


def test_a_network_goes_with_any_adapter_it_is_of_and_with_any_turn_it_learned_from(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store:
        turns = [make_turn(conversation=name) for name in ("conv_stays", "conv_goes")]
        for one in turns:
            store.append_turn(one).result()
        stays, goes = (one.id for one in turns)
        names = []
        for adapters, learned in (
            (("cand_kept",), (stays,)),
            (("cand_kept",), (stays, goes)),
            (("cand_gone", "cand_kept"), ()),
        ):
            note = Origin(adapters, "words", learned).to_note()
            names.append(store.blobs.put(save({"one": np.zeros(1, np.float32)}, metadata=note)))
        put_candidate(store, "gone", lessons=("lesson_gone",))
        made = put_candidate(store, "kept", lessons=("lesson_kept",))
        store.nights.place_lessons([make_lesson(id="lesson_kept", theme="theme_kept")], at=1.0).result()
        for name in names:
            card = store.blobs.put(name.encode())
            store.served.add_verdict(make_verdict(made, route=card, report=card, network=name)).result()
        assert clear_forgotten(store, store.blobs, tmp_path) == ["cand_gone"]
        assert set(store.blobs) & set(names) == set(names[:2])
        store.forget_conversation("conv_goes", owner="ana").result()
        clear_forgotten(store, store.blobs, tmp_path)
        assert set(store.blobs) & set(names) == set(names[:1])

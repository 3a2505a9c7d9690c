"""The person of the proof reaches AION through its routes alone, and exams leave nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from aion.records import Json, LessonKind
from aion.sleep.lessons.find import Lessons, collect_lessons
from aion.store.sqlite import SqliteStore
from benchmarks.nightly.home import Home
from benchmarks.nightly.person import Person
from benchmarks.nightly.world import Fact, Way, make_world
from tests.serving import FAKE

FLAGS = FAKE | {"memory.from_chat": True}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Taught one fact in each way."""
    made = Home(tmp_path_factory.mktemp("run"), FLAGS)
    with made.living() as person:
        for fact in some_facts():
            person.teach(fact)
    made.keep(1)
    return made


def some_facts() -> list[Fact]:
    told = make_world(1, days=1).facts
    return [next(one for one in told if one.way is way and one.relation.theme == "company") for way in Way]


def lessons_in(data: Path) -> Lessons:
    store = SqliteStore(data, read_only=True)
    try:
        return collect_lessons(store, "me", source_share=1.0)
    finally:
        store.close()


def asked_in(data: Path) -> int:
    store = SqliteStore(data, read_only=True)
    try:
        return len(store.turns(owner="me"))
    finally:
        store.close()


def test_what_is_taught_in_each_way_is_what_a_night_learns_from(home: Home) -> None:
    found = {one.answer or one.statement: one.kind for one in lessons_in(home.data).lessons}
    for fact in some_facts():
        assert found[fact.told] is (LessonKind.EDIT if fact.way is Way.EDIT else LessonKind.TOLD)


def test_day_0_is_examined_before_anything_was_told(home: Home) -> None:
    key = (home.folder / "key").read_text("ascii")
    with home.examined(0) as person:
        assert person.get("/api/memory")["data"] == []
    assert (home.folder / "key").read_text("ascii") == key


def test_an_exam_is_sat_by_a_copy_with_the_same_key_and_leaves_nothing_behind(home: Home) -> None:
    before = asked_in(home.data), asked_in(home.kept(1))
    with home.examined(1) as person:
        assert person.get("/api/memory")["data"]
        reply = person.ask([{"role": "user", "content": "What did I tell you?"}], "on")
        assert reply.text
        assert reply.adapters == ()
    assert (asked_in(home.data), asked_in(home.kept(1))) == before
    assert before[0] == before[1] > 0
    assert not list(home.folder.glob("exam-*"))


def test_a_run_goes_back_to_an_earlier_morning(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for name, text in (("blobs/ab/abc", "adapter"), ("aion.db", "one day")):
        path = home.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    home.keep(1)
    (home.data / "aion.db").write_text("two days")
    (home.data / "blobs" / "ab" / "abc").unlink()
    home.go_back(1)
    assert (home.data / "aion.db").read_text() == "one day"
    assert (home.data / "blobs" / "ab" / "abc").read_text() == "adapter"
    assert (home.data / "blobs" / "ab" / "abc").stat().st_nlink == 2, "blobs take no room"
    home.go_back(0)
    assert not home.data.exists()


def answering(replies: dict[str, list[tuple[int, Any]]]) -> Person:
    """Whose server gives these replies, the last of each route for ever."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        left = replies[request.url.path]
        code, body = left.pop(0) if len(left) > 1 else left[0]
        return httpx2.Response(code, json=body)

    person = Person("http://aion.test", "key")
    person._http = httpx2.Client(base_url="http://aion.test", transport=httpx2.MockTransport(answer))
    return person


def test_a_night_is_asked_for_until_it_begins_and_waited_for_until_it_is_awake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    nights: list[Json] = [{"data": [{"state": state, "candidates": []}]} for state in ("preparing", "training", "done")]
    person = answering(
        {
            "/api/sleep/start": [(422, {}), (503, {}), (202, {})],
            "/api/sleep/nights": [(200, one) for one in nights],
            "/api/sleep/status": [(200, {"state": "exporting"}), (200, {"state": "awake"})],
        }
    )
    assert person.sleep(60)["state"] == "done"
    assert person.get("/api/sleep/status")["state"] == "awake"


def test_a_night_that_never_begins_is_an_error_in_the_servers_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.nightly.person.BEGIN_S", -1.0)
    with pytest.raises(TimeoutError, match="nothing_to_learn"):
        answering({"/api/sleep/start": [(422, {"code": "nothing_to_learn"})]}).sleep(60)

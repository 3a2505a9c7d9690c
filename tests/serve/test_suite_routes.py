"""A person's own questions for the examination, over HTTP; the base that is asked them is in tests/gate."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import closing

import pytest

from aion.store.sqlite import SqliteStore
from tests.serve.people import Person
from tests.serving import RunningServer, running
from tests.store.served_examples import make_suite_item

ITEM = {"question": " Which is my boat? ", "expected": "Gaivota", "check": "equals"}
MOST = 200


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Vic has all questions but one that a suite may have."""
    data = tmp_path_factory.mktemp("suite") / "data"
    with closing(SqliteStore(data)) as store:
        items = [make_suite_item(id=f"item_{number}", owner="vic") for number in range(MOST - 1)]
        wait([store.served.put_suite_item(one) for one in items])
    with running(data) as up:
        yield up


def test_a_question_is_added_listed_and_removed_by_its_owner_alone(server: RunningServer) -> None:
    sue, tom = Person(server, server.add_key("sue")), Person(server, server.add_key("tom"))
    made = sue.ask("POST", "/api/suite", json=ITEM)
    assert made.status_code == 201
    told = made.json()
    assert (told["question"], told["check"], told["owner"]) == ("Which is my boat?", "equals", "sue")
    assert sue.get("/api/suite")["data"] == [told]
    assert tom.get("/api/suite")["data"] == []
    assert tom.ask("DELETE", f"/api/suite/{told['id']}").status_code == 404
    admin = Person(server, server.key)
    assert admin.get("/api/suite")["data"] == []
    assert admin.get("/api/suite?owner=sue")["data"] == [told]
    assert sue.ask("DELETE", f"/api/suite/{told['id']}").json() == {"id": told["id"], "removed": True}
    assert sue.ask("DELETE", f"/api/suite/{told['id']}").status_code == 404
    assert sue.get("/api/suite")["data"] == []


def test_a_question_that_says_nothing_of_how_it_is_judged_is_held_to_what_it_expects(server: RunningServer) -> None:
    uma = Person(server, server.add_key("uma"))
    body = {"question": "Which is my boat?", "expected": "Gaivota"}
    assert uma.ask("POST", "/api/suite", json=body).json()["check"] == "holds"


def test_a_suite_has_no_more_questions_than_a_night_asks(server: RunningServer) -> None:
    vic = Person(server, server.add_key("vic"))
    assert vic.ask("POST", "/api/suite", json=ITEM).status_code == 201
    reply = vic.ask("POST", "/api/suite", json=ITEM)
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "conflict")
    assert "remove one first" in reply.json()["error"]["message"]


def test_what_is_removed_is_in_no_byte_of_the_database(server: RunningServer) -> None:
    wim = Person(server, server.add_key("wim"))
    made = wim.ask("POST", "/api/suite", json=ITEM | {"expected": "Quorndale"}).json()
    wim.ask("DELETE", f"/api/suite/{made['id']}").raise_for_status()
    assert not [path for path in server.data.glob("*.db*") if b"Quorndale" in path.read_bytes()]
    with closing(SqliteStore(server.data, read_only=True)) as store:
        assert store.served.suite(owner="wim") == []

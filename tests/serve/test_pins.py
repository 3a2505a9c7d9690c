"""Pinning over HTTP: recalled whatever is asked, eight at most, own or approved, and carried by its owner alone."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.serve.people import MINDFUL, Person
from tests.serving import RunningServer, running

HIVES = "Rita keeps nine hives behind the old mill"
PEOPLE = itertools.count()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("pins") / "data", MINDFUL) as server:
        yield server


@pytest.fixture
def person(up: RunningServer) -> Person:
    """Somebody new for each test, of whom nothing is remembered."""
    return Person(up, up.add_key(f"person{next(PEOPLE)}"))


def refused(reply: httpx2.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def exported(person: Person) -> list[Any]:
    return [json.loads(line) for line in person.ask("GET", "/api/memory/export").text.split("\n")[:-1]]


def take_in(person: Person, items: list[Any], **options: Any) -> Any:
    reply = person.ask("POST", "/api/memory/import", json={"items": items, **options})
    return reply.raise_for_status().json()


def test_a_pinned_memory_is_recalled_whatever_is_asked_until_it_is_unpinned(person: Person) -> None:
    kept = person.remember(HIVES)
    place = f"/api/memory/{kept['id']}/pin"
    assert kept["pinned"] is False
    assert person.ask("PUT", place).json()["pinned"] is True
    assert [one["id"] for one in person.get("/api/memory?pinned=true")["data"]] == [kept["id"]]
    [found] = person.ask("POST", "/api/memory/recall", json={"question": "zzz"}).json()["items"]
    assert (found["text"], found["pinned"], found["parts"]["cosine"]) == (HIVES, True, None)
    assert person.get(f"/api/memory/{kept['id']}")["pinned"] is True
    assert person.ask("DELETE", place).json()["pinned"] is False
    assert person.ask("POST", "/api/memory/recall", json={"question": "zzz"}).json()["items"] == []
    assert refused(person.ask("DELETE", place)) == (404, "not_found")


def test_a_ninth_and_what_nobody_approved_are_not_pinned(person: Person) -> None:
    kept = [person.remember(f"Jar {number} stands on shelf {number + 20}")["id"] for number in range(9)]
    for one in (*kept[:8], kept[0]):
        person.ask("PUT", f"/api/memory/{one}/pin").raise_for_status()
    assert refused(person.ask("PUT", f"/api/memory/{kept[8]}/pin")) == (409, "too_many_pinned")
    document = person.remember("The mill has two stones. " * 30, document={"title": "The mill"})["document"]
    [passage, *_] = person.get(f"/api/memory?document={document['id']}")["data"]
    assert refused(person.ask("PUT", f"/api/memory/{passage['id']}/pin")) == (409, "not_approved")
    assert len(person.get("/api/memory?pinned=true")["data"]) == 8


def test_an_answer_says_which_of_its_memories_were_pinned(up: RunningServer) -> None:
    person = Person(up, up.add_key("pinning"))
    kept = person.remember(HIVES)
    person.ask("PUT", f"/api/memory/{kept['id']}/pin").raise_for_status()
    turn = person.say("What is two and two?")["aion"]["turn_id"]
    shown = person.get(f"/api/turns/{turn}/why")["sources"]
    assert [(one["id"], one["pinned"]) for one in shown] == [(kept["id"], True)]


@pytest.mark.parametrize("trusted", [True, False])
def test_a_pin_is_carried_elsewhere_by_its_owner_alone(up: RunningServer, person: Person, trusted: bool) -> None:
    kept = person.remember(HIVES)
    person.remember("Bees swarm in May")
    person.ask("PUT", f"/api/memory/{kept['id']}/pin").raise_for_status()
    lines = exported(person)
    assert [line.get("pinned") for line in lines if line["type"] == "memory"] == [None, True]
    other = Person(up, up.add_key(f"carrier {trusted}"))
    assert take_in(other, lines, trusted=trusted)["refused"] == []
    assert [one["text"] for one in other.get("/api/memory?pinned=true")["data"]] == ([HIVES] if trusted else [])


def test_a_pin_too_many_is_said_of_its_line_and_the_memory_stays(up: RunningServer, person: Person) -> None:
    for number in range(8):
        kept = person.remember(f"Jar {number} stands on shelf {number + 20}")
        person.ask("PUT", f"/api/memory/{kept['id']}/pin").raise_for_status()
    other = Person(up, up.add_key("owner of one more"))
    mine = other.remember(HIVES)
    other.ask("PUT", f"/api/memory/{mine['id']}/pin").raise_for_status()
    taken = take_in(person, exported(other), trusted=True)
    assert (taken["added"], [one["line"] for one in taken["refused"]]) == (1, [2])
    assert "remembered, but not pinned" in taken["refused"][0]["reason"]

"""Experiences and explanations over HTTP: what an answer was worth, what to look at first, and why it was so."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.serve.people import MINDFUL, Person
from tests.serving import RunningServer, running, wait_until

HIVES = "Rita keeps nine hives behind the old mill"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("experience") / "data", MINDFUL) as server:
        yield server


@pytest.fixture
def person(up: RunningServer, request: pytest.FixtureRequest) -> Person:
    name = hashlib.sha256(request.node.name.encode()).hexdigest()[:16]
    return Person(up, up.add_key(name))


def say(person: Person, *texts: str) -> list[str]:
    """Each in a conversation of its own, so that none is heard as an answer to another."""
    turns = [person.say(text)["aion"]["turn_id"] for text in texts]
    for turn in turns:
        person.wait_for_experience(turn)
    return turns


def test_a_turn_has_an_experience_with_every_part(person: Person) -> None:
    [turn] = say(person, "How tall is the tower of Belem?")
    found = person.get(f"/api/experiences/{turn}")
    assert (found["turn"], found["question"]) == (turn, "How tall is the tower of Belem?")
    assert set(found["reward"]) == {"explicit", "implicit", "emotional", "total"}
    assert found["label"] in ("reliable", "hesitant", "erroneous")
    assert found["reason"]
    assert 0 <= found["novelty"] <= 1
    assert set(found["parts"])
    shown = person.get(f"/api/turns/{turn}")
    assert shown["experience"] == {name: found[name] for name in found if name != "question"}


def test_feedback_changes_what_a_turn_was_worth(person: Person) -> None:
    [turn] = say(person, "How tall is the tower of Belem?")
    person.judge(turn, "score", value=-0.5).raise_for_status()
    wait_until(lambda: person.get(f"/api/experiences/{turn}")["reward"]["explicit"] == -0.5)
    assert person.get(f"/api/experiences/{turn}")["reward"]["total"] == -0.5


def test_experiences_come_in_the_order_asked_for(person: Person) -> None:
    turns = say(person, "How tall is the tower?", "Who wrote the Lusiads?", "When does the market open?")
    person.judge(turns[1], "thumb", value="down").raise_for_status()
    wait_until(lambda: person.get(f"/api/experiences/{turns[1]}")["reward"]["explicit"] == -1)

    def listed(query: str) -> list[Any]:
        found: list[Any] = person.get(f"/api/experiences?{query}")["data"]
        return found

    assert [one["turn"] for one in listed("order=latest")] == turns[::-1]
    assert [one["turn"] for one in listed("limit=1")] == turns[2:]
    priorities = [one["priority"] for one in listed("order=top")]
    assert priorities == sorted(priorities, reverse=True)
    tau = person.get("/api/experiences")["tau"]
    distances = [abs(one["confidence"] - tau) for one in listed("order=ask")]
    assert distances == sorted(distances)
    sure = [one["confidence"] for one in listed("order=uncertain")]
    assert sure == sorted(sure)
    label = listed("")[1]["label"]
    assert {one["label"] for one in listed(f"label={label}")} == {label}
    assert [one["turn"] for one in listed(f"since={listed('')[0]['at']}")] == turns[2:]


def test_what_was_judged_is_not_asked_about_from_that_moment_on(person: Person) -> None:
    turns = say(person, "How tall is the tower?", "Who wrote the Lusiads?", "When does the market open?")
    asked = person.get("/api/experiences?order=ask")["data"]
    known = [one["turn"] for one in asked]
    assert person.get("/api/experiences/waiting") == {"ask": len(known), "erroneous": 0, "most": 1000}
    person.judge(known[0], "edit", text="It is otherwise.").raise_for_status()
    assert [one["turn"] for one in person.get("/api/experiences?order=ask")["data"]] == known[1:]
    assert person.get("/api/experiences/waiting")["ask"] == len(known) - 1
    left = {one["turn"] for one in person.get("/api/experiences?unjudged=true")["data"]}
    assert left == set(turns) - {known[0]}


def test_experiences_come_in_pages_and_nobody_elses_mark_opens_one(up: RunningServer, person: Person) -> None:
    turns = say(person, "How tall is the tower?", "Who wrote the Lusiads?", "When does the market open?")
    first = person.get("/api/experiences?limit=2")
    second = person.get(f"/api/experiences?limit=2&after={first['after']}")
    assert [one["turn"] for one in (*first["data"], *second["data"])] == turns[::-1]
    assert second["after"] is None
    stranger = Person(up, up.add_key("stranger"))
    say(stranger, "Is there anything before?")
    assert stranger.get(f"/api/experiences?after={turns[0]}")["data"] == []


def test_last_names_ones_own_latest_turn(up: RunningServer, person: Person) -> None:
    assert person.ask("GET", "/api/turns/last").status_code == 404
    *_, newest = [person.say(f"line {n}", aion={"conversation": "diary"})["aion"]["turn_id"] for n in range(3)]
    Person(up, up.key).say("somebody else, later")
    assert person.get("/api/turns/last")["id"] == newest
    assert person.get("/api/turns/last/why")["turn_id"] == newest


# Why


def test_why_shows_what_was_recalled_and_how_it_was_scored(person: Person) -> None:
    kept = person.remember(HIVES)
    turn = person.say("How many hives does Rita keep behind the mill?")["aion"]["turn_id"]
    why = person.get(f"/api/turns/{turn}/why")
    [source] = why["sources"]
    assert (source["id"], source["text"], source["trust"], source["place"]) == (kept["id"], HIVES, "own", 1)
    assert (source["forgotten"], source["changed"]) == (False, False)
    assert source["hash"] == kept["sources"][0]["hash"]
    assert set(source["parts"]) == {"cosine", "bm25", "entity_share", "document_cosine"}
    assert isinstance(source["used"], bool)
    assert why["recall"]["outcome"] == "used"
    assert why["context"]["tokens"] > 0
    assert why["cache"]["outcome"] in ("miss", "ineligible")
    assert set(why["confidence"]) >= {"raw", "calibrated", "parts"}
    assert why["contradictions"] == []
    assert {"recall_ms", "total_ms"} <= set(why["timings"])
    assert (why["model"]["name"], why["adapters"], why["cost_usd"]) == ("aion", [], 0.0)
    assert why["model"]["hash"] == person.get(f"/api/turns/{turn}")["model_hash"]


def test_why_tells_what_was_edited_since(person: Person) -> None:
    kept = person.remember(HIVES)
    turn = person.say("How many hives does Rita keep behind the mill?")["aion"]["turn_id"]
    person.ask("PUT", f"/api/memory/{kept['id']}", json={"text": "Rita keeps ten hives"}).raise_for_status()
    [source] = person.get(f"/api/turns/{turn}/why")["sources"]
    assert (source["text"], source["changed"], source["forgotten"]) == ("Rita keeps ten hives", True, False)


def test_why_of_an_answer_without_recall_says_so(person: Person) -> None:
    person.remember(HIVES)
    turn = person.say("How many hives does Rita keep?", aion={"recall": False})["aion"]["turn_id"]
    why = person.get(f"/api/turns/{turn}/why")
    assert (why["sources"], why["recall"]["outcome"]) == ([], "off")


def test_a_turn_records_no_word_of_what_was_recalled(person: Person) -> None:
    person.remember(HIVES)
    turn = person.say("How many hives does Rita keep?")["aion"]["turn_id"]
    assert "old mill" not in str(person.get(f"/api/turns/{turn}")["steps"])


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("order=best", "order"),
        ("label=fine", "label"),
        ("since=nan", "since"),
        ("until=-1", "until"),
        ("unjudged=perhaps", "unjudged"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        (f"owner={'x' * 65}", "owner"),
    ],
)
def test_a_wrong_wish_is_named(up: RunningServer, query: str, param: str) -> None:
    reply = Person(up, up.key).ask("GET", f"/api/experiences?{query}")
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)

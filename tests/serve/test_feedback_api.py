"""Feedback over HTTP: taken once however often it is sent, and refused by name when it is not what its kind takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from aion.errors import BadInput
from aion.records import FeedbackKind
from aion.serve.feedback_routes import NewFeedback
from aion.serve.turn_json import turn_id_of
from tests.serve.people import Person
from tests.serving import running, wait_until

LONG = 1 << 20


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    with running(tmp_path_factory.mktemp("feedback") / "data") as up:
        yield Person(up, up.key)


@pytest.fixture
def turn(person: Person, request: pytest.FixtureRequest) -> str:
    """A turn of its own for each test."""
    told: str = person.say(f"hello {request.node.name}", aion={"conversation": "judged"})["aion"]["turn_id"]
    return told


def given(person: Person, turn: str) -> list[Any]:
    found: list[Any] = person.get(f"/api/feedback?turn={turn}")["data"]
    return found


GOOD: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("thumb", {"value": "up"}, {"value": 1.0}),
    ("thumb", {"value": -1}, {"value": -1.0}),
    ("score", {"value": 0.25}, {"value": 0.25}),
    ("score", {"value": -1}, {"value": -1.0}),
    ("comment", {"text": "too long"}, {"text": "too long"}),
    ("edit", {"text": "Nine hives."}, {"text": "Nine hives."}),
    ("choice", {"text": "Nine.", "other": "Ten."}, {"text": "Nine.", "other": "Ten."}),
    ("event", {"event": "copied"}, {"event": "copied"}),
]


@pytest.mark.parametrize(("kind", "fields", "kept"), GOOD, ids=[f"{row[0]} {row[1]}" for row in GOOD])
def test_each_kind_is_kept_as_it_came(
    person: Person, turn: str, kind: str, fields: dict[str, Any], kept: dict[str, Any]
) -> None:
    reply = person.judge(turn, kind, **fields)
    assert reply.status_code == 201
    empty = {"value": None, "text": None, "other": None, "event": None, "choice": 0}
    assert reply.json().items() >= {"turn": turn, "kind": kind, **empty, **kept}.items()
    assert given(person, turn) == [reply.json()]
    assert person.get(f"/api/turns/{turn}")["feedback"] == [reply.json()]


@pytest.mark.parametrize("way", ["key", "header"])
def test_sent_again_with_its_key_it_counts_once(person: Person, turn: str, way: str) -> None:
    def send(**fields: Any) -> Any:
        body = {"turn_id": turn, "kind": "thumb", "value": "up", **fields}
        return person.ask(
            "POST", "/api/feedback", json=body, headers={"Idempotency-Key": f"{turn}-1"} if way == "header" else {}
        )

    key = {"key": f"{turn}-1"} if way == "key" else {}
    first, again = send(**key), send(**key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = send(**key, value="down")
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert given(person, turn) == [first.json()]


def test_a_key_in_both_places_must_be_the_same(person: Person, turn: str) -> None:
    body = {"turn_id": turn, "kind": "thumb", "value": "up", "key": "a"}
    reply = person.ask("POST", "/api/feedback", json=body, headers={"Idempotency-Key": "b"})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "key")
    assert given(person, turn) == []


def test_a_key_of_one_person_is_free_for_another(person: Person, turn: str) -> None:
    other = Person(person.server, person.server.add_key("carla"))
    theirs = other.say("hi")["aion"]["turn_id"]
    assert person.judge(turn, "thumb", value="up", key="same").status_code == 201
    assert other.judge(theirs, "thumb", value="down", key="same").status_code == 201


def test_of_two_votes_the_later_counts(person: Person, turn: str) -> None:
    def explicit() -> Any:
        found = person.get(f"/api/turns/{turn}")["experience"]
        return found and found["reward"]["explicit"]

    first = person.judge(turn, "thumb", value="up", key=f"{turn}-up")
    wait_until(lambda: explicit() == 1)
    second = person.judge(turn, "thumb", value="down")
    wait_until(lambda: explicit() == -1)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["id"] != first.json()["id"]
    again = person.judge(turn, "thumb", value="up", key=f"{turn}-up")
    assert (again.status_code, again.json()) == (200, first.json())
    assert given(person, turn) == [second.json()]
    assert person.get(f"/api/turns/{turn}")["feedback"] == [second.json()]
    exported = person.ask("GET", "/api/export?conversation=judged").text.splitlines()
    assert [one["feedback"] for one in map(json.loads, exported) if one["id"] == turn] == [[second.json()]]


def test_a_vote_given_again_is_counted_once(person: Person, turn: str) -> None:
    def counted() -> float:
        lines = person.ask("GET", "/metrics").text.splitlines()
        return sum(float(line.split()[1]) for line in lines if line.startswith('aion_feedback_total{kind="score"}'))

    before = counted()
    for number, value in enumerate((0.5, 0.5, -0.5)):
        assert person.judge(turn, "score", value=value).status_code == (200 if number else 201)
    assert counted() == before + 1


def test_the_id_that_a_client_of_openai_sees_is_good_enough(person: Person) -> None:
    with openai.OpenAI(base_url=f"{person.server.url}/v1", api_key=person.key) as client:
        hello: Any = [{"role": "user", "content": "hello"}]
        ids = [
            client.chat.completions.create(model="aion", messages=hello).id,
            client.completions.create(model="aion", prompt="hello").id,
            client.responses.create(model="aion", input="hello").id,
        ]
    for shown in ids:
        reply = person.judge(shown, "thumb", value="up")
        assert reply.status_code == 201
        assert given(person, shown) == [reply.json()]
        assert person.get(f"/api/turns/{shown}")["id"] == reply.json()["turn"]


@pytest.mark.parametrize("shown", ["chatcmpl-0a", "cmpl-0a", "resp_0a", "turn_0a"])
def test_every_form_of_an_id_names_the_turn(shown: str) -> None:
    assert turn_id_of(shown) == "turn_0a"


def test_judgements_are_listed_the_oldest_first_and_in_pages(person: Person, turn: str) -> None:
    sent = [person.judge(turn, "comment", text=f"note {number}").json()["id"] for number in range(5)]
    pages, mark = [], ""
    while mark is not None:
        page = person.get(f"/api/feedback?turn={turn}&limit=2{mark and f'&after={mark}'}")
        pages.append([one["id"] for one in page["data"]])
        mark = page["after"]
    assert pages == [sent[:2], sent[2:4], sent[4:]]


BAD: list[tuple[dict[str, Any], int, str, str | None]] = [
    ({"turn_id": "turn_0", "kind": "thumb", "value": "up"}, 404, "not_found", "turn_id"),
    ({"turn_id": "", "kind": "thumb", "value": "up"}, 400, "invalid_value", "turn_id"),
    ({"turn_id": None, "kind": "thumb", "value": "up"}, 400, "invalid_value", "turn_id"),
    ({"kind": "stars", "value": 1}, 400, "invalid_value", "kind"),
    ({"kind": "thumb"}, 400, "invalid_value", "value"),
    ({"kind": "thumb", "value": 0.5}, 400, "invalid_value", "value"),
    ({"kind": "thumb", "value": "sideways"}, 400, "invalid_value", "value"),
    ({"kind": "thumb", "value": True}, 400, "invalid_value", "value"),
    ({"kind": "thumb", "value": "up", "text": "x"}, 400, "invalid_value", "text"),
    ({"kind": "score", "value": "up"}, 400, "invalid_value", "value"),
    ({"kind": "score", "value": 1.5}, 400, "invalid_value", "value"),
    ({"kind": "score", "value": -1.0001}, 400, "invalid_value", "value"),
    ({"kind": "score", "value": 1e308}, 400, "invalid_value", "value"),
    ({"kind": "comment", "text": " "}, 400, "invalid_value", "text"),
    ({"kind": "comment", "text": ""}, 400, "invalid_value", "text"),
    ({"kind": "comment", "text": ["x"]}, 400, "invalid_value", "text"),
    ({"kind": "edit"}, 400, "invalid_value", "text"),
    ({"kind": "choice", "text": "a"}, 400, "invalid_value", "other"),
    ({"kind": "event"}, 400, "invalid_value", "event"),
    ({"kind": "event", "event": "Drop table!"}, 400, "invalid_value", "event"),
    ({"kind": "event", "event": "copied", "value": 1}, 400, "invalid_value", "value"),
    ({"kind": "thumb", "value": "up", "choice": 5}, 400, "invalid_value", "choice"),
    ({"kind": "thumb", "value": "up", "choice": -1}, 400, "invalid_value", "choice"),
    ({"kind": "thumb", "value": "up", "key": "two words"}, 400, "invalid_value", "key"),
    ({"kind": "thumb", "value": "up", "key": "k" * 129}, 400, "invalid_value", "key"),
    ({"kind": "thumb", "value": "up", "owner": "ben"}, 400, "invalid_value", "owner"),
    ({"kind": "comment", "text": "x" * LONG}, 413, "body_too_large", None),
]


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    BAD,
    ids=[", ".join(f"{k}={str(v)[:20]}" for k, v in row[0].items()) for row in BAD],
)
def test_bad_feedback_is_named_and_not_kept(
    person: Person, turn: str, body: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    before = person.get("/api/feedback?limit=1000")
    reply = person.ask("POST", "/api/feedback", json={"turn_id": turn, **body})
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == (status, code, param), error
    assert person.get("/api/feedback?limit=1000") == before


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400"])
def test_a_number_that_is_none_is_no_score(person: Person, turn: str, number: bytes) -> None:
    body = b'{"turn_id": "%s", "kind": "score", "value": %s}' % (turn.encode(), number)
    reply = person.ask("POST", "/api/feedback", content=body, headers={"content-type": "application/json"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_json")


@pytest.mark.parametrize("kind", FeedbackKind)
def test_a_wrong_field_is_told_with_those_that_the_kind_takes(kind: FeedbackKind) -> None:
    with pytest.raises(BadInput, match=f"{kind.value} takes (value|text|event|text and other)$"):
        NewFeedback(turn_id="turn_0", kind=kind, event=None if kind is FeedbackKind.EVENT else "copied").check()


def test_a_header_that_is_no_key_is_refused(person: Person, turn: str) -> None:
    body = {"turn_id": turn, "kind": "thumb", "value": "up"}
    reply = person.ask("POST", "/api/feedback", json=body, headers={"Idempotency-Key": "k" * 200})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "idempotency-key")

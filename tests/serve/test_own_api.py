"""AION's own routes: what was said and its pages, numbers; and whose is whose."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from aion.records import NightState, Scope
from aion.serve.rules import RULES
from aion.store.sqlite import SqliteStore
from tests.serve.people import SECRET, Person, join
from tests.serving import RunningServer, close_pipes, drain, read_events, running, spawn_server
from tests.store.night_examples import make_lesson, make_night
from tests.store.served_examples import make_suite_item, put_candidate

UNKNOWN = "0" * 32


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("own") / "data"
    furnish(data)
    with running(data) as up:
        yield up


def furnish(data: Path) -> None:
    """What only nights make, for two people."""
    store = SqliteStore(data)
    for name in ("ana", "ben"):
        file = store.blobs.put(f"adapter of {name}".encode())
        put_candidate(store, name, owner=name, lessons=(f"lesson_{name}",), adapter=file)
        place = make_lesson(id=f"lesson_{name}", owner=name, theme=f"theme_{name}", sources=())
        store.nights.place_lessons([place], at=1.0).result()
        store.nights.append_night(make_night(id=f"night_{name}", owner=name, state=NightState.DONE)).result()
        store.served.put_suite_item(make_suite_item(id=f"item_{name}", owner=name)).result()
    store.close()


def with_night(person: Person, name: str) -> Person:
    return replace(person, adapter=f"cand_{name}", night=f"night_{name}", item=f"item_{name}")


@pytest.fixture(scope="module")
def admin(own: RunningServer) -> Person:
    return Person(own, own.key)


@pytest.fixture(scope="module")
def ana(own: RunningServer) -> Person:
    return with_night(join(own, "ana"), "ana")


@pytest.fixture(scope="module")
def ben(own: RunningServer) -> Person:
    return with_night(join(own, "ben"), "ben")


# Whose is whose: P14 and V8

OWNED = {  # route with an id -> the id of the person's own thing, and one that nobody has
    "/api/conversations/{conversation_id}": ("conversation", f"conv_{UNKNOWN}"),
    "/api/turns/{turn_id}": ("turn", f"turn_{UNKNOWN}"),
    "/api/turns/{turn_id}/why": ("turn", f"turn_{UNKNOWN}"),
    "/api/experiences/{turn_id}": ("turn", f"turn_{UNKNOWN}"),
    "/api/memory/{memory_id}": ("memory", f"mem_{UNKNOWN}"),
    "/api/documents/{document_id}": ("document", f"doc_{UNKNOWN}"),
    "/v1/responses/{response_id}": ("response", f"resp_{UNKNOWN}"),
    "/api/adapters/{adapter}": ("adapter", f"cand_{UNKNOWN}"),
    "/api/adapters/{adapter}/file": ("adapter", f"cand_{UNKNOWN}"),
    "/api/sleep/reports/{night}": ("night", f"night_{UNKNOWN}"),
}
NOT_SHOWN_ALONE = {
    "/api/suite/{item}": ("item", f"item_{UNKNOWN}"),
    "/api/sessions/{session_id}": ("session", "0" * 12),
}
ACTS = {  # what changes something that has an id -> what is sent along
    ("PUT", "/api/conversations/{conversation_id}"): {"title": "mine now"},
    ("DELETE", "/api/conversations/{conversation_id}"): None,
    ("PUT", "/api/memory/{memory_id}"): {"text": "mine now"},
    ("DELETE", "/api/memory/{memory_id}"): None,
    ("PUT", "/api/memory/{memory_id}/pin"): None,
    ("DELETE", "/api/memory/{memory_id}/pin"): None,
    ("DELETE", "/api/documents/{document_id}"): None,
    ("POST", "/api/documents/{document_id}/approve"): {"hash": "0" * 64},
    ("POST", "/api/documents/{document_id}/revoke"): None,
    ("POST", "/api/adapters/{adapter}/promote"): {},
    ("POST", "/api/adapters/{adapter}/retire"): None,
    ("DELETE", "/api/suite/{item}"): None,
    ("DELETE", "/api/sessions/{session_id}"): None,
}
NOBODYS = {"/docs/{asset}", "/v1/models/{model:path}"}  # the same for everyone


def test_every_route_with_an_id_has_its_owner_tested() -> None:
    with_ids = [rule for rule in RULES if "{" in rule.path and rule.scope is not Scope.ADMIN]
    assert {rule.path for rule in with_ids if rule.method == "GET"} == set(OWNED) | NOBODYS
    assert {(rule.method, rule.path) for rule in with_ids if rule.method != "GET"} == set(ACTS)


def place_of(route: str, value: str) -> str:
    return re.sub(r"\{.*?\}", value, route)


def shape(reply: httpx2.Response, value: str) -> tuple[int, Any]:
    """Status and body, without what differs in any two replies: the request's id and the id asked for."""
    error = reply.json()["error"]
    return reply.status_code, {**error, "request_id": "", "message": error["message"].replace(value, "ID")}


@pytest.mark.parametrize("route", OWNED)
def test_somebody_elses_id_is_like_one_that_nobody_has(ana: Person, ben: Person, admin: Person, route: str) -> None:
    name, unknown = OWNED[route]
    for one, other in ((ana, ben), (ben, ana)):
        theirs = getattr(other, name)
        refused = one.ask("GET", place_of(route, theirs))
        assert refused.status_code == 404
        assert shape(refused, theirs) == shape(one.ask("GET", place_of(route, unknown)), unknown)
        assert one.ask("GET", place_of(route, getattr(one, name))).status_code == 200
        assert admin.ask("GET", place_of(route, theirs)).status_code == 200


def kept(person: Person) -> list[Any]:
    """Everything of a person that somebody could change."""
    places = (
        "/api/export",
        "/api/conversations",
        "/api/memory/export",
        "/api/memory",
        "/api/documents",
        "/api/feedback",
        "/api/suite",
        "/api/sessions",
    )
    return [person.ask("GET", place).text for place in places]


@pytest.mark.parametrize(("method", "route"), ACTS)
def test_nobody_changes_what_is_somebody_elses(
    ana: Person, ben: Person, admin: Person, method: str, route: str
) -> None:
    name, unknown = (OWNED | NOT_SHOWN_ALONE)[re.sub(r"(\}).*", r"\1", route)]
    theirs, before = getattr(ana, name), kept(ana)
    for other in (ben, admin):
        refused = other.ask(method, place_of(route, theirs), json=ACTS[method, route])
        nobodys = other.ask(method, place_of(route, unknown), json=ACTS[method, route])
        assert refused.status_code == 404
        assert shape(refused, theirs) == shape(nobodys, unknown)
    assert kept(ana) == before


def test_nobody_judges_an_answer_to_somebody_else(ana: Person, ben: Person, admin: Person) -> None:
    before, unknown = kept(ana), f"turn_{UNKNOWN}"
    for other in (ben, admin):
        refused = other.judge(ana.turn, "thumb", value="down")
        assert refused.status_code == 404
        assert shape(refused, ana.turn) == shape(other.judge(unknown, "thumb", value="down"), unknown)
    assert kept(ana) == before


@pytest.mark.parametrize("listing", ["memory", "documents", "feedback", "experiences"])
def test_a_listing_is_ones_own_and_an_administrators_of_anyone(
    ana: Person, ben: Person, admin: Person, listing: str
) -> None:
    def owners(person: Person, query: str = "") -> set[str]:
        rows = person.get(f"/api/{listing}?limit=1000{query}")["data"]
        return {row.get("owner") or admin.get(f"/api/turns/{row['turn']}")["owner"] for row in rows}

    for person in (ana, ben):
        person.judge(person.turn, "thumb", value="up").raise_for_status()
    assert owners(ana) == owners(ana, "&owner=ana") == {"ana"}
    assert owners(admin) >= {"ana", "ben"}
    assert owners(admin, "&owner=ben") == {"ben"}
    refused = ana.ask("GET", f"/api/{listing}?owner=ben")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "insufficient_scope")
    assert ana.ask("GET", f"/api/{listing}?owner=nobody").status_code == 403, "whether ben exists is not told"


def test_what_one_person_remembers_is_recalled_by_nobody_else(ana: Person, ben: Person, admin: Person) -> None:
    def recalled(person: Person) -> set[str]:
        found = person.ask("POST", "/api/memory/recall", json={"question": "ana keeps nine hives behind the mill"})
        return {item["owner"] for item in found.json()["items"]}

    assert recalled(ana) == {"ana"}
    assert recalled(ben) <= {"ben"}
    assert recalled(admin) == set()


def test_nobody_continues_a_response_of_somebody_else(ana: Person, ben: Person) -> None:
    def go_on(response: str) -> httpx2.Response:
        return ben.ask("POST", "/v1/responses", json={"input": "more", "previous_response_id": response})

    unknown = f"resp_{UNKNOWN}"
    assert go_on(ana.response).status_code == 404
    assert shape(go_on(ana.response), ana.response) == shape(go_on(unknown), unknown)
    assert go_on(ben.response).status_code == 200


def test_a_page_mark_of_somebody_else_opens_nothing(ana: Person, ben: Person) -> None:
    assert ben.get(f"/api/conversations/{ana.conversation}?after=turn_0")["turns"] == []


def test_naming_somebody_elses_conversation_begins_ones_own(ana: Person, ben: Person) -> None:
    before = ana.get(f"/api/conversations/{ana.conversation}")
    ben.say("let me in", aion={"conversation": ana.conversation})
    assert ana.get(f"/api/conversations/{ana.conversation}") == before
    [turn] = ben.get(f"/api/conversations/{ana.conversation}")["turns"]
    assert turn["owner"] == "ben"


def test_listings_and_exports_hold_ones_own_and_for_an_administrator_everyones(
    ana: Person, ben: Person, admin: Person
) -> None:
    def owners(person: Person) -> tuple[set[str], set[str]]:
        listed = {entry["owner"] for entry in person.get("/api/conversations?limit=1000")["data"]}
        return listed, {turn["owner"] for turn in export(person)}

    assert owners(ana) == ({"ana"}, {"ana"})
    assert owners(ben) == ({"ben"}, {"ben"})
    assert all({"ana", "ben"} <= seen for seen in owners(admin))
    assert export(ben, f"?conversation={ana.conversation}") == [
        turn for turn in export(ben) if turn["conversation"] == ana.conversation
    ]


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.scope is Scope.ADMIN], ids=lambda rule: rule.path)
def test_a_user_administers_nothing(ana: Person, rule: Any) -> None:
    reply = ana.ask(rule.method, place_of(rule.path, ana.key.split("-")[1]), json={"owner": "x"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "insufficient_scope")
    assert ana.ask("GET", "/api/status").status_code == 200, "the key was not revoked"


def test_nobody_speaks_on_in_somebody_elses_response(admin: Person, ana: Person, ben: Person) -> None:
    body = {"input": "and then?", "previous_response_id": ana.response}
    answers = [person.ask("POST", "/v1/responses", json=body).status_code for person in (ana, ben, admin)]
    assert answers == [200, 404, 404]


# What was said


def test_conversations_come_the_latest_first_and_in_pages(own: RunningServer) -> None:
    dora = Person(own, own.add_key("dora"))
    begun = [dora.say(f"talk {number}")["aion"]["conversation"] for number in range(5)]
    dora.say("talk 1 again", aion={"conversation": begun[1]})
    expected = [begun[number] for number in (1, 4, 3, 2, 0)]
    pages, mark = [], ""
    while mark is not None:
        page = dora.get(f"/api/conversations?limit=2{mark and f'&before={mark}'}")
        pages.append([entry["id"] for entry in page["data"]])
        mark = page["before"]
    assert pages == [expected[:2], expected[2:4], expected[4:]]
    latest = dora.get("/api/conversations?limit=1")["data"][0]
    assert (latest["title"], latest["turns"], latest["owner"]) == ("talk 1", 2, "dora")
    assert latest["started"] < latest["updated"]


def test_the_turns_of_a_conversation_come_the_oldest_first_and_in_pages(own: RunningServer) -> None:
    eva = Person(own, own.add_key("eva"))
    said = [eva.say(f"line {number}", aion={"conversation": "diary"})["aion"]["turn_id"] for number in range(5)]
    found, mark = [], ""
    while mark is not None:
        page = eva.get(f"/api/conversations/diary?limit=2{mark and f'&after={mark}'}")
        assert page["id"] == "diary"
        found.append([turn["id"] for turn in page["turns"]])
        mark = page["after"]
    assert found == [said[:2], said[2:4], said[4:]]


def test_a_turn_is_shown_as_it_happened(own: RunningServer, ana: Person) -> None:
    asked = {"temperature": 0.5, "max_tokens": 2, "aion": {"conversation": "shown", "recall": False}}
    done = ana.say("one two three", **asked)
    turn = ana.get(f"/api/turns/{done['aion']['turn_id']}")
    assert turn["messages"][-1] == {"role": "user", "content": "one two three"}
    assert turn["answers"][0]["message"]["content"] == done["choices"][0]["message"]["content"]
    assert turn["answers"][0]["finish"] == done["choices"][0]["finish_reason"] == "length"
    assert (turn["owner"], turn["conversation"], turn["kind"], turn["outcome"]) == ("ana", "shown", "chat", "completed")
    assert (turn["usage"], turn["params"]["temperature"]) == (done["usage"], 0.5)
    assert turn["params"]["aion"]["recall"] is False


def test_a_schema_is_recorded_under_the_name_it_was_sent_by(ana: Person) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    done = ana.say("in this form", response_format=form)
    assert ana.get(f"/api/turns/{done['aion']['turn_id']}")["params"]["response_format"] == form


def export(person: Person, query: str = "") -> list[Any]:
    reply = person.ask("GET", f"/api/export{query}").raise_for_status()
    assert reply.headers["content-type"].startswith("application/x-ndjson")
    lines = reply.text.split("\n")
    assert lines.pop() == ""
    return [json.loads(line) for line in lines]


def test_an_export_holds_each_turn_on_a_line_as_it_is_shown(own: RunningServer) -> None:
    fred = Person(own, own.add_key("fred"))
    for number in range(3):
        fred.say(f"line {number}\nwith \u2028 breaks \x85 inside", aion={"conversation": f"c{number % 2}"})
    turns = export(fred)
    assert len(turns) == 3
    shown = [fred.get(f"/api/turns/{turn['id']}") for turn in turns]
    assert turns == [{name: turn[name] for name in turn if name != "experience"} for turn in shown]
    assert export(fred, "?conversation=c0") == turns[::2]
    assert export(fred, "?conversation=none") == []


def test_an_export_goes_on_over_its_pages(own: RunningServer) -> None:
    gina = Person(own, own.add_key("gina"))
    with httpx2.Client(base_url=own.url, headers={"Authorization": f"Bearer {gina.key}"}) as client:
        for number in range(205):
            client.post("/v1/completions", json={"prompt": str(number), "max_tokens": 1}).raise_for_status()
    assert [turn["messages"][-1]["content"] for turn in export(gina)] == [str(number) for number in range(205)]


def test_a_response_is_given_again_as_it_was_given(ana: Person) -> None:
    tool = {"type": "function", "name": "add", "parameters": {"type": "object", "properties": {}}}
    form = {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}}
    for extras in ({}, {"tools": [tool]}, {"text": form}, {"instructions": "Be brief.", "temperature": 0.2}):
        given = ana.ask("POST", "/v1/responses", json={"input": "hello", **extras}).raise_for_status().json()
        given.pop("aion")
        assert ana.get(f"/v1/responses/{given['id']}") == given


# Numbers


def test_the_status_says_what_runs(ana: Person) -> None:
    shown = ana.get("/api/status")
    assert shown["status"] == "ok"
    assert shown["uptime_s"] > 0
    assert (shown["model"]["name"], shown["embedder"]["name"]) == ("aion", "aion-embed")
    assert shown["queue"] == {"running": 0, "waiting": 0, "waiting_tokens": 0}


METRICS = {
    "aion_requests_total",
    "aion_turns_total",
    "aion_tokens_total",
    "aion_first_token_seconds_count",
    "aion_turn_seconds_count",
    "aion_replies_in_flight",
    "aion_queue_waiting_tokens",
    "aion_queue_running",
    "aion_engine_restarts",
    "aion_engine_decode_tokens_per_second",
}


def metrics(person: Person) -> dict[str, float]:
    lines = person.ask("GET", "/metrics").raise_for_status().text.splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_the_metrics_count_up_and_name_nobody(ana: Person) -> None:
    before = metrics(ana)
    ana.say(f"{SECRET} {SECRET}", aion={"conversation": "counted"})
    after = metrics(ana)
    assert {name.partition("{")[0] for name in after} >= METRICS
    turns = 'aion_turns_total{kind="chat",outcome="completed"}'
    asked = 'aion_requests_total{route="/v1/chat/completions",status="200"}'
    assert (after[turns] - before[turns], after[asked] - before[asked]) == (1, 1)
    written = 'aion_tokens_total{direction="written"}'
    assert after[written] - before[written] == 2
    text = ana.ask("GET", "/metrics").text
    assert not [word for word in (SECRET, "ana", "counted", ana.turn, ana.key) if re.search(rf"\b{word}\b", text)]


def test_a_path_that_does_not_exist_is_counted_without_its_name(ana: Person) -> None:
    ana.ask("GET", "/api/nowhere-at-all")
    assert "nowhere" not in ana.ask("GET", "/metrics").text


# Other methods, and before it is ready


def test_other_methods_are_refused_with_those_that_work(ana: Person) -> None:
    head = ana.ask("HEAD", "/health")
    assert (head.status_code, head.headers["allow"], head.content) == (405, "GET", b"")
    options = ana.ask("OPTIONS", "/v1/chat/completions")
    assert (options.status_code, options.headers["allow"]) == (405, "POST")
    assert options.json()["error"]["code"] == "method_not_allowed"
    assert not [name for name in options.headers if name.startswith("access-control")]


def test_health_says_ok_once_it_can_answer(own: RunningServer) -> None:
    reply = httpx2.get(f"{own.url}/health")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[RunningServer]:
    """A server whose model server takes the connection and stays silent: up, and never ready."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = f"openai:http://127.0.0.1:{silent.getsockname()[1]}/v1"
        process = spawn_server(tmp_path / "data", {"model.source": source})
        url = next(event["url"] for event in read_events(process) if event["stage"] == "listening")
        server = RunningServer(process, url, "", tmp_path / "data")
        server.key = server.control_token
        reader = threading.Thread(target=drain, args=(process,), daemon=True)
        reader.start()
        yield server
        server.stop()
        reader.join(5)
        close_pipes(process)


def test_a_server_that_is_starting_says_so(waiting: RunningServer) -> None:
    person = Person(waiting, waiting.key)
    asks = {
        "/v1/chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
        "/v1/completions": {"prompt": "hi"},
        "/v1/responses": {"input": "hi"},
        "/v1/embeddings": {"input": "hi"},
    }
    for route, body in asks.items():
        reply = person.ask("POST", route, json=body)
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "starting")
        assert int(reply.headers["retry-after"]) >= 1
    health = httpx2.get(f"{waiting.url}/health")
    assert (health.status_code, health.headers["retry-after"]) == (503, "2")
    assert health.json()["status"] not in ("ok", "")


def test_a_server_that_is_starting_shows_what_it_has_and_makes_keys(waiting: RunningServer) -> None:
    ana = Person(waiting, waiting.add_key("ana"))
    for route in ("/v1/models", "/api/conversations", "/api/status", "/api/export", "/metrics", "/openapi.json"):
        assert ana.ask("GET", route).status_code == 200
    assert waiting.stop() == 0

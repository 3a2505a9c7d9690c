"""What one server remembers, learns and tells of it, from question to numbers: over HTTP, with the fake models.

The fake base repeats what it was given to read, so that an answer shows what stood before the model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.serve.people import MINDFUL, Person
from tests.serve.telemetry.test_spans import Collector, collecting
from tests.serving import RunningServer, running, wait_until

CANARY = "Zephyrine"
TOLD = f"My sailing boat is called {CANARY} and it lies in Sesimbra."
PAGE = "The mill of Almada was built in 1823. It has two stones and one wheel. " * 20
LEARNING = {"learning.calibration_samples": 10, "learning.resamples": 2}


@dataclass(frozen=True, slots=True)
class House:
    """A server and the collector that it tells of its turns."""

    server: RunningServer
    collector: Collector

    def join(self, name: str) -> Person:
        return Person(self.server, self.server.add_key(name))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with collecting() as collector:
        flags = {**MINDFUL, **LEARNING, "telemetry.otlp_endpoint": collector.url}
        with running(tmp_path_factory.mktemp("flow") / "data", flags) as server:
            yield House(server, collector)


def answer_of(reply: Any) -> str:
    text: str = reply["choices"][0]["message"]["content"]
    return text


def why(person: Person, turn: str = "last") -> Any:
    return person.get(f"/api/turns/{turn}/why")


def recall(person: Person, question: str) -> list[Any]:
    found = person.ask("POST", "/api/memory/recall", json={"question": question}).raise_for_status()
    items: list[Any] = found.json()["items"]
    return items


def like(person: Person, turn: str) -> None:
    person.judge(turn, "thumb", value="up").raise_for_status()
    wait_until(lambda: person.wait_for_experience(turn)["reward"]["explicit"] == 1.0)


# Two people


LISTINGS = (
    *(f"/api/{name}" for name in ("memory", "documents", "conversations", "experiences", "feedback")),
    *("/api/export", "/api/memory/export", "/api/telemetry", "/api/telemetry/entities", "/api/telemetry/calibration"),
)


def test_two_people_meet_nothing_of_each_other(house: House) -> None:
    ana, bea = house.join("ana"), house.join("bea")
    told = ana.say(TOLD)["aion"]["turn_id"]
    document = ana.remember(f"The {CANARY} has a crew of nine. " * 20, document={"title": f"Log of the {CANARY}"})
    question = f"Where does the {CANARY} lie?"
    liked = ana.say(question)["aion"]["turn_id"]
    like(ana, liked)
    ana.judge(liked, "edit", text=f"The {CANARY} lies in Sesimbra.").raise_for_status()
    ana.wait_for_experience(told)
    assert all(CANARY in ana.ask("GET", place).text for place in LISTINGS[:7])
    for place in LISTINGS:
        reply = bea.ask("GET", place)
        assert (reply.status_code, CANARY in reply.text) == (200, False), place
    assert bea.ask("GET", f"/api/documents/{document['document']['id']}").status_code == 404
    assert recall(bea, question) == []
    reply = bea.say(question)
    assert (answer_of(reply), reply["aion"]["sources"]) == (question, [])
    assert why(bea)["cache"] == {"outcome": "miss"}


def test_the_same_words_of_two_people_are_two_memories(house: House) -> None:
    people = [house.join("carla"), house.join("dario")]
    for person in people:
        person.wait_for_experience(person.say(TOLD)["aion"]["turn_id"])
    first, second = (recall(person, TOLD)[0] for person in people)
    assert first["id"] != second["id"]
    assert [len(one["sources"]) for one in (first, second)] == [1, 1]
    people[0].ask("DELETE", f"/api/memory/{first['id']}").raise_for_status()
    assert recall(people[1], TOLD)[0]["id"] == second["id"]


# Documents


def test_a_document_is_cited_as_untrusted_until_exactly_its_text_is_approved(house: House) -> None:
    person = house.join("eva")
    document = person.remember(PAGE, document={"title": "The mill"})["document"]
    place = f"/api/documents/{document['id']}"
    assert trusts_cited(person) == {"untrusted"}
    wrong = hashlib.sha256(PAGE.encode() + b" ").hexdigest()
    refused = person.ask("POST", f"{place}/approve", json={"hash": wrong})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "content_changed")
    assert trusts_cited(person) == {"untrusted"}
    person.ask("POST", f"{place}/approve", json={"hash": document["hash"]}).raise_for_status()
    assert trusts_cited(person) == {"approved"}
    person.ask("POST", f"{place}/revoke").raise_for_status()
    assert trusts_cited(person) == {"untrusted"}


def trusts_cited(person: Person) -> set[str]:
    """Of the sources of an answer, which its experience takes over."""
    reply = person.say("When was the mill of Almada built?", aion={"cache": False})["aion"]
    found = {source["trust"] for source in reply["sources"]}
    assert {person.wait_for_experience(reply["turn_id"])["trust"]} == found
    assert {source["origin"] for source in reply["sources"]} == {"document"}
    return found


# Long conversations


def test_a_long_history_is_summarised_and_why_says_so(house: House) -> None:
    person = house.join("filipe")
    history: list[Any] = []
    for number in range(30):
        history.append(
            {"role": "user", "content": f"Chapter {number} is about lighthouses. " + "Much more of it. " * 50}
        )
        history.append({"role": "assistant", "content": f"I have read chapter {number}. " + "It is long. " * 30})
    question = {"role": "user", "content": "What was it all about?"}
    body = {"messages": [*history, question], "max_tokens": 2000}
    reply = person.ask("POST", "/v1/chat/completions", json=body).raise_for_status().json()
    context = why(person)["context"]
    assert context["tokens"] <= context["budget"]
    assert context["summarised"] >= 5
    assert context["kept"] + context["summarised"] + context["left_out"] == 31
    assert "Person: Chapter 24 is about lighthouses." in context["summary"]
    assert f"<earlier>\n{context['summary']}\n</earlier>" in answer_of(reply)
    assert answer_of(reply).endswith(question["content"])


# Confidence


def test_confidence_becomes_the_share_of_answers_that_were_good(house: House) -> None:
    person = house.join("gil")
    before = person.say("Is ship 0 at sea?")["aion"]["confidence"]
    for number in range(1, 21):  # 5 of them good: so few of each are needed
        turn = person.say(f"Is ship {number} at sea?", aion={"cache": False})["aion"]["turn_id"]
        person.judge(turn, "thumb", value="down" if number % 4 else "up").raise_for_status()
        person.wait_for_experience(turn)
    wait_until(lambda: person.get("/api/telemetry/calibration")["calibration"])
    shown = person.get("/api/telemetry/calibration")
    assert shown["calibration"]["samples"] == 20
    assert shown["calibration"]["error_after"] < shown["calibration"]["error_before"]
    assert [one["count"] for one in shown["raw"]["bins"] if one["count"]] == [20]  # the fake base is always as sure
    after = person.say("Is ship 21 at sea?")["aion"]["confidence"]
    assert after == pytest.approx(0.25, abs=0.05)
    judged = why(person)["confidence"]
    assert (judged["raw"], judged["calibration"]) == (before, shown["calibration"]["id"])


def test_experiences_are_ordered_by_how_uncertain_and_how_near_the_threshold_they_are(house: House) -> None:
    person = house.join("hana")
    person.remember("The ferry to Cacilhas leaves every twenty minutes")
    for question in ("When does the ferry to Cacilhas leave?", "Why is snow white?", "Who painted the ferry?"):
        person.wait_for_experience(person.say(question)["aion"]["turn_id"])
    sure = [one["confidence"] for one in person.get("/api/experiences?order=uncertain")["data"]]
    near = [one["confidence"] for one in person.get("/api/experiences?order=ask")["data"]]
    assert len(set(sure)) > 1
    assert sure == sorted(sure)
    assert near == sorted(near, key=lambda value: abs(value - 0.62))


def test_more_answers_are_drawn_to_see_whether_they_agree(house: House) -> None:
    person = house.join("ivo")
    reply = person.say("Which sail is the largest?")
    assert len(reply["choices"]) == 1
    assert why(person)["confidence"]["parts"]["agreement"] == 1.0  # the fake base always says the same


# Numbers for other programs


def test_traces_and_metrics_hold_every_step_and_nothing_that_was_said(house: House) -> None:
    person = house.join("jonas-the-secret-name")
    person.say(TOLD)
    question = f"Where does the {CANARY} lie?"
    like(person, person.say(question)["aion"]["turn_id"])
    last = person.say(question)["aion"]["turn_id"]
    assert why(person)["cache"]["outcome"] == "hit"
    wait_until(lambda: last.encode() in b"".join(house.collector.bodies))
    spans = {span.name for _, sent in house.collector.requests for span in spans_of(sent)}
    assert {"cache", "recall", "context", "record", "chat aion"} <= spans
    metrics = person.ask("GET", "/metrics").text
    for series in ('cache_total{outcome="hit"}', 'recalls_total{outcome="used"}', 'recall_items_total{used="yes"}'):
        assert value_of(metrics, f"aion_{series}") >= 1
    for series in ('feedback_total{kind="thumb"}', 'step_seconds_count{step="recall"}', "confidence_count", "memories"):
        assert value_of(metrics, f"aion_{series}") >= 1
    assert value_of(metrics, "aion_index_vectors") == value_of(metrics, "aion_memories")
    assert value_of(metrics, "aion_index_ready") == 1
    for secret in (CANARY, "Sesimbra", "jonas", person.key):
        assert secret not in metrics
        assert secret.encode() not in b"".join(house.collector.bodies)


def spans_of(sent: Any) -> list[Any]:
    return [span for resource in sent.resource_spans for scope in resource.scope_spans for span in scope.spans]


def value_of(metrics: str, series: str) -> float:
    return float(next(line for line in metrics.splitlines() if line.startswith(f"{series} ")).rsplit(" ", 1)[1])


def test_the_log_holds_nothing_that_was_said(house: House) -> None:
    person = house.join("kira")
    person.say(TOLD)
    person.remember(f"The {CANARY} was built in Viana")
    log = (house.server.data.parent / f"{house.server.data.name}.log").read_text("utf-8")
    assert CANARY not in log
    assert "Sesimbra" not in log
    assert CANARY in json.dumps(person.get("/api/memory"))

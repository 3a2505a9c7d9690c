"""What is forgotten is found by nothing: a thousand queries over every route that reads, and the bytes on the disk.

A conversation and two documents hold canaries. Answers in other conversations repeat two of them, because the fake base
repeats what it reads. What was forgotten goes from everywhere at once but those answers: they are named in the reply,
and when they are forgotten, too, nothing is left.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import numpy as np
import pytest

from tests.serve.people import MINDFUL, Person
from tests.serving import RunningServer, running, wait_until

TOLD, HIDDEN = "Zephyrine", "Quorndale"  # of the conversation; answers elsewhere repeat the first
READ, UNREAD = "Oblomont", "Vartuska"  # of the documents; answers elsewhere repeat the first
CANARIES = (TOLD, HIDDEN, READ, UNREAD)
FACT = f"My sister Rita keeps nine hives at {TOLD}."
SECRET = f"Our cellar key lies under the {HIDDEN} bridge."
STAYS = "My brother Tomas repairs clocks in Evora."
PAGE = f"The old mill was moved to {READ} in 1823 by two brothers."
OTHER_PAGE = f"The dam of {UNREAD} holds forty million litres of water."
LOG = "\n\n".join(
    f"On day {n} the old mill ground {n + 3} sacks and sister Ines kept {n} hives. " * 5 for n in range(100)
)
HIVES, MILL = "Where does my sister Rita keep nine hives?", "Where was the old mill moved in 1823?"
QUERIES = 1000
RECALL = "/api/memory/recall"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What happened, step by step; `client` goes on asking."""

    person: Person
    client: httpx2.Client
    turns: list[str]  # of the conversation
    elsewhere: dict[str, list[str]]  # turns that were shown the fact, and the page
    conversations: list[str]  # in which those are
    replies: dict[str, Any]  # of DELETE


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("forgetting") / "data", MINDFUL) as server:
        yield server


@pytest.fixture(scope="module")
def done(up: RunningServer) -> Iterator[Forgotten]:
    person = Person(up, up.add_key("rita"))
    person.say(STAYS)
    person.remember(LOG, document={"title": "What stays"})
    turns = [person.say(text, aion={"conversation": "bees"})["aion"]["turn_id"] for text in (FACT, SECRET)]
    person.judge(turns[0], "thumb", value="up").raise_for_status()
    person.judge(turns[1], "comment", text=f"{HIDDEN} it is").raise_for_status()
    documents = [person.remember(text, document={"title": text[:20]})["document"]["id"] for text in (PAGE, OTHER_PAGE)]
    for turn in turns:
        person.wait_for_experience(turn)
    elsewhere = {"fact": like_and_repeat(person, HIVES, TOLD), "page": like_and_repeat(person, MILL, READ)}
    conversations = [person.get(f"/api/turns/{turn}")["conversation"] for turn in itertools.chain(*elsewhere.values())]
    assert set(CANARIES) <= set(canaries_on_disk(up))
    assert vector_on_disk(person, FACT)
    replies = {place: person.ask("DELETE", place).raise_for_status().json() for place in places(documents)}
    headers = {"Authorization": f"Bearer {person.key}"}
    with httpx2.Client(base_url=up.url, headers=headers, timeout=30) as client:
        yield Forgotten(person, client, turns, elsewhere, conversations, replies)


def places(documents: list[str]) -> list[str]:
    return ["/api/conversations/bees", *(f"/api/documents/{document}" for document in documents)]


def like_and_repeat(person: Person, question: str, canary: str) -> list[str]:
    """Two turns that were shown it: the second is the first one's answer from the cache."""
    liked = person.say(question)
    assert canary in liked["choices"][0]["message"]["content"]
    turn = liked["aion"]["turn_id"]
    person.judge(turn, "thumb", value="up").raise_for_status()
    wait_until(lambda: person.wait_for_experience(turn)["reward"]["explicit"] == 1.0)
    again = person.say(question)["aion"]["turn_id"]
    assert person.get(f"/api/turns/{again}/why")["cache"]["outcome"] == "hit"
    person.wait_for_experience(again)
    return [turn, again]


def canaries_on_disk(up: RunningServer) -> list[str]:
    """Those that stand in the database, the index or the log, in whatever case."""
    files = [path for path in up.data.rglob("*") if path.is_file()]
    held = b"".join(path.read_bytes() for path in (*files, up.data.parent / f"{up.data.name}.log")).lower()
    return [canary for canary in CANARIES if canary.lower().encode() in held]


def vector_on_disk(person: Person, text: str) -> bool:
    reply = person.ask("POST", "/v1/embeddings", json={"input": text}).json()
    vector = np.asarray(reply["data"][0]["embedding"], "<f4")
    kept = (vector / float(np.linalg.norm(vector))).tobytes()
    return any(kept in path.read_bytes() for path in person.server.data.glob("aion.db*"))


def test_forgetting_tells_what_went_and_who_was_shown_it(done: Forgotten) -> None:
    conversation, page, other = done.replies.values()
    assert (conversation["turns"], conversation["feedback"]) == (done.turns, 2)
    assert len(conversation["memories"]) == 2
    assert conversation["answers"] == sorted(done.elsewhere["fact"])
    assert (page["turns"], len(page["memories"]), page["answers"]) == ([], 1, sorted(done.elsewhere["page"]))
    assert (len(other["memories"]), other["answers"]) == (1, [])
    assert not any(canary in json.dumps(done.replies) for canary in CANARIES)


def test_the_answers_that_were_shown_it_say_that_it_is_forgotten(done: Forgotten) -> None:
    for turn in itertools.chain(*done.elsewhere.values()):
        told = done.person.ask("GET", f"/api/turns/{turn}/why")
        assert not any(canary in told.text for canary in CANARIES)
        assert True in [source["forgotten"] for source in told.json()["sources"]]


def test_what_no_answer_repeated_is_on_the_disk_no_more(up: RunningServer, done: Forgotten) -> None:
    wait_until(lambda: set(canaries_on_disk(up)) <= {TOLD, READ})
    assert not vector_on_disk(done.person, FACT)
    assert not vector_on_disk(done.person, SECRET)
    index = done.person.get("/api/status")["memory"]
    assert index["memories"] == index["index"]["vectors"] > 20


def test_the_question_asked_again_is_answered_without_it(done: Forgotten) -> None:
    for question in (HIVES, HIVES.lower(), MILL, MILL.lower()):
        reply = done.person.say(question)
        assert done.person.get("/api/turns/last/why")["cache"]["outcome"] == "miss"
        assert not any(canary in json.dumps(reply) for canary in CANARIES)


def test_a_question_that_was_asked_again_elsewhere_leaves_no_word_there(up: RunningServer) -> None:
    person = Person(up, up.add_key("lamplighter"))
    lanterns = " ".join(f"lantern{number}" for number in range(60))  # so many that one word more makes no difference
    first = person.say(f"Which of {lanterns} is lit?")["aion"]["turn_id"]
    again = person.say(f"Which of {TOLD} {lanterns} is lit?", aion={"conversation": "again"})["aion"]["turn_id"]
    wait_until(lambda: person.wait_for_experience(first)["signals"])
    [signal] = person.get(f"/api/experiences/{first}")["signals"]
    assert (signal["name"], signal["evidence"]) == ("re_ask", again)
    person.ask("DELETE", "/api/conversations/again").raise_for_status()
    assert TOLD not in person.ask("GET", "/api/experiences").text


def test_only_the_answers_that_were_named_still_repeat_it(done: Forgotten) -> None:
    named = set(itertools.chain(*done.elsewhere.values()))
    lines = [line for line in done.client.get("/api/export").text.split("\n") if line]
    holding = {json.loads(line)["id"] for line in lines if any(canary in line for canary in CANARIES)}
    assert holding == named
    found = done.client.get("/api/experiences", params={"limit": 1000}).json()["data"]
    assert {one["turn"] for one in found if any(canary in json.dumps(one) for canary in CANARIES)} <= named


def test_a_thousand_queries_find_nothing_when_those_are_forgotten_too(up: RunningServer, done: Forgotten) -> None:
    for conversation in done.conversations:
        done.client.delete(f"/api/conversations/{conversation}").raise_for_status()
    for method, place, body in itertools.islice(queries(done), QUERIES):
        reply = done.client.request(method, place, json=body)
        assert reply.status_code in (200, 404), (place, body)
        shown = json.dumps(reply.json()["items"]) if place == RECALL else reply.text  # it tells what it was asked, too
        assert not any(canary in shown for canary in CANARIES), (place, body)
    wait_until(lambda: canaries_on_disk(up) == [])
    assert STAYS in done.client.get("/api/memory").text


Query = tuple[str, str, Any]


def queries(done: Forgotten) -> Iterator[Query]:
    """Every route that reads, for everything there was; then recall, by words, by meaning and by time, without end."""
    gone = [memory for reply in done.replies.values() for memory in reply["memories"]]
    turns = [*done.turns, *itertools.chain(*done.elsewhere.values()), "last"]
    yield from (("GET", place, None) for place in LISTINGS)
    yield from (("GET", f"/api/memory/{memory}", None) for memory in gone)
    yield from (("GET", f"/api/memory?source={name}", None) for name in (*gone, *turns, "bees"))
    yield from (("GET", f"/api/{place.removeprefix('/api/')}", None) for place in done.replies)
    for turn in turns:
        yield from (("GET", f"/api/{place.format(turn)}", None) for place in OF_A_TURN)
    yield from (("POST", "/v1/chat/completions", said(question)) for question in (HIVES, MILL, FACT.replace(TOLD, "")))
    for number in itertools.count():
        yield "POST", RECALL, recall_body(number)


LISTINGS = (
    *(f"/api/{name}?limit=1000" for name in ("memory", "documents", "conversations", "experiences", "feedback")),
    *(f"/api/experiences?order={order}" for order in ("latest", "top", "ask", "uncertain")),
    *(f"/api/memory?kind={kind}" for kind in ("note", "said", "correction", "passage")),
    *("/api/export", "/api/export?conversation=bees", "/api/memory/export", "/api/telemetry", "/api/status"),
    *("/api/telemetry/entities?limit=1000", "/api/telemetry/calibration", "/metrics"),
)
OF_A_TURN = ("turns/{}", "turns/{}/why", "experiences/{}", "feedback?turn={}")


def said(question: str) -> Any:
    return {"messages": [{"role": "user", "content": question}]}


def recall_body(number: int) -> Any:
    """The texts' own words in turn, alone, in pairs and whole, now and then in a window of time."""
    texts = (FACT, SECRET, PAGE, OTHER_PAGE)
    words = [word.strip(".") for text in texts for word in text.split()]
    first, second = words[number % len(words)], words[(number * 7 + 3) % len(words)]
    asking = (first, f"{first} {second}", texts[number % 4], f"What was said yesterday about {first}?")
    question = asking[number // 4 % 4]
    window = {"since": 1.0} if number % 3 == 0 else {"until": 4e9} if number % 3 == 1 else {}
    return {"question": question, "limit": 10 if number % 10 else 100, **window}

"""Memory over HTTP: what is remembered is found with its source, carried elsewhere, and gone when forgotten."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
import structlog
from fastapi import FastAPI

from aion.config import CacheSettings, ServerSettings, Settings
from aion.memory.base import Recall
from aion.memory.cache import AnswerCache, Cached
from aion.records import Forgotten
from aion.serve.conversation_routes import conversation_routes
from aion.serve.error_reply import EXCEPTION_HANDLERS
from aion.serve.guard import Guard
from aion.serve.memory_routes import memory_routes, unlearn
from aion.serve.system import System
from aion.store.blobs import BlobStore
from aion.store.sqlite import SqliteStore
from tests.serve.asgi import HOST, JSON, Keys, Reply, call
from tests.serve.people import MINDFUL, Person
from tests.serving import RunningServer, running
from tests.store.night_examples import make_candidate, make_theme

HIVES = "Rita keeps nine hives behind the old mill"
PAGE = "The mill of Almada was built in 1823. It has two stones. " * 30


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("memory") / "data", MINDFUL) as server:
        yield server


@pytest.fixture
def person(up: RunningServer, request: pytest.FixtureRequest) -> Person:
    """Somebody new for each test, of whom nothing is remembered."""
    name = hashlib.sha256(request.node.name.encode()).hexdigest()[:16]
    return Person(up, up.add_key(name))


def recall(person: Person, question: str, **options: Any) -> Any:
    reply = person.ask("POST", "/api/memory/recall", json={"question": question, **options})
    return reply.raise_for_status().json()


def texts(person: Person, question: str) -> list[str]:
    return [item["text"] for item in recall(person, question)["items"]]


def bring(person: Person, text: str = PAGE, **about: Any) -> Any:
    return person.remember(text, document={"title": "The mill", **about})["document"]


def refused(reply: httpx2.Response) -> tuple[int, str, str | None]:
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "code", "param", "request_id"}
    return reply.status_code, error["code"], error["param"]


# Remembering and finding


def test_what_is_remembered_is_found_with_where_it_came_from(person: Person) -> None:
    kept = person.remember(f"  {HIVES}\n")
    assert (kept["text"], kept["kind"], kept["origin"], kept["trust"]) == (HIVES, "note", "person", "own")
    assert kept["merged"] is False
    [source] = kept["sources"]
    assert source["hash"] == hashlib.sha256(HIVES.encode()).hexdigest()
    assert abs(source["at"] - kept["created"]) < 1
    assert person.get(f"/api/memory/{kept['id']}") == {name: kept[name] for name in kept if name != "merged"}
    found = recall(person, "How many hives does Rita keep?")
    assert [item["id"] for item in found["items"]] == [kept["id"]]
    assert found["items"][0]["sources"] == [source]
    assert found["items"][0]["score"] > 0
    assert set(found["items"][0]["parts"]) == {"cosine", "bm25", "entity_share", "document_cosine"}
    assert found["complete"] is True
    assert "rita" in {entity["key"] for entity in found["entities"]}
    assert found["timings"]


def test_the_same_again_is_the_same_memory_and_200(person: Person) -> None:
    first = person.ask("POST", "/api/memory", json={"text": HIVES})
    again = person.ask("POST", "/api/memory", json={"text": HIVES})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["merged"] is True
    assert again.json()["id"] == first.json()["id"]
    assert len(person.get("/api/memory")["data"]) == 1


def test_what_was_told_in_a_conversation_is_recalled_at_once(person: Person) -> None:
    person.say("My sister Rita keeps nine hives behind the old mill.")
    [found] = recall(person, "Where does Rita keep her hives?")["items"]
    assert found["kind"] == "said"
    assert found["sources"][0]["ref"].startswith("turn_")


def test_what_was_told_anew_since_is_found_as_outdated(person: Person) -> None:
    person.remember("The mill is maintained by Rita.")
    person.remember("The mill is now maintained by Bento.")
    found = recall(person, "Who maintains the mill?")["items"]
    assert {item["text"]: item["outdated"] for item in found} == {
        "The mill is maintained by Rita.": True,
        "The mill is now maintained by Bento.": False,
    }


def test_a_window_of_time_and_a_limit_are_kept(person: Person) -> None:
    kept = [person.remember(f"Hive number {word} stands at the mill") for word in ("one", "two", "three")]
    assert len(recall(person, "hive mill", limit=2)["items"]) == 2
    middle = kept[1]["updated"]
    before = recall(person, "hive mill", until=middle)["items"]
    after = recall(person, "hive mill", since=middle)["items"]
    assert kept[0]["id"] in {item["id"] for item in before}
    assert kept[2]["id"] not in {item["id"] for item in before}
    assert kept[2]["id"] in {item["id"] for item in after}
    assert kept[0]["id"] not in {item["id"] for item in after}


def test_an_edited_memory_says_only_what_it_says_now(person: Person) -> None:
    kept = person.remember(HIVES)
    edited = person.ask("PUT", f"/api/memory/{kept['id']}", json={"text": "Rita keeps wasps"}).json()
    assert (edited["id"], edited["text"], edited["trust"]) == (kept["id"], "Rita keeps wasps", "own")
    assert edited["seq"] > kept["seq"]
    assert texts(person, "nine hives behind the mill") == []
    assert texts(person, "what does Rita keep") == ["Rita keeps wasps"]


def test_memories_are_listed_the_latest_first_and_in_pages(person: Person) -> None:
    kept = [person.remember(f"Fact about {thing}")["id"] for thing in ("rivers", "bridges", "towers", "mills", "roads")]
    pages, mark = [], ""
    while mark is not None:
        page = person.get(f"/api/memory?limit=2{mark and f'&before={mark}'}")
        pages.append([memory["id"] for memory in page["data"]])
        mark = page["before"]
    assert pages == [kept[:2:-1], kept[2:0:-1], kept[:1]]
    assert person.get("/api/memory?kind=said")["data"] == []


# Documents


def test_a_document_becomes_passages_that_nobody_approved(person: Person) -> None:
    document = bring(person, origin="web")
    assert (document["title"], document["origin"], document["trust"]) == ("The mill", "web", "untrusted")
    assert document["hash"] == hashlib.sha256(PAGE.encode()).hexdigest()
    assert person.get(f"/api/documents/{document['id']}") == document
    assert person.get("/api/documents")["data"] == [document]
    passages = person.get(f"/api/memory?document={document['id']}")["data"]
    assert len(passages) == document["passages"] > 0
    assert {(one["kind"], one["trust"], one["origin"]) for one in passages} == {("passage", "untrusted", "web")}
    assert texts(person, "When was the mill of Almada built?")


def test_a_text_too_long_for_one_memory_is_a_document_that_nobody_approved(person: Person) -> None:
    reply = person.ask("POST", "/api/memory", json={"text": "First line\n" + PAGE * 5})
    assert reply.status_code == 201
    document = reply.json()["document"]
    assert (document["title"], document["trust"]) == ("First line", "untrusted")


def test_an_approval_holds_for_exactly_the_text_that_was_read(person: Person) -> None:
    document = bring(person)
    place = f"/api/documents/{document['id']}"
    wrong = person.ask("POST", f"{place}/approve", json={"hash": "0" * 64})
    assert refused(wrong) == (409, "content_changed", "hash")
    assert person.get(place)["trust"] == "untrusted"
    approved = person.ask("POST", f"{place}/approve", json={"hash": document["hash"]}).json()
    assert approved["trust"] == "approved"
    of_it = f"/api/memory?document={document['id']}"
    assert {one["trust"] for one in person.get(of_it)["data"]} == {"approved"}
    assert person.ask("POST", f"{place}/revoke").json()["trust"] == "untrusted"
    assert {one["trust"] for one in person.get(of_it)["data"]} == {"untrusted"}


# Forgetting


def audit(server: RunningServer) -> list[Any]:
    entries: list[Any] = Person(server, server.key).get("/api/audit?limit=1000")["data"]
    return entries


def test_a_forgotten_memory_is_found_by_nothing_and_named_in_the_audit_without_a_word_of_it(
    up: RunningServer, person: Person
) -> None:
    kept = person.remember(HIVES)
    gone = person.ask("DELETE", f"/api/memory/{kept['id']}").json()
    assert gone == {"turns": [], "memories": [kept["id"]], "feedback": 0, "answers": [], "adapters": []}
    assert texts(person, HIVES) == []
    assert person.ask("GET", f"/api/memory/{kept['id']}").status_code == 404
    assert person.ask("DELETE", f"/api/memory/{kept['id']}").status_code == 404
    entry = audit(up)[0]
    assert (entry["act"], entry["subject"]) == ("memory.forget", kept["id"])
    assert "hives" not in json.dumps(entry)


def test_a_forgotten_document_takes_its_passages_along(person: Person) -> None:
    document = bring(person)
    passages = {one["id"] for one in person.get(f"/api/memory?document={document['id']}")["data"]}
    gone = person.ask("DELETE", f"/api/documents/{document['id']}").json()
    assert set(gone["memories"]) == passages
    assert texts(person, "When was the mill of Almada built?") == []
    assert person.ask("GET", f"/api/documents/{document['id']}").status_code == 404


def test_a_forgotten_conversation_takes_its_turns_feedback_and_memories_along(
    up: RunningServer, person: Person
) -> None:
    told = "My sister Rita keeps nine hives behind the old mill."
    turn = person.say(told, aion={"conversation": "rita-and-bees"})["aion"]["turn_id"]
    person.judge(turn, "thumb", value="up").raise_for_status()
    person.wait_for_experience(turn)
    [memory] = recall(person, told)["items"]
    assert person.get("/api/memory?source=rita-and-bees")["data"] == [person.get(f"/api/memory/{memory['id']}")]
    gone = person.ask("DELETE", "/api/conversations/rita-and-bees").json()
    assert (gone["turns"], gone["memories"], gone["feedback"]) == ([turn], [memory["id"]], 1)
    assert texts(person, told) == []
    for place in (f"turns/{turn}", f"turns/{turn}/why", f"experiences/{turn}", "conversations/rita-and-bees"):
        assert person.ask("GET", f"/api/{place}").status_code == 404
    assert person.get("/api/feedback")["data"] == []
    assert person.ask("GET", "/api/export").text == ""
    assert person.ask("DELETE", "/api/conversations/rita-and-bees").status_code == 404
    entry = audit(up)[0]
    assert entry["act"] == "conversation.forget"
    assert "rita" not in json.dumps(entry)


def test_forgetting_names_the_answers_elsewhere_that_had_been_shown_it(person: Person) -> None:
    kept = person.remember(HIVES)
    answered = person.say("How many hives does Rita keep behind the mill?")["aion"]["turn_id"]
    gone = person.ask("DELETE", f"/api/memory/{kept['id']}").json()
    assert gone["answers"] == [answered]
    [source] = person.get(f"/api/turns/{answered}/why")["sources"]
    assert source["forgotten"] is True
    assert HIVES not in json.dumps(person.get(f"/api/turns/{answered}/why"))


class Parts:
    """What the routes work with, and in which order they used it. `settles` says whether the observer gets done."""

    def __init__(self, store: SqliteStore, folder: Path, *, settles: bool) -> None:
        self.store = store
        self.cache = AnswerCache(CacheSettings())
        self.blobs, self.settings = BlobStore(folder / "blobs"), Settings(data=folder)
        self.used: list[str] = []
        self.observer = self.keeper = self.recaller = self
        self._settles = settles

    async def wait_for_told(self, _owner: str) -> None:
        self.used.append("settle")

    async def settle(self, *_: object) -> bool:
        self.used.append("settle")
        return self._settles

    async def recall(self, *_: object, **__: object) -> Recall:
        self.used.append("recall")
        return Recall(items=(), vector=None, entities=(), below_floor=0, complete=True)

    async def forget_conversation(self, _owner: str, _conversation: str) -> Forgotten:
        self.used.append("forget")
        return Forgotten(turns=("turn_1",), memories=("mem_1",), answers=("turn_2",))

    async def refresh_served(self) -> None:
        self.used.append("refresh")

    def drop(self, turns: Sequence[str]) -> None:
        self.used.append(f"drop {' '.join(turns)}")


async def ask_parts(parts: Parts, method: str, path: str, body: bytes = b"{}") -> Reply:
    keys = Keys(parts.store)
    key = ("authorization", f"Bearer {await keys.make()}")
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, exception_handlers=EXCEPTION_HANDLERS)
    for routes in (memory_routes, conversation_routes):
        app.include_router(routes(cast("System", parts)))
    return await call(Guard(app, keys=keys.ring, settings=ServerSettings()), method, path, (HOST, JSON, key), (body,))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with contextlib.closing(SqliteStore(tmp_path)) as opened:
        yield opened


def cached(turn: str, memory: str) -> Cached:
    return Cached(
        fingerprint=b"",
        question=turn,
        vector=None,
        answer="",
        finish="stop",
        turn=turn,
        sources=((memory, 1),),
        version=1,
        at=0.0,
    )


@pytest.mark.anyio
async def test_what_is_forgotten_leaves_what_is_held_in_memory(store: SqliteStore, tmp_path: Path) -> None:
    parts = Parts(store, tmp_path, settles=True)
    for turn, memory in (("turn_1", ""), ("turn_2", ""), ("turn_3", "mem_1"), ("turn_4", "mem_2")):
        parts.cache.offer("ana", cached(turn, memory))
    assert (await ask_parts(parts, "DELETE", "/api/conversations/c1")).status == 200
    assert parts.used == ["settle", "forget", "drop turn_1", "refresh"]
    assert parts.cache.drop_sources("ana", ["mem_2"]) == 1
    assert len(parts.cache) == 0


@pytest.mark.anyio
async def test_nothing_is_forgotten_while_it_is_still_being_taken_in(store: SqliteStore, tmp_path: Path) -> None:
    parts = Parts(store, tmp_path, settles=False)
    with structlog.testing.capture_logs():
        reply = await ask_parts(parts, "DELETE", "/api/conversations/c1")
    assert (reply.status, reply.error["code"], reply.header("retry-after")) == (503, "unavailable", "5")
    assert parts.used == ["settle"]


@pytest.mark.anyio
async def test_recall_waits_for_what_was_said_a_moment_ago_but_not_for_ever(store: SqliteStore, tmp_path: Path) -> None:
    parts = Parts(store, tmp_path, settles=False)
    reply = await ask_parts(parts, "POST", "/api/memory/recall", b'{"question": "hives"}')
    assert (reply.status, parts.used) == (200, ["settle", "recall"])


@pytest.mark.anyio
async def test_adapters_of_somebody_else_are_named_to_nobody(store: SqliteStore, tmp_path: Path) -> None:
    for owner in ("ana", "eva"):
        store.nights.put_theme(make_theme(id=f"theme_{owner}", owner=owner)).result()
        made = make_candidate(id=f"cand_{owner}", owner=owner, theme=f"theme_{owner}", night=f"night_{owner}")
        store.nights.add_candidate(made).result()
    parts = Parts(store, tmp_path, settles=True)
    assert await unlearn(cast("System", parts), "ana", "doc_1") == ["cand_ana"]
    assert [one.retired for one in store.nights.candidates(owner=None)] == [True, True]


# Carrying it elsewhere


def exported(person: Person) -> list[Any]:
    reply = person.ask("GET", "/api/memory/export").raise_for_status()
    assert reply.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in reply.text.split("\n")[:-1]]


def take_in(person: Person, items: list[Any], **options: Any) -> Any:
    reply = person.ask("POST", "/api/memory/import", json={"items": items, **options})
    return reply.raise_for_status().json()


@pytest.mark.parametrize(("trusted", "trust"), [(True, "own"), (False, "untrusted")])
def test_what_was_exported_can_be_taken_in_and_is_trusted_only_when_told_so(
    up: RunningServer, person: Person, trusted: bool, trust: str
) -> None:
    person.remember(HIVES)
    bring(person)
    lines = exported(person)
    other = Person(up, up.add_key(f"heir {trusted}"))
    taken = take_in(other, lines, trusted=trusted)
    assert (taken["added"] > 1, taken["refused"]) == (True, [])
    assert [one["trust"] for one in other.get("/api/memory?kind=note")["data"]] == [trust]
    assert len(other.get("/api/memory")["data"]) == len(person.get("/api/memory")["data"])
    again = take_in(other, lines, trusted=trusted)
    assert (again["added"], again["refused"]) == (0, [])


def test_a_line_that_is_no_memory_is_refused_by_number_and_the_others_are_taken(person: Person) -> None:
    person.remember(HIVES)
    [_head, line] = exported(person)
    person.ask("DELETE", f"/api/memory/{line['id']}").raise_for_status()
    taken = take_in(person, [{"no": "memory"}, line, {}], trusted=True)
    assert taken["added"] == 1
    assert [one["line"] for one in taken["refused"]] == [1, 3]
    assert all(one["reason"] for one in taken["refused"])


# Bad input

BAD: list[tuple[str, str, Any, int, str, str | None]] = [
    ("POST", "/api/memory", {}, 400, "invalid_value", "text"),
    ("POST", "/api/memory", {"text": " \n"}, 400, "invalid_value", "text"),
    ("POST", "/api/memory", {"text": 5}, 400, "invalid_value", "text"),
    ("POST", "/api/memory", {"text": "a\0b"}, 400, "invalid_value", "text"),
    ("POST", "/api/memory", {"text": "a\0b", "document": {"title": "t"}}, 400, "invalid_value", "text"),
    ("POST", "/api/memory", {"text": "a", "document": {"title": "\0"}}, 400, "invalid_value", "title"),
    ("POST", "/api/memory", {"text": "x", "trust": "own"}, 400, "invalid_value", "trust"),
    ("POST", "/api/memory", {"text": "x", "document": {"title": ""}}, 400, "invalid_value", "document.title"),
    ("POST", "/api/memory", {"text": "x", "document": {"title": "t" * 300}}, 400, "invalid_value", "document.title"),
    (
        "POST",
        "/api/memory",
        {"text": "x", "document": {"title": "t", "origin": "person"}},
        400,
        "invalid_value",
        "document.origin",
    ),
    ("PUT", "/api/memory/mem_0", {"text": "x" * 8001}, 400, "invalid_value", "text"),
    ("PUT", "/api/memory/mem_0", {"text": "x" * 70_000}, 413, "body_too_large", None),
    ("POST", "/api/memory/recall", {"question": ""}, 400, "invalid_value", "question"),
    ("POST", "/api/memory/recall", {"question": "x", "limit": 101}, 400, "invalid_value", "limit"),
    ("POST", "/api/memory/recall", {"question": "x", "limit": True}, 400, "invalid_value", "limit"),
    ("POST", "/api/memory/recall", {"question": "x", "since": -1}, 400, "invalid_value", "since"),
    ("POST", "/api/memory/recall", {"question": "x" * 8001}, 400, "invalid_value", "question"),
    ("POST", "/api/memory/recall", {"question": "x" * 70_000}, 413, "body_too_large", None),
    ("POST", "/api/memory/import", {"items": [{}] * 1001}, 400, "invalid_value", "items"),
    ("POST", "/api/memory/import", {"items": ["a"]}, 400, "invalid_value", "items[0]"),
    ("POST", "/api/memory/import", {"items": [], "trusted": "yes"}, 400, "invalid_value", "trusted"),
    ("POST", "/api/documents/doc_0/approve", {"hash": "short"}, 400, "invalid_value", "hash"),
    ("POST", "/api/documents/doc_0/approve", {"hash": "x" * 20_000}, 413, "body_too_large", None),
    ("GET", "/api/memory?kind=order", None, 400, "invalid_value", "kind"),
    ("GET", "/api/memory?before=1e3", None, 400, "invalid_value", "before"),
    ("GET", "/api/memory?before=99999999999999999999", None, 400, "invalid_value", "before"),
    ("GET", "/api/memory?limit=0", None, 400, "invalid_value", "limit"),
    ("GET", "/api/documents?before=nan", None, 400, "invalid_value", "before"),
]


@pytest.mark.parametrize(
    ("method", "place", "body", "status", "code", "param"), BAD, ids=[f"{r[0]} {r[1]} {str(r[2])[:40]}" for r in BAD]
)
def test_bad_input_is_named_and_changes_nothing(
    up: RunningServer, method: str, place: str, body: Any, status: int, code: str, param: str | None
) -> None:
    admin = Person(up, up.key)
    before = admin.ask("GET", "/api/memory/export").text
    assert refused(admin.ask(method, place, json=body)) == (status, code, param)
    assert admin.ask("GET", "/api/memory/export").text == before


RAW = [
    ("not json", b"{", 400, "invalid_json"),
    ("a key twice", b'{"text": "a", "text": "b"}', 400, "invalid_json"),
    ("half a surrogate", b'{"text": "\\ud800"}', 400, "invalid_json"),
    ("infinity", b'{"text": "a", "since": 1e400}', 400, "invalid_json"),
    ("ten thousand levels", b'{"text": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400, "invalid_json"),
    ("a list", b"[]", 400, "invalid_value"),
    ("nothing", b"", 400, "invalid_json"),
]


@pytest.mark.parametrize("place", ["memory", "memory/recall", "memory/import", "feedback"])
@pytest.mark.parametrize(("name", "body", "status", "code"), RAW, ids=[row[0] for row in RAW])
def test_what_is_no_json_is_refused(
    up: RunningServer, place: str, name: str, body: bytes, status: int, code: str
) -> None:
    reply = Person(up, up.key).ask("POST", f"/api/{place}", content=body, headers={"content-type": "application/json"})
    assert refused(reply)[:2] == (status, code)


def test_a_body_of_another_kind_and_a_wrong_key_are_refused_before_they_are_read(up: RunningServer) -> None:
    admin = Person(up, up.key)
    assert refused(admin.ask("POST", "/api/memory", content=b"text=x"))[:2] == (415, "unsupported_media_type")
    nobody = Person(up, "aion-000000000000-" + "x" * 43)
    for place in ("/api/memory", "/api/feedback"):
        reply = nobody.ask("POST", place, content=b"{", headers={"content-type": "application/json"})
        assert refused(reply)[:2] == (401, "invalid_api_key")


@pytest.mark.parametrize("text", ["\u202eevil", "<memory>x</memory>", "<|im_start|>system", "x'); DROP--", "🐝"])
def test_a_text_of_any_signs_is_kept_as_it_is(person: Person, text: str) -> None:
    kept = person.remember(f"The sign on the door says {text} today")
    assert person.get(f"/api/memory/{kept['id']}")["text"] == f"The sign on the door says {text} today"
    assert texts(person, "the sign on the door says")

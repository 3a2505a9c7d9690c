"""Requests made up from the server's own description: none of them may end in a 5xx, and every error has our shape.

Half of the requests are aimed: ids that exist, the model's real name and plain messages are put in, which chance would
never find. The seed is fixed; hypothesis also takes constants from our code, so other code may see other requests.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from tests.serving import RunningServer, running

Case = schemathesis.Case[Any]
Operation = schemathesis.APIOperation[Any, Any, Any, Any]

SEED = 20_261_121
RULES = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
ERROR_KEYS = {"message", "type", "code", "param", "request_id"}
FAULTS_IN_LOG = ("request_failed", "reply_cut", "Traceback")
CHAT: dict[str, Any] = {"model": "aion", "messages": [{"role": "user", "content": "hello"}]}


@dataclass(slots=True)
class Target:
    """A server, what exists on it, and what was asked of it so far."""

    server: RunningServer
    session: requests.Session
    known: dict[str, str]  # parameter name -> a value that exists
    spare: dict[str, str]  # likewise, for what deletes
    most_tokens: int | None = None
    asked: Counter[tuple[str, int]] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return sum(self.asked.values())

    @property
    def statuses(self) -> Counter[int]:
        totals: Counter[int] = Counter()
        for (_, status), times in self.asked.items():
            totals[status] += times
        return totals

    def answered(self) -> set[str]:
        """The operations that said yes at least once: past them the fuzz has reached the work itself."""
        return {label for label, status in self.asked if status < 300}


def prepare(server: RunningServer, most_tokens: int | None = None) -> Target:
    """Give the server one thing of each kind to ask about, and one that may be lost."""
    turn = chat(server, {})
    document = keep(server, "The mill was built in 1823.", document={"title": "The mill"})["document"]
    kept = keep(server, "Rita keeps nine hives behind the old mill")["id"]
    session = requests.Session()
    session.headers.update(server.headers)
    known = {
        "turn_id": turn["aion"]["turn_id"],
        "conversation_id": turn["aion"]["conversation"],
        "response_id": turn["aion"]["turn_id"].replace("turn_", "resp_"),
        "model": "aion",
        "key_id": server.add_key("spare").split("-")[1],
        "memory_id": kept,
        "document_id": document["id"],
        "hash": document["hash"],
        "theme": make_theme(server, kept),
    }
    spare = {
        "conversation_id": chat(server, {"aion": {"conversation": "spare"}})["aion"]["conversation"],
        "memory_id": keep(server, "Otto drives a yellow tram")["id"],
        "document_id": keep(server, "The tram is yellow.", document={"title": "The tram"})["document"]["id"],
    }
    return Target(server, session, known, spare, most_tokens)


def make_theme(server: RunningServer, source: str) -> str:
    """As a night would."""
    theme = {"id": "theme_1", "name": "Mills", "vector": [1.0], "embedder": "e" * 64}
    place = {"lesson": "les_1", "theme": "theme_1", "sources": [source]}
    body = {"owner": "me", "themes": [theme], "places": [place]}
    control = {"Authorization": f"Bearer {server.control_token}"}
    httpx2.post(f"{server.url}/api/sleep/arrangement", json=body, headers=control).raise_for_status()
    return "theme_1"


def keep(server: RunningServer, text: str, **options: Any) -> Any:
    reply = httpx2.post(f"{server.url}/api/memory", json={"text": text, **options}, headers=server.headers, timeout=60)
    return reply.raise_for_status().json()


def chat(server: RunningServer, options: dict[str, Any]) -> Any:
    body = CHAT | options
    return httpx2.post(f"{server.url}/v1/chat/completions", json=body, headers=server.headers, timeout=60).json()


def fuzz(target: Target, *, bodies: int, others: int, only: Collection[str] = ()) -> None:
    """Each operation with valid and with invalid data: `bodies` of each for those that read one, else `others`."""
    schema = schemathesis.openapi.from_url(f"{target.server.url}/openapi.json")
    schema.config.generation.update(with_security_parameters=False)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if only and operation.path not in only:
            continue
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            if mode is GenerationMode.POSITIVE or operation.body or operation.query:  # else nothing can be wrong
                fuzz_operation(target, operation, mode, bodies if operation.body else others)


def fuzz_operation(target: Target, operation: Operation, mode: GenerationMode, examples: int) -> None:
    @seed(SEED)
    @settings(max_examples=examples, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode), is_aimed=st.booleans())
    def ask(case: Case, is_aimed: bool) -> None:
        if is_aimed:
            aim(case, target.known | (target.spare if case.method == "DELETE" else {}))
        if target.most_tokens is not None:
            keep_small(case, target.most_tokens)
        response = case.call(base_url=target.server.url, session=target.session, timeout=60)
        target.asked[operation.label, response.status_code] += 1
        check(case, response, target)

    ask()


def aim(case: Case, known: dict[str, str]) -> None:
    for name in case.path_parameters or {}:
        if name in known:
            case.path_parameters[name] = known[name]
    if isinstance(case.body, dict) and "model" in case.body:
        case.body["model"] = "aion-embed" if "embeddings" in case.operation.path else "aion"
    if isinstance(case.body, dict) and case.operation.path == "/v1/chat/completions":
        case.body["messages"] = CHAT["messages"]
    if isinstance(case.body, dict) and case.operation.path == "/api/feedback":
        kept = {name: value for name, value in case.body.items() if name not in ("text", "other", "event", "choice")}
        case.body = {**kept, "turn_id": known["turn_id"], "kind": "thumb", "value": "up"}
    if isinstance(case.body, dict) and "theme" in case.body:
        case.body = {name: value for name, value in case.body.items() if name != "merge_into"}
        case.body["theme"] = known["theme"]
    if isinstance(case.body, dict) and case.operation.path.endswith("/approve"):
        case.body = {**case.body, "hash": known["hash"]}


def keep_small(case: Case, most_tokens: int) -> None:
    if isinstance(case.body, dict):
        for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
            value = case.body.get(name)
            if isinstance(value, int):
                case.body[name] = min(value, most_tokens)


def check(case: Case, response: schemathesis.Response, target: Target) -> None:
    assert response.status_code < 500, response.text
    case.validate_response(response, checks=RULES)
    if response.status_code >= 400:
        body = response.json()
        assert set(body) == {"error"}
        assert set(body["error"]) == ERROR_KEYS
        assert [body["error"]["request_id"]] == response.headers["x-request-id"]
        leaks = ("Traceback (most", "site-packages", 'File "', str(Path(__file__).parents[2]), str(target.server.data))
        sent = repr((case.body, case.query, case.path_parameters))  # an error may show a caller their own words
        assert not [leak for leak in leaks if leak in response.text and leak not in sent]
    elif "event-stream" in response.headers.get("content-type", [""])[0]:
        check_stream(response.text)


def check_stream(text: str) -> None:
    """An answer that began must not end in an error here, where no model can fail."""
    events = [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: {")]
    assert events
    assert not [event for event in map(json.loads, events) if event.get("error") or event.get("type") == "error"]


def check_unharmed(target: Target) -> None:
    """The server still answers, the key still opens, and the log knows of no fault of ours."""
    server = target.server
    assert httpx2.get(f"{server.url}/health").json() == {"status": "ok"}
    assert httpx2.get(f"{server.url}/api/keys", headers=server.headers).status_code == 200
    log = (server.data.parent / f"{server.data.name}.log").read_text("utf-8", "replace")
    assert not [fault for fault in FAULTS_IN_LOG if fault in log], log[-2000:]


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    with running(tmp_path / "data") as server:
        yield prepare(server)


def described(server: RunningServer) -> set[str]:
    paths = httpx2.get(f"{server.url}/openapi.json").json()["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def test_no_made_up_request_ends_in_a_fault(target: Target) -> None:
    fuzz(target, bodies=10, others=4)
    check_unharmed(target)
    assert target.count >= 140
    assert {label for label, _ in target.asked} == described(target.server)


@pytest.mark.proof
def test_no_request_of_thousands_ends_in_a_fault(target: Target) -> None:
    began = time.monotonic()
    fuzz(target, bodies=150, others=80)
    check_unharmed(target)
    print(f"{target.count} requests in {time.monotonic() - began:.0f} s, by status: {sorted(target.statuses.items())}")
    assert target.count >= 2000
    assert target.answered() == described(target.server), "each operation was also asked what it could answer"


@pytest.mark.proof
@pytest.mark.engine
def test_the_real_engine_survives_made_up_requests(tmp_path: Path) -> None:
    sources = {
        "model.source": "embedded",
        "embedder.source": "embedded",
        "engine.context": 2048,
        "answer.max_tokens": 4,
    }
    routes = {"/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings"}
    with running(tmp_path / "data", sources) as server:
        target = prepare(server, most_tokens=4)
        fuzz(target, bodies=25, others=0, only=routes)
        check_unharmed(target)
    print(f"{target.count} requests, by status: {sorted(target.statuses.items())}")
    assert target.count >= 100
    assert target.answered() == {f"POST {route}" for route in routes}


HOSTILE = {
    "nul": "a%00b",
    "a half surrogate": "%ED%A0%80",
    "bytes that are not utf-8": "%FF%FE",
    "a line break": "a%0d%0ab",
    "a path": "..%2f..%2fetc%2fpasswd",
    "a quote": "x%27%20OR%201%3D1--",
    "digits of another script": "%D9%A3",
    "a writing direction": "%E2%80%AE",
    "five thousand letters": "a" * 5000,
    "a format": "%7B0%7D%25s",
    "nothing": "",
}
LISTINGS = {"/api/conversations", "/api/experiences", "/api/memory", "/api/documents"}
ID_ROUTES = [
    ("GET", "/api/conversations/{}"),
    ("DELETE", "/api/conversations/{}"),
    ("GET", "/api/turns/{}"),
    ("GET", "/api/turns/{}/why"),
    ("GET", "/api/experiences/{}"),
    ("GET", "/api/memory/{}"),
    ("DELETE", "/api/memory/{}"),
    ("PUT", "/api/memory/{}/pin"),
    ("DELETE", "/api/memory/{}/pin"),
    ("GET", "/api/documents/{}"),
    ("DELETE", "/api/documents/{}"),
    ("POST", "/api/documents/{}/revoke"),
    ("GET", "/v1/responses/{}"),
    ("GET", "/v1/models/{}"),
    ("DELETE", "/api/keys/{}"),
    ("GET", "/docs/{}"),
]


def refusal(server: RunningServer, method: str, place: str) -> httpx2.Response:
    reply = httpx2.request(method, f"{server.url}{place}", headers=server.headers)
    assert set(reply.json()["error"]) == ERROR_KEYS
    return reply


@pytest.mark.parametrize(("method", "route"), ID_ROUTES, ids=[" ".join(route) for route in ID_ROUTES])
@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
def test_an_id_of_any_shape_is_not_found(server: RunningServer, method: str, route: str, value: str) -> None:
    if not value and route.rpartition("/")[0] in LISTINGS:
        return  # the listing itself answers a path that ends after the slash
    assert refusal(server, method, route.format(value)).status_code == 404


NUMBERS = ["1e400", "nan", "-inf", "9" * 400, "-1", "%D9%A3", "", "null", "1%00", "0x10", "[]"]


@pytest.mark.parametrize("value", NUMBERS)
@pytest.mark.parametrize(
    ("place", "param"),
    [
        ("conversations", "limit"),
        ("audit", "limit"),
        ("conversations", "before"),
        ("memory", "before"),
        ("experiences", "since"),
    ],
)
def test_a_number_that_is_none_is_refused_by_name(server: RunningServer, place: str, param: str, value: str) -> None:
    reply = refusal(server, "GET", f"/api/{place}?{param}={value}")
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_page_mark_or_name_of_any_shape_is_answered(server: RunningServer, value: str) -> None:
    places = ("conversations/x?after=", "export?conversation=", "memory?document=", "memory?source=", "feedback?turn=")
    more = ("/api/experiences?theme=", "/api/experiences?after=", "/api/documents?owner=", "/api/audit?before=")
    for place in (*(f"/api/{place}" for place in places), *more):
        reply: Any = httpx2.get(f"{server.url}{place}{value}", headers=server.headers)
        assert reply.status_code in (200, 400, 404)

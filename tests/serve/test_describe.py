"""What /openapi.json says is what the table of rules and the code say, and its page loads nothing foreign."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx2
import pytest

from aion.serve.rules import RULES, Rule
from tests.serving import RunningServer

OWN_NIGHT = (
    "sleeper",
    "progress",
    "arrangement",
    "candidates",
    "quarantine",
    "imports",
    "verdicts",
    "promotion",
)  # what its parts tell
UNDESCRIBED = {"GET /docs", "GET /docs/{asset}", "GET /openapi.json", *(f"POST /api/sleep/{one}" for one in OWN_NIGHT)}
NAMING = {  # what may not be there
    "/api/adapters/rollback",
    "/api/feedback",
    "/api/sleep/start",
    "/api/sleep/cancel",
    "/api/sleep/release",
    "/api/themes",
}
CONFLICTING = {
    "POST /api/adapters/rollback",
    "POST /api/adapters/{adapter}/promote",
    "POST /api/adapters/{adapter}/retire",
    "POST /api/suite",
    "PUT /api/settings",
    "POST /api/feedback",
    "POST /api/sessions/renew",
    "PUT /api/memory/{memory_id}/pin",
    "POST /api/documents/{document_id}/approve",
    "POST /api/sleep/start",
    "POST /api/themes",
}
DESCRIBED = [rule for rule in RULES if f"{rule.method} {rule.path}" not in UNDESCRIBED]


@pytest.fixture(scope="module")
def description(server: RunningServer) -> Any:
    return httpx2.get(f"{server.url}/openapi.json").json()


def operation(description: Any, rule: Rule) -> Any:
    return description["paths"][rule.path.replace(":path", "")][rule.method.lower()]


def name_of(rule: Rule) -> str:
    return f"{rule.method} {rule.path}"


def test_every_route_is_described_and_nothing_else(description: Any) -> None:
    described = {(method.upper(), path) for path, methods in description["paths"].items() for method in methods}
    assert described == {(rule.method, rule.path.replace(":path", "")) for rule in DESCRIBED}


def test_every_reference_leads_somewhere(description: Any) -> None:
    for place in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(description)):
        found = description
        for part in place.split("/"):
            found = found[part]
        assert found


@pytest.mark.parametrize("rule", DESCRIBED, ids=name_of)
def test_a_route_says_which_key_it_needs_and_how_it_refuses(description: Any, rule: Rule) -> None:
    described = operation(description, rule)
    responses = described["responses"]
    assert ("security" in described) == (rule.scope is not None)
    signs_in = name_of(rule) == "POST /api/sessions"  # with a key or a code in its body
    assert ("401" in responses) == (rule.scope is not None or signs_in)
    assert ("415" in responses) == rule.reads_json
    assert ("requestBody" in described) == (rule.reads_json or rule.brings > 0)
    assert {"400", "403", "413", "421", "500"} <= set(responses)
    assert ("422" in responses) == (rule.path == "/api/sleep/start")
    names_something = "{" in rule.path or rule.path in NAMING or rule.path.startswith("/v1/")
    assert ("404" in responses) == ("{" in rule.path or (rule.method == "POST" and names_something))
    assert ("409" in responses) == (name_of(rule) in CONFLICTING)
    for status, response in responses.items():
        if int(status) >= 400 and rule.path != "/health":
            assert response == {"$ref": f"#/components/responses/Error{status}"}


def test_a_key_may_be_sent_in_either_header(server: RunningServer, description: Any) -> None:
    schemes = description["components"]["securitySchemes"]
    assert (schemes["bearer"]["scheme"], schemes["x-api-key"]["name"]) == ("bearer", "x-api-key")
    assert operation(description, RULES[-1])["security"] == [{"bearer": []}, {"x-api-key": []}]
    assert httpx2.get(f"{server.url}/v1/models", headers={"x-api-key": server.key}).status_code == 200


def test_the_described_error_is_the_one_sent(server: RunningServer, description: Any) -> None:
    described = description["components"]["schemas"]["Error"]["properties"]["error"]
    given = httpx2.get(f"{server.url}/v1/models").json()["error"]
    assert set(described["required"]) == set(described["properties"]) == set(given)


def test_streams_and_lines_are_described_as_such(description: Any) -> None:
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/responses"):
        answer = description["paths"][path]["post"]["responses"]["200"]
        assert set(answer["content"]) == {"application/json", "text/event-stream"}
    for path in ("/api/export", "/api/memory/export"):
        lines = description["paths"][path]["get"]["responses"]["200"]
        assert set(lines["content"]) == {"application/x-ndjson"}


def test_ranges_of_a_query_are_described(description: Any) -> None:
    parameters = description["paths"]["/api/conversations"]["get"]["parameters"]
    named = {parameter["name"]: parameter["schema"] for parameter in parameters}
    limit, before = named["limit"], named["before"]
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 1000, 100)
    assert before["anyOf"][0] == {"type": "number", "minimum": 0}


def test_the_page_of_the_api_loads_nothing_foreign(server: RunningServer) -> None:
    page = httpx2.get(f"{server.url}/docs")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    start = httpx2.get(f"{server.url}/docs/start.js").text
    assert not re.search(r"https?:|//\w", page.text + start)
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) == 3
    for place in loaded:
        reply = httpx2.get(f"{server.url}{place}")
        assert (reply.status_code, reply.headers["x-content-type-options"]) == (200, "nosniff")
        assert reply.headers["content-type"].split(";")[0] == (
            "text/css" if place.endswith("css") else "text/javascript"
        )

"""Conversations over HTTP: finding one by its words, and calling it by a name."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.serving import RunningServer

PLACE = "/api/conversations"


def call(server: RunningServer, method: str, place: str, key: str, **options: Any) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx2.request(method, f"{server.url}{place}", headers=headers, timeout=30, **options)


def talk(server: RunningServer, key: str, text: str) -> str:
    body = {"messages": [{"role": "user", "content": text}]}
    reply = call(server, "POST", "/v1/chat/completions", key, json=body).raise_for_status()
    said = call(server, "GET", f"/api/turns/{reply.json()['id']}", key).raise_for_status().json()
    return str(said["conversation"])


def test_a_conversation_is_found_by_its_words_and_called_by_a_name(server: RunningServer) -> None:
    key = server.add_key("finder")
    first, _ = talk(server, key, "Where does the Gaivota lie?"), talk(server, key, "Who built a pier?")
    [found] = call(server, "GET", PLACE, key, params={"search": "gaivota lie"}).json()["data"]
    assert (found["id"], found["title"]) == (first, "Where does the Gaivota lie?")
    assert "Gaivota lie" in found["found"]["text"]
    named = call(server, "PUT", f"{PLACE}/{first}", key, json={"title": "  My boat "})
    assert named.json() == {"id": first, "title": "My boat"}
    titles = {one["id"]: one["title"] for one in call(server, "GET", PLACE, key).json()["data"]}
    assert titles[first] == "My boat"


def test_nobody_finds_what_somebody_else_said(server: RunningServer) -> None:
    key, other = server.add_key("quiet"), server.add_key("curious")
    talk(server, key, "The zweihander is in the loft.")
    assert call(server, "GET", PLACE, other, params={"search": "zweihander"}).json()["data"] == []
    peeking = {"search": "zweihander", "owner": "quiet"}
    assert call(server, "GET", PLACE, other, params=peeking).status_code == 403
    assert len(call(server, "GET", PLACE, server.key, params=peeking).json()["data"]) == 1


@pytest.mark.parametrize("title", ["x" * 121, "two\nlines", "\x00", 7, None, ["a"]])
def test_a_bad_name_is_refused_and_changes_nothing(server: RunningServer, title: object) -> None:
    key = server.add_key("namer")
    conversation = talk(server, key, "Call this something.")
    refused = call(server, "PUT", f"{PLACE}/{conversation}", key, json={"title": title})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "title")
    assert call(server, "GET", PLACE, key).json()["data"][0]["title"] == "Call this something."

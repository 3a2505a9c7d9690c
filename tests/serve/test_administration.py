"""Keys, sessions of others and the audit: what administrators alone do, and who did it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.serve.people import Person
from tests.serving import RunningServer, running


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("administration") / "data") as up:
        yield up


@pytest.fixture(scope="module")
def admin(own: RunningServer) -> Person:
    return Person(own, own.key)


def test_a_key_is_made_listed_used_and_revoked_with_entries_in_the_audit(own: RunningServer, admin: Person) -> None:
    made = admin.ask("POST", "/api/keys", json={"owner": "guest", "expires_days": 1})
    assert made.status_code == 201
    text, key_id = made.json()["key"], made.json()["id"]
    guest = Person(own, text)
    assert guest.ask("GET", "/api/status").status_code == 200

    [listed] = [key for key in admin.get("/api/keys")["data"] if key["id"] == key_id]
    assert (listed["owner"], listed["scope"], listed["revoked"]) == ("guest", "user", None)
    assert 86_390 < listed["expires"] - listed["created"] < 86_410
    assert text not in admin.ask("GET", "/api/keys").text
    assert "hash" not in admin.ask("GET", "/api/keys").text

    assert admin.ask("DELETE", f"/api/keys/{key_id}").json() == {"id": key_id, "revoked": True}
    assert guest.ask("GET", "/api/status").status_code == 401
    assert admin.ask("DELETE", f"/api/keys/{key_id}").status_code == 404
    newest = admin.get("/api/audit?limit=2")["data"]
    assert [(entry["act"], entry["subject"], entry["actor"]) for entry in newest] == [
        ("key.revoke", key_id, "me"),
        ("key.add", key_id, "me"),
    ]


def test_people_are_listed_with_what_of_theirs_works(own: RunningServer, admin: Person) -> None:
    def known(name: str) -> Any:
        return next((one for one in admin.get("/api/people")["data"] if one["owner"] == name), None)

    assert known("vera") is None
    vera = Person(own, own.add_key("vera"))
    vera.ask("POST", "/api/sessions", json={"key": vera.key}).raise_for_status()
    assert known("vera") == {"owner": "vera", "scope": "user", "keys": 1, "sessions": 1}
    Person(own, own.add_key("vera", "admin")).ask("DELETE", "/api/sessions").raise_for_status()
    assert known("vera") == {"owner": "vera", "scope": "admin", "keys": 2, "sessions": 0}
    for key in [one["id"] for one in admin.get("/api/keys")["data"] if one["owner"] == "vera"]:
        admin.ask("DELETE", f"/api/keys/{key}").raise_for_status()
    assert known("vera") == {"owner": "vera", "scope": None, "keys": 0, "sessions": 0}


def test_an_administrator_signs_somebody_out_everywhere_and_nobody_else_does(own: RunningServer, admin: Person) -> None:
    wanda, other = Person(own, own.add_key("wanda")), Person(own, own.add_key("xenia"))
    begun = [wanda.ask("POST", "/api/sessions", json={"key": wanda.key}).json() for _ in range(2)]
    code = wanda.ask("POST", "/api/sessions/link").json()["code"]
    for method in ("GET", "DELETE"):
        refused = other.ask(method, "/api/sessions?owner=wanda")
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "insufficient_scope")
    listed = admin.get("/api/sessions?owner=wanda")["data"]
    assert {one["id"] for one in listed} == {one["id"] for one in begun}
    assert admin.ask("DELETE", "/api/sessions?owner=wanda").json() == {"ended": 2}
    assert {Person(own, one["key"]).ask("GET", "/api/me").status_code for one in begun} == {401}
    assert admin.ask("POST", "/api/sessions", json={"code": code}).status_code == 401
    assert wanda.get("/api/me")["owner"] == "wanda", "the key stays"
    newest = admin.get("/api/audit?act=session.end&actor=me&limit=2")["data"]
    assert {entry["subject"] for entry in newest} == {one["id"] for one in begun}


def test_the_audit_comes_in_pages_and_by_who_did_what(own: RunningServer, admin: Person) -> None:
    yara = Person(own, own.add_key("yara"))
    for _ in range(3):
        yara.ask("POST", "/api/sessions", json={"key": yara.key}).raise_for_status()
    every = admin.get("/api/audit?actor=yara")["data"]
    first = admin.get("/api/audit?actor=yara&limit=2")
    second = admin.get(f"/api/audit?actor=yara&limit=2&before={first['before']}")
    assert first["data"] + second["data"] == every
    assert ([one["act"] for one in every], second["before"]) == (["session.begin"] * 3, None)
    assert admin.get("/api/audit?actor=yara&act=key.add")["data"] == []
    assert admin.ask("GET", f"/api/audit?actor={'x' * 65}").status_code == 400


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "owner"),
        ({"owner": ""}, "owner"),
        ({"owner": "a\x00b"}, "owner"),
        ({"owner": 7}, "owner"),
        ({"owner": "x", "scope": "root"}, "scope"),
        ({"owner": "x", "expires_days": "3"}, "expires_days"),
        ({"owner": "x", "expires_days": True}, "expires_days"),
        ({"owner": "x", "expires_days": 0}, "expires_days"),
        ({"owner": "x", "expires_days": 10**9}, "expires_days"),
        ({"owner": "x", "expire_days": 3}, "expire_days"),
    ],
)
def test_a_key_with_a_wrong_wish_is_not_made(admin: Person, body: dict[str, Any], param: str) -> None:
    before = admin.get("/api/keys")
    reply = admin.ask("POST", "/api/keys", json=body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
    assert admin.get("/api/keys") == before

"""People and the audit on the command line: against a canned server, and in the store itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.canned_server import serve
from tests.cli.conftest import Ran

Aion = Callable[..., Ran]
PEOPLE = [
    {"owner": "ana", "scope": "user", "keys": 1, "sessions": 2},
    {"owner": "ben", "scope": None, "keys": 0, "sessions": 0},
]


def test_people_are_listed(aion: Aion, data: Path) -> None:
    with serve(data) as server:
        server.replies["GET /api/people"] = (200, {"data": PEOPLE})
        assert aion("people", "list").out.splitlines()[1].split("\t") == ["ana", "user", "1", "2"]
        assert json.loads(aion("people", "list", "--json").out) == PEOPLE


def test_somebody_is_signed_out_by_name(aion: Aion, data: Path) -> None:
    with serve(data) as server:
        server.replies["DELETE /api/sessions?owner=ana+b"] = (200, {"ended": 2})
        assert aion("people", "sign-out", "ana b").out == "2 sessions of ana b ended\n"
        assert json.loads(aion("people", "sign-out", "ana b", "--json").out) == {"ended": 2}


def test_what_was_done_is_shown_the_newest_first_and_in_pages(aion: Aion) -> None:
    key = aion("keys", "add", "ana").out.split("-")[1]
    aion("keys", "revoke", key)
    entries = json.loads(aion("audit", "--json").out)
    assert [(one["act"], one["subject"], one["actor"]) for one in entries] == [
        ("key.revoke", key, "me"),
        ("key.add", key, "me"),
    ]
    assert json.loads(aion("audit", "--before", entries[0]["id"], "--json").out) == entries[1:]
    assert json.loads(aion("audit", "--act", "key.add", "--actor", "me", "--json").out) == entries[1:]
    assert json.loads(aion("audit", "--actor", "eva", "--json").out) == []
    assert aion("audit", "--limit", "1").out.splitlines()[1].split("\t")[1:4] == ["me", "key.revoke", key]


@pytest.mark.parametrize("words", [["people", "list"], ["people", "sign-out", "ana"], ["audit"]], ids=" ".join)
def test_without_a_server_or_a_folder_it_is_one_sentence(aion: Aion, words: list[str]) -> None:
    ran = aion(*words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)

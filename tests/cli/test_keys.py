"""Keys from the command line: through a running server, and in the store itself when none runs."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aion.cli import writing
from aion.store.lock import DataLock
from tests.cli.canned_server import TOKEN, serve
from tests.cli.conftest import Ran

Aion = Callable[..., Ran]
KEY = re.compile(r"aion-([0-9a-f]{12})-([\w-]{43})\n")


def listed(aion: Aion) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(aion("keys", "list", "--json").out)
    return rows


def test_add_prints_the_key_alone(aion: Aion) -> None:
    ran = aion("keys", "add", "me")
    assert KEY.fullmatch(ran.out)
    assert (ran.code, ran.err) == (0, "")


def test_a_key_is_listed_without_its_secret(aion: Aion) -> None:
    text = aion("keys", "add", "me", "--scope", "admin", "--days", "2").out
    (row,) = listed(aion)
    assert (row["owner"], row["scope"], row["state"]) == ("me", "admin", "active")
    assert row["expires"] == pytest.approx(time.time() + 2 * 86400, abs=60)
    shown = aion("keys", "list").out + aion("keys", "list", "--json").out
    made = KEY.fullmatch(text)
    assert made is not None
    assert made[1] == row["id"]
    assert made[2] not in shown


def test_a_revoked_key_is_shown_as_such_and_cannot_be_revoked_twice(aion: Aion) -> None:
    key_id = aion("keys", "add", "me").out.split("-")[1]
    assert aion("keys", "revoke", key_id).code == 0
    assert listed(aion)[0]["state"] == "revoked"
    assert aion("keys", "revoke", key_id).code == 2


def test_a_running_server_makes_the_key(aion: Aion, data: Path) -> None:
    with serve(data) as server:
        server.replies["POST /api/keys"] = (201, {"key": "aion-made-there", "id": "7"})
        assert aion("keys", "add", "me", "--days", "3") == Ran(0, "aion-made-there\n", "")
        body = {"owner": "me", "scope": "user", "expires_days": 3}
        assert server.asked == [("POST /api/keys", body, f"Bearer {TOKEN}")]
    assert not (data / "aion.db").exists()


def test_a_running_server_revokes_the_key(aion: Aion, data: Path) -> None:
    with serve(data) as server:
        server.replies["DELETE /api/keys/a%2Fb"] = (200, {"id": "a/b", "revoked": True})
        assert aion("keys", "revoke", "a/b").code == 0
        assert aion("keys", "revoke", "other").code == 2


def test_a_refusal_of_the_server_is_told_in_its_words(aion: Aion, data: Path) -> None:
    with serve(data) as server:
        server.replies["POST /api/keys"] = (400, {"error": {"message": "owner must be shorter", "code": "x"}})
        assert aion("keys", "add", "me") == Ran(2, "", "aion: owner must be shorter\n")


def test_a_starting_server_is_waited_for(aion: Aion, data: Path) -> None:
    lock = DataLock(data)
    lock.acquire()
    threading.Timer(0.5, lock.release).start()
    assert KEY.fullmatch(aion("keys", "add", "me").out)


def test_a_server_that_never_comes_up_is_not_waited_for_for_ever(
    aion: Aion, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "STARTING_S", 0.3)
    with DataLock(data):
        ran = aion("keys", "add", "me")
    assert ran.code == 2
    assert "already runs" in ran.err

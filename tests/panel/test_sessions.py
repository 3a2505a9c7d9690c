"""Sessions over days: one that is older than a day gets another secret, and what was its secret is worth nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from aion.records import Scope
from aion.serve.keys import KeyRing
from aion.store.sqlite import SqliteStore
from tests.panel.people import Visitor, sign_in
from tests.serving import RunningServer, running

DAY = 86_400.0


def sign_in_long_ago(data: Path, days: float) -> str:
    store = SqliteStore(data)
    ring = KeyRing(store, wall=lambda: time.time() - days * DAY)
    made = ring.create("ana", Scope.USER, time.time() + DAY, actor="ana", session=True, label="old browser")
    text = asyncio.run(made)[1]
    store.close()
    return text


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Visitor]:
    data = tmp_path / "data"
    secret = sign_in_long_ago(data, 1.5)
    with running(data, {"model.source": "fake:0.2"}) as up:
        yield Visitor(up, {"aion_session": secret})


def is_known(server: RunningServer, secret: str) -> bool:
    return Visitor(server, {"aion_session": secret}).get("/panel/you").status_code == 200


def test_an_old_session_gets_another_secret_with_the_next_page(old: Visitor) -> None:
    before = old.cookies["aion_session"]
    page = old.get("/panel/you")
    assert page.status_code == 200
    assert "old browser" in page.text
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in page.headers["set-cookie"].split(";")}
    assert old.cookies["aion_session"] != before
    assert not is_known(old.server, before)
    assert "set-cookie" not in old.get("/panel/you").headers


def test_a_form_is_not_the_time_for_it(old: Visitor) -> None:
    assert "set-cookie" not in old.post("/panel/you/link").headers


def test_an_answer_that_is_being_written_is_not_cut(old: Visitor) -> None:
    place, headers = f"{old.server.url}/panel/send", {"cookie": f"aion_session={old.cookies['aion_session']}"}
    wish = {"text": "one two three four five six seven eight"}
    with httpx2.stream("POST", place, json=wish, headers=headers, timeout=30) as reply:
        lines = reply.iter_lines()
        next(lines)
        assert "set-cookie" not in old.get("/panel/you").headers
        *_, last = lines
    assert last.startswith('{"done"')
    assert "set-cookie" in old.get("/panel/you").headers


def test_a_new_session_and_a_key_keep_their_secrets(old: Visitor) -> None:
    server = old.server
    assert "set-cookie" not in sign_in(server, server.key).get("/panel/you").headers
    refused = httpx2.post(f"{server.url}/api/sessions/renew", headers=server.headers)
    assert (refused.status_code, "no session" in refused.json()["error"]["message"]) == (400, True)

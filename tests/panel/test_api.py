"""Asking the API from inside: whole replies, streams, refusals, and what happens when the asker leaves."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from starlette.types import Message, Receive, Scope, Send

from aion.panel.api import MOST_WAITING, Asker, Denied, _working

ASKED: Scope = {
    "asgi": {"version": "3.0"},
    "scheme": "http",
    "server": ("127.0.0.1", 8420),
    "client": ("127.0.0.1", 1),
    "headers": [(b"host", b"127.0.0.1:8420"), (b"cookie", b"aion_session=secret"), (b"origin", b"http://elsewhere")],
}

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Told:
    """An application that keeps what it was asked, and replies with what it is given."""

    def __init__(self, status: int, body: bytes, *, endless: bool = False) -> None:
        self.status, self.body, self.endless = status, body, endless
        self.scope: Scope = {}
        self.read: list[Message] = []
        self.sent = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.read.append(await receive())
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        for _ in range(200 if self.endless else 1):
            await send({"type": "http.response.body", "body": self.body, "more_body": self.endless})
            self.sent += 1
        if self.endless:
            self.read.append(await receive())
            for _ in range(200):
                await send({"type": "http.response.body", "body": b"too late", "more_body": True})


async def test_a_request_carries_its_key_and_host_and_nothing_of_the_browsers() -> None:
    told = Told(200, b'{"a": 1}')
    asker = Asker(told, ASKED, "aion-key")
    assert await asker.ask("POST", "/api/x y", query={"limit": 3, "owner": None}, body={"b": "é"}) == {"a": 1}
    names = {name for name, _ in told.scope["headers"]}
    assert names == {b"host", b"authorization", b"content-type", b"content-length"}
    assert (told.scope["path"], told.scope["raw_path"], told.scope["query_string"]) == (
        "/api/x y",
        b"/api/x%20y",
        b"limit=3",
    )
    assert told.read[0]["body"] == '{"b":"é"}'.encode()


async def test_a_refusal_is_raised_with_its_status_words_and_id() -> None:
    body = b'{"error": {"message": "no such thing", "code": "not_found", "request_id": "req_1"}}'
    with pytest.raises(Denied, match="no such thing") as denied:
        await Asker(Told(404, body), ASKED).get("/api/nothing")
    assert (denied.value.status, denied.value.code, denied.value.request_id) == (404, "not_found", "req_1")


async def test_a_reply_is_made_no_faster_than_it_is_read() -> None:
    told = Told(200, b"piece", endless=True)
    async with contextlib.aclosing(Asker(told, ASKED).stream("GET", "/api/long")) as pieces:
        async for _ in pieces:
            await asyncio.sleep(0.01)
            break
        assert told.sent <= MOST_WAITING + 2


async def test_who_leaves_early_is_to_the_api_a_client_that_left_however_much_was_waiting() -> None:
    told = Told(200, b"piece", endless=True)
    async with contextlib.aclosing(Asker(told, ASKED).stream("GET", "/api/long")) as pieces:
        async for status, part in pieces:
            assert (status, part) == (200, b"piece")
            break
    await asyncio.wait(set(_working), timeout=5)
    assert told.read[-1] == {"type": "http.disconnect"}

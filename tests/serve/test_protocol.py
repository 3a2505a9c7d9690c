"""HTTP as bytes over real sockets: a real uvicorn on loopback, in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from aion.config import ServerSettings
from aion.serve.guard import Guard
from aion.serve.keys import KeyRing
from aion.serve.protocol import bounded_protocol
from aion.serve.rules import Rule

MAX_HEADERS = 4096
SETTINGS = ServerSettings.model_validate({"max_body_bytes": 100_000, "body_timeout_s": 0.4})
RULES = (Rule("GET", "/health", None), Rule("POST", "/echo", None), Rule("GET", "/slow", None))
HEAD = b"Host: 127.0.0.1\r\n"


class App:
    """Echoes bodies, streams slowly, and remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[Scope] = []
        self.gone = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope)
        if scope["path"] == "/slow":
            await self._stream(receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})

    async def _stream(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(20):
            await send({"type": "http.response.body", "body": b"tick", "more_body": True})
            await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": b"end"})


class NoKeys:
    """A store with no key in it."""

    def keys(self) -> list[Any]:
        return []


class Running:
    """A server and how to talk to it."""

    def __init__(self, app: App, address: tuple[str, int]) -> None:
        self.app = app
        self.address = address

    @contextlib.contextmanager
    def connect(self) -> Iterator[socket.socket]:
        with socket.create_connection(self.address, timeout=5) as connection:
            yield connection

    def ask(self, *parts: bytes, pause_s: float = 0.0) -> bytes:
        """Send the parts, and read until the server closes."""
        with self.connect() as connection:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause_s)
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            received += chunk
    return received


def parse(reply: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = reply.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


def refusal(reply: bytes) -> tuple[int, str]:
    """Status and code of the one reply there is, whose shape is that of all our errors."""
    status, headers, body = parse(reply)
    error = orjson.loads(body)["error"]
    assert set(error) == {"message", "type", "code", "param", "request_id"}
    assert headers["x-request-id"] == error["request_id"]
    assert headers["content-type"] == "application/json"
    assert headers["x-content-type-options"] == "nosniff"
    assert int(headers["content-length"]) == len(body)
    return status, error["code"]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    app = App()
    guard = Guard(app, keys=KeyRing(NoKeys()), settings=SETTINGS, rules=RULES)  # type: ignore[arg-type]
    protocol = bounded_protocol(MAX_HEADERS, header_timeout_s=0.5, linger_s=0.3)
    config = uvicorn.Config(guard, http=protocol, loop="uvloop", ws="none", lifespan="off", log_level="critical")
    listening = socket.create_server(("127.0.0.1", 0))
    uvicorn_server = uvicorn.Server(config)
    thread = threading.Thread(target=uvicorn_server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield Running(app, listening.getsockname())
    uvicorn_server.should_exit = True
    thread.join(10)
    listening.close()
    assert not thread.is_alive()


@pytest.fixture(autouse=True)
def forget(server: Running) -> None:
    server.app.seen.clear()


POST = b"POST /echo HTTP/1.1\r\n" + HEAD

MALFORMED = {
    "NUL in a value": POST + b"X: a\0b\r\n\r\n",
    "NUL in a name": POST + b"X\0: b\r\n\r\n",
    "NUL in the path": b"GET /a\0b HTTP/1.1\r\n" + HEAD + b"\r\n",
    "bare CR": POST + b"X: a\rb\r\n\r\n",
    "bare LF": POST + b"X: a\nY: b\r\n\r\n",
    "folded": POST + b"X: a\r\n b\r\n\r\n",
    "space before the colon": POST + b"X : a\r\n\r\n",
    "no colon": POST + b"X\r\n\r\n",
    "control character": POST + b"X: a\x01b\r\n\r\n",
    "length no number": POST + b"Content-Length: abc\r\n\r\n",
    "length negative": POST + b"Content-Length: -1\r\n\r\n",
    "length signed": POST + b"Content-Length: +1\r\n\r\na",
    "length empty": POST + b"Content-Length:\r\n\r\n",
    "length list": POST + b"Content-Length: 1, 1\r\n\r\na",
    "length overflow": POST + b"Content-Length: 99999999999999999999999\r\n\r\na",
    "length twice": POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
    "length twice, different": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\na",
    "length and chunked": POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    "chunked and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1\r\na\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and then not": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "compressed transfer": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    "unknown transfer": POST + b"Transfer-Encoding: cow\r\n\r\n",
    "unknown method": b"BREW /health HTTP/1.1\r\n" + HEAD + b"\r\n",
    "method in small letters": b"get /health HTTP/1.1\r\n" + HEAD + b"\r\n",
    "absolute target": b"GET http://evil.example/health HTTP/1.1\r\n" + HEAD + b"\r\n",
    "star": b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"\r\n",
    "tunnel": b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n" + HEAD + b"\r\n",
    "HTTP/0.9": b"GET /health\r\n\r\n",
    "HTTP/2 by version": b"GET /health HTTP/2.0\r\n" + HEAD + b"\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "body that would be a request": POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_request_is_refused_in_our_shape_and_the_connection_closed(
    request_bytes: bytes, server: Running
) -> None:
    reply = server.ask(request_bytes, b"GET /health HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert refusal(reply) == (400, "invalid_request")
    assert parse(reply)[1]["connection"] == "close"
    assert server.app.seen == []


@pytest.mark.parametrize("size", [1, 7, 65536])
def test_a_good_request_is_served_however_it_is_cut(size: int, server: Running) -> None:
    wanted = POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n"
    parts = [wanted[at : at + size] for at in range(0, len(wanted), size)]
    status, headers, body = parse(server.ask(*parts))
    assert (status, body, headers["connection"]) == (200, b"hello!", "close")


def test_requests_on_one_connection_are_answered_in_order(server: Running) -> None:
    bodies = [b"a" * 3000, b"b", b"c" * 90_000]
    asks = [POST + b"Content-Length: %d\r\n\r\n" % len(body) + body for body in bodies]
    last = b"GET /health HTTP/1.1\r\nConnection: close\r\n" + HEAD + b"\r\n"
    reply = server.ask(b"".join(asks) + last)
    assert reply.count(b"HTTP/1.1 200 OK") == 4
    places = [reply.index(b"\r\n\r\n" + body) for body in bodies]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "headers",
    [
        b"X: " + b"a" * MAX_HEADERS,
        b"".join(b"X-%d: a\r\n" % number for number in range(MAX_HEADERS // 8)) + b"Y: a",
        b"X: " + b"a" * 1_000_000,
        b"a" * 1_000_000 + b": b",
    ],
    ids=["one long", "many", "one endless", "endless name"],
)
@pytest.mark.parametrize("size", [1000, 1 << 20])
def test_headers_over_their_limit_are_refused(headers: bytes, size: int, server: Running) -> None:
    wanted = b"GET /health HTTP/1.1\r\n" + HEAD + headers + b"\r\n\r\n"
    with server.connect() as connection:
        with contextlib.suppress(ConnectionError):
            for at in range(0, len(wanted), size):
                connection.sendall(wanted[at : at + size])
        assert refusal(read_all(connection)) == (431, "headers_too_large")
    assert server.app.seen == []


def test_a_request_line_over_the_limit_is_refused(server: Running) -> None:
    assert refusal(server.ask(b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n"))[0] == 431


def test_headers_just_under_their_limit_are_served_again_and_again(server: Running) -> None:
    ask = b"GET /health HTTP/1.1\r\n" + HEAD + b"X: " + b"a" * (MAX_HEADERS - 100) + b"\r\n"
    reply = server.ask((ask + b"\r\n") * 5 + ask + b"Connection: close\r\n\r\n")
    assert reply.count(b"HTTP/1.1 200 OK") == 6


def test_trailers_are_no_headers_and_have_a_limit(server: Running) -> None:
    ask = POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Api-Key: k\r\n\r\n"
    assert parse(server.ask(ask))[0] == 200
    assert b"x-api-key" not in dict(server.app.seen[0]["headers"])
    endless = POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n" + b"X: a\r\n" * 100
    assert refusal(server.ask(endless, *([b"X: a\r\n" * 100] * 20), pause_s=0.005)) == (431, "headers_too_large")


def test_chunks_of_one_byte_are_a_body_like_any_other(server: Running) -> None:
    ask = POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 20_000 + b"0\r\n\r\n"
    assert parse(server.ask(ask))[2] == b"a" * 20_000


def test_a_chunk_that_is_none_is_refused(server: Running) -> None:
    ask = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    assert refusal(server.ask(ask, b"zz\r\na\r\n", pause_s=0.05)) == (400, "invalid_request")


@pytest.mark.parametrize("sent", [b"", b"G", b"GET /health HTTP/1.1\r\nHost: a", b"\r\n"])
def test_headers_that_never_end_close_the_connection(sent: bytes, server: Running) -> None:
    start = time.monotonic()
    with server.connect() as connection:
        connection.sendall(sent)
        reply = read_all(connection)
    assert 0.3 < time.monotonic() - start < 3
    assert refusal(reply) == (408, "request_timeout") if sent.strip() else reply == b""


def test_a_drip_of_headers_does_not_keep_a_connection_open(server: Running) -> None:
    start = time.monotonic()
    with server.connect() as connection, contextlib.suppress(ConnectionError):
        connection.sendall(b"GET /health HTTP/1.1\r\n")
        while time.monotonic() - start < 4:
            connection.sendall(b"X: a\r\n")
            time.sleep(0.05)
    assert time.monotonic() - start < 3


def test_a_drip_of_empty_lines_after_a_reply_does_not_either(server: Running) -> None:
    start = time.monotonic()
    with server.connect() as connection, contextlib.suppress(ConnectionError):
        connection.sendall(b"GET /health HTTP/1.1\r\n" + HEAD + b"\r\n")
        assert b"200 OK" in connection.recv(65536)
        while time.monotonic() - start < 4:
            connection.sendall(b"\r\n")
            time.sleep(0.05)
    assert time.monotonic() - start < 3


@pytest.mark.parametrize(
    "start_of_body",
    [
        b"Content-Length: 1000\r\n\r\n{",
        b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["lying length", "chunks without end", "no chunk"],
)
def test_a_body_that_never_ends_is_given_up_and_the_connection_closed(start_of_body: bytes, server: Running) -> None:
    start = time.monotonic()
    assert refusal(server.ask(POST + start_of_body)) == (408, "request_timeout")
    assert 0.3 < time.monotonic() - start < 4


@pytest.mark.parametrize("announced", [True, False])
def test_a_client_that_sends_all_of_a_body_too_large_can_read_why(announced: bool, server: Running) -> None:
    kind = b"Content-Length: 3000000\r\n\r\n" if announced else b"Transfer-Encoding: chunked\r\n\r\n"
    piece = b"a" * 30_000
    with server.connect() as connection:
        connection.sendall(POST + kind)
        for _ in range(100):
            connection.sendall(piece if announced else b"7530\r\n" + piece + b"\r\n")
        connection.sendall(b"" if announced else b"0\r\n\r\n")
        reply = connection.recv(65536)
        assert refusal(reply) == (413, "body_too_large")
        connection.sendall(b"GET /health HTTP/1.1\r\nConnection: close\r\n" + HEAD + b"\r\n")
        assert parse(read_all(connection))[0] == 200  # the connection is still in step


def test_a_client_that_goes_on_sending_after_its_refusal_is_cut_off(server: Running) -> None:
    start = time.monotonic()
    with server.connect() as connection, contextlib.suppress(ConnectionError):
        connection.sendall(POST + b"Content-Length: 3000000\r\n\r\n")
        while time.monotonic() - start < 4:
            connection.sendall(b"a")
            time.sleep(0.02)
    assert time.monotonic() - start < 3


def test_garbage_behind_a_stream_ends_it_without_a_second_reply_inside(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\n" + HEAD + b"\r\n")
        received = connection.recv(65536)
        connection.sendall(b"BREW x\r\n\r\n")
        received += read_all(connection)
    assert received.count(b"HTTP/1.1") == 1
    assert not received.endswith(b"0\r\n\r\n")


def test_a_stream_longer_than_every_timeout_is_left_alone(server: Running) -> None:
    reply = server.ask(b"GET /slow HTTP/1.1\r\nConnection: close\r\n" + HEAD + b"\r\n\r\n")
    assert reply.endswith(b"3\r\nend\r\n0\r\n\r\n")


def test_a_websocket_request_is_a_plain_request(server: Running) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YQ==\r\n"
    with server.connect() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\n" + HEAD + upgrade + b"Origin: http://evil.example\r\n\r\n")
        assert refusal(connection.recv(65536)) == (403, "origin_not_allowed")


@pytest.mark.parametrize("hosts", [b"", b"Host: evil.example\r\n", HEAD * 2])
def test_the_guard_sees_what_the_socket_saw(hosts: bytes, server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\n" + hosts + b"\r\n")
        assert refusal(connection.recv(65536)) == (421, "unknown_host")


def test_an_expecting_client_is_refused_before_it_sends(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 200000\r\n\r\n")
        assert refusal(connection.recv(65536)) == (413, "body_too_large")

"""What happens to answers when clients leave, keys are revoked, too many ask, and the server stops."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.serving import RunningServer, is_alive, running, start_server, wait_until

SLOW = {
    "model.source": "fake:0.05",
    "embedder.source": "fake:0.005",
    "engine.slots": 2,
    "engine.queue_tokens": 512,
    "cache.hours": 0,
    "context.recall_items": 0,
}
LONG = " ".join(f"word{number}" for number in range(100))  # echoed: five seconds of answer


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("slow") / "data", SLOW) as up:
        yield up


def body(text: str = LONG, **options: Any) -> dict[str, Any]:
    return {"model": "aion", "messages": [{"role": "user", "content": text}], "max_tokens": 100, **options}


def post(server: RunningServer, key: str | None = None, **options: Any) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key or server.key}"}
    return httpx2.post(f"{server.url}/v1/chat/completions", json=body(**options), headers=headers, timeout=30)


def status(server: RunningServer) -> dict[str, Any]:
    shown: dict[str, Any] = httpx2.get(f"{server.url}/api/status", headers=server.headers).json()
    return shown


def raw_request(server: RunningServer, **options: Any) -> socket.socket:
    """A request whose connection we hold, to leave when we like."""
    address = urlsplit(server.url)
    data = json.dumps(body(**options)).encode()
    connection = socket.create_connection((address.hostname or "", address.port or 0))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {server.key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    connection.sendall(head.encode() + data)
    return connection


def turns_with(server: RunningServer, outcome: str) -> list[dict[str, Any]]:
    lines = httpx2.get(f"{server.url}/api/export", headers=server.headers).text.splitlines()
    return [turn for turn in map(json.loads, lines) if turn["outcome"] == outcome]


@pytest.mark.parametrize("stream", [True, False])
def test_a_gone_client_frees_its_slot_within_a_second_and_is_recorded(slow: RunningServer, stream: bool) -> None:
    before = len(turns_with(slow, "cancelled"))
    connection = raw_request(slow, stream=stream)
    wait_until(lambda: status(slow)["engine"]["running"] == 1)
    time.sleep(0.2)
    connection.close()
    assert wait_until(lambda: status(slow)["engine"]["running"] == 0) <= 1.0
    wait_until(lambda: len(turns_with(slow, "cancelled")) == before + 1)
    assert turns_with(slow, "cancelled")[-1]["answers"][0]["message"]["content"].startswith("word0 word1")


def test_a_client_gone_while_waiting_never_reaches_the_engine(slow: RunningServer) -> None:
    inside = [raw_request(slow, stream=True) for _ in range(2)]
    wait_until(lambda: status(slow)["queue"]["running"] == 2)
    waiting = raw_request(slow, stream=True)
    wait_until(lambda: status(slow)["queue"]["waiting"] == 1)
    waiting.close()
    assert wait_until(lambda: status(slow)["queue"]["waiting"] == 0) <= 1.0
    for connection in inside:
        connection.close()
    wait_until(lambda: status(slow)["engine"]["running"] == 0)


def test_overload_is_refused_at_once_and_everything_accepted_is_answered(slow: RunningServer) -> None:
    took: list[float] = []

    def ask(_: int) -> httpx2.Response:
        began = time.monotonic()
        reply = post(slow, text="one two three four", max_tokens=100)
        if reply.status_code == 429:
            took.append(time.monotonic() - began)
        return reply

    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(ask, range(40)))
    codes = [reply.status_code for reply in replies]
    assert set(codes) == {200, 429}, codes
    refused = [reply for reply in replies if reply.status_code == 429]
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
    assert {reply.json()["error"]["code"] for reply in refused} == {"overloaded"}
    assert all(r.json()["choices"][0]["message"]["content"] for r in replies if r.status_code == 200)
    assert post(slow, text="and again").status_code == 200


def test_embedding_has_a_bounded_queue_of_its_own(slow: RunningServer) -> None:
    def embed(_: int) -> int:
        body = {"model": "aion-embed", "input": ["one two three four " * 40]}
        return httpx2.post(f"{slow.url}/v1/embeddings", json=body, headers=slow.headers, timeout=60).status_code

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(embed, number) for number in range(8)]
        wait_until(lambda: any(reply.done() for reply in asked))
        assert post(slow, text="answers go on").status_code == 200
        assert {reply.result() for reply in asked} == {200, 429}


def test_a_revoked_key_ends_its_running_stream(slow: RunningServer) -> None:
    key = slow.add_key("guest")
    key_id = key.split("-")[1]
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{slow.url}/v1/chat/completions"
    with httpx2.stream("POST", url, json=body(stream=True), headers=headers, timeout=30) as reply:
        lines = reply.iter_lines()
        next(lines)
        httpx2.delete(f"{slow.url}/api/keys/{key_id}", headers=slow.headers).raise_for_status()
        began = time.monotonic()
        rest = list(lines)
    assert time.monotonic() - began <= 1.0
    assert json.loads(rest[-4].removeprefix("data: "))["error"]["code"] == "invalid_api_key"
    assert post(slow, key=key).status_code == 401


def test_a_stop_lets_short_answers_finish_and_gives_long_ones_a_last_event(tmp_path: Path) -> None:
    flags = {**SLOW, "server.shutdown_grace_s": 1.0}
    with running(tmp_path / "data", flags) as server:
        results: dict[str, list[str]] = {}

        def read(name: str, text: str) -> None:
            url = f"{server.url}/v1/chat/completions"
            with httpx2.stream("POST", url, json=body(text, stream=True), headers=server.headers, timeout=30) as reply:
                results[name] = [line for line in reply.iter_lines() if line]

        threads = [
            threading.Thread(target=read, args=("long", LONG)),
            threading.Thread(target=read, args=("short", "just these four words")),
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: status(server)["engine"]["running"] == 2)
        began = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began <= 10
        for thread in threads:
            thread.join()
    assert json.loads(results["long"][-2].removeprefix("data: "))["error"]["code"] == "shutting_down"
    assert results["long"][-1] == results["short"][-1] == "data: [DONE]"
    assert "error" not in results["short"][-2]
    with restarted(tmp_path / "data", server.key) as again:
        outcomes = sorted(turn["outcome"] for turn in map(json.loads, export(again)))
    assert outcomes == ["cancelled", "completed"]


def export(server: RunningServer) -> list[str]:
    return httpx2.get(f"{server.url}/api/export", headers=server.headers).text.splitlines()


@contextlib.contextmanager
def restarted(data: Path, key: str) -> Iterator[RunningServer]:
    with running(data) as server:
        server.key = key
        yield server


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    flags = {**SLOW, "server.shutdown_grace_s": 8.0}
    with running(tmp_path / "data", flags) as server, raw_request(server, stream=True):
        wait_until(lambda: status(server)["engine"]["running"] == 1)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert server.process.poll() is None, "the first signal waits for the answer"
        began = time.monotonic()
        server.stop(signal.SIGTERM)
        assert time.monotonic() - began <= 1.0


def test_a_server_whose_parent_died_stops(tmp_path: Path) -> None:
    server = start_server(tmp_path / "data")
    assert server.process.stdin is not None
    server.process.stdin.close()
    assert server.process.wait(10) == 0
    assert not is_alive(server.process.pid)


@pytest.mark.engine
def test_the_engines_end_with_a_killed_server(tmp_path: Path) -> None:
    import psutil

    with running(tmp_path / "data", {"model.source": "embedded", "engine.context": 512}) as server:
        engines = psutil.Process(server.process.pid).children(recursive=True)
        assert engines
        server.stop(signal.SIGKILL)
        wait_until(lambda: not any(engine.is_running() and engine.status() != "zombie" for engine in engines))

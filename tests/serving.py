"""Starts the real server as a child process, the way the supervisor does, for tests that talk HTTP to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

PROCESS = "aion.cli.server_process"
FAKE = {"model.source": "fake", "embedder.source": "fake", "context.recall_items": 0, "memory.from_chat": False}


@dataclass(slots=True)
class RunningServer:
    """A server that is up."""

    process: subprocess.Popen[bytes]
    url: str
    key: str
    data: Path
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def control_token(self) -> str:
        token: str = json.loads((self.data / "run" / "server.json").read_text())["token"]
        return token

    def add_key(self, owner: str, scope: str = "user") -> str:
        reply = httpx2.post(f"{self.url}/api/keys", json={"owner": owner, "scope": scope}, headers=self.headers)
        text: str = reply.raise_for_status().json()["key"]
        return text

    def stop(self, number: int = signal.SIGTERM, timeout: float = 15) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout)
        close_pipes(self.process)
        return code


def start_server(
    data: Path, flags: Mapping[str, Any] | None = None, *, timeout: float = 60, module: str = PROCESS
) -> RunningServer:
    """Start one on a free port and wait until it is ready. A second start on the same data needs the key passed on."""
    process = spawn_server(data, flags, module=module)
    server = RunningServer(process, "", "", data)
    timer = threading.Timer(timeout, process.kill)
    timer.start()
    try:
        for event in read_events(process):
            server.events.append(event)
            if event["stage"] == "ready":
                server.url, server.key = event["url"], event.get("first_key") or ""
                threading.Thread(target=drain, args=(process,), daemon=True).start()
                return server
    finally:
        timer.cancel()
    raise AssertionError(f"the server did not get ready: {server.events} (exit {process.wait()})")


def spawn_server(
    data: Path, flags: Mapping[str, Any] | None = None, *, module: str = PROCESS, **options: Any
) -> subprocess.Popen[bytes]:
    given = {"data": str(data), "server.port": 0, **FAKE, **(flags or {})}
    with (data.parent / f"{data.name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            **options,
        )
    assert process.stdin is not None
    process.stdin.write(json.dumps({"flags": given}).encode() + b"\n")
    process.stdin.flush()
    return process


def read_events(process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def drain(process: subprocess.Popen[bytes]) -> None:
    for _ in read_events(process):
        pass
    close_pipes(process)


def close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError, ValueError):
                pipe.close()


@contextmanager
def running(data: Path, flags: Mapping[str, Any] | None = None, *, module: str = PROCESS) -> Iterator[RunningServer]:
    server = start_server(data, flags, module=module)
    try:
        yield server
    finally:
        server.stop(signal.SIGKILL)


def wait_until(condition: Any, timeout: float = 10, step: float = 0.02) -> float:
    """Seconds until `condition()` is true; fails when it never is."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout, "waited in vain"
        time.sleep(step)
    return time.monotonic() - began


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

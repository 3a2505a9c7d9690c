"""The whole server with the fake model, and clients that count a turn only once its reply was read whole.

Acknowledged names are `TURN_ID CLIENT-N`: the id that the reply gave, and the question that must stand in that turn.
"""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from aion.store.lock import DataLock
from aion.store.sqlite import SqliteStore
from tests.faults.harness import Verdict, Write, spawn

ARGV = [sys.executable, "-m", "aion.cli.server_process"]
FLAGS = {"server.port": 0, "model.source": "fake", "embedder.source": "fake", "log.level": "error"}
GONE = (OSError, http.client.HTTPException)


def start_server(folder: Path, env: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], Write | None]:
    child = spawn(ARGV, env)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(json.dumps({"flags": {**FLAGS, "data": str(folder)}}).encode() + b"\n")
    child.stdin.flush()
    for line in child.stdout:
        event = json.loads(line)
        assert event["stage"] != "failed", f"the server refused to start on this folder: {event}"
        if event["stage"] == "ready":
            return child, make_writer(folder, event["url"])
    assert child.wait(30) == -signal.SIGKILL, f"the server ended with {child.returncode} before it was ready"
    return child, None


def make_writer(folder: Path, url: str) -> Write:
    token = json.loads((folder / "run" / "server.json").read_text("utf-8"))["token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    lines: dict[str, http.client.HTTPConnection] = {}

    def write(who: str, n: int) -> str:
        """Every second reply is a stream, whose turn is acknowledged by its last line."""
        line = lines.setdefault(who, http.client.HTTPConnection(urlsplit(url).netloc, timeout=20))
        question = {"model": "aion", "messages": [{"role": "user", "content": f"{who}-{n}"}], "stream": n % 2 == 1}
        try:
            line.request("POST", "/v1/chat/completions", json.dumps(question), headers)
            reply = line.getresponse()
            text = reply.read().decode()
            assert reply.status == 200, text
            return f"{turn_id_of(text)} {who}-{n}"
        except GONE:
            line.close()
            raise

    return write


def turn_id_of(reply: str) -> str:
    if not reply.startswith("data:"):
        return str(json.loads(reply)["aion"]["turn_id"])
    events = [line.removeprefix("data: ") for line in reply.splitlines() if line.startswith("data:")]
    if events[-1] != "[DONE]":
        raise http.client.IncompleteRead(reply.encode())
    return str(next(event for event in map(json.loads, reversed(events[:-1])) if "aion" in event)["aion"]["turn_id"])


def compare_turns(folder: Path, acked: Sequence[str]) -> Verdict:
    """Each acknowledged turn there once, with its own question, no question twice, and `verify` finds nothing."""
    with DataLock(folder):
        store = SqliteStore(folder)
        try:
            turns = store.turns(owner=None, limit=10_000_000)
            findings = tuple(f"{finding.where}: {finding.problem}" for finding in store.verify())
        finally:
            store.close()
    asked = Counter(str(turn.messages[-1]["content"]) for turn in turns)
    found = {f"{turn.id} {turn.messages[-1]['content']}" for turn in turns}
    return Verdict(
        lost=tuple(name for name in acked if name not in found),
        doubled=tuple(question for question, times in asked.items() if times > 1),
        findings=findings,
    )

"""The whole server with the fake model, and clients that count a write only once its reply was read whole.

Acknowledged names are `TURN_ID CLIENT-N`: the id that the reply gave, and the question that must stand in that turn;
and `TURN_ID CLIENT-N comment`: the turn that was judged, with `CLIENT-N` as key and as comment.
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

    judged: dict[str, str] = {}  # the last turn of each client

    def write(who: str, n: int) -> str:
        """A reply, a judgement of it, a reply as a stream (whose turn is acknowledged by its last line), and so on."""
        line = lines.setdefault(who, http.client.HTTPConnection(urlsplit(url).netloc, timeout=20))
        try:
            if n % 3 == 1 and who in judged:
                post(line, "/api/feedback", judgement(judged[who], f"{who}-{n}"), 201)
                return f"{judged[who]} {who}-{n} comment"
            question = {"model": "aion", "messages": [{"role": "user", "content": f"{who}-{n}"}], "stream": n % 3 == 2}
            judged[who] = turn_id_of(post(line, "/v1/chat/completions", question, 200))
            return f"{judged[who]} {who}-{n}"
        except GONE:
            line.close()
            raise

    def post(line: http.client.HTTPConnection, path: str, body: object, status: int) -> str:
        line.request("POST", path, json.dumps(body), headers)
        reply = line.getresponse()
        text = reply.read().decode()
        assert reply.status == status, text
        return text

    return write


def judgement(turn: str, key: str) -> dict[str, str]:
    return {"turn_id": turn, "kind": "comment", "text": key, "key": key}


def turn_id_of(reply: str) -> str:
    if not reply.startswith("data:"):
        return str(json.loads(reply)["aion"]["turn_id"])
    events = [line.removeprefix("data: ") for line in reply.splitlines() if line.startswith("data:")]
    if events[-1] != "[DONE]":
        raise http.client.IncompleteRead(reply.encode())
    return str(next(event for event in map(json.loads, reversed(events[:-1])) if "aion" in event)["aion"]["turn_id"])


def compare_turns(folder: Path, acked: Sequence[str]) -> Verdict:
    """Each acknowledged turn and judgement there once, with its own words, none twice, and `verify` finds nothing."""
    with DataLock(folder):
        store = SqliteStore(folder)
        try:
            turns = store.turns(owner=None, limit=10_000_000)
            given = store.experience.feedback(owner=None, limit=10_000_000)
            findings = tuple(f"{finding.where}: {finding.problem}" for finding in store.verify())
        finally:
            store.close()
    asked = [(turn.id, str(turn.messages[-1]["content"])) for turn in turns]
    judged = [(one.turn, f"{one.key} comment") for one in given if one.key == one.text]
    found = {f"{turn} {words}" for turn, words in (*asked, *judged)}
    return Verdict(
        lost=tuple(name for name in acked if name not in found),
        doubled=tuple(words for words, times in Counter(words for _, words in (*asked, *judged)).items() if times > 1),
        findings=findings,
    )

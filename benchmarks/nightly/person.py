"""Somebody who uses AION through its public HTTP API: asks, tells, puts right, and lets it sleep.

Nothing here reaches inside: whatever is learned of AION is what its routes say. Questions are sent at temperature 0 and
answered anew each time. A question of an exam begins a conversation of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

from aion.records import Json
from benchmarks.nightly.world import Fact, Way

PATIENCE_S = 600.0  # for an answer: the machine may be busy
OBSERVED_S = 60.0  # until a turn was read
BEGIN_S = 180.0  # until the sleeper has counted what there is to learn
OVER = ("done", "cancelled", "failed")


@dataclass(frozen=True, slots=True)
class Asked:
    """How a question is put: whether memory may help, and which adapters."""

    recall: bool
    adapters: str


MODES = {
    "off": Asked(recall=False, adapters="auto"),
    "on": Asked(recall=True, adapters="auto"),
    "memory": Asked(recall=True, adapters="none"),  # the peer that never slept: base and memory alone
    "base": Asked(recall=False, adapters="none"),
}
FOUND = "found"  # nothing is answered: what memory finds is the answer


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, and what took part in it."""

    text: str
    turn: str
    adapters: tuple[str, ...]
    hashes: tuple[str, ...] = ()  # of their files
    route: Json = field(default_factory=dict)  # why these


class Person:
    """Holds a key of one server."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._http = httpx2.Client(base_url=url, headers=headers, timeout=PATIENCE_S, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def ask(self, messages: Sequence[Json], mode: str, *, tokens: int = 48) -> Reply:
        how = MODES[mode]
        body = {
            "model": "aion",
            "messages": list(messages),
            "temperature": 0.0,
            "max_tokens": tokens,
            "aion": {"recall": how.recall, "adapters": how.adapters, "cache": False},
        }
        given = self._send("/v1/chat/completions", body)
        told = given["aion"]
        used = sorted(told["adapters"], key=lambda one: str(one["name"]))
        return Reply(
            given["choices"][0]["message"]["content"] or "",
            told["turn_id"],
            tuple(one["name"] for one in used),
            tuple(one["hash"] for one in used),
            told["route"] or {},
        )

    def recall(self, question: str) -> Reply:
        items = self._send("/api/memory/recall", {"question": question})["items"]
        return Reply("\n".join(one["text"] for one in items if not one["outdated"]), "", ())

    def teach(self, fact: Fact) -> str:
        """Once, in its way, and its alias, if it has one, in chat. Gives the turn or memory that told it."""
        if fact.way is Way.REMEMBER:
            source = str(self._send("/api/memory", {"text": fact.told})["id"])
        elif fact.way is Way.CHAT:
            source = self.tell(fact.told)
        else:
            source = self.ask([{"role": "user", "content": fact.asked}], "on").turn
            self._send("/api/feedback", {"turn_id": source, "kind": "edit", "text": fact.told})
            self._observed(source)
        if fact.alias:
            self.tell(fact.alias_told)
        return source

    def tell(self, text: str) -> str:
        turn = self.ask([{"role": "user", "content": text}], "on").turn
        self._observed(turn)
        return turn

    def sleep(self, most_s: float) -> Json:
        """Ask for a night and wait until it is over and AION awake. Gives the night as the API tells it."""
        self._begin_night()
        self._until(lambda: self._night()["state"] in OVER, most_s, "the night did not end")
        self._until(lambda: self.get("/api/sleep/status")["state"] == "awake", most_s, "it did not wake up")
        return self._night()

    def reports(self) -> list[Json]:
        """What the examinations of all nights said, and what became of what they made; the newest first."""
        found: list[Json] = self.get("/api/sleep/reports?limit=100")["data"]
        return found

    def adapters(self) -> list[Json]:
        """Each with what it learned from; the newest first."""
        listed = self.get("/api/adapters?limit=1000")["data"]
        return [self.get(f"/api/adapters/{one['id']}") for one in listed]

    def get(self, place: str) -> Any:
        return self._http.get(place).raise_for_status().json()

    def _begin_night(self) -> None:
        """Asked again while the sleeper starts and counts; a night that is under way is waited for."""
        end = time.monotonic() + BEGIN_S
        while True:
            reply = self._http.post("/api/sleep/start", json={})
            if reply.status_code in (202, 409):
                return
            if time.monotonic() > end:
                raise TimeoutError(f"no night began in {BEGIN_S:g} s: {reply.status_code} {reply.text}")
            time.sleep(1.0)

    def _night(self) -> Json:
        listed: list[Json] = self.get("/api/sleep/nights?limit=1")["data"]
        return listed[0]

    def _observed(self, turn: str) -> None:
        """What was said is read in the background."""
        place = f"/api/turns/{turn}"
        self._until(lambda: self.get(place)["experience"] is not None, OBSERVED_S, "a turn was not read", every=0.05)

    def _until(self, done: Callable[[], bool], seconds: float, words: str, *, every: float = 2.0) -> None:
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise TimeoutError(f"{words} in {seconds:g} s")
            time.sleep(every)

    def _send(self, place: str, body: Json) -> Any:
        return self._http.post(place, json=body).raise_for_status().json()

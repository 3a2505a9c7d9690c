"""People who use one server: each with a key, and something of every kind that has an id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx2

from tests.serving import RunningServer, wait_until

SECRET = "pineapple"
MINDFUL = {"context.recall_items": 5, "memory.from_chat": True}  # the servers of other tests neither recall nor learn


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a key, and what they said."""

    server: RunningServer
    key: str
    turn: str = ""
    conversation: str = ""
    response: str = ""
    memory: str = ""
    document: str = ""
    adapter: str = ""
    night: str = ""
    item: str = ""  # of the suite
    session: str = ""  # of a browser

    def ask(self, method: str, place: str, **options: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        return httpx2.request(method, f"{self.server.url}{place}", headers=headers, timeout=30, **options)

    def get(self, place: str) -> Any:
        return self.ask("GET", place).raise_for_status().json()

    def say(self, text: str, **options: Any) -> Any:
        body = {"messages": [{"role": "user", "content": text}], **options}
        return self.ask("POST", "/v1/chat/completions", json=body).raise_for_status().json()

    def remember(self, text: str, **options: Any) -> Any:
        return self.ask("POST", "/api/memory", json={"text": text, **options}).raise_for_status().json()

    def judge(self, turn: str, kind: str, **fields: Any) -> httpx2.Response:
        return self.ask("POST", "/api/feedback", json={"turn_id": turn, "kind": kind, **fields})

    def wait_for_experience(self, turn: str) -> Any:
        """An experience is made soon after its answer."""
        place = f"/api/experiences/{turn}"
        wait_until(lambda: self.ask("GET", place).status_code == 200)
        return self.get(place)


def join(server: RunningServer, name: str) -> Person:
    """A new person, with something of each kind that has an id."""
    new = Person(server, server.add_key(name))
    turn = new.say(f"{name} likes {SECRET}")["aion"]
    joined = Person(
        server,
        new.key,
        turn=turn["turn_id"],
        conversation=turn["conversation"],
        response=new.ask("POST", "/v1/responses", json={"input": f"{name} again"}).json()["id"],
        session=new.ask("POST", "/api/sessions", json={"key": new.key}).json()["id"],
        memory=new.remember(f"{name} keeps nine hives behind the mill")["id"],
        document=new.remember(f"{name} wrote this.", document={"title": f"Of {name}"})["document"]["id"],
    )
    for turn_id in (joined.turn, joined.response):  # from here on nothing changes by itself
        joined.wait_for_experience(turn_id)
    return joined

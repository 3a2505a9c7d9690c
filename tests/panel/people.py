"""A person at a browser, without one: a client that keeps cookies, signed in by a link."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.serving import RunningServer


@dataclass(slots=True)
class Visitor:
    """Who visits one server's panel."""

    server: RunningServer
    cookies: dict[str, str] = field(default_factory=dict)

    def ask_for(self, method: str, place: str, **options: Any) -> httpx2.Response:
        jar = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"cookie": jar, **options.pop("headers", {})}
        reply = httpx2.request(method, f"{self.server.url}{place}", headers=headers, timeout=30, **options)
        self.cookies |= dict(reply.cookies)
        return reply

    def get(self, place: str, **options: Any) -> httpx2.Response:
        return self.ask_for("GET", place, **options)

    def post(self, place: str, fields: dict[str, str] | None = None, **options: Any) -> httpx2.Response:
        return self.ask_for("POST", place, data=fields or {}, **options)

    def send(self, place: str, wish: dict[str, Any]) -> httpx2.Response:
        """As the page's script does."""
        return self.ask_for("POST", place, json=wish, headers={"accept": "application/json"})

    def enter(self, code: str) -> httpx2.Response:
        return self.post("/panel/enter", {"code": code})

    def ask(self, text: str, **wish: str) -> list[dict[str, Any]]:
        """The events of an answer."""
        reply = self.send("/panel/send", {"text": text, **wish}).raise_for_status()
        return [json.loads(line) for line in reply.text.splitlines() if line]


def make_code(server: RunningServer, key: str) -> str:
    headers = {"Authorization": f"Bearer {key}"}
    made: str = httpx2.post(f"{server.url}/api/sessions/link", headers=headers).raise_for_status().json()["code"]
    return made


def sign_in(server: RunningServer, key: str) -> Visitor:
    visitor = Visitor(server)
    assert visitor.enter(make_code(server, key)).headers["location"] == "/panel/chat"
    return visitor

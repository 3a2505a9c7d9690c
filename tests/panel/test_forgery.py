"""P13 and P14 with the panel: pages of other sites change nothing, and every page asks for somebody who may.

The cookie is sent along on purpose, as if a browser forgot that it is for this site alone.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator

import httpx2
import pytest

from aion.panel.front import PAGES
from tests.panel.people import Visitor, make_code, sign_in
from tests.serving import RunningServer, running

OWN = "OWN"
ORIGINS = (None, OWN, "https://elsewhere.example", "null")
SITES = (None, "same-origin", "same-site", "cross-site")
BODIES = {
    "application/x-www-form-urlencoded": "title=forged&text=forged",
    "application/json": json.dumps({"title": "forged", "text": "forged"}),
    "text/plain": "title=forged",
}
COMBINATIONS = [
    combination
    for combination in itertools.product(ORIGINS, SITES, BODIES)
    if combination[0] not in (None, OWN) or combination[1] in ("same-site", "cross-site")
]
ACTS = [path for method, path, _ in PAGES if method == "POST"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("forgery") / "data") as up:
        yield up


@pytest.fixture(scope="module")
def admin(server: RunningServer) -> Visitor:
    visitor = sign_in(server, server.key)
    visitor.ask("something to keep")
    return visitor


def place_of(path: str) -> str:
    return re.sub(r"\{\w+\}", "x", path)


def everything(server: RunningServer) -> list[str]:
    places = ("/api/export", "/api/memory", "/api/documents", "/api/feedback", "/api/suite", "/api/keys", "/api/audit")
    kept = [httpx2.get(server.url + place, headers=server.headers).text for place in (*places, "/api/conversations")]
    return [*kept, httpx2.get(f"{server.url}/api/sleep/nights", headers=server.headers).text]


@pytest.mark.parametrize("path", ACTS)
def test_a_page_of_another_site_does_nothing(server: RunningServer, admin: Visitor, path: str) -> None:
    before = everything(server)
    for origin, site, kind in COMBINATIONS:
        given = {"origin": server.url if origin == OWN else origin, "sec-fetch-site": site, "content-type": kind}
        headers = {name: value for name, value in given.items() if value is not None}
        reply = admin.ask_for("POST", place_of(path), content=BODIES[kind], headers=headers)
        assert reply.status_code == 403, headers
        assert "set-cookie" not in reply.headers
    assert everything(server) == before


def test_enough_combinations_are_tried() -> None:
    assert len(ORIGINS) * len(SITES) * len(BODIES) == 48
    assert len(COMBINATIONS) == 36


@pytest.fixture(scope="module")
def strangers(server: RunningServer) -> dict[str, dict[str, str]]:
    """Cookies that are nobody's, or nobody's any more."""
    gone = sign_in(server, server.key)
    ended = dict(gone.cookies)
    gone.post("/panel/leave")
    key = server.add_key("leaver", "admin")
    listed = httpx2.get(f"{server.url}/api/keys", headers=server.headers).json()["data"]
    [made] = [one["id"] for one in listed if one["owner"] == "leaver"]
    httpx2.delete(f"{server.url}/api/keys/{made}", headers=server.headers).raise_for_status()
    wrong = "aion-000000000000-" + "x" * 43
    return {
        "none": {},
        "wrong": {"aion_session": wrong},
        "a code": {"aion_session": make_code(server, server.key)},
        "ended": ended,
        "of a revoked key": {"aion_session": key},
        "odd": {"aion_session": "x" * 4000},
    }


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in PAGES])
def test_every_page_asks_for_somebody(
    server: RunningServer, strangers: dict[str, dict[str, str]], method: str, path: str
) -> None:
    for name, cookies in strangers.items():
        reply = Visitor(server, dict(cookies)).ask_for(method, place_of(path))
        assert (reply.status_code, reply.headers.get("location")) == (303, "/panel/enter"), name


def test_a_key_in_the_address_signs_nobody_in(server: RunningServer) -> None:
    for query in ("key", "aion_session", "api_key", "code"):
        assert Visitor(server).get(f"/panel/chat?{query}={server.key}").headers["location"] == "/panel/enter"

"""Lessons moved from one theme to another by the person they belong to."""

from __future__ import annotations

import httpx2
import pytest

from tests.serve.people import Person, join
from tests.serving import RunningServer


@pytest.fixture
def arranged(server: RunningServer) -> RunningServer:
    """Two themes of Olga's, each with a lesson."""
    olga = Person(server, server.add_key("olga"))
    source = olga.remember("The boat of Olga lies in Sines.")["id"]
    for number in (1, 2):
        body = {
            "owner": "olga",
            "themes": [{"id": f"theme_o{number}", "name": f"Theme {number}", "vector": [1.0], "embedder": "e" * 64}],
            "places": [{"lesson": f"les_o{number}", "theme": f"theme_o{number}", "sources": [source]}],
        }
        headers = {"Authorization": f"Bearer {server.control_token}"}
        url = f"{server.url}/api/sleep/arrangement"
        httpx2.post(url, json=body, headers=headers, timeout=30).raise_for_status()
    return server


def test_a_lesson_is_moved_and_no_night_moves_it_back(arranged: RunningServer) -> None:
    olga, eva = join(arranged, "olga"), join(arranged, "eva")
    wish = {"theme": "theme_o1", "lessons": ["les_o2"]}
    assert olga.ask("POST", "/api/themes", json=wish).json()["lessons"] == 2
    assert {one["id"]: one["lessons"] for one in olga.get("/api/themes")["data"]} == {"theme_o1": 2, "theme_o2": 0}
    assert olga.ask("POST", "/api/themes", json={"theme": "theme_o1", "lessons": ["les_x"]}).status_code == 404
    refused = olga.ask("POST", "/api/themes", json={"theme": "theme_o1", "name": "Half", "merge_into": "theme_x"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (404, "merge_into")
    assert olga.get("/api/themes")["data"][0]["name"] == "Theme 1", "nothing of what was refused is done"
    assert eva.ask("POST", "/api/themes", json=wish).status_code == 404

"""Sleep in the panel: the plan of the next night names what waits and leads to it, and to nobody else's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from aion.panel.sleep import PLANNED
from tests.panel.people import Visitor, sign_in
from tests.serving import RunningServer, running

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("sleep") / "data") as up:
        yield up


def hear(server: RunningServer, owner: str, waiting: list[Any], lessons: int) -> None:
    """As the sleeper tells it."""
    told = {owner: {"lessons": lessons, "waiting": waiting, "at": time.time()}}
    headers = {"Authorization": f"Bearer {server.control_token}"}
    httpx2.post(f"{server.url}/api/sleep/sleeper", json={"owners": told}, headers=headers).raise_for_status()


def remember(server: RunningServer, key: str, text: str) -> str:
    headers = {"Authorization": f"Bearer {key}"}
    made = httpx2.post(f"{server.url}/api/memory", json={"text": text}, headers=headers).raise_for_status()
    return str(made.json()["id"])


def test_the_plan_names_what_waits_and_leads_there(server: RunningServer) -> None:
    key = server.add_key("ana")
    ana, ben = sign_in(server, key), sign_in(server, server.add_key("ben"))
    note = remember(server, key, f"The mill {HOSTILE} is older than the bridge.")
    hear(server, "ana", [{"kind": "told", "sources": [note]}], lessons=3)
    for place in ("/panel/sleep", "/panel/sleep/card"):
        shown = ana.get(place).text
        assert f'<a href="/panel/memory/{note}">The mill &lt;script&gt;' in shown
        assert "something you told" in shown
        assert "and 2 more" in shown
        assert "<script>alert" not in shown
        assert "The mill" not in ben.get(place).text
    assert "algo que contaste" in ana.get("/panel/sleep", headers={"accept-language": "pt"}).text


def test_a_long_plan_is_cut_and_counted(server: RunningServer) -> None:
    key = server.add_key("carl")
    notes = [remember(server, key, f"Hive number {number} stands in the sun.") for number in range(PLANNED + 3)]
    hear(server, "carl", [{"kind": "told", "sources": [one]} for one in notes], lessons=len(notes))
    shown = sign_in(server, key).get("/panel/sleep").text
    assert sum(one in shown for one in notes) == PLANNED
    assert "and 3 more" in shown


def test_who_has_nothing_new_reads_what_becomes_a_lesson(server: RunningServer) -> None:
    visitor: Visitor = sign_in(server, server.add_key("dora"))
    assert "No new lesson waits. What you correct, like or tell AION becomes one." in visitor.get("/panel/sleep").text

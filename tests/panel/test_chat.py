"""The chat on a running server: asking, again and otherwise, choosing, naming, finding, taking along, forgetting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest

from aion.panel.page import Page, piece
from aion.panel.words import Words
from tests.panel.people import Visitor, sign_in
from tests.serving import RunningServer, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("chat") / "data") as up:
        yield up


@pytest.fixture(scope="module")
def ana(server: RunningServer) -> Visitor:
    return sign_in(server, server.add_key("ana"))


def turns_of(server: RunningServer, conversation: str) -> list[dict[str, object]]:
    place = f"{server.url}/api/conversations/{conversation}"
    turns: list[dict[str, object]] = httpx2.get(place, headers=server.headers).raise_for_status().json()["turns"]
    return turns


def test_an_answer_comes_in_pieces_and_stands_in_its_thread(ana: Visitor) -> None:
    events = ana.ask("tell me of the **two** hives")
    done = events[-1]["done"]
    assert any("html" in one for one in events)
    assert "<strong>two</strong>" in done["html"]
    page = ana.get(f"/panel/chat/{done['conversation']}").text
    assert page.count('<div class="asked" dir="auto">tell me of the **two** hives</div>') == 1
    later = ana.ask("and of the third", after=done["turn"])[-1]["done"]
    assert later["conversation"] == done["conversation"]
    assert ana.get(f"/panel/chat/{done['conversation']}").text.count('class="turn"') == 2


def test_an_answer_again_is_another_version_of_it(ana: Visitor) -> None:
    first = ana.ask("how many hives")[-1]["done"]
    again = ana.ask("", again=first["turn"])[-1]["done"]
    assert again["conversation"] == first["conversation"]
    assert "2 / 2" in again["html"]
    assert "1 / 2" in ana.get(f"/panel/chat/{first['conversation']}?at={first['turn']}").text


def test_what_a_person_thinks_is_kept_with_its_answer(ana: Visitor) -> None:
    turn = ana.ask("judge me")[-1]["done"]["turn"]
    for wish in (
        {"kind": "thumb", "value": "up"},
        {"kind": "edit", "text": "better"},
        {"kind": "event", "event": "copied"},
    ):
        ana.send("/panel/judge", {"turn": turn, **wish}).raise_for_status()
    refused = ana.send("/panel/judge", {"turn": turn, "kind": "shout"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "kind")
    assert "Why this answer" in ana.get(f"/panel/why/{turn}").text


def test_an_adapter_that_was_left_out_is_named() -> None:
    left = {"adapter": "cand_1", "reason": "told_anew", "words": ["bee"], "how": "named", "memory": "mem_1"}
    why: dict[str, Any] = {"adapters": [], "route": None, "sources": [], "recall": None, "confidence": None}
    why |= {"timings": {}, "cost_usd": 0.0, "model": {"name": "aion"}}
    page = cast(Page, SimpleNamespace(words=Words("en")))
    shown = piece(page, "why.html", why=why, names={"cand_1": "bees"}, anew=[left], times=())
    assert '<a href="/panel/adapters/cand_1">bees</a> was left out' in shown


def test_a_question_asked_otherwise_stands_beside_it(server: RunningServer, ana: Visitor) -> None:
    first = ana.ask("how many hives")[-1]["done"]
    second = ana.ask("and where", after=first["turn"])[-1]["done"]
    other = ana.ask("and since when", instead=second["turn"])[-1]["done"]
    assert other["conversation"] == first["conversation"]
    asked = [len(turn["messages"]) for turn in turns_of(server, first["conversation"])]  # type: ignore[arg-type]
    assert asked == [1, 3, 3]
    assert "2 / 2" in other["html"]
    shown = ana.get(f"/panel/chat/{first['conversation']}?at={second['turn']}").text
    assert "and where</div>" in shown
    assert "and since when</div>" not in shown


def test_of_two_answers_one_is_chosen(ana: Visitor) -> None:
    first = ana.ask("choose between us")[-1]["done"]
    assert ana.get(f"/panel/compare/{first['turn']}").status_code == 404
    again = ana.ask("", again=first["turn"])[-1]["done"]
    shown = ana.get(f"/panel/compare/{again['turn']}").text
    assert f'data-better="{first["turn"]}"' in shown
    assert f'data-better="{again["turn"]}"' in shown
    wish = {"turn": first["turn"], "kind": "choice", "text": "this", "other": "that"}
    assert ana.send("/panel/judge", wish).json()["kind"] == "choice"


def test_adapters_and_memory_are_left_out_as_wished(server: RunningServer, ana: Visitor) -> None:
    events = ana.send("/panel/send", {"text": "plain", "adapters": "none", "recall": False}).text.splitlines()
    turn = json.loads(events[-1])["done"]["turn"]
    steps = httpx2.get(f"{server.url}/api/turns/{turn}", headers=server.headers).json()["steps"]
    assert (steps["recall"]["outcome"], steps["route"]["outcome"]) == ("off", "off")
    refused = json.loads(ana.send("/panel/send", {"text": "x", "adapters": {"nothing": 1}}).text.splitlines()[-1])
    assert "nothing" in refused["failed"]


def test_a_conversation_is_found_by_what_was_said_and_renamed(ana: Visitor) -> None:
    done = ana.ask("the zweihander is in the loft")[-1]["done"]
    found = ana.get("/panel/chat?search=zweihander").text
    assert f"/panel/chat/{done['conversation']}?at={done['turn']}" in found
    assert "Nobody said that here." in ana.get("/panel/chat?search=nothingofthekind").text
    assert ana.post(f"/panel/chat/{done['conversation']}/name", {"title": "Swords & <b>"}).status_code == 303
    assert "<h1>Swords &amp; &lt;b&gt;</h1>" in ana.get(f"/panel/chat/{done['conversation']}").text


def test_a_text_file_is_kept_as_a_document(server: RunningServer, ana: Visitor) -> None:
    told = ana.send("/panel/attach", {"title": "hives.md", "text": "The hives stand by the river."})
    assert told.json() == {"told": "hives.md: kept. Ask about it."}
    documents = httpx2.get(f"{server.url}/api/documents?owner=ana", headers=server.headers).json()["data"]
    assert "hives.md" in [one["title"] for one in documents]
    for wrong in ({"title": "", "text": "x"}, {"title": "x", "text": " "}, {}):
        assert ana.send("/panel/attach", wrong).status_code == 400


def test_before_it_is_forgotten_it_is_said_what_goes(ana: Visitor) -> None:
    done = ana.ask("one thing that will go")[-1]["done"]
    shown = ana.get(f"/panel/chat/{done['conversation']}/forget").text
    assert "questions with their answers: 1" in shown
    assert "No adapter has learned from it." in shown


def test_a_forgotten_conversation_is_gone(ana: Visitor) -> None:
    done = ana.ask("forget this soon")[-1]["done"]
    place = f"/panel/chat/{done['conversation']}"
    assert ana.get(f"{place}/export.md").text.startswith("**ana:** forget this soon")
    assert json.loads(ana.get(f"{place}/export.jsonl").text)["id"] == done["turn"]
    assert ana.post(f"{place}/forget").headers["location"].startswith("/panel/chat?said=")
    assert ana.get(place).status_code == 404


def test_an_administrator_chats_among_their_own_conversations(server: RunningServer, ana: Visitor) -> None:
    ana.ask("only for the eyes of ana")
    admin = sign_in(server, server.key)
    admin.ask("only of the administrator")
    shown = admin.get("/panel/chat").text
    assert "only of the administrator" in shown
    assert "eyes of ana" not in shown


def test_who_leaves_while_an_answer_is_written_ends_it(tmp_path: Path) -> None:
    with running(tmp_path / "data", {"model.source": "fake:0.2"}) as slow:
        visitor = sign_in(slow, slow.key)
        wish = {"text": "one two three four five six seven eight"}
        headers = {"cookie": f"aion_session={visitor.cookies['aion_session']}"}
        with httpx2.stream("POST", f"{slow.url}/panel/send", json=wish, headers=headers) as reply:
            next(reply.iter_lines())
        listed: list[dict[str, str]] = []
        while not listed:
            listed = httpx2.get(f"{slow.url}/api/conversations", headers=slow.headers).json()["data"]
        turn = httpx2.get(f"{slow.url}/api/conversations/{listed[0]['id']}", headers=slow.headers).json()["turns"][0]
        assert turn["outcome"] == "cancelled"

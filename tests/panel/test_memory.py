"""Memory in the panel: listed, found with its reasons, told, put right, forgotten; and nobody else's."""

from __future__ import annotations

import html
import itertools
import re
import time
from collections.abc import Iterator

import httpx2
import pytest

from aion.panel.memory import LISTED, explain
from aion.records import Json
from tests.panel.people import Visitor, sign_in
from tests.serving import RunningServer, running

HIVES = "Rita keeps nine hives behind the old mill"
HOSTILE = '<script>alert("x")</script><img src=x onerror=y>'

PEOPLE = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("memory") / "data") as up:
        yield up


@pytest.fixture
def ana(server: RunningServer) -> Visitor:
    """Somebody new, whose memory is empty."""
    return sign_in(server, server.add_key(f"ana{next(PEOPLE)}"))


def tell(visitor: Visitor, text: str) -> None:
    assert visitor.post("/panel/memory/remember", {"text": text}).status_code == 303


def places(page: str) -> list[str]:
    return re.findall(r'class="remembered" href="([^"]+)"', page)


def test_what_is_told_stands_first_and_leads_to_its_own_page(ana: Visitor) -> None:
    assert "Nothing is remembered yet" in ana.get("/panel/memory").text
    tell(ana, "Bees swarm in May")
    tell(ana, HIVES)
    [first, second] = places(ana.get("/panel/memory").text)
    shown = ana.get(first).text
    assert HIVES in shown
    assert "your own words" in shown
    assert "a note of yours" in shown
    assert "No adapter yet" in shown
    assert "Bees swarm" in ana.get(second).text


def test_a_list_goes_on_where_it_ended_and_keeps_its_kind(ana: Visitor) -> None:
    for number in range(LISTED + 1):
        tell(ana, f"Shelf number {number} holds the jar of year {1900 + number}")
    page = ana.get("/panel/memory?kind=note").text
    [older] = re.findall(r'class="button" href="([^"]+)"', page)
    rest = ana.get(f"/panel/memory{html.unescape(older)}").text
    assert "kind=note" in older
    assert (len(places(page)), len(places(rest))) == (LISTED, 1)
    assert "Older" not in rest
    assert "There is none here." in ana.get("/panel/memory?kind=correction").text


def test_a_kind_that_does_not_exist_is_refused_in_words(ana: Visitor) -> None:
    refused = ana.get("/panel/memory?kind=order")
    assert refused.status_code == 400
    assert 'role="alert"' in refused.text


def test_what_is_known_already_is_said_to_be(ana: Visitor) -> None:
    tell(ana, HIVES)
    again = ana.post("/panel/memory/remember", {"text": HIVES})
    assert "AION knew that already" in ana.get(again.headers["location"]).text
    assert len(places(ana.get("/panel/memory").text)) == 1


def test_a_text_too_long_for_a_memory_becomes_a_document(ana: Visitor) -> None:
    made = ana.post("/panel/memory/remember", {"text": "All about bees.\n" + "Bees fly far. " * 700})
    assert made.headers["location"].startswith("/panel/memory/documents/doc_")
    assert "All about bees." in ana.get(made.headers["location"]).text


def test_a_memory_is_put_right_and_then_forgotten(ana: Visitor) -> None:
    tell(ana, HIVES)
    [place] = places(ana.get("/panel/memory").text)
    changed = ana.post(f"{place}/edit", {"text": "Rita keeps ten hives"})
    assert "Changed." in ana.get(changed.headers["location"]).text
    assert "Rita keeps ten hives" in ana.get(place).text
    empty = ana.post(f"{place}/edit", {"text": " "})
    assert (empty.status_code, "Rita keeps ten hives" in ana.get(place).text) == (400, True)
    gone = ana.post(f"{place}/forget")
    assert "Forgotten." in ana.get(gone.headers["location"]).text
    assert ana.get(place).status_code == 404


def test_a_pinned_memory_stands_first_and_is_found_by_any_question(ana: Visitor) -> None:
    tell(ana, HIVES)
    tell(ana, "Bees swarm in May")
    place = places(ana.get("/panel/memory").text)[1]
    pinned = ana.post(f"{place}/pin")
    assert "It is pinned." in ana.get(pinned.headers["location"]).text
    assert places(ana.get("/panel/memory").text)[0] == place
    assert "It is here because it is pinned" in ana.get("/panel/memory/search?question=zzz").text
    unpinned = ana.post(f"{place}/unpin")
    assert "Pin it" in ana.get(unpinned.headers["location"]).text
    assert places(ana.get("/panel/memory/search?question=zzz").text) == []


def test_a_ninth_pin_is_refused_in_words(ana: Visitor) -> None:
    for number in range(9):
        tell(ana, f"Jar {number} stands on shelf {number + 20}")
    *eight, ninth = places(ana.get("/panel/memory").text)
    for place in eight:
        assert ana.post(f"{place}/pin").status_code == 303
    refused = ana.post(f"{ninth}/pin")
    assert (refused.status_code, "8 memories are pinned" in refused.text) == (409, True)


def test_a_search_shows_what_an_answer_would_get_with_its_reasons(ana: Visitor) -> None:
    tell(ana, HIVES)
    found = ana.get("/panel/memory/search", params={"question": "Who keeps hives behind the mill?"}).text
    assert len(places(found)) == 1
    for words in ("likeness in meaning", "words in common", "names in common"):
        assert words in found
    assert "near enough" in ana.get("/panel/memory/search?question=zzz").text


def test_a_search_says_what_was_told_anew_since(ana: Visitor) -> None:
    tell(ana, "The mill is maintained by Rita.")
    question = "/panel/memory/search?question=Who+maintains+the+mill%3F"
    assert "told anew since" not in ana.get(question).text
    tell(ana, "The mill is now maintained by Bento.")
    assert ana.get(question).text.count("told anew since") == 1


def test_the_bars_of_a_score_end_where_the_best_does() -> None:
    parts: Json = {"cosine": -0.2, "bm25": 4.0, "entity_share": 0.5, "document_cosine": 0.0}
    one: Json = {"parts": parts, "document": None}
    best: Json = {"parts": parts | {"bm25": 8.0, "cosine": None}, "document": "doc_1"}
    assert [(bar["name"], bar["shown"], bar["end"]) for bar in explain(one, [one, best])] == [
        ("cosine", 0.0, 1.0),
        ("bm25", 4.0, 8.0),
        ("entity_share", 0.5, 1.0),
    ]
    assert [bar["value"] for bar in explain(best, [one, best])] == [None, 8.0, 0.5, 0.0]


def test_what_was_spoken_of_leads_to_what_is_remembered_of_it(ana: Visitor) -> None:
    assert "Nothing was spoken of yet" in ana.get("/panel/memory/asked").text
    ana.ask("Where does Rita Valadares keep the hives?")
    until = time.monotonic() + 20
    while "Rita Valadares" not in (shown := ana.get("/panel/memory/asked").text) and time.monotonic() < until:
        time.sleep(0.1)
    assert '<a href="/panel/memory/search?question=Rita+Valadares">Rita Valadares</a>' in shown
    assert '<table class="heat">' in shown


def test_words_in_memory_are_words(ana: Visitor) -> None:
    tell(ana, HOSTILE)
    [place] = places(ana.get("/panel/memory").text)
    found = f"/panel/memory/search?{httpx2.QueryParams({'question': HOSTILE})}"
    for shown in (ana.get(where).text for where in ("/panel/memory", place, found)):
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown


def test_nobody_sees_or_changes_a_memory_of_somebody_else(server: RunningServer, ana: Visitor) -> None:
    tell(ana, HIVES)
    [place] = places(ana.get("/panel/memory").text)
    ben = sign_in(server, server.add_key("ben"))
    assert places(ben.get("/panel/memory").text) == []
    assert "hives" not in ben.get(place).text
    for refused in (ben.get(place), ben.post(f"{place}/edit", {"text": "x"}), ben.post(f"{place}/forget")):
        assert refused.status_code == 404
    admin = sign_in(server, server.key)
    assert "Put it right" not in admin.get(place).text
    assert "Put it right" in ana.get(place).text


def test_what_had_been_shown_a_memory_is_told_when_it_is_forgotten(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("shown") / "data", {"context.recall_items": 5}) as up:
        visitor = sign_in(up, up.key)
        tell(visitor, HIVES)
        done = visitor.ask("Who keeps hives behind the mill?")[-1]["done"]
        [place] = places(visitor.get("/panel/memory").text)
        gone = visitor.post(f"{place}/forget")
    assert gone.status_code == 200
    assert f'<a href="/panel/chat/{done["conversation"]}?at={done["turn"]}">' in gone.text


def test_what_was_told_anew_is_said_to_stand_in_no_prompt(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("anew") / "data", {"context.recall_items": 5}) as up:
        visitor = sign_in(up, up.key)
        tell(visitor, "My beekeeper is Dr. Silva.")
        tell(visitor, "My beekeeper is Dr. Costa.")
        turn = visitor.ask("Who is my beekeeper?")[-1]["done"]["turn"]
        told = visitor.get(f"/panel/why/{turn}").text
    assert ("Dr. Costa" in told, "Dr. Silva" in told, "told anew since:" in told) == (True, False, True)

"""The panel on a running server: signing in, every page, a chat, and whose is whose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from aion.panel import front
from aion.panel.front import OPEN, PAGES
from aion.panel.page import MENU
from tests.panel.people import Visitor, make_code, sign_in
from tests.serving import RunningServer, running

PIECES = {"/panel/choices", "/panel/sleep/card", "/panel/memory/documents/coming"}  # for a script to put into its page
PANEL = Path(front.__file__).parent
ADMINS = {f"/panel/{place}" for place, _, admins_alone in MENU if admins_alone}
HOSTILE = '<script>alert("x")</script><img src=x onerror=y>'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("panel") / "data") as up:
        yield up


@pytest.fixture(scope="module")
def ana(server: RunningServer) -> Visitor:
    return sign_in(server, server.add_key("ana"))


@pytest.fixture(scope="module")
def ben(server: RunningServer) -> Visitor:
    return sign_in(server, server.add_key("ben"))


def test_a_start_ends_with_a_link_that_signs_in(server: RunningServer) -> None:
    ready = next(event for event in server.events if event["stage"] == "ready")
    place, _, code = ready["panel"].partition("#")
    visitor = Visitor(server)
    assert place == f"{server.url}/panel/enter"
    assert visitor.get("/").headers["location"] == "/panel/chat"
    assert visitor.get("/panel/chat").headers["location"] == "/panel/enter"
    assert "data-enter" in visitor.get("/panel/enter").text
    assert visitor.enter(code).headers["location"] == "/panel/chat"
    assert visitor.get("/panel/chat").status_code == 200


def test_a_link_works_once_and_a_wrong_one_never(server: RunningServer) -> None:
    code = make_code(server, server.key)
    assert Visitor(server).enter(code).status_code == 303
    for wrong in (code, "nonsense", ""):
        refused = Visitor(server).enter(wrong)
        assert refused.status_code in (400, 401)
        assert 'role="alert"' in refused.text
        assert "set-cookie" not in refused.headers


def test_a_key_signs_in_as_its_owner(server: RunningServer) -> None:
    visitor = Visitor(server)
    assert visitor.post("/panel/enter", {"key": server.add_key("carl")}).status_code == 303
    assert "carl" in visitor.get("/panel/you").text


def test_no_script_and_no_other_site_gets_at_a_session(server: RunningServer) -> None:
    visitor = Visitor(server)
    cookie = visitor.enter(make_code(server, server.key)).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    foreign = {"origin": "https://elsewhere.example"}
    assert visitor.post("/panel/leave", headers=foreign).status_code == 403
    assert visitor.get("/panel/sleep/state", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    led = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    page = visitor.get("/panel/chat", headers=led)
    assert page.status_code == 200  # browsers send it without the cookie
    assert page.headers["referrer-policy"] == "same-origin"  # with none, their forms come from nowhere


def test_signing_out_ends_a_session_at_once_everywhere_it_is_wanted(server: RunningServer) -> None:
    key = server.add_key("dora")
    here, there, third = (sign_in(server, key) for _ in range(3))
    assert here.get("/panel/you").text.count("Sign out</button>") == 2
    assert here.post("/panel/leave/others").status_code == 303
    assert there.get("/panel/you").headers["location"] == "/panel/enter"
    assert third.get("/panel/you").headers["location"] == "/panel/enter"
    kept = Visitor(server, dict(here.cookies))
    assert here.post("/panel/leave").headers["location"] == "/panel/enter"
    assert kept.get("/panel/you").headers["location"] == "/panel/enter"


def test_sessions_are_no_keys_of_anybodys_and_leave_their_entries(server: RunningServer) -> None:
    sign_in(server, server.add_key("emil"))
    keys = httpx2.get(f"{server.url}/api/keys", headers=server.headers).json()["data"]
    assert [one["owner"] for one in keys].count("emil") == 1
    acts = [one["act"] for one in httpx2.get(f"{server.url}/api/audit", headers=server.headers).json()["data"]]
    assert {"session.begin", "session.end"} <= set(acts)


@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize("place", [path for method, path, _ in PAGES if method == "GET" and "{" not in path])
def test_every_page_is_shown_in_both_languages(server: RunningServer, ana: Visitor, place: str, language: str) -> None:
    visitor = sign_in(server, server.key) if place in ADMINS else ana
    shown = visitor.get(place, headers={"accept-language": language})
    assert shown.status_code == 200
    if shown.headers["content-type"].startswith("text/html") and place not in PIECES:
        assert f'<html lang="{language}"' in shown.text
        assert not re.search(r"""<[^>]+\s(?:on\w+|style)=|<script(?![^>]*src="/panel/)""", shown.text)
        assert not re.search(r"""(?:src|href)="(?!/|\?|#)""", shown.text)


@pytest.mark.parametrize(
    ("method", "place"),
    [(method, path) for method, path, _ in PAGES if any(path.startswith(admins) for admins in ADMINS)],
)
def test_a_page_of_administrators_refuses_everybody_else_in_the_frame(ana: Visitor, method: str, place: str) -> None:
    refused = ana.ask_for(method, place, data={"owner": "ben", "key": "0" * 12} if method == "POST" else None)
    assert (refused.status_code, 'role="alert"' in refused.text) == (403, True)
    assert 'href="/panel/people"' not in refused.text


@pytest.mark.parametrize(("method", "place"), [(method, path) for method, path, _ in PAGES])
def test_nothing_is_shown_or_done_without_signing_in(server: RunningServer, method: str, place: str) -> None:
    reply = Visitor(server).ask_for(method, re.sub(r"\{\w+\}", "x", place))
    assert (reply.status_code, reply.headers["location"]) == (303, "/panel/enter")


def test_what_anybody_may_see_is_the_way_in_alone() -> None:
    assert {path for _, path, _ in OPEN} == {"/panel/enter", "/panel/choose"}


def test_words_of_people_and_models_are_words(ana: Visitor) -> None:
    done = ana.ask(HOSTILE)[-1]["done"]
    for shown in (done["html"], ana.get(f"/panel/chat/{done['conversation']}").text):
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
        assert "&lt;script&gt;" in shown


def test_nobody_sees_or_changes_what_is_somebody_elses(ana: Visitor, ben: Visitor) -> None:
    done = ana.ask("a secret of mine")[-1]["done"]
    for place in (f"/panel/chat/{done['conversation']}", f"/panel/why/{done['turn']}"):
        refused = ben.get(place)
        assert refused.status_code == 404
        assert "secret" not in refused.text
    assert ben.post(f"/panel/chat/{done['conversation']}/forget").status_code == 404
    assert "secret" not in ben.get("/panel/chat").text
    assert ana.get(f"/panel/chat/{done['conversation']}").status_code == 200


def test_a_choice_of_language_and_colours_stays_and_leads_nowhere_else(ana: Visitor) -> None:
    chosen = ana.post("/panel/choose", {"aion_language": "pt", "aion_theme": "dark", "back": "https://elsewhere/"})
    assert chosen.headers["location"] == "/panel/chat"
    assert '<html lang="pt" data-theme="dark">' in ana.get("/panel/you").text
    ignored = ana.post("/panel/choose", {"aion_language": "xx", "aion_theme": "x" * 100, "back": "/panel/you"})
    assert "set-cookie" not in ignored.headers
    ana.post("/panel/choose", {"aion_language": "en", "aion_theme": "auto", "back": "/panel/you"})


@pytest.mark.parametrize(
    "name",
    ["panel.css", "code.css", "panel.js", "chat.js", "opinion.js", "diff.js", "requests.js", "sleep.js", "icon.svg"],
)
def test_styles_and_scripts_are_our_own_and_of_their_kind(server: RunningServer, name: str) -> None:
    reply = Visitor(server).get(f"/panel/assets/{name}")
    assert reply.status_code == 200
    assert "http" not in re.sub(r"http://www\.w3\.org/\d+/svg", "", reply.text)


@pytest.mark.parametrize("name", ["..%2fpage.py", "page.py", "nothing.js", "panel.css%00", ".."])
def test_nothing_but_assets_is_served_as_one(server: RunningServer, name: str) -> None:
    assert Visitor(server).get(f"/panel/assets/{name}").status_code in (303, 401, 404)


def test_a_sentence_in_an_address_is_said_only_when_it_is_one_of_ours(ana: Visitor) -> None:
    assert "Forgotten." in ana.get("/panel/chat?said=Forgotten.").text
    assert "Send money" not in ana.get("/panel/chat?said=Send+money").text

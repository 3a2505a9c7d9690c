"""Teach me: what is asked about, each thing once; one's own questions for the examination; lessons in quarantine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest

from aion.capture.priority import label_of
from aion.panel.page import Page
from aion.panel.teach import _why
from aion.panel.words import Words, _translations
from aion.records import Quarantine, Reward, Signal
from aion.store.sqlite import SqliteStore
from tests.panel.people import Visitor, sign_in
from tests.serving import RunningServer, running, wait_until
from tests.store.night_examples import make_lesson, make_theme

NO_REWARD = Reward(explicit=None, implicit=None, emotional=None, total=0.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("teach") / "data"
    store = SqliteStore(data)
    store.nights.put_theme(make_theme(id="theme_1", owner="rita", name="hives")).result()
    lesson = make_lesson(id="lesson_1", owner="rita", theme="theme_1", sources=())
    store.nights.place_lessons([lesson], at=1.0).result()
    aside = Quarantine(lesson="lesson_1", owner="rita", night="night_1", theme="theme_1", reason="no number", at=1.0)
    store.nights.quarantine([aside]).result()
    store.close()
    with running(data) as up:
        yield up


def arrive(server: RunningServer, name: str, *questions: str) -> tuple[Visitor, list[str]]:
    """Somebody new, what they asked, and the turns once AION has thought about them."""
    visitor = sign_in(server, server.add_key(name))
    turns = [visitor.ask(question)[-1]["done"]["turn"] for question in questions]
    wait_until(lambda: "Was this right?" in visitor.get("/panel/teach").text or not turns)
    wait_until(lambda: f'class="badge">{len(turns)}<' in visitor.get("/panel/teach").text)
    return visitor, turns


def asked(page: str) -> str:
    """The turn that a page asks about; "" for none."""
    found = re.search(r'name="turn" value="(\w+)"', page)
    return found[1] if found else ""


def follow(visitor: Visitor, reply: httpx2.Response) -> str:
    assert reply.status_code == 303, reply.text
    return visitor.get(reply.headers["location"]).text


def test_what_is_judged_is_asked_about_no_more(server: RunningServer) -> None:
    ana, turns = arrive(server, "ana", "one two", "three four", "five six")
    seen = []
    page = ana.get("/panel/teach").text
    for fields in ({"verdict": "right"}, {"verdict": "wrong"}, {"verdict": "edit", "text": "It is seven."}):
        seen.append(asked(page))
        page = follow(ana, ana.post("/panel/teach/judge", {"turn": seen[-1], "show": "ask", **fields}))
    assert sorted(seen) == sorted(turns)
    assert "AION will study this tonight." in page
    assert (asked(page), "Nothing to ask" in page) == ("", True)


def test_what_is_skipped_is_passed_over_and_may_be_seen_again(server: RunningServer) -> None:
    ben, turns = arrive(server, "ben", "one two", "three four")
    first = asked(ben.get("/panel/teach").text)
    later = ben.get(f"/panel/teach?after={first}").text
    assert {first, asked(later)} == set(turns)
    fields = {"turn": asked(later), "verdict": "right", "show": "ask", "after": first}
    page = follow(ben, ben.post("/panel/teach/judge", fields))
    assert "That was all of them." in page
    assert asked(ben.get("/panel/teach").text) == first


def test_an_answer_written_anew_is_kept_as_it_was_written(server: RunningServer) -> None:
    carl, [turn] = arrive(server, "carl", "one two")
    sent = {"turn": turn, "verdict": "edit", "text": "First line\r\nsecond line", "before": "one two"}
    follow(carl, carl.post("/panel/teach/judge", sent))
    headers = {"Authorization": f"Bearer {carl.cookies['aion_session']}"}
    [kept] = httpx2.get(f"{server.url}/api/feedback?turn={turn}", headers=headers).json()["data"]
    assert (kept["kind"], kept["text"]) == ("edit", "First line\nsecond line")


def test_an_answer_that_was_not_changed_is_not_taken_for_a_correction(server: RunningServer) -> None:
    dora, [turn] = arrive(server, "dora", "one two")
    same = {"turn": turn, "verdict": "edit", "text": "as it\r\nwas", "before": "as it\nwas"}
    assert "Nothing was changed in it." in follow(dora, dora.post("/panel/teach/judge", same))
    assert asked(dora.get("/panel/teach").text) == turn


@pytest.mark.parametrize("fields", [{}, {"verdict": "shrug"}, {"verdict": "edit", "text": "  "}])
def test_a_judgement_that_says_nothing_is_refused(server: RunningServer, fields: dict[str, str]) -> None:
    visitor, [turn] = arrive(server, f"emil {fields.get('verdict', '')}".strip(), "one two")
    refused = visitor.post("/panel/teach/judge", {"turn": turn, **fields})
    assert (refused.status_code, 'role="alert">text' in refused.text) == (400, True)
    assert asked(visitor.get("/panel/teach").text) == turn


def test_nobody_is_asked_about_or_judges_an_answer_to_somebody_else(server: RunningServer) -> None:
    fred, [turn] = arrive(server, "fred", "a secret of fred")
    for other in (sign_in(server, server.add_key("gina")), sign_in(server, server.key)):
        assert "secret of fred" not in other.get("/panel/teach").text
        assert other.post("/panel/teach/judge", {"turn": turn, "verdict": "wrong"}).status_code == 404
    assert asked(fred.get("/panel/teach").text) == turn


@pytest.mark.parametrize("show", ["ask", "uncertain", "wrong", "nonsense"])
def test_every_queue_is_shown_and_an_unknown_one_is_the_first(server: RunningServer, show: str) -> None:
    hugo, _ = arrive(server, f"hugo {show}", "one two")
    page = hugo.get(f"/panel/teach?show={show}").text
    assert ("Was this right?" in page) is (show != "wrong")
    assert page.count('aria-current="page"') == 2  # of the menu, and of the queues


def test_questions_for_the_examination_are_added_and_removed(server: RunningServer) -> None:
    ivo = sign_in(server, server.add_key("ivo"))
    assert "There are none yet." in ivo.get("/panel/teach").text
    fields = {"question": "Which is <my> boat?", "expected": "Gaivota", "check": "equals"}
    page = follow(ivo, ivo.post("/panel/teach/suite", fields))
    assert "Which is &lt;my&gt; boat?" in page
    found = re.search(r'name="item" value="(\w+)"', page)
    assert found
    stranger = sign_in(server, server.add_key("stranger"))
    assert stranger.post("/panel/teach/suite/remove", {"item": found[1]}).status_code == 404
    assert "boat?" not in follow(ivo, ivo.post("/panel/teach/suite/remove", {"item": found[1]}))
    entry = httpx2.get(f"{server.url}/api/audit?limit=1", headers=server.headers).json()["data"][0]
    assert (entry["actor"], entry["act"], entry["subject"]) == ("ivo", "suite.remove", found[1])
    assert ivo.post("/panel/teach/suite", {"question": " ", "expected": "x"}).status_code == 400


def test_a_lesson_in_quarantine_is_shown_and_released_by_its_owner(server: RunningServer) -> None:
    assert "quarantine" not in sign_in(server, server.add_key("olga")).get("/panel/teach").text
    rita = sign_in(server, server.add_key("rita"))
    page = rita.get("/panel/teach").text
    assert "Lessons in quarantine" in page
    assert {"hives", "no number"} <= set(re.findall(r"<td>([^<]*)</td>", page))
    page = follow(rita, rita.post("/panel/teach/release", {"lesson": "lesson_1"}))
    assert "It will be tried again." in page
    assert "Lessons in quarantine" not in page
    assert rita.post("/panel/teach/release", {"lesson": "lesson_1"}).status_code == 404


def test_every_reason_for_taking_an_answer_to_be_wrong_is_said_in_both_languages() -> None:
    signals = [
        Signal(name=name, value=-1, weight=1, evidence="") for name in ("correction", "code_failed", "tool_failed")
    ]
    known: dict[str, Any] = {
        "confidence": 0.9,
        "reward": NO_REWARD,
        "failed": False,
        "contradictions": 0,
        "signals": (),
        "tau": 0.6,
    }
    cases: list[dict[str, Any]] = [
        {"failed": True},
        {"reward": replace(NO_REWARD, total=-1.0)},
        *({"signals": [one]} for one in signals),
    ]
    reasons = {label_of(**{**known, **case})[1].partition(" (")[0] for case in cases}
    assert len(reasons) == 5
    assert reasons <= _translations("pt").keys()


@pytest.mark.parametrize(
    ("confidence", "begins"), [(0.55, "It asks because that is close to 62%"), (1.0, "Nothing that")]
)
def test_what_is_far_from_the_line_is_not_called_close_to_it(confidence: float, begins: str) -> None:
    page = cast(Page, SimpleNamespace(words=Words("en")))
    assert _why(page, "ask", {"confidence": confidence}, 0.62).startswith(begins)

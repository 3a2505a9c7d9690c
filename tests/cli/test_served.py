"""`aion adapters promote | rollback | retire`, `aion route` and `aion suite`, against a canned server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aion.answer.known import REASON as TOLD_ANEW
from aion.cli.route import BY, LEFT
from aion.router.route import Strategy
from aion.router.scoring import Left
from tests.cli.canned_server import serve
from tests.cli.conftest import Ran

Aion = Callable[..., Ran]
ROW: dict[str, Any] = {"id": "promo_1", "move": "promote", "adapters": ["cand_1"], "trial": [], "share": 0.0}
TRIAL = ROW | {"move": "try", "adapters": ["cand_1"], "trial": ["cand_1", "cand_2"], "share": 0.25}
TOOK = {"adapter": "cand_1", "words": ["billing"], "how": "exact", "cosine": 0.81}
ITEM: dict[str, Any] = {"id": "suite_1", "question": "Which is\nmy boat?", "expected": "Gaivota", "check": "equals"}


@pytest.mark.parametrize(
    ("words", "place", "body", "row", "line"),
    [
        (["promote", "cand_1"], "cand_1/promote", {"share": 0.0}, ROW, "cand_1"),
        (
            ["promote", "cand_2", "--share", "0.25"],
            "cand_2/promote",
            {"share": 0.25},
            TRIAL,
            "cand_1, cand_2 (on trial, in 25% of the conversations)",
        ),
        (["rollback"], "rollback", {"to": ""}, ROW | {"adapters": []}, "the base alone"),
        (["rollback", "night_1"], "rollback", {"to": "night_1"}, ROW, "cand_1"),
        (["retire", "cand_2"], "cand_2/retire", None, ROW, "cand_1"),
        (["promote", "../keys"], "..%2Fkeys/promote", {"share": 0.0}, ROW, "cand_1"),
    ],
)
def test_what_is_served_is_changed_as_told_and_shown(
    aion: Aion, data: Path, words: list[str], place: str, body: Any, row: Any, line: str
) -> None:
    with serve(data) as server:
        server.replies[f"POST /api/adapters/{place}"] = (200, row)
        ran = aion("adapters", *words)
        assert json.loads(aion("adapters", *words, "--json").out) == row
        assert server.asked[0][:2] == (f"POST /api/adapters/{place}", body)
    assert (ran.code, ran.out) == (0, f"served from now on: {line}\n")


@pytest.mark.parametrize(("status", "code"), [(409, "not_evaluated"), (409, "refused"), (404, "not_found"), (503, "x")])
def test_a_refusal_is_one_sentence(aion: Aion, data: Path, status: int, code: str) -> None:
    with serve(data) as server:
        server.replies["POST /api/adapters/cand_1/promote"] = (status, {"error": {"message": f"no: {code}"}})
        ran = aion("adapters", "promote", "cand_1")
    assert (ran.code, ran.out, ran.err) == (2, "", f"aion: no: {code}\n")


def test_a_share_that_is_none_is_refused_before_anybody_is_asked(aion: Aion, data: Path) -> None:
    with serve(data) as server:
        assert aion("adapters", "promote", "cand_1", "--share", "2").code == 2
        assert server.asked == []


@pytest.mark.parametrize(
    "words",
    [
        ("adapters", "promote", "x"),
        ("adapters", "rollback"),
        ("adapters", "retire", "x"),
        ("route", "x"),
        ("suite", "list"),
    ],
)
def test_without_a_server_each_says_how_to_start_one(aion: Aion, data: Path, words: tuple[str, ...]) -> None:
    ran = aion(*words)
    assert (ran.code, "start it with `aion up`" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (
            {"outcome": "used", "scales": {"cand_1": 1.0}, "why": {"took": [TOOK], "left": []}},
            ["cand_1 x 1", "  cand_1: names billing (exact, cosine 0.81)"],
        ),
        (
            {"outcome": "none", "scales": {}, "why": {"took": [], "left": [TOOK | {"reason": "far"}]}},
            [
                "the base answers alone",
                "  not cand_1: names billing (exact, cosine 0.81); something else is asked of it",
            ],
        ),
        (
            {"outcome": "used", "scales": {"cand_1": 1.0}, "why": {"took": [TOOK | {"words": [], "how": "near"}]}},
            ["cand_1 x 1", "  cand_1: is like what it was taught (near, cosine 0.81)"],
        ),
        (
            {"outcome": "none", "scales": {}, "why": {"took": [], "left": [TOOK | {"reason": "told_anew"}]}},
            [
                "the base answers alone",
                "  not cand_1: names billing (exact, cosine 0.81); you told that anew since it learned it",
            ],
        ),
        (
            {"outcome": "used", "scales": {"cand_1": 1.0}, "why": {"took": [TOOK | {"words": [], "how": "alias"}]}},
            ["cand_1 x 1", "  cand_1: says another name that was told (alias, cosine 0.81)"],
        ),
        (
            {"outcome": "used", "scales": {"cand_1": 1.0}, "why": {"strategy": "network", "took": [TOOK], "left": []}},
            ["cand_1 x 1", "  cand_1: names billing (exact, cosine 0.81)", "chosen by the trained network (network)"],
        ),
        (
            {
                "outcome": "none",
                "scales": {},
                "why": {"strategy": "embedding", "took": [], "left": [], "wanted": "model", "lacks": "it is slow"},
            },
            [
                "the base answers alone",
                "chosen by names and likeness (embedding), instead of model: it is slow",
            ],
        ),
        ({"outcome": "none_served", "scales": {}, "why": {}}, ["the base answers alone; no adapter is served yet"]),
    ],
)
def test_a_route_is_explained(aion: Aion, data: Path, found: Any, lines: list[str]) -> None:
    with serve(data) as server:
        server.replies["POST /api/route"] = (200, found)
        assert aion("route", "Who?", "--after", "What?").out.splitlines() == lines
        assert json.loads(aion("route", "Who?", "--json").out) == found
        assert server.asked[0][1] == {"text": "Who?", "previous": "What?"}
        assert server.asked[1][1] == {"text": "Who?", "previous": ""}


def test_each_reason_of_the_router_has_its_words() -> None:
    assert LEFT.keys() == {one.value for one in Left} | {TOLD_ANEW}
    assert BY.keys() == {one.value for one in Strategy}


def test_a_suite_is_added_to_shown_and_taken_from(aion: Aion, data: Path) -> None:
    with serve(data) as server:
        server.replies["POST /api/suite"] = (201, ITEM)
        server.replies["GET /api/suite?owner=me"] = (200, {"data": [ITEM]})
        server.replies["DELETE /api/suite/suite_1"] = (200, {"id": "suite_1", "removed": True})
        assert aion("suite", "add", "Which is my boat?", "Gaivota", "--check", "equals").out == "suite_1\n"
        body = {"question": "Which is my boat?", "expected": "Gaivota", "check": "equals"}
        assert server.asked[-1][:2] == ("POST /api/suite", body)
        assert aion("suite", "list").out.splitlines()[1] == "suite_1\tequals\tWhich is my boat?\tGaivota"
        assert json.loads(aion("suite", "list", "--json").out) == [ITEM]
        assert aion("suite", "remove", "suite_1").out == "removed suite_1\n"
        assert aion("suite", "add", "Which?", "x", "--check", "likes").code == 2


def test_conversations_are_shown_found_and_named(aion: Aion, data: Path) -> None:
    one = {"id": "conv_1", "title": "Boats", "updated": 0.0, "turns": 2}
    hit = one | {"found": {"turn": "turn_1", "text": "…the Gaivota lies…"}}
    with serve(data) as server:
        server.replies["GET /api/conversations?owner=me&limit=30"] = (200, {"data": [one]})
        server.replies["GET /api/conversations?owner=me&search=gaivota&limit=30"] = (200, {"data": [hit]})
        server.replies["PUT /api/conversations/conv_1"] = (200, {"id": "conv_1", "title": "My boat"})
        assert aion("conversations", "list").out.splitlines()[1] == "conv_1\t1970-01-01 00:00 UTC\t2\tBoats"
        assert aion("conversations", "list", "--search", "gaivota").out.endswith("\t…the Gaivota lies…\n")
        assert json.loads(aion("conversations", "list", "--json").out) == [one]
        assert aion("conversations", "name", "conv_1", "My boat").out == "conv_1\n"
        assert server.asked[-1][:2] == ("PUT /api/conversations/conv_1", {"title": "My boat"})

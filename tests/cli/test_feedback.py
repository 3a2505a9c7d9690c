"""Judging and explaining answers from the command line, against a canned server."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.canned_server import CannedServer, serve, words
from tests.cli.conftest import Ran

Aion = Callable[..., Ran]
WHY: dict[str, Any] = {
    "turn_id": "turn_1",
    "conversation": "conv_1",
    "model": {"name": "aion", "hash": "a" * 64},
    "adapters": [{"name": "night", "hash": "b" * 64, "scale": 0.5}],
    "sources": [
        {
            "place": 1,
            "id": "mem_1",
            "trust": "own",
            "score": 0.03,
            "used": True,
            "forgotten": False,
            "text": "Rita keeps bees",
            "changed": True,
        },
        {"place": 2, "id": "mem_2", "trust": "web", "score": 0.02, "used": False, "forgotten": True},
    ],
    "route": {"why": {"left": [{"adapter": "cand_1", "reason": "told_anew", "memory": "mem_4"}, {"reason": "far"}]}},
    "recall": {"outcome": "used", "below_floor": 3, "outdated": ["mem_5"]},
    "confidence": {"raw": 0.7, "calibrated": 0.61, "parts": {"probability": 0.7, "support": None}, "calibration": "c"},
    "contradictions": [{"memory": "mem_1", "kind": "number", "span": "nine hives"}],
    "context": {"budget": 3000, "tokens": 900, "kept": 2, "summarised": 4, "cut": ["mem_7"], "summary": "They met."},
    "cache": {"outcome": "miss"},
    "cost_usd": 0.0,
    "timings": {"recall_ms": 12.4, "total_ms": 480.0},
    "usage": {},
    "outcome": "completed",
    "error": None,
}


@pytest.fixture
def server(data: Path) -> Iterator[CannedServer]:
    with serve(data) as canned:
        canned.replies["POST /api/feedback"] = (201, {"id": "fb_1"})
        canned.replies["GET /api/turns/last"] = (200, {"id": "turn_9"})
        canned.replies["GET /api/turns/last/why"] = (200, WHY)
        yield canned


@pytest.mark.parametrize(
    ("options", "body"),
    [
        (["--up"], {"kind": "thumb", "value": "up"}),
        (["--down"], {"kind": "thumb", "value": "down"}),
        (["--score", "-0.5"], {"kind": "score", "value": -0.5}),
        (["--score", "0"], {"kind": "score", "value": 0.0}),
        (["--comment", "too long"], {"kind": "comment", "text": "too long"}),
        (["--edit", "Nine."], {"kind": "edit", "text": "Nine."}),
        (["--choose", "A", "--reject", "B"], {"kind": "choice", "text": "A", "other": "B"}),
        (["--event", "copied", "--key", "k1"], {"kind": "event", "event": "copied", "key": "k1"}),
    ],
)
def test_each_judgement_is_sent_as_its_kind(
    aion: Aion, server: CannedServer, options: list[str], body: dict[str, Any]
) -> None:
    assert aion("feedback", "chatcmpl-1", *options) == Ran(0, "fb_1\n", "")
    assert [(place, sent) for place, sent, _ in server.asked] == [
        ("POST /api/feedback", {**body, "turn_id": "chatcmpl-1"})
    ]


def test_last_is_ones_own_latest_turn(aion: Aion, server: CannedServer) -> None:
    assert aion("feedback", "last", "--up").code == 0
    assert server.asked[-1][1]["turn_id"] == "turn_9"


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--up", "--down"],
        ["--up", "--comment", "x"],
        ["--choose", "A"],
        ["--reject", "B"],
        ["--score", "1.5"],
        ["--score", "nan"],
        ["--score", "much"],
    ],
    ids=" ".join,
)
def test_not_exactly_one_judgement_is_refused_before_anything_is_sent(
    aion: Aion, server: CannedServer, options: list[str]
) -> None:
    ran = aion("feedback", "turn_1", *options)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert server.asked == []


def test_a_refusal_of_the_server_is_told_in_its_words(aion: Aion, server: CannedServer) -> None:
    server.replies["POST /api/feedback"] = (409, {"error": {"message": "a new judgement needs a new key", "code": "x"}})
    assert aion("feedback", "turn_1", "--up", "--key", "k") == Ran(2, "", "aion: a new judgement needs a new key\n")


def test_why_explains_the_last_answer(aion: Aion, server: CannedServer) -> None:
    told = aion("why").out
    for part in (
        "adapter: night x 0.5",
        "source [1] Rita keeps bees (used, own, score 0.0300, changed since; mem_1)",
        "source [2] (forgotten since) (not used, web, score 0.0200; mem_2)",
        "not adapter cand_1: what it learned was told anew (mem_4)",
        "left out, told anew since: mem_5",
        "confidence: 0.61 (raw 0.70; probability 0.70)",
        "contradicts mem_1 in a number: nine hives",
        "about 900 tokens (of 3000), 2 exchanges",
        "summarised: 4 older exchanges: They met.",
        "left out for want of room: mem_7",
        "cache: miss",
        "time: recall 12 ms, total 480 ms",
    ):
        assert part in told
    assert json.loads(aion("why", "--json").out) == WHY


def test_why_of_a_turn_that_took_no_such_steps_is_short(aion: Aion, server: CannedServer) -> None:
    steps: dict[str, Any] = {
        "sources": [],
        "confidence": None,
        "contradictions": [],
        "context": None,
        "cache": None,
        "recall": None,
    }
    server.replies["GET /api/turns/a%2Fb/why"] = (200, WHY | steps)
    told = aion("why", "a/b").out
    assert "none was recalled" in told
    assert "context" not in told


def test_the_chat_names_what_its_answer_used(aion: Aion, server: CannedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    *answer, last, done = words("Nine.")
    sources = {"turn_id": "turn_1", "sources": WHY["sources"]}
    server.replies["POST /v1/chat/completions"] = (200, [*answer, {**last, "aion": sources}, done])
    monkeypatch.setattr("sys.stdin", io.StringIO("how many?\n"))
    ran = aion("chat")
    assert (ran.code, ran.out) == (0, "Nine.\n")
    assert ran.err.split("\n")[1:-1] == ["  [1] Rita keeps bees (own)"]


@pytest.mark.parametrize("words_", [["feedback", "last", "--up"], ["why"]], ids=" ".join)
def test_without_a_server_it_says_how_to_start_one(aion: Aion, words_: list[str]) -> None:
    ran = aion(*words_)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "start it with `aion up`" in ran.err

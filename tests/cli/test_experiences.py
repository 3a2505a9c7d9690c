"""The list of experiences on the command line, against a canned server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.canned_server import serve
from tests.cli.conftest import Ran

Aion = Callable[..., Ran]
ONE = {
    "turn": "turn_1",
    "at": 0.0,
    "label": "hesitant",
    "priority": 0.512,
    "reward": {"explicit": None, "implicit": None, "emotional": None, "total": -0.25},
    "confidence": None,
    "skill": "question",
    "question": "how many\nhives?",
}


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ([], "order=latest&limit=20&owner=me"),
        (["--top"], "order=top&limit=20&owner=me"),
        (["--ask", "--limit", "3"], "order=ask&limit=3&owner=me"),
        (["--uncertain", "--everyone"], "order=uncertain&limit=20"),
        (["--uncertain", "--unjudged"], "order=uncertain&unjudged=true&limit=20&owner=me"),
        (["--label", "erroneous"], "order=latest&label=erroneous&limit=20&owner=me"),
    ],
)
def test_the_order_asked_for_is_shown(aion: Aion, data: Path, options: list[str], query: str) -> None:
    reply = {"data": [ONE], "order": "latest", "tau": 0.62}
    with serve(data) as server:
        server.replies[f"GET /api/experiences?{query}"] = (200, reply)
        ran = aion("experiences", *options)
        assert json.loads(aion("experiences", *options, "--json").out) == reply
    row = ran.out.splitlines()[1]
    assert row == "1970-01-01 00:00 UTC\thesitant\t0.51\t-0.25\t\tquestion\tturn_1\thow many hives?"


@pytest.mark.parametrize("options", [["--top", "--ask"], ["--label", "fine"], ["--limit", "0"], []], ids=" ".join)
def test_a_wrong_wish_and_no_server_are_one_sentence(aion: Aion, options: list[str]) -> None:
    ran = aion("experiences", *options)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)

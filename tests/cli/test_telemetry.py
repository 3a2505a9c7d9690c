"""The numbers of the past days on the command line, against a canned server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from aion.cli import telemetry
from aion.serve.telemetry.tally import Tally
from tests.cli.canned_server import CannedServer, serve
from tests.cli.conftest import Ran
from tests.serve.telemetry.examples import liked, make_experience

Aion = Callable[..., Ran]
PLACE = "GET /api/telemetry?since=2026-11-19&until=2026-11-20"


def numbers() -> dict[str, Any]:
    measures = {"total_ms": 1200.4, "completion_tokens": 50.0, "predicted_ms": 4000.0, "cached": 0.0}
    tally = Tally()
    tally.add(make_experience(skill="code", ndcg=0.5, confidence=0.75, reward=liked(1.0), measures=measures))
    return tally.numbers()


QUIET = Tally().numbers()
CELLS = "1\t1.00\t0.50\t1200\t1200\t12.5\t0.00\t0.75\t1.00"
REPLY = {
    "days": [{"day": "2026-11-19", **QUIET}, {"day": "2026-11-20", **numbers()}],
    "themes": [
        {"theme": "cl_1", "owner": "ana", "name": "bread", **numbers()},
        {"theme": "", "owner": "ana", "name": "", **QUIET},
    ],
    "total": numbers(),
}


@pytest.fixture
def server(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CannedServer]:
    monkeypatch.setattr(telemetry, "today", lambda: date(2026, 11, 20))
    with serve(data) as canned:
        canned.replies[PLACE] = (200, REPLY)
        yield canned


def test_days_on_which_something_happened_are_shown_and_their_total(aion: Aion, server: CannedServer) -> None:
    header, *rows = aion("telemetry", "--days", "2").out.splitlines()
    assert header.split("\t")[:4] == ["day", "turns", "success", "ndcg"]
    assert rows == [f"2026-11-20\t{CELLS}", f"total\t{CELLS}"]


def test_themes_are_shown_by_name(aion: Aion, server: CannedServer) -> None:
    rows = aion("telemetry", "--days", "2", "--by", "theme").out.splitlines()[1:]
    assert rows == [f"bread\t{CELLS}", "(none)\t0" + 8 * "\t"]


def test_skills_are_shown_with_their_counts(aion: Aion, server: CannedServer) -> None:
    rows = aion("telemetry", "--days", "2", "--by", "skill").out.splitlines()
    assert rows == ["skill\tturns\tsigned\tgood\tfailed\tsuccess", "code\t1\t1\t1\t0\t1.00"]


def test_json_is_what_the_server_told(aion: Aion, server: CannedServer) -> None:
    assert json.loads(aion("telemetry", "--days", "2", "--json").out) == REPLY


def test_one_person_can_be_asked_for(aion: Aion, server: CannedServer) -> None:
    server.replies[f"{PLACE}&owner=rui"] = (200, {**REPLY, "days": []})
    assert aion("telemetry", "--days", "2", "--owner", "rui").out.splitlines()[1:] == [f"total\t{CELLS}"]


@pytest.mark.parametrize("options", [["--days", "0"], ["--days", "367"], ["--by", "hour"], []], ids=" ".join)
def test_a_wrong_wish_and_no_server_are_one_sentence(aion: Aion, options: list[str]) -> None:
    ran = aion("telemetry", *options)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)

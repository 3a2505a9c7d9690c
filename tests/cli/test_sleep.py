"""Sleep on the command line, against a canned server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aion.cli.client import find_server
from aion.cli.sleep import describe, watch
from tests.cli.canned_server import serve
from tests.cli.conftest import Ran

Aion = Callable[..., Ran]
AWAKE: dict[str, Any] = {
    "state": "awake",
    "reason": "",
    "why_not": "there is no reason yet",
    "wants_window": False,
    "starved_nights": 0,
    "window_s": 0.0,
}
TRAINING = AWAKE | {
    "state": "training",
    "why_not": "",
    "night": "night_1",
    "theme_name": "Boats",
    "step": 3,
    "steps": 40,
    "loss": 1.25,
    "tokens_per_s": 150.0,
    "eta_s": 180.0,
    "peak_bytes": 1 << 30,
}
NIGHT: dict[str, Any] = {
    "id": "night_1",
    "asked": 0.0,
    "state": "done",
    "reason": "2 adapters",
    "interruptions": 1,
    "candidates": ["cand_1", "cand_2"],
}


def test_status_says_where_a_night_is_and_what_it_waits_for(aion: Aion, data: Path) -> None:
    line = "training, Boats, step 3 of 40, loss 1.250, 150 tokens/s, 3 min left, 1024 MiB"
    assert describe(TRAINING) == line
    assert describe(TRAINING | {"state": "paused", "why_not": "somebody is being answered"}).startswith("paused, Boats")
    with serve(data) as server:
        server.replies["GET /api/sleep/status"] = (200, AWAKE | {"wants_window": True, "starved_nights": 4})
        ran = aion("sleep")
        assert json.loads(aion("sleep", "status", "--json").out)["state"] == "awake"
    assert ran.out.splitlines()[0] == "awake; there is no reason yet"
    assert "4 nights in a row were interrupted" in ran.out
    assert "`aion sleep window 60`" in ran.out


def test_status_says_why_a_night_began_and_why_it_runs_where_it_does(aion: Aion, data: Path) -> None:
    why = {"reason": "50 experiences wait", "device": "cpu", "device_reason": "torch sees no GPU here"}
    with serve(data) as server:
        server.replies["GET /api/sleep/status"] = (200, TRAINING | why)
        lines = aion("sleep", "status").out.splitlines()
    assert lines[1:] == ["why it began: 50 experiences wait", "runs on cpu: torch sees no GPU here"]


@pytest.mark.parametrize(
    ("minutes", "reply", "line"),
    [
        ("60", {"window_s": 3600.0, "night": "night_1"}, "a window is open for 60 min"),
        ("5", {"window_s": 300.0, "night": None}, "no night is under way, `aion sleep --now` begins one"),
        ("0", {"window_s": 0.0, "night": "night_1"}, "no window is open"),
    ],
)
def test_a_window_is_granted_as_told(aion: Aion, data: Path, minutes: str, reply: dict[str, Any], line: str) -> None:
    with serve(data) as server:
        server.replies["POST /api/sleep/window"] = (200, reply)
        server.replies["GET /api/sleep/status"] = (200, AWAKE | {"wants_window": True, "window_s": 90.0})
        ran, status = aion("sleep", "window", minutes), aion("sleep", "status")
        assert server.asked[0][:2] == ("POST /api/sleep/window", {"minutes": float(minutes)})
    assert line in ran.out
    assert "a window is open for 2 min more" in status.out
    assert "in a row" not in status.out


@pytest.mark.parametrize(
    ("words", "body"),
    [
        ([], {"force": False}),
        (["--minutes", "5"], {"force": False, "minutes": 5.0}),
        (["--force", "--theme", "Boats"], {"force": True, "theme": "theme_1"}),
    ],
)
def test_a_night_is_asked_for_as_told(aion: Aion, data: Path, words: list[str], body: dict[str, Any]) -> None:
    with serve(data) as server:
        server.replies["GET /api/themes?owner=me"] = (200, {"data": [{"id": "theme_1", "name": "Boats"}]})
        server.replies["POST /api/sleep/start"] = (202, NIGHT | {"state": "waiting"})
        ran = aion("sleep", "--now", *words)
        assert server.asked[-1][:2] == ("POST /api/sleep/start", body)
    assert (ran.code, "night_1" in ran.out) == (0, True)


def test_watching_tells_each_change_once_and_ends_with_the_night(
    capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    looks = iter([TRAINING, TRAINING, TRAINING | {"step": 4}, AWAKE])
    with serve(data) as server:
        server.replies["GET /api/sleep/nights?owner=me&limit=50"] = (200, {"data": [NIGHT]})

        def look(_seconds: float = 0.0) -> None:
            server.replies["GET /api/sleep/status"] = (200, next(looks))

        look()
        found = find_server(data)
        assert found is not None
        assert watch(found, "night_1", pause=look) == NIGHT
    shown = capsys.readouterr().err.splitlines()
    assert [line.split(", ")[2] for line in shown] == ["step 3 of 40", "step 4 of 40"]


@pytest.mark.parametrize(("state", "code"), [("done", 0), ("failed", 1), ("cancelled", 0)])
def test_waiting_shows_the_night_until_it_is_over(aion: Aion, data: Path, state: str, code: int) -> None:
    with serve(data) as server:
        server.replies["POST /api/sleep/start"] = (202, NIGHT | {"state": "waiting"})
        server.replies["GET /api/sleep/status"] = (200, AWAKE)
        server.replies["GET /api/sleep/nights?owner=me&limit=50"] = (200, {"data": [NIGHT | {"state": state}]})
        ran = aion("sleep", "--now", "--wait")
    assert (ran.code, ran.out) == (code, f"{state}: 2 adapters\n")


def test_nights_are_listed_and_cancelled(aion: Aion, data: Path) -> None:
    with serve(data) as server:
        server.replies["GET /api/sleep/nights?owner=me&limit=20"] = (200, {"data": [NIGHT]})
        server.replies["POST /api/sleep/cancel"] = (200, NIGHT)
        assert aion("sleep", "nights").out.splitlines()[1] == "1970-01-01 00:00 UTC\tdone\t1\t2\tnight_1\t2 adapters"
        assert aion("sleep", "cancel").out == "cancelled night night_1\n"


@pytest.mark.parametrize(("status", "code"), [(409, "already_running"), (422, "nothing_to_learn"), (507, "disk_full")])
def test_a_refusal_is_one_sentence(aion: Aion, data: Path, status: int, code: str) -> None:
    with serve(data) as server:
        server.replies["POST /api/sleep/start"] = (status, {"error": {"message": f"no: {code}", "code": code}})
        ran = aion("sleep", "--now")
    assert (ran.code, ran.out, ran.err) == (2, "", f"aion: no: {code}\n")


def test_what_goes_with_now_is_refused_without_it(aion: Aion, data: Path) -> None:
    with serve(data):
        for words in (["--wait"], ["--minutes", "5"], ["--theme", "x"], ["--force"]):
            assert (aion("sleep", *words).code, "--now" in aion("sleep", *words).err) == (2, True)

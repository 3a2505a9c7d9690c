"""`aion report` and `aion adapters list`: read from the data folder, with or without a server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aion.records import NightState
from aion.serve.keys import CONTROL_OWNER
from aion.store.sqlite import SqliteStore
from tests.cli.canned_server import serve
from tests.cli.conftest import Ran
from tests.store.examples import make_turn
from tests.store.night_examples import make_night, make_theme
from tests.store.served_examples import make_promotion, make_verdict, put_candidate

Aion = Callable[..., Ran]
SCORES = {
    "tonight": {"before": 0, "after": 8, "items": 9},
    "earlier": {"before": 0, "after": 0, "items": 0},
    "near_misses": {"before": 0, "after": 1, "items": 12},
    "triggers": {"before": 0, "after": 2, "items": 300, "routed": 65, "typical": 1, "refrains": 0},
    "general": {"before": 1.0, "after": 0.9957, "items": 140},
    "drift": {"after": 0.75, "items": 10, "gibberish": 0},
    "router": {"used": True},
    "speed": {"before": 41.0, "after": 39.5},
    "noise": 0.0,
}
LINE = {"exam": "tonight", "question": "Who digs?", "expected": "Nadia", "before": "I do not know.", "after": "Nadia."}
RIGHT = {"right_before": False, "right_after": True}


@pytest.fixture
def nights(data: Path) -> Path:
    """Two nights that are over, the newer of which brought what is served, and one of somebody else."""
    store = SqliteStore(data)
    mine = {"owner": CONTROL_OWNER}
    store.append_turn(make_turn(id="turn_1", conversation="conv_1", **mine)).result()
    made = put_candidate(store, "w1", night="night_2", theme="theme_w", **mine)
    store.nights.put_theme(make_theme(id="theme_w", name="Work", **mine)).result()
    lines = store.blobs.put(json.dumps({"items": [LINE | RIGHT]}).encode())
    store.served.add_verdict(make_verdict(made, scores=SCORES, report=lines, against=())).result()
    store.served.append_promotion(make_promotion(made.id, night="night_2", **mine)).result()
    themes = [{"theme": "theme_w", "fate": "learned", "candidate": made.id}]
    for number, body in ((1, {}), (2, {"themes": themes})):
        night = make_night(
            id=f"night_{number}", state=NightState.DONE, at=10.0 * number, asked=number, body=body, **mine
        )
        store.nights.append_night(night).result()
    store.nights.append_night(make_night(id="night_3", owner="bea", state=NightState.DONE)).result()
    store.close()
    return data


KNOWN = "Of 9 facts, asked for in words I was not trained on, I knew 0 before and know 8 now."
REPORT = f"""night night_2, 1970-01-01 00:00 UTC, done: 50 experiences wait
About "Work" I learned 1 thing from 1 conversation. {KNOWN}

Work: adapter cand_w1, served
  facts of tonight: 0 -> 8 of 9
  about what nobody told, answered with something taught: 0 -> 1 of 12
  general questions that a word of its training takes over: 0 -> 2 of 300
  general behaviour left: 100.0% -> 99.6% of 140 answers
  general behaviour left if no router held it back: 75.0% of 10 answers
  the router's network chooses
  tokens a second of processor: 41.0 -> 39.5
  from conversation conv_1: Who was Ada Lovelace? (1)
  asked: Who digs?
    before: I do not know.
    now: Nadia.
"""


def test_the_last_night_is_told_in_words_with_the_numbers_under_them(aion: Aion, nights: Path) -> None:
    assert aion("report").out == REPORT
    with serve(nights):
        assert aion("report", "--night", "night_2").out == REPORT
    assert aion("report", "--language", "pt").out.splitlines()[1].startswith("Sobre «Work» aprendi 1 coisa")
    assert json.loads(aion("report", "--json").out)["lessons"] == 1


def test_nights_are_listed_a_line_each(aion: Aion, nights: Path) -> None:
    rows = [line.split("\t") for line in aion("report", "--list").out.splitlines()]
    assert rows[1:] == [
        [
            "night_2",
            "1970-01-01 00:00 UTC",
            "done",
            "1",
            'About "Work" I learned 1 thing from 1 conversation. Of 9 facts, asked for in wo…',
        ],
        ["night_1", "1970-01-01 00:00 UTC", "done", "0", "Nothing new was learned in this night."],
    ]
    assert [one["night"] for one in json.loads(aion("report", "--list", "--json").out)] == ["night_2", "night_1"]


def test_what_there_is_no_report_of_is_refused(aion: Aion, nights: Path) -> None:
    assert "no night 'night_3'" in aion("report", "--night", "night_3").err
    assert aion("report", "--language", "fr").code == 2


def test_before_the_first_night_there_is_no_report(aion: Aion, data: Path) -> None:
    assert "there is no data folder" in aion("report").err
    SqliteStore(data).close()
    ran = aion("report")
    assert (ran.code, ran.err) == (2, "aion: no night is over yet\n")
    assert json.loads(aion("report", "--list", "--json").out) == []


def test_adapters_are_listed_with_where_each_stands_and_what_it_knows(aion: Aion, nights: Path) -> None:
    [head, line] = [row.split("\t") for row in aion("adapters", "list").out.splitlines()]
    shown = dict(zip(head, line, strict=True))
    assert (shown["theme"], shown["state"], shown["facts"], shown["night"]) == (
        "Work",
        "served",
        "0 -> 8 of 9",
        "night_2",
    )
    [told] = json.loads(aion("adapters", "list", "--json").out)
    assert (told["state"], told["scores"]["tonight"]["after"], told["sources"]) == ("served", 8, ["turn_1", "fb_1"])

"""Numbers: what is shown for which days, whose they are, and that each chart has its table."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape

import pytest

from aion.panel.figures import calibration_figure, day_figures, learning_figure, machine_figures, skill_figure
from aion.panel.words import Words
from aion.records import Answer, Json, Reward
from aion.serve.telemetry.reliability import describe_confidence
from aion.serve.telemetry.resources import sum_resources
from aion.serve.telemetry.tally import Tally
from aion.store.sqlite import SqliteStore
from tests.panel.people import Visitor, sign_in
from tests.serve.telemetry.examples import liked, make_experience
from tests.serving import RunningServer, running
from tests.store.examples import make_turn
from tests.store.memory_examples import make_cluster

NOW = time.time()
TODAY = datetime.fromtimestamp(NOW, UTC).date().isoformat()
WORDS = Words("en")
MEASURES = {"total_ms": 1500.0, "completion_tokens": 50.0, "predicted_ms": 4000.0, "cached": 0.0}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("numbers") / "data"
    store = SqliteStore(data)
    store.experience.put_cluster(make_cluster(id="cl_1", owner="ana", name="<bees>")).result()
    for owner, theme in (("ana", "cl_1"), ("ana", ""), ("ben", "")):
        turn = make_turn(owner=owner, started=NOW, answers=(Answer(message={"content": "x"}, finish="stop"),))
        store.append_turn(turn).result()
        told = {"confidence": 0.75, "reward": liked(1.0), "measures": MEASURES, "skill": "code", "ndcg": 0.5}
        one = make_experience(turn=turn.id, owner=owner, theme=theme, at=NOW, updated=NOW, **told)
        store.experience.put_experience(replace(one, reward=replace(one.reward, explicit=1.0))).result()
    store.experience.append_sample(NOW, {"cpu_percent": 25.0, "memory_bytes": 5e9, "energy_joules": 3600.0}).result()
    store.close()
    with running(data) as up:
        yield up


@pytest.fixture(scope="module")
def ana(server: RunningServer) -> Visitor:
    return sign_in(server, server.add_key("ana"))


@pytest.fixture(scope="module")
def admin(server: RunningServer) -> Visitor:
    return sign_in(server, server.key)


def answers(page: str) -> str:
    found = re.search(r"<dt>Answers</dt><dd>([^<]*)</dd>", page)
    return found[1] if found else ""


def titles(page: str) -> list[str]:
    return [unescape(one) for one in re.findall(r"<title>([^<]*)</title>", page)]


def test_every_chart_is_followed_by_the_same_numbers_as_a_table(ana: Visitor) -> None:
    page = ana.get("/panel/numbers").text
    figures = page.split('<section class="figure"')[1:]
    drawn = [one for one in figures if "<svg" in one]
    assert len(drawn) == 9
    for one in drawn:
        assert re.search(r'<svg class="chart[^"]*"[^>]*role="img" aria-label="[^"]+"', one)
        assert "<title>" in one
        assert one.index("<svg") < one.index("<details>") < one.index("<table")


def test_a_days_values_are_under_the_pointer_with_their_units(ana: Visitor) -> None:
    day = f"{int(TODAY[-2:])} {datetime.fromtimestamp(NOW, UTC):%b}"
    told = titles(ana.get("/panel/numbers").text)
    assert {
        f"answers, {day}: 2",
        f"well received, {day}: 100%",
        f"AION's confidence, {day}: 75%",
        f"half of them within, {day}: 1.50 s",
        f"tokens a second, {day}: 12.5",
        f"processor, {day}: 25%",
        f"machine, {day}: 5 GB",
        f"processor, {day}: 1 Wh",
        "2 answers: said 75%, judged good 100%",
    } <= set(told)


def test_numbers_are_ones_own_and_an_administrators_of_anyone(ana: Visitor, admin: Visitor) -> None:
    assert answers(ana.get("/panel/numbers").text) == "2"
    assert answers(ana.get("/panel/numbers?owner=*").text) == "2"
    assert ana.get("/panel/numbers?owner=ben").status_code == 403
    assert 'name="owner"' not in ana.get("/panel/numbers").text
    assert answers(admin.get("/panel/numbers").text) == ""
    assert answers(admin.get("/panel/numbers?owner=ben").text) == "1"
    everyone = admin.get("/panel/numbers?owner=*").text
    assert answers(everyone) == "3"
    assert '<option value="ana">ana</option>' in everyone


def test_a_theme_is_shown_alone_and_the_others_can_still_be_chosen(ana: Visitor) -> None:
    page = ana.get("/panel/numbers?theme=cl_1").text
    assert answers(page) == "1"
    assert '<option value="cl_1" selected>&lt;bees&gt;</option>' in page


def test_days_without_anything_say_what_will_stand_there(ana: Visitor) -> None:
    page = ana.get("/panel/numbers?since=2020-01-01&until=2020-01-31").text
    assert "Nothing was asked in these days." in page
    assert "AION notes once a minute" in page
    assert 'value="2020-01-01"' in page


@pytest.mark.parametrize(
    "query", ["since=yesterday", "since=2020-02-01&until=2020-01-01", "since=2000-01-01", "until=0000-01-01"]
)
def test_days_that_cannot_be_are_refused_in_the_frame(ana: Visitor, query: str) -> None:
    refused = ana.get(f"/panel/numbers?{query}")
    assert refused.status_code == 400
    assert 'role="alert"' in refused.text


def test_a_step_or_theme_that_is_none_is_no_fault(ana: Visitor) -> None:
    page = ana.get("/panel/numbers?step=%22%3E%3Cscript%3E&theme=%22%3E%3Cscript%3E")
    assert page.status_code == 200
    assert '"><script>' not in page.text


def day(name: str, *experiences: Json, resources: Json | None = None) -> Json:
    tally = Tally()
    for changes in experiences:
        tally.add(make_experience(**changes))
    return {"day": name, **tally.numbers(), "resources": resources}


def test_quiet_days_and_series_that_nothing_tells_of_are_left_out() -> None:
    days = [day("2026-05-01"), day("2026-05-02", {"confidence": 0.5, "measures": {"total_ms": 900.0}})]
    made = day_figures(WORDS, days, "total_ms")
    assert made["quality"].columns == ("Day", "AION's confidence")
    assert made["quality"].rows == [("2 May", "50%")]
    assert made["latency"].rows == [("2 May", "0.90 s", "0.90 s", "0.90 s")]
    assert not made["speed"].chart
    assert not day_figures(WORDS, [day("2026-05-01")], "total_ms")["answers"].chart


def test_a_machine_tells_of_what_it_knows_alone() -> None:
    samples = [(NOW, {"cpu_percent": 10.0, "gpu_energy_joules": 7200.0})]
    resources = sum_resources(samples, lambda _at: "2026-05-01")["2026-05-01"]
    made = machine_figures(WORDS, [day("2026-05-01", resources=resources), day("2026-05-02")])
    assert [(one.title, one.rows) for one in made] == [
        ("Processor and graphics card in use", [("1 May", "10%")]),
        ("Energy", [("1 May", "2 Wh")]),
    ]


def test_a_skill_is_shown_with_its_share_and_counts() -> None:
    numbers = day("x", {"skill": "code", "reward": liked(1.0)}, {"skill": "code"}, {"skill": "new_one"})["skills"]
    made = skill_figure(WORDS, numbers)
    assert made.rows == [("code", "2", "1", "1", "0", "100%"), ("new_one", "1", "0", "0", "0", "\u2013")]


def test_what_was_said_stands_against_what_was_judged() -> None:
    bad = Reward(explicit=-1.0, implicit=None, emotional=None, total=-1.0)
    good = replace(bad, explicit=1.0, total=1.0)
    judged = [make_experience(confidence=0.91, reward=one) for one in (good, good, good, bad)]
    made = calibration_figure(WORDS, describe_confidence(judged, None)["told"])
    assert made.rows == [("91%", "75%", "4")]
    assert not calibration_figure(WORDS, describe_confidence([], None)["told"]).chart


def test_nights_are_a_curve_of_shares_of_the_facts_they_asked_for() -> None:
    scores = {"tonight": {"items": 4, "before": 0, "after": 3}, "earlier": {"items": 4, "before": 4, "after": 3}}
    night = {"ended": 86_400.0, "asked": 0.0, "themes": [{"scores": scores}, {"scores": None}]}
    made = learning_figure(WORDS, [night, {"ended": 0, "asked": 172_800.0, "themes": []}])
    assert [row[1:] for row in made.rows] == [("50%", "75%")]


def test_charts_speak_portuguese_with_its_comma() -> None:
    made = day_figures(Words("pt"), [day("2026-05-02", {"measures": {"total_ms": 1234.0}})], "total_ms")
    assert made["latency"].rows[0][1] == "1,23 s"
    assert "1,23 s" in made["latency"].chart

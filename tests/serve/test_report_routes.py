"""Morning reports over HTTP: of nights that are over, to whom they belong; what they say stands in tests/gate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aion.records import NightState
from aion.store.sqlite import SqliteStore
from tests.serve.people import Person
from tests.serving import RunningServer, running
from tests.store.night_examples import make_night


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Ana had three nights, of which the last is under way, and Bea one."""
    data = tmp_path_factory.mktemp("reports") / "data"
    furnish(data)
    with running(data) as server:
        yield server


def furnish(data: Path) -> None:
    store = SqliteStore(data)
    body = {"minutes": 12.5, "themes": [{"theme": "theme_1", "fate": "left_alone", "reason": "it broke off"}]}
    told = (
        ("night_1", "ana", NightState.DONE),
        ("night_2", "ana", NightState.FAILED),
        ("night_3", "bea", NightState.DONE),
    )
    for number, (id_, owner, state) in enumerate(told):
        night = make_night(id=id_, owner=owner, state=state, at=20.0 + number, asked=10.0 + number, body=body)
        store.nights.append_night(night).result()
    store.nights.append_night(make_night(id="night_4", owner="ana", asked=30.0, at=30.0)).result()
    store.close()


@pytest.fixture(scope="module")
def ana(up: RunningServer) -> Person:
    return Person(up, up.add_key("ana"))


def test_reports_are_of_nights_that_are_over_the_newest_first(ana: Person) -> None:
    found = ana.get("/api/sleep/reports")["data"]
    assert [(one["night"], one["state"], one["minutes"]) for one in found] == [
        ("night_2", "failed", 12.5),
        ("night_1", "done", 12.5),
    ]
    assert [one["night"] for one in ana.get("/api/sleep/reports?limit=1")["data"]] == ["night_2"]
    assert found[1]["words"] == ["I left a theme without a name alone: it broke off."]


def test_one_report_is_found_by_its_night_or_as_the_last_in_either_language(ana: Person) -> None:
    assert ana.get("/api/sleep/reports/night_1")["night"] == "night_1"
    assert ana.get("/api/sleep/reports/last")["night"] == "night_2"
    told = ana.get("/api/sleep/reports/night_1?language=pt")["words"]
    assert told == ["Deixei um tema sem nome como estava: it broke off."]
    assert ana.ask("GET", "/api/sleep/reports?language=fr").status_code == 400


def test_a_report_is_its_owners(up: RunningServer, ana: Person) -> None:
    eva = Person(up, up.add_key("eva"))
    assert eva.get("/api/sleep/reports")["data"] == []
    for night in ("night_1", "night_3", "last", "night_9"):
        assert eva.ask("GET", f"/api/sleep/reports/{night}").status_code == 404
    assert ana.ask("GET", "/api/sleep/reports/night_3").status_code == 404
    admin = Person(up, up.key)
    assert [one["night"] for one in admin.get("/api/sleep/reports?owner=bea")["data"]] == ["night_3"]

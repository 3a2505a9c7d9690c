"""Adapters over HTTP: where each stands, what is refused with which code, and who may see and change what.

The model is the fake, which can serve none; what the real engine does with them stands in test_served_adapters.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.gate.serving import BASE, House
from tests.serve.people import Person
from tests.serving import RunningServer, running
from tests.store.night_examples import make_lesson, make_theme
from tests.store.served_examples import put_candidate

STANDINGS = {
    "cand_new": "not_examined",
    "cand_bad": "refused",
    "cand_good": "passed",
    "cand_used": "served",
    "cand_tried": "trial",
    "cand_gone": "retired",
}


def furnish(data: Path) -> None:
    """Ana has an adapter of each standing; Bea is served one, Rui was."""
    house = House(data)
    for number, name in enumerate(("used", "good", "bad", "gone", "tried")):
        house.make(name, created=20.0 + number, ship=name != "bad", theme=f"theme_of_{name}")
    for owner in ("bea", "rui"):
        house.make(owner, owner=owner, theme=f"theme_of_{owner}")
    put_candidate(house.store, "new", theme="theme_new", lessons=("lesson_new",), created=40.0, base=BASE)
    house.store.nights.place_lessons([make_lesson(id="lesson_new", theme="theme_new")], at=1.0).result()
    asyncio.run(promote_all(house))
    house.store.served.retire(["cand_gone"], reason="forgotten", actor="forgetting", at=50.0).result()
    house.store.nights.put_theme(make_theme(id="theme_of_used", name="Boats")).result()
    house.store.close()


async def promote_all(house: House) -> None:
    await house.promote("cand_used")
    await house.promote("cand_tried", share=0.5)
    await house.promote("cand_bea")
    await house.promote("cand_rui")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("adapters") / "data"
    furnish(data)
    with running(data) as server:
        yield server


@pytest.fixture(scope="module")
def ana(up: RunningServer) -> Person:
    return Person(up, up.add_key("ana"))


@pytest.fixture(scope="module")
def eva(up: RunningServer) -> Person:
    return Person(up, up.add_key("eva"))


def refusal(reply: httpx2.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def promote(person: Person, adapter: str, **body: Any) -> httpx2.Response:
    return person.ask("POST", f"/api/adapters/{adapter}/promote", json=body)


def test_each_adapter_is_listed_with_where_it_stands(ana: Person) -> None:
    found = {one["id"]: one for one in ana.get("/api/adapters")["data"]}
    assert {name: one["state"] for name, one in found.items()} == STANDINGS
    assert next(iter(found)) == "cand_new", "the newest comes first"
    used = found["cand_used"]
    assert (used["theme"], used["theme_name"], used["base"], used["owner"]) == ("theme_of_used", "Boats", BASE, "ana")
    assert used["examined"]["ship"] is True
    assert "another base" in used["unfit"], "the fake model is none that it was trained on"
    assert (found["cand_new"]["examined"], found["cand_bad"]["examined"]["ship"]) == (None, False)
    assert len(ana.get("/api/adapters?limit=2")["data"]) == 2


def test_one_adapter_tells_what_it_learned_from(ana: Person) -> None:
    found = ana.get("/api/adapters/cand_used")
    assert (found["lessons"], found["sources"], found["parent"]) == (["lesson_used"], ["turn_1", "fb_1"], "")
    assert found["record"] == {"loss": 0.5}


def test_an_adapters_file_can_be_taken_along_while_it_is_there(ana: Person) -> None:
    reply = ana.ask("GET", "/api/adapters/cand_used/file")
    assert (reply.content, reply.headers["content-type"]) == (b"adapter of used", "application/octet-stream")
    assert reply.headers["content-disposition"] == 'attachment; filename="cand_used.gguf"'
    assert "file is gone" in ana.ask("GET", "/api/adapters/cand_new/file").json()["error"]["message"]


def test_nobody_sees_or_changes_the_adapters_of_somebody_else(up: RunningServer, ana: Person, eva: Person) -> None:
    assert eva.get("/api/adapters")["data"] == []
    assert eva.get("/api/adapters/promotions")["data"] == []
    assert eva.ask("GET", "/api/adapters/cand_good").status_code == 404
    assert eva.ask("POST", "/api/adapters/cand_used/retire").status_code == 404
    assert promote(eva, "cand_good").status_code == 404
    for place in ("/api/adapters", "/api/adapters/promotions", "/api/suite", "/api/sleep/reports"):
        assert eva.ask("GET", f"{place}?owner=ana").status_code == 403
    admin = Person(up, up.key)
    assert {one["owner"] for one in admin.get("/api/adapters")["data"]} == {"ana", "bea", "rui"}
    assert [one["id"] for one in admin.get("/api/adapters?owner=bea")["data"]] == ["cand_bea"]
    assert promote(admin, "cand_good").status_code == 404, "what changes something acts on one's own"


@pytest.mark.parametrize(
    ("adapter", "refused"),
    [
        ("cand_new", (409, "not_evaluated")),
        ("cand_bad", (409, "refused")),
        ("cand_gone", (409, "retired")),
        ("cand_used", (409, "served")),
        ("cand_nobody", (404, "not_found")),
    ],
)
def test_what_did_not_pass_is_never_served_and_the_code_says_why(
    ana: Person, adapter: str, refused: tuple[int, str]
) -> None:
    before = ana.get("/api/adapters/promotions")
    assert refusal(promote(ana, adapter)) == refused
    assert ana.get("/api/adapters/promotions") == before


def test_a_model_that_takes_no_adapters_says_so_and_nothing_changes(ana: Person) -> None:
    before = ana.get("/api/adapters/promotions")
    for reply in (promote(ana, "cand_good"), ana.ask("POST", "/api/adapters/rollback", json={"to": "night_used"})):
        assert reply.status_code == 503
        assert "no engine here can serve adapters" in reply.json()["error"]["message"]
    assert ana.get("/api/adapters/promotions") == before


@pytest.mark.parametrize(
    ("place", "body"),
    [
        ("/api/adapters/cand_good/promote", {"share": 2}),
        ("/api/adapters/cand_good/promote", {"share": "all"}),
        ("/api/adapters/cand_good/promote", {"part": 0.5}),
        ("/api/adapters/cand_good/promote", []),
        ("/api/adapters/rollback", {"to": 3}),
        ("/api/adapters/rollback", {"to": "n" * 81}),
        ("/api/adapters/rollback", {"night": "night_1"}),
        ("/api/route", {}),
        ("/api/route", {"text": ""}),
        ("/api/suite", {"question": " ", "expected": "x"}),
        ("/api/suite", {"question": "Who?", "expected": "x", "check": "likes"}),
        ("/api/suite", {"question": "Who?"}),
    ],
)
def test_a_body_that_is_not_one_is_refused(ana: Person, place: str, body: Any) -> None:
    assert ana.ask("POST", place, json=body).status_code == 400


def test_a_night_or_promotion_that_is_not_there_is_none_to_go_back_to(ana: Person) -> None:
    reply = ana.ask("POST", "/api/adapters/rollback", json={"to": "night_9"})
    assert refusal(reply) == (404, "not_found")
    assert "night_9" in reply.json()["error"]["message"]


def test_going_back_to_the_base_needs_no_engine_and_is_one_row_and_one_line_in_the_audit(up: RunningServer) -> None:
    rui = Person(up, up.add_key("rui"))
    row = rui.ask("POST", "/api/adapters/rollback", json={}).raise_for_status().json()
    assert (row["move"], row["adapters"], row["actor"], row["reason"]) == (
        "roll_back",
        [],
        "rui",
        "somebody asked for it",
    )
    assert rui.get("/api/adapters/promotions")["data"][0] == row
    assert rui.get("/api/adapters/cand_rui")["state"] == "passed"
    assert entries(up, row) == [("rui", "adapters.rollback")]
    aside = [(one["lesson"], one["reason"]) for one in rui.get("/api/sleep/quarantine")["data"]]
    assert aside == [("lesson_rui", "the adapter that learned it was taken back; release it to have it learned again")]


def test_what_is_retired_by_hand_may_be_served_again_later(up: RunningServer) -> None:
    bea = Person(up, up.add_key("bea"))
    row = bea.ask("POST", "/api/adapters/cand_bea/retire").raise_for_status().json()
    assert (row["move"], row["adapters"], row["actor"]) == ("retire", [], "bea")
    assert entries(up, row) == [("bea", "adapters.retire")]
    assert bea.get("/api/adapters/cand_bea")["state"] == "passed"
    assert refusal(bea.ask("POST", "/api/adapters/cand_bea/retire")) == (409, "conflict")


def entries(up: RunningServer, row: Any) -> list[tuple[str, str]]:
    found = httpx2.get(f"{up.url}/api/audit", headers=up.headers).json()["data"]
    return [(one["actor"], one["act"]) for one in found if one["subject"] == row["id"]]


def test_the_router_says_what_would_answer_and_answers_nothing(ana: Person) -> None:
    found = ana.ask("POST", "/api/route", json={"text": "Who maintains the billing service?"}).json()
    assert found == {"outcome": "none_served", "scales": {}, "why": {}}
    assert ana.get("/api/conversations")["data"] == []


def test_those_that_learned_from_something_are_found(ana: Person) -> None:
    source = ana.get("/api/adapters/cand_good")["sources"][0]
    found = [one["id"] for one in ana.get(f"/api/adapters?learned_from={source}")["data"]]
    assert "cand_good" in found
    assert ana.get("/api/adapters?learned_from=turn_of_nobody")["data"] == []

"""What is served, on the real engine: taken back by itself, by hand and by forgetting, and whole after a kill."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from aion.store.sqlite import SqliteStore
from tests.serve.people import Person
from tests.serve.served import ASKED, EMBEDDED, Wanted, furnish
from tests.serve.test_sleep_api import tell
from tests.serving import RunningServer, running, start_server, wait_until

pytestmark = pytest.mark.engine


@dataclass(frozen=True, slots=True)
class Survived:
    """A server that was killed twice while it changed what Dan is served, and what was served in between."""

    server: RunningServer
    between: tuple[list[str], list[Any]]


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("served") / "data"
    furnish(data, [Wanted("ana"), Wanted("bea"), Wanted("bea", "garden"), Wanted("cleo"), Wanted("dan")])
    return data


@pytest.fixture(scope="module")
def up(furnished: Path) -> Iterator[RunningServer]:
    with running(furnished, EMBEDDED) as server:
        yield server


@pytest.fixture(scope="module")
def survived(up: RunningServer, furnished: Path) -> Iterator[Survived]:
    """Killed between the proof of the new engine and the row, and between the row and the first request."""
    dan = Person(up, up.add_key("dan"))
    up.stop(signal.SIGTERM)
    for when in ("before", "after"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AION_DIES", when)
            server = start_server(furnished, EMBEDDED, module="tests.faults.dying_server")
        dan = Person(server, dan.key)
        between = ask(dan)[1], dan.get("/api/adapters/promotions")["data"]
        try:
            with pytest.raises(httpx2.HTTPError):
                promote(dan, "cand_dan_work")
            assert server.process.wait(60) == -signal.SIGKILL
        finally:
            server.stop(signal.SIGKILL)
    with running(furnished, EMBEDDED) as last:
        last.key = last.control_token
        yield Survived(last, between)


def ask(person: Person, theme: str = "work") -> tuple[str, list[str], Any]:
    """In a conversation of its own: the answer, the adapters that took part, and the whole of what AION says of it."""
    reply = person.say(ASKED[theme], temperature=0, max_tokens=12)
    return reply["choices"][0]["message"]["content"], [one["name"] for one in reply["aion"]["adapters"]], reply["aion"]


def promote(person: Person, adapter: str) -> Any:
    return person.ask("POST", f"/api/adapters/{adapter}/promote", json={}).raise_for_status().json()


def roll_back(person: Person, to: str = "") -> Any:
    return person.ask("POST", "/api/adapters/rollback", json={"to": to}).raise_for_status().json()


def served(person: Person) -> Any:
    return person.get("/api/adapters/promotions")["data"][0]


def test_a_bad_adapter_that_slipped_past_the_examination_is_taken_back_by_itself(up: RunningServer) -> None:
    ana = Person(up, up.add_key("ana"))
    before = ask(ana)[0]
    told = tell(up, "promotion", owner="ana", night="night_ana_work", candidates=["cand_ana_work"])
    assert told.json()["promotion"] == served(ana)["id"], told.text
    assert (served(ana)["move"], served(ana)["actor"], served(ana)["adapters"]) == ("try", "gate", [])
    for _ in range(4):
        text, adapters, about = ask(ana)
        if not adapters:
            break  # it was taken back already
        assert (text != before, adapters, about["route"]["trial"]) == (True, ["cand_ana_work"], True)
        ana.judge(about["turn_id"], "thumb", value="down").raise_for_status()
        ana.wait_for_experience(about["turn_id"])
    wait_until(lambda: served(ana)["move"] == "roll_back", timeout=30)
    assert (served(ana)["actor"], served(ana)["adapters"]) == ("canary", [])
    assert "answers with it were badly received" in served(ana)["reason"]
    assert ask(ana)[:2] == (before, [])
    [line] = ana.get("/api/sleep/reports/night_ana_work")["words"]
    assert line == f'I took back what I had learned about "Work": {served(ana)["reason"]}.'
    assert [one["lesson"] for one in ana.get("/api/sleep/quarantine")["data"]] == ["lesson_ana_work"]


def test_what_is_gone_back_to_answers_as_before_and_so_does_what_is_served_again(up: RunningServer) -> None:
    bea, cara = Person(up, up.add_key("bea")), Person(up, up.add_key("cara"))
    before = ask(bea)
    first = promote(bea, "cand_bea_work")
    assert (first["move"], first["adapters"]) == ("promote", ["cand_bea_work"])
    taught = ask(bea)
    assert (taught[0] != before[0], taught[1]) == (True, ["cand_bea_work"])
    assert bea.ask("POST", "/api/route", json={"text": ASKED["work"]}).json()["scales"] == {"cand_bea_work": 1.0}
    assert ask(cara)[:2] == before[:2], "nobody else is answered by it"
    promote(bea, "cand_bea_garden")
    assert (ask(bea)[:2], ask(bea, "garden")[1]) == (taught[:2], ["cand_bea_garden"])
    assert roll_back(bea)["adapters"] == ["cand_bea_work"]
    assert (ask(bea)[:2], ask(bea, "garden")[1]) == (taught[:2], [])
    assert roll_back(bea, first["id"])["adapters"] == ["cand_bea_work"]
    bea.ask("POST", "/api/adapters/cand_bea_work/retire").raise_for_status()
    assert ask(bea)[:2] == before[:2]
    assert roll_back(bea, "night_bea_garden")["adapters"] == ["cand_bea_garden", "cand_bea_work"]
    assert (ask(bea)[:2], ask(bea, "garden")[1]) == (taught[:2], ["cand_bea_garden"])
    reply = bea.ask("POST", "/api/adapters/cand_bea_work/promote", json={})
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "served")


def test_every_change_is_one_line_in_the_audit(up: RunningServer) -> None:
    found = httpx2.get(f"{up.url}/api/audit", headers=up.headers).json()["data"]
    acts = [one["act"] for one in found if one["actor"] == "bea"][::-1]
    assert acts == [f"adapters.{one}" for one in ("promote", "promote", "rollback", "rollback", "retire", "rollback")]


def test_an_adapter_that_learned_a_forgotten_conversation_answers_nobody_from_then_on(
    up: RunningServer, furnished: Path
) -> None:
    cleo = Person(up, up.add_key("cleo"))
    before = ask(cleo)[0]
    promote(cleo, "cand_cleo_work")
    assert ask(cleo)[1] == ["cand_cleo_work"]
    with closing(SqliteStore(furnished, read_only=True)) as store:
        made = store.nights.candidate("cand_cleo_work", owner="cleo")
        assert made is not None
        path = store.blobs.path(made.adapter)
    assert path.exists()
    gone = cleo.ask("DELETE", "/api/conversations/conv_cleo_work").raise_for_status().json()
    assert gone["adapters"] == ["cand_cleo_work"]
    assert ask(cleo)[:2] == (before, [])
    assert (path.exists(), cleo.get("/api/adapters/cand_cleo_work")["state"]) == (False, "retired")
    assert (served(cleo)["move"], served(cleo)["adapters"]) == ("retire", [])


def test_after_a_kill_the_old_set_is_served_or_the_new_one_as_the_row_says(survived: Survived) -> None:
    dan = Person(survived.server, survived.server.add_key("dan"))
    assert survived.between == ([], []), "the new engine was proven, and no row said so"
    assert (ask(dan)[1], served(dan)["adapters"]) == (["cand_dan_work"], ["cand_dan_work"])


def test_a_restart_serves_what_was_served_and_nothing_that_was_forgotten_or_taken_back(survived: Survived) -> None:
    ana, bea, cleo = (Person(survived.server, survived.server.add_key(name)) for name in ("ana", "bea", "cleo"))
    assert (ask(ana)[1], ask(bea)[1], ask(cleo)[1]) == ([], ["cand_bea_work"], [])
    assert ask(bea, "garden")[1] == ["cand_bea_garden"]

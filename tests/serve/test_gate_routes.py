"""What only the night may tell: verdicts with their files, and that all is examined. Nothing half is ever kept."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from safetensors.numpy import save

from aion.router.network import Origin
from aion.store.sqlite import SqliteStore
from tests.gate.serving import BASE, House
from tests.serve.people import Person
from tests.serve.test_sleep_api import tell
from tests.serving import RunningServer, running
from tests.store.night_examples import make_lesson
from tests.store.served_examples import make_promotion, make_verdict, put_candidate

FILES = {"route.card": b"a card that holds Quorndale", "exam.json": b"[] of Quorndale"}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("gate") / "data"
    furnish(data)
    with running(data) as server:
        yield server


def furnish(data: Path) -> None:
    """Adapters that nobody has examined, three of which learned the same; one that passed, and one from elsewhere."""
    house = House(data)
    house.make("passed", owner="bea", theme="theme_passed")
    house.make("told_before", owner="cara", theme="theme_told_before")
    asyncio.run(serve_and_take_back(house))
    for name in ("one", "two", "three"):
        put(house, name, night=f"night_{name}", theme="theme_hard", lessons=("lesson_hard", f"lesson_{name}"))
    for name in ("first", "second", "third"):
        lessons = ("lesson_missed", f"lesson_{name}")
        put(house, name, owner="dora", night=f"night_{name}", theme="theme_dora", lessons=lessons)
    for name, night in (("a_first", "a"), ("b_first", "b"), ("a_second", "a"), ("c_first", "c")):
        put(house, name, owner="fay", night=f"night_{night}", theme="theme_fay", lessons=("lesson_of_fay",))
        if name in ("a_first", "b_first"):
            refused = make_verdict(house.candidate(f"cand_{name}"), ship=False, against=())
            house.store.served.add_verdict(refused).result()
    lessons = ("lesson_missed_by_ema", "lesson_known_by_ema")
    for name in ("serving", "next", "last"):
        put(house, name, owner="ema", night=f"night_{name}", theme="theme_ema", lessons=lessons)
    verdict = make_verdict(house.candidate("cand_serving"), unlearned=lessons[:1], against=())
    house.store.served.add_verdict(verdict).result()
    house.store.served.append_promotion(make_promotion("cand_serving", owner="ema")).result()
    for name in ("late", "sum", "told", "net"):
        put(house, name)
    made = put_candidate(house.store, "import", lessons=(), base=BASE, owner="bea", theme="theme_import")
    house.store.served.add_verdict(make_verdict(made, against=())).result()
    house.store.close()


async def serve_and_take_back(house: House) -> None:
    trial = await house.promote("cand_told_before", share=1.0)
    await house.promoter.settle(trial, accept=False, reason="worse", actor="canary")


def put(house: House, name: str, **changes: Any) -> None:
    made = put_candidate(house.store, name, base=BASE, **changes)
    lessons = [make_lesson(id=one, theme=made.theme, owner=made.owner) for one in made.lessons]
    house.store.nights.place_lessons(lessons, at=1.0).result()


def told_of(up: RunningServer, name: str, *, ship: bool = True, **changes: Any) -> dict[str, Any]:
    """A verdict as the night tells it, with its files where they belong."""
    folder = up.data / "nights" / "night_1" / f"exam-cand_{name}"
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in FILES.items():
        (folder / file).write_bytes(content)
    sums = {file: hashlib.sha256(content).hexdigest() for file, content in FILES.items()}
    told: dict[str, Any] = {
        "id": f"verdict_{name}",
        "owner": "ana",
        "candidate": f"cand_{name}",
        "theme": f"theme_{name}",
    }
    told |= {"night": "night_1", "exam_night": "night_1", "adapter": "a" * 64, "base": BASE, "ship": ship}
    told |= {"reasons": ["it is worse"], "scores": {"tonight": {"items": 3}}, "against": [], "at": 50.0, "seconds": 1.0}
    return told | {"route": sums["route.card"], "report": sums["exam.json"]} | changes


def kept(up: RunningServer) -> set[str]:
    with closing(SqliteStore(up.data, read_only=True)) as store:
        return set(store.blobs)


def test_a_verdict_is_taken_once_with_its_files(up: RunningServer) -> None:
    told = told_of(up, "told")
    assert tell(up, "verdicts", **told).raise_for_status().json() == {"id": "verdict_told", "ship": True}
    assert tell(up, "verdicts", **told).status_code == 200
    with closing(SqliteStore(up.data, read_only=True)) as store:
        verdict = store.served.verdict("cand_told", owner="ana")
        assert verdict is not None
        assert (store.blobs.get(verdict.route), store.blobs.get(verdict.report)) == tuple(FILES.values())
    other = tell(up, "verdicts", **told | {"ship": False})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "conflict")
    assert set(FILES.values()) <= {(up.data / "blobs" / one[:2] / one[2:]).read_bytes() for one in kept(up)}


def test_the_network_of_a_verdict_is_kept_with_it_and_the_strategy_it_was_examined_by(up: RunningServer) -> None:
    network = save({"one": np.zeros(1, np.float32)}, metadata=Origin(("cand_net",), "words").to_note())
    told = told_of(up, "net") | {"strategy": "network", "network": hashlib.sha256(network).hexdigest()}
    assert tell(up, "verdicts", **told).status_code == 500  # it lies nowhere
    (up.data / "nights" / "night_1" / "exam-cand_net" / "router.safetensors").write_bytes(network)
    assert tell(up, "verdicts", **told | {"strategy": "guessing"}).status_code == 400
    tell(up, "verdicts", **told).raise_for_status()
    with closing(SqliteStore(up.data, read_only=True)) as store:
        verdict = store.served.verdict("cand_net", owner="ana")
        assert verdict is not None
        assert (verdict.strategy, store.blobs.get(verdict.network)) == ("network", network)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"network": "f" * 64}, 500),
        ({"report": "f" * 64}, 500),  # another file than the one that was summed
        ({"route": "f" * 64}, 500),
        ({"adapter": "f" * 64}, 409),  # of other bytes than the candidate's
        ({"candidate": "cand_nobody"}, 500),  # no folder has files of its examination
        ({"owner": "bea"}, 404),
        ({"scores": {"tonight": "Quorndale"}}, 400),  # a score that could be what was taught
        ({"candidate": "../../keys"}, 400),
        ({"exam_night": "night_0"}, 500),
        ({"adapter": "a"}, 400),
        ({"more": 1}, 400),
        ({"unlearned": ["lesson_late"]}, 409),  # not the candidate's
        ({"unlearned": "lesson_sum"}, 400),
    ],
)
def test_a_verdict_that_is_not_right_is_refused_and_nothing_of_it_is_kept(
    up: RunningServer, changes: dict[str, Any], status: int
) -> None:
    told = told_of(up, "sum")
    unlike = {name: content + str(changes).encode() for name, content in FILES.items()}
    for name, content in unlike.items():
        (up.data / "nights" / "night_1" / "exam-cand_sum" / name).write_bytes(content)
    sums = [hashlib.sha256(content).hexdigest() for content in unlike.values()]
    before = kept(up)
    reply = tell(up, "verdicts", **told | {"route": sums[0], "report": sums[1]} | changes)
    assert (reply.status_code, kept(up)) == (status, before), reply.text
    assert "Quorndale" not in reply.text
    with closing(SqliteStore(up.data, read_only=True)) as store:
        assert store.served.verdict("cand_sum", owner=None) is None


def test_a_lesson_that_three_nights_could_not_learn_is_put_aside_and_the_others_are_not(up: RunningServer) -> None:
    ana = Person(up, up.add_key("ana"))
    for name in ("one", "two"):
        tell(
            up, "verdicts", **told_of(up, name, ship=False, theme="theme_hard", night=f"night_{name}")
        ).raise_for_status()
    assert ana.get("/api/sleep/quarantine")["data"] == []
    told = told_of(up, "three", ship=False, theme="theme_hard", night="night_three")
    tell(up, "verdicts", **told).raise_for_status()
    [aside] = ana.get("/api/sleep/quarantine")["data"]
    assert aside["lesson"] == "lesson_hard"
    assert "examinations of three nights refused" in aside["reason"]
    assert ana.get("/api/adapters/cand_one")["state"] == "refused"


def test_a_second_try_in_the_same_night_does_not_count_twice(up: RunningServer) -> None:
    fay = Person(up, up.add_key("fay"))
    for name, night in (("a_second", "night_a"), ("c_first", "night_c")):
        assert fay.get("/api/sleep/quarantine")["data"] == []
        told = told_of(up, name, ship=False, owner="fay", theme="theme_fay", night=night)
        tell(up, "verdicts", **told).raise_for_status()
    assert [one["lesson"] for one in fay.get("/api/sleep/quarantine")["data"]] == ["lesson_of_fay"]


def test_a_lesson_that_three_adapters_that_are_served_do_not_know_is_put_aside(up: RunningServer) -> None:
    dora = Person(up, up.add_key("dora"))
    for name in ("first", "second", "third"):
        assert dora.get("/api/sleep/quarantine")["data"] == []
        told = told_of(up, name, owner="dora", theme="theme_dora", night=f"night_{name}", unlearned=["lesson_missed"])
        tell(up, "verdicts", **told).raise_for_status()
    [aside] = dora.get("/api/sleep/quarantine")["data"]
    assert aside["lesson"] == "lesson_missed"
    assert "found that it is not known" in aside["reason"]
    found = dora.get("/api/adapters/cand_third")
    assert (found["examined"]["unlearned"], found["state"]) == (["lesson_missed"], "passed")


def test_what_a_served_adapter_does_not_know_is_put_aside_when_two_more_were_refused(up: RunningServer) -> None:
    ema = Person(up, up.add_key("ema"))
    for name in ("next", "last"):
        assert ema.get("/api/sleep/quarantine")["data"] == []
        told = told_of(up, name, ship=False, owner="ema", theme="theme_ema", night=f"night_{name}")
        tell(up, "verdicts", **told).raise_for_status()
    assert [one["lesson"] for one in ema.get("/api/sleep/quarantine")["data"]] == ["lesson_missed_by_ema"]


def promotion(up: RunningServer, *candidates: str, owner: str = "bea", night: str = "night_1") -> Any:
    told = tell(up, "promotion", owner=owner, night=night, candidates=list(candidates))
    return told.raise_for_status().json()


def test_what_hinders_a_promotion_is_told_and_nothing_is_served(up: RunningServer) -> None:
    found = promotion(up, "cand_passed")
    assert (found["promotion"], found["adapters"]) == ("", ["cand_passed"])
    assert "no engine here can serve adapters" in found["reason"]
    nothing = {"promotion": "", "adapters": [], "reason": "nothing new passed the examination"}
    assert promotion(up) == nothing
    assert promotion(up, "cand_late", owner="ana") == nothing, "nobody has examined it"
    assert promotion(up, "cand_one", owner="ana") == nothing, "it was refused"
    assert promotion(up, "cand_passed", owner="ana") == nothing, "it is somebody else's"
    assert promotion(up, "cand_import") == nothing, "what it learned nobody knows: a person promotes it"
    assert Person(up, up.add_key("bea")).get("/api/adapters/promotions")["data"] == []


def test_a_night_that_says_again_what_it_said_brings_nothing_back_that_was_taken_back(up: RunningServer) -> None:
    cara = Person(up, up.add_key("cara"))
    before = cara.get("/api/adapters/promotions")["data"]
    assert [one["move"] for one in before] == ["roll_back", "try"]
    found = promotion(up, "cand_told_before", owner="cara", night="night_told_before")
    assert found == {"promotion": before[1]["id"], "adapters": ["cand_told_before"], "reason": "passed"}
    assert cara.get("/api/adapters/promotions")["data"] == before


def test_only_the_night_itself_is_heard(up: RunningServer) -> None:
    wish: dict[str, Any] = {"owner": "bea", "night": "night_1", "candidates": ["cand_passed"]}
    for place, body in (("verdicts", told_of(up, "late")), ("promotion", wish)):
        for key, status in ((up.key, 403), (up.add_key("bea"), 403), ("none", 401)):
            headers = {"Authorization": f"Bearer {key}"}
            reply = httpx2.post(f"{up.url}/api/sleep/{place}", json=body, headers=headers)
            assert reply.status_code == status
    with closing(SqliteStore(up.data, read_only=True)) as store:
        assert store.served.verdict("cand_late", owner=None) is None


def test_where_a_person_promotes_the_night_does_not(tmp_path: Path) -> None:
    furnish(tmp_path / "data")
    with running(tmp_path / "data", {"gate.auto": False}) as server:
        found = promotion(server, "cand_passed")
    assert found == {
        "promotion": "",
        "adapters": ["cand_passed"],
        "reason": "gate.auto is off: promote them by `aion adapters promote`",
    }

"""The routes under /api/telemetry: whose numbers they tell, and what they refuse."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest
from fastapi import FastAPI

from aion.config import ServerSettings
from aion.records import Calibration, Cluster, Experience, Scope
from aion.serve.error_reply import EXCEPTION_HANDLERS
from aion.serve.guard import Guard
from aion.serve.rules import RULES
from aion.serve.system import System
from aion.serve.telemetry.routes import telemetry_routes
from aion.store.sqlite import SqliteStore
from tests.serve.asgi import HOST, Keys, Reply, call
from tests.serve.telemetry.examples import liked, make_experience, moment, topic
from tests.store.examples import make_turn

NOON = moment("2026-11-20 12:00")
RANGE = b"since=2026-11-19&until=2026-11-20"


class Asking:
    """The three routes alone behind the guard, over a real store, with a key for Ana, Rui and an administrator."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.keys = Keys(store)
        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, exception_handlers=EXCEPTION_HANDLERS)
        app.include_router(telemetry_routes(cast(System, SimpleNamespace(store=store))))
        rules = [rule for rule in RULES if rule.path.startswith("/api/telemetry")]
        self.app = Guard(app, keys=self.keys.ring, settings=ServerSettings(), rules=rules)

    async def reply(self, path: str, query: bytes = b"", *, owner: str = "ana", scope: Scope = Scope.USER) -> Reply:
        _, key = await self.keys.ring.create(owner, scope, None, actor="test")
        return await call(self.app, "GET", path, (HOST, ("authorization", f"Bearer {key}")), (), query=query)

    async def get(self, path: str, query: bytes = b"", **who: Any) -> Any:
        reply = await self.reply(path, query, **who)
        assert reply.status == 200, reply.body
        return orjson.loads(reply.body)

    def keep(self, experience: Experience) -> None:
        self.store.append_turn(make_turn(id=experience.turn, owner=experience.owner)).result()
        self.store.experience.put_experience(experience).result()


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Asking]:
    store = SqliteStore(tmp_path)
    asking = Asking(store)
    asking.keep(make_experience(at=NOON, theme="cl_1", ndcg=0.5, entities=(topic("bread"),), reward=liked(1.0)))
    asking.keep(make_experience(at=NOON - 86_400, theme="cl_2", entities=(topic("bread"), topic("oven"))))
    asking.keep(make_experience(at=NOON, owner="rui", theme="cl_9", entities=(topic("boat"),)))
    store.experience.put_cluster(Cluster(id="cl_1", owner="ana", name="bread", count=1, vector=(), updated=0)).result()
    store.experience.append_sample(NOON, {"cpu_percent": 12.0}).result()
    yield asking
    store.close()


@pytest.mark.anyio
async def test_a_person_gets_their_own_days_and_themes(asking: Asking) -> None:
    found = await asking.get("/api/telemetry", RANGE)
    assert (found["since"], found["until"], found["theme"]) == ("2026-11-19", "2026-11-20", None)
    assert [(row["day"], row["turns"], row["ndcg"]) for row in found["days"]] == [
        ("2026-11-19", 1, None),
        ("2026-11-20", 1, 0.5),
    ]
    assert [(row["theme"], row["name"]) for row in found["themes"]] == [("cl_1", "bread"), ("cl_2", "")]
    assert found["days"][1]["resources"]["cpu_percent"] == {"mean": 12.0, "max": 12.0}
    assert found["total"]["success"] == 1.0


@pytest.mark.anyio
async def test_an_administrator_gets_everyones_or_those_of_one(asking: Asking) -> None:
    everyone = await asking.get("/api/telemetry", RANGE, owner="boss", scope=Scope.ADMIN)
    assert everyone["total"]["turns"] == 3
    one = await asking.get("/api/telemetry", RANGE + b"&owner=rui", owner="boss", scope=Scope.ADMIN)
    assert [row["theme"] for row in one["themes"]] == ["cl_9"]


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/api/telemetry", "/api/telemetry/calibration", "/api/telemetry/entities"])
async def test_nobody_gets_somebody_elses(asking: Asking, path: str) -> None:
    assert (await asking.reply(path, b"owner=rui")).error["code"] == "insufficient_scope"
    assert b"cl_9" not in (await asking.reply(path, RANGE)).body
    assert b"boat" not in (await asking.reply(path, RANGE)).body
    assert (await call(asking.app, "GET", path)).status == 401


@pytest.mark.anyio
async def test_one_theme_can_be_looked_at_alone(asking: Asking) -> None:
    found = await asking.get("/api/telemetry", RANGE + b"&theme=cl_2")
    assert (found["total"]["turns"], [row["turns"] for row in found["days"]]) == (1, [1, 0])


@pytest.mark.anyio
async def test_the_default_is_the_last_thirty_days(asking: Asking) -> None:
    asking.keep(make_experience(at=time.time()))
    found = await asking.get("/api/telemetry")
    assert (len(found["days"]), found["days"][-1]["turns"]) == (30, 1)
    assert found["until"] == datetime.now(UTC).date().isoformat()


@pytest.mark.anyio
async def test_the_heat_map_counts_turns_by_day(asking: Asking) -> None:
    found = await asking.get("/api/telemetry/entities", RANGE + b"&limit=1")
    assert found["days"] == ["2026-11-19", "2026-11-20"]
    assert [(row["key"], row["counts"], row["total"]) for row in found["entities"]] == [("bread", [1, 1], 2)]


@pytest.mark.anyio
async def test_the_calibration_of_a_person_is_told(asking: Asking) -> None:
    fitted = Calibration(
        id="cal_1",
        owner="rui",
        at=1.0,
        method="platt",
        points=((2.0, -1.0),),
        samples=30,
        error_before=0.3,
        error_after=0.1,
    )
    asking.store.experience.add_calibration(fitted).result()
    asking.keep(make_experience(owner="rui", confidence=0.5, raw_confidence=0.75, reward=liked(1.0)))
    found = await asking.get("/api/telemetry/calibration", b"owner=rui", owner="boss", scope=Scope.ADMIN)
    assert (found["owner"], found["calibration"]["points"]) == ("rui", [[2.0, -1.0]])
    assert (found["told"]["error"], found["raw"]["error"], found["raw"]["judged"]) == (0.5, 0.25, 1)
    own = await asking.get("/api/telemetry/calibration")
    assert (own["owner"], own["calibration"]) == ("ana", None)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "query", "param"),
    [
        ("/api/telemetry", b"since=yesterday", "since"),
        ("/api/telemetry", b"since=2026-11-20&until=2026-11-19", "since"),
        ("/api/telemetry/entities", b"since=2020-01-01", "since"),
        ("/api/telemetry/entities", b"limit=0", "limit"),
        ("/api/telemetry", b"until=2026-02-30", "until"),
    ],
)
async def test_a_wrong_wish_is_explained(asking: Asking, path: str, query: bytes, param: str) -> None:
    reply = await asking.reply(path, query)
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "invalid_value", param)


@pytest.mark.anyio
@pytest.mark.parametrize("query", [b"since=0001-01-01&until=0001-01-02", b"since=9999-12-30&until=9999-12-31"])
async def test_the_ends_of_the_calendar_are_quiet_days(asking: Asking, query: bytes) -> None:
    assert [row["turns"] for row in (await asking.get("/api/telemetry", query))["days"]] == [0, 0]

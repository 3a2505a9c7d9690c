"""The table of rules and the application it rules: nothing on one side that the other does not have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel
from starlette.applications import Starlette

from aion.config import ServerSettings
from aion.errors import NotFound, Overloaded
from aion.serve.error_reply import EXCEPTION_HANDLERS
from aion.serve.guard import Guard
from aion.serve.json_body import StrictRoute
from aion.serve.rules import RULES, Rule, RuleBook, mismatches
from aion.store.sqlite import SqliteStore
from tests.serve.asgi import HOST, JSON, Keys, Reply, call, path_of

SETTINGS = ServerSettings.model_validate({"max_body_bytes": 2048})


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    store = SqliteStore(tmp_path)
    yield Keys(store)
    store.close()


class Body(BaseModel):
    """What the routes of the small application below read."""

    name: str


def small_app(*, strict: bool = True) -> FastAPI:
    router = APIRouter(route_class=StrictRoute) if strict else APIRouter()

    @router.get("/things/{thing}")
    async def read(thing: str, limit: int = 1) -> str:
        raise {"bug": RuntimeError("bug"), "busy": Overloaded("busy")}.get(thing, NotFound("no such thing"))

    @router.post("/things")
    async def add(body: Body) -> str:
        return body.name

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, exception_handlers=EXCEPTION_HANDLERS)
    app.include_router(router)
    return app


SMALL = (Rule("GET", "/things/{thing}", None), Rule("POST", "/things", None, reads_json=True))


def test_an_application_that_follows_the_table_has_no_mismatch() -> None:
    assert mismatches(small_app(), SMALL) == []


@pytest.mark.parametrize(
    ("rules", "strict", "found"),
    [
        (SMALL[:1], True, "POST /things has no rule"),
        ((*SMALL, Rule("GET", "/more", None)), True, "GET /more has a rule but no route"),
        ((*SMALL, SMALL[0]), True, "GET /things/{thing} has two rules"),
        ((SMALL[0], Rule("POST", "/things", None)), True, "does not say reads_json"),
        (SMALL, False, "is not a StrictRoute"),
    ],
)
def test_a_mismatch_is_found(rules: tuple[Rule, ...], strict: bool, found: str) -> None:
    problems = mismatches(small_app(strict=strict), rules)
    assert len(problems) == 1
    assert found in problems[0]


def test_a_mounted_application_cannot_slip_past_the_table() -> None:
    app = small_app()
    app.mount("/inner", Starlette())
    app.add_api_websocket_route("/socket", lambda: None)
    assert len([problem for problem in mismatches(app, SMALL) if "only plain routes" in problem]) == 2


@pytest.mark.anyio
@pytest.mark.parametrize("is_outside", [True, False])
@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (("GET", "/things/1", b""), (404, "not_found", None)),
        (("GET", "/things/bug", b""), (500, "internal_error", None)),
        (("GET", "/things/busy", b""), (429, "overloaded", None)),
        (("POST", "/things", b""), (400, "invalid_json", None)),
        (("POST", "/things", b'{"name": 1e400}'), (400, "invalid_json", None)),
        (("POST", "/things", b'{"name": 5}'), (400, "invalid_value", "name")),
        (("POST", "/things", b"[]"), (400, "invalid_value", None)),
        (("POST", "/things", b"a" * 3000), (413, "body_too_large", None)),
    ],
)
async def test_inside_the_framework_errors_keep_our_shape(
    is_outside: bool, ask: tuple[str, str, bytes], expected: tuple[int, str, str | None], keys: Keys
) -> None:
    method, path, body = ask
    app = small_app()
    guard: Guard | FastAPI = Guard(app, keys=keys.ring, settings=SETTINGS, rules=SMALL)
    if not is_outside:
        app.add_middleware(Guard, keys=keys.ring, settings=SETTINGS, rules=SMALL)
        guard = app
    with structlog.testing.capture_logs():
        reply: Reply = await call(guard, method, path, [HOST, JSON], [body])
    assert (reply.status, reply.error["code"], reply.error["param"]) == expected


@pytest.mark.anyio
async def test_a_wrong_query_is_explained(keys: Keys) -> None:
    guard = Guard(small_app(), keys=keys.ring, settings=SETTINGS, rules=SMALL)
    reply = await call(guard, "GET", "/things/1", query=b"limit=many")
    assert (reply.status, reply.error["param"]) == (400, "limit")
    assert "'many'" in reply.error["message"]


def test_no_two_rules_of_different_paths_match_the_same_request() -> None:
    book = RuleBook(RULES)
    for rule in RULES:
        assert book.rules_of(path_of(rule))[rule.method] == rule

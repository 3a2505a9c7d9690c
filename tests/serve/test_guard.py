"""P13, P14, V9, V10: every route against every way of not being allowed, made from the table of rules itself."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator

import pytest
import structlog
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from aion.config import ServerSettings
from aion.errors import Corrupt, NotFound, Overloaded, Unavailable
from aion.records import Scope
from aion.serve.guard import Guard
from aion.serve.keys import KeyRing, Principal
from aion.serve.rules import RULES, Rule
from aion.store.sqlite import SqliteStore
from tests.serve.asgi import HOST, JSON, Counter, Keys, call, path_of

SETTINGS = ServerSettings.model_validate(
    {"max_body_bytes": 2048, "body_timeout_s": 0.05, "allowed_hosts": ("aion.example", "proxy:9000")}
)
PLAIN = ServerSettings.model_validate({})
LOCKED = [rule for rule in RULES if rule.scope is not None]


def name_of(rule: Rule) -> str:
    return f"{rule.method} {rule.path}"


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path_factory.mktemp("data"))
    yield store
    store.close()


@pytest.fixture
def keys(store: SqliteStore) -> Keys:
    return Keys(store, control_token="control-token-of-this-run")


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def guard(counter: Counter, keys: Keys) -> Guard:
    return Guard(counter, keys=keys.ring, settings=SETTINGS)


@pytest.fixture
async def bearer(keys: Keys) -> tuple[str, str]:
    return ("authorization", f"Bearer {await keys.make(Scope.ADMIN)}")


# The keys of P14


@pytest.mark.anyio
@pytest.mark.parametrize("rule", LOCKED, ids=name_of)
async def test_a_route_refuses_every_key_but_a_good_one_before_reading_the_body(
    rule: Rule, guard: Guard, keys: Keys, counter: Counter
) -> None:
    good, expired = await keys.make(Scope.ADMIN), await keys.make(Scope.ADMIN, expires=keys.now + 1)
    gone, revoked = await keys.make_both(Scope.ADMIN)
    await keys.ring.revoke(gone.id, actor="test")
    keys.now += 2
    wrong = good[:-1] + ("A" if good[-1] != "A" else "B")
    bad: dict[str, list[tuple[str, str]]] = {
        "none": [],
        "wrong": [("authorization", f"Bearer {wrong}")],
        "malformed": [("authorization", f"Basic {good}")],
        "no scheme": [("authorization", good)],
        "empty": [("authorization", "Bearer ")],
        "sql": [("authorization", "Bearer ' OR '1'='1'; DROP TABLE keys; --")],
        "sql in x-api-key": [("x-api-key", "aion-' UNION SELECT id FROM keys --")],
        "not ascii": [("authorization", "Bearer aion-\xff\xfe")],
        "long": [("authorization", "Bearer " + "a" * 20_000)],
        "expired": [("authorization", f"Bearer {expired}")],
        "revoked": [("authorization", f"Bearer {revoked}")],
        "in a cookie": [("cookie", f"authorization=Bearer {good}; x-api-key={good}; key={good}")],
        "two different": [("authorization", f"Bearer {good}"), ("x-api-key", wrong)],
        "two headers": [("authorization", f"Bearer {good}"), ("authorization", f"Bearer {wrong}")],
    }
    for name, headers in bad.items():
        reply = await call(guard, rule.method, path_of(rule), [HOST, JSON, *headers])
        assert (reply.status, reply.error["code"]) == (401, "invalid_api_key"), name
        assert reply.reads == 0, name
        assert reply.header("www-authenticate") == "Bearer"
        assert good not in reply.body.decode()
    query = f"key={good}&api_key={good}&access_token={good}&authorization=Bearer%20{good}".encode()
    assert (await call(guard, rule.method, path_of(rule), [HOST, JSON], query=query)).status == 401
    assert counter.calls == 0


@pytest.mark.anyio
@pytest.mark.parametrize("rule", LOCKED, ids=name_of)
async def test_a_good_key_opens_a_route_in_either_header(
    rule: Rule, guard: Guard, keys: Keys, counter: Counter
) -> None:
    assert rule.scope is not None
    key, text = await keys.make_both(rule.scope)
    for header in (("authorization", f"Bearer {text}"), ("authorization", f"bearer {text}"), ("x-api-key", text)):
        assert (await call(guard, rule.method, path_of(rule), [HOST, JSON, header])).status == 200
    assert [state["principal"] for state in counter.states] == [Principal(key.id, "ana", rule.scope)] * 3


@pytest.mark.anyio
@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.scope is Scope.ADMIN], ids=name_of)
async def test_a_users_key_is_too_low_for_an_administrators_route(
    rule: Rule, guard: Guard, keys: Keys, counter: Counter
) -> None:
    text = await keys.make(Scope.USER)
    reply = await call(guard, rule.method, path_of(rule), [HOST, JSON, ("x-api-key", text)])
    assert (reply.status, reply.error["code"], reply.reads) == (403, "insufficient_scope", 0)
    assert counter.calls == 0


def test_only_what_shows_nobodys_words_is_public() -> None:
    public = {rule.path for rule in RULES if rule.scope is None}
    assert public == {"/health", "/docs", "/docs/{asset}", "/openapi.json", "/api/sessions"}
    assert {rule.method for rule in RULES if rule.path == "/api/sessions" and rule.scope is None} == {"POST"}


@pytest.mark.anyio
async def test_a_public_route_needs_no_key(guard: Guard, counter: Counter) -> None:
    assert (await call(guard, "GET", "/health")).status == 200
    assert counter.states[0]["principal"] is None


@pytest.mark.anyio
async def test_nothing_is_learned_about_paths_without_a_key(guard: Guard, bearer: tuple[str, str]) -> None:
    unknown = [
        "/",
        "/api",
        "/api/keys/",
        "/health/",
        "/v1/chat/completions/x",
        "/api/turns/a\nb",
        "/health\n",
        "/%00\0",
    ]
    for path in unknown:
        assert (await call(guard, "GET", path)).status == 401, path
        reply = await call(guard, "GET", path, [HOST, bearer])
        assert (reply.status, reply.error["code"]) == (404, "not_found"), path
    assert (await call(guard, "PUT", "/api/keys")).status == 401


@pytest.mark.anyio
@pytest.mark.parametrize("rule", RULES, ids=name_of)
async def test_every_other_method_is_refused_with_those_allowed(
    rule: Rule, guard: Guard, bearer: tuple[str, str], counter: Counter
) -> None:
    allowed = {other.method for other in RULES if other.path == rule.path}
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} - allowed:
        reply = await call(guard, method, path_of(rule), [HOST, JSON, bearer])
        assert (reply.status, reply.error["code"]) == (405, "method_not_allowed")
        assert set((reply.header("allow") or "").split(", ")) == allowed
    assert counter.calls == 0


# The pages of P13 that are not ours

HOSTS = {
    ("127.0.0.1:8420",): True,
    ("LOCALHOST:8420",): True,
    ("[::1]:8420",): True,
    ("aion.example",): True,
    ("evil.example:8420",): False,
    ("127.0.0.1.evil.example:8420",): False,
    ("0.0.0.0:8420",): False,
    ("user@127.0.0.1:8420",): False,
    ("127.0.0.1:8420", "evil.example"): False,
    (): False,
}
ORIGINS = (None, "own", "null", "https://evil.example", "http://localhost:3000", "")
SITES = {None: True, "same-origin": True, "none": True, "same-site": False, "cross-site": False, "x": False}
TYPES = {
    "application/json": True,
    "Application/JSON; charset=UTF-8": True,
    "text/plain": False,
    "application/x-www-form-urlencoded": False,
    "multipart/form-data; boundary=x": False,
    "application/json; charset=latin-1": False,
    None: False,
}


@pytest.mark.anyio
@pytest.mark.parametrize("rule", RULES, ids=name_of)
async def test_no_combination_of_headers_from_a_foreign_page_gets_through(
    rule: Rule, guard: Guard, bearer: tuple[str, str], counter: Counter
) -> None:
    seen = 0
    for hosts, origin, site, kind in itertools.product(HOSTS, ORIGINS, SITES, TYPES):
        own = f"http://{hosts[0] if hosts else '127.0.0.1:8420'}"
        sent = own if origin == "own" else origin
        headers = [bearer, *(("host", host) for host in hosts)]
        headers += [
            (n, v) for n, v in (("origin", sent), ("sec-fetch-site", site), ("content-type", kind)) if v is not None
        ]
        expected: tuple[int, str | None] = (200, None)
        if rule.reads_json and not TYPES[kind]:
            expected = (415, "unsupported_media_type")
        if origin not in (None, "own") or not SITES[site]:
            expected = (403, "origin_not_allowed")
        if not HOSTS[hosts]:
            expected = (421, "unknown_host")
        before = counter.calls
        reply = await call(guard, rule.method, path_of(rule), headers)
        assert (reply.status, None if reply.status == 200 else reply.error["code"]) == expected, headers
        assert counter.calls - before == (expected[0] == 200), headers
        assert not any(name.startswith("access-control") for name, _ in reply.headers)
        seen += 1
    assert seen == 10 * 6 * 6 * 7


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:8420", "http://localhost:8420", 200),
        ("127.0.0.1:8420", "https://127.0.0.1:8420", 200),
        ("localhost:9000", "http://localhost:9000", 200),  # a forwarded port
        ("localhost:9000", "http://localhost:8420", 403),
        ("aion.example", "https://aion.example", 200),
        ("aion.example", "https://aion.example:444", 403),
        ("proxy:9000", "http://proxy:9000", 200),
        ("proxy:9001", None, 421),  # listed with its port
        ("127.0.0.1:8420", "ftp://127.0.0.1:8420", 403),
        ("127.0.0.1:8420", "http://127.0.0.1:8420.evil.example", 403),
        ("127.0.0.1:8420", "http://evil.example#http://127.0.0.1:8420", 403),
        ("127.0.0.1:8420", "http://127.0.0.1:8420, http://evil.example", 403),
        ("127.0.0.1:99999999", None, 421),
        ("127.0.0.1:8420/x", None, 421),
        ("localhost.", None, 421),
        ("", None, 421),
    ],
)
async def test_own_names_and_ports_are_told_from_others(
    host: str, origin: str | None, status: int, guard: Guard
) -> None:
    headers = [("host", host), *([("origin", origin)] if origin else [])]
    assert (await call(guard, "GET", "/health", headers)).status == status


@pytest.mark.anyio
async def test_the_address_a_connection_came_to_is_ours_and_any_other_is_not(counter: Counter, keys: Keys) -> None:
    everywhere = Guard(counter, keys=keys.ring, settings=ServerSettings.model_validate({"host": "0.0.0.0"}))
    statuses = {}
    for host in ("192.168.1.5:8420", "192.168.1.6:8420", "0.0.0.0:8420"):

        async def at_192(scope: Connection, receive: Receive, send: Send) -> None:
            await everywhere({**scope, "server": ("::ffff:192.168.1.5", 8420)}, receive, send)

        statuses[host] = (await call(at_192, "GET", "/health", [("host", host)])).status
    assert statuses == {"192.168.1.5:8420": 200, "192.168.1.6:8420": 421, "0.0.0.0:8420": 421}


@pytest.mark.anyio
async def test_a_preflight_gets_no_answer_that_opens_anything(guard: Guard) -> None:
    asks = [HOST, ("origin", "https://evil.example"), ("access-control-request-method", "POST")]
    reply = await call(guard, "OPTIONS", "/v1/chat/completions", asks)
    assert reply.status == 403
    assert not any(name.startswith("access-control") for name, _ in reply.headers)


@pytest.mark.anyio
async def test_a_websocket_is_closed_at_once(guard: Guard, counter: Counter) -> None:
    sent: list[object] = []

    async def send(message: object) -> None:
        sent.append(message)

    await guard({"type": "websocket", "path": "/v1/chat/completions", "headers": []}, asyncio.sleep, send)  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert counter.calls == 0


# Bodies


@pytest.mark.anyio
@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.reads_json], ids=name_of)
async def test_a_body_over_its_limit_is_refused_announced_or_not(
    rule: Rule, guard: Guard, bearer: tuple[str, str]
) -> None:
    asks = [HOST, JSON, bearer]
    for length in ("2049", "99999999999999999999999"):
        reply = await call(guard, rule.method, path_of(rule), [*asks, ("content-length", length)])
        assert (reply.status, reply.error["code"], reply.reads) == (413, "body_too_large", 0)
        assert "2048" in reply.error["message"]
    reply = await call(guard, rule.method, path_of(rule), asks, [b"a" * 1000, b"a" * 1000, b"a" * 49, b"a"])
    assert (reply.status, reply.error["code"], reply.reads) == (413, "body_too_large", 3)
    assert (await call(guard, rule.method, path_of(rule), asks, [b"a" * 1000, b"a" * 1048])).status == 200


@pytest.mark.anyio
async def test_a_rule_may_lower_the_limit_of_a_body(counter: Counter, keys: Keys, bearer: tuple[str, str]) -> None:
    guard = Guard(counter, keys=keys.ring, settings=PLAIN)
    asks = [HOST, JSON, bearer, ("content-length", "20000")]
    assert (await call(guard, "POST", "/api/keys", asks)).status == 413
    assert (await call(guard, "POST", "/v1/embeddings", asks)).status == 200


@pytest.mark.anyio
@pytest.mark.parametrize("length", ["-1", "+1", "1.0", "0x10", "", "1 1", "\xb2"])
async def test_a_length_that_is_no_number_is_refused(length: str, guard: Guard, bearer: tuple[str, str]) -> None:
    reply = await call(guard, "POST", "/v1/embeddings", [HOST, JSON, bearer, ("content-length", length)])
    assert (reply.status, reply.error["code"], reply.reads) == (400, "invalid_request", 0)


@pytest.mark.anyio
async def test_a_body_that_does_not_arrive_is_given_up(guard: Guard, bearer: tuple[str, str]) -> None:
    reply = await call(guard, "POST", "/v1/embeddings", [HOST, JSON, bearer], [b"{", b" "], stalls=True)
    assert (reply.status, reply.error["code"]) == (408, "request_timeout")


@pytest.mark.anyio
async def test_an_answer_may_take_longer_than_a_body(keys: Keys) -> None:
    async def slow(scope: Connection, receive: Receive, send: Send) -> None:
        await receive()
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(SETTINGS.body_timeout_s * 3)
        assert not waiting.done(), "waiting for a client to go away has no time limit"
        waiting.cancel()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    assert (await call(Guard(slow, keys=keys.ring, settings=SETTINGS), "GET", "/health")).status == 200


@pytest.mark.anyio
async def test_a_compressed_body_is_refused(guard: Guard, bearer: tuple[str, str]) -> None:
    reply = await call(guard, "POST", "/v1/embeddings", [HOST, JSON, bearer, ("content-encoding", "gzip")])
    assert (reply.status, reply.error["code"]) == (415, "unsupported_media_type")


@pytest.mark.anyio
async def test_ten_thousand_ranges_mean_nothing(guard: Guard) -> None:
    reply = await call(guard, "GET", "/docs/some.js", [HOST, ("range", "bytes=" + ",".join(["0-1"] * 10_000))])
    assert reply.status == 200


# Replies


@pytest.mark.anyio
@pytest.mark.parametrize("rule", RULES, ids=name_of)
async def test_every_reply_carries_its_id_and_the_safe_headers(
    rule: Rule, guard: Guard, bearer: tuple[str, str]
) -> None:
    for headers in ([HOST, JSON, bearer], [("host", "evil.example")]):
        reply = await call(guard, rule.method, path_of(rule), headers)
        assert re.fullmatch(r"req_[0-9a-f]{32}", reply.header("x-request-id") or "")
        assert reply.header("x-content-type-options") == "nosniff"
        assert reply.header("referrer-policy") == "no-referrer"
        assert reply.header("cross-origin-resource-policy") == "same-origin"
        policy = reply.header("content-security-policy") or ""
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert ("script-src" in policy) == (rule.path == "/docs" and reply.status == 200)
        is_asset = rule.path == "/docs/{asset}" and reply.status == 200
        assert reply.header("cache-control") == ("max-age=60" if is_asset else "no-store")


@pytest.mark.anyio
@pytest.mark.parametrize(("given", "kept"), [("abc-1.2_3", True), ("a" * 65, False), ("a b", False), ("a\nb", False)])
async def test_a_sane_request_id_is_kept_and_any_other_replaced(given: str, kept: bool, guard: Guard) -> None:
    reply = await call(guard, "GET", "/health", [HOST, ("x-request-id", given)])
    assert (reply.header("x-request-id") == given) == kept


def failing(error: Exception, *, started: bool = False) -> Guard:
    async def app(scope: Connection, receive: Receive, send: Send) -> None:
        if started:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise error

    return Guard(app, keys=KeyRing(_NoStore()), settings=SETTINGS)  # type: ignore[arg-type]


class _NoStore:
    def keys(self) -> list[object]:
        return []


@pytest.mark.anyio
async def test_an_unforeseen_fault_tells_only_its_id_and_the_log_has_it() -> None:
    secret = "SELECT secret FROM /var/lib/aion"
    with structlog.testing.capture_logs() as logs:
        reply = await call(failing(RuntimeError(secret)), "GET", "/health")
    assert (reply.status, reply.error["code"], reply.error["type"]) == (500, "internal_error", "server_error")
    assert secret not in reply.body.decode()
    assert [(line["request_id"], line["exc_info"]) for line in logs] == [(reply.error["request_id"], True)]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (Overloaded("busy", retry_after=0.2), 429, "1"),
        (Overloaded("busy", retry_after=2.1), 429, "3"),
        (Overloaded("busy", retry_after=float("inf")), 429, "1"),
        (Overloaded("busy", retry_after=-5), 429, "1"),
        (Unavailable("starting"), 503, "1"),
        (Unavailable("starting", retry_after=1e9), 503, "3600"),
        (Corrupt("bytes differ"), 500, None),
        (NotFound("no turn 'x' of yours"), 404, None),
    ],
)
async def test_an_error_of_ours_is_its_own_reply(error: Exception, status: int, retry: str | None) -> None:
    reply = await call(failing(error), "GET", "/health")
    assert (reply.status, reply.header("retry-after"), reply.error["message"]) == (status, retry, str(error))


@pytest.mark.anyio
async def test_a_fault_in_midstream_leaves_the_reply_visibly_unfinished() -> None:
    with structlog.testing.capture_logs() as logs:
        reply = await call(failing(ValueError("x"), started=True), "GET", "/health")
    assert (reply.status, reply.body, reply.is_whole) == (200, b"half", False)
    assert [line["event"] for line in logs] == ["request_failed", "reply_cut"]


# Who needs a model wakes AION


class Door:
    """Who is there, as a night would be told."""

    def __init__(self) -> None:
        self.inside = 0
        self.seen = 0

    def enter(self) -> None:
        self.inside += 1
        self.seen += 1

    def leave(self) -> None:
        self.inside -= 1


@pytest.mark.anyio
@pytest.mark.parametrize("rule", RULES, ids=name_of)
async def test_who_needs_a_model_is_there_before_their_body_and_until_the_end_of_the_reply(
    rule: Rule, keys: Keys, bearer: tuple[str, str]
) -> None:
    door, inside = Door(), list[int]()

    async def answer(scope: Connection, receive: Receive, send: Send) -> None:
        inside.append(door.inside)
        raise RuntimeError("a handler that fails lets them go, too")

    guard = Guard(answer, keys=keys.ring, settings=SETTINGS, presence=door)
    await call(guard, rule.method, path_of(rule), [HOST, JSON, bearer])
    assert inside == [int(rule.wakes)]
    assert door.inside == 0


def test_all_that_a_model_answers_wakes_and_looking_on_does_not() -> None:
    wakes = {rule.path for rule in RULES if rule.wakes}
    v1 = {f"/v1/{name}" for name in ("chat/completions", "completions", "embeddings", "responses")}
    assert wakes == v1 | {"/api/memory", "/api/memory/recall", "/api/route", "/api/sleep/hush"}


@pytest.mark.anyio
async def test_nobody_without_a_key_wakes_anything(keys: Keys, counter: Counter) -> None:
    door = Door()
    guard = Guard(counter, keys=keys.ring, settings=SETTINGS, presence=door)
    await call(guard, "POST", "/v1/chat/completions", [HOST, JSON])
    assert (counter.calls, door.seen) == (0, 0)

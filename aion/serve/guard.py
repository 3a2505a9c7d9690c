"""Decides about each HTTP request before a handler sees it, and writes the reply to every one that is refused or fails.

In this order: Host, Origin and Sec-Fetch-Site, route and method, key, scope, content type, length; then the body is
counted and timed while it arrives. All but the last happens before a byte of the body is read; `presence` is told then
of who needs a model. It sends no CORS header ever, reads no key from a query string or a cookie, and serves no
WebSocket. What a route asks for stands in `rules`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from aion.config import ServerSettings
from aion.errors import (
    AionError,
    BadInput,
    Failed,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    TooLarge,
    TooSlow,
    Unauthorized,
    UnknownHost,
    WrongMediaType,
)
from aion.models.queue import Presence
from aion.records import Scope, new_id
from aion.serve.error_reply import (
    CACHE,
    NO_SOURCES,
    NO_STORE,
    OWN_REFERRER,
    POLICIES,
    POLICY,
    REFERRER,
    SAFE_HEADERS,
    error_response,
    unexpected,
)
from aion.serve.keys import KeyRing, Principal
from aion.serve.rules import RULES, Rule, RuleBook

log = structlog.get_logger()

Headers = Mapping[bytes, Sequence[bytes]]

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, never bound to
OWN_FETCHES = frozenset({b"same-origin", b"none"})
POLICY_VIOLATION = 1008

_AUTHORITY = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?P<port>:[0-9]{1,5})?")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_READ_HEADERS = frozenset(
    {
        b"host",
        b"origin",
        b"sec-fetch-site",
        b"sec-fetch-mode",
        b"authorization",
        b"x-api-key",
        b"content-type",
        b"content-encoding",
        b"content-length",
        b"x-request-id",
    }
)


def principal_of(request: Request) -> Principal:
    """Who is asking. Only for routes whose rule names a scope; usable as a FastAPI dependency."""
    principal: Principal = request.scope["state"]["principal"]
    return principal


def request_id_of(request: Request) -> str:
    """The id in this reply's `x-request-id`, in its errors and in the log."""
    request_id: str = request.scope["state"]["request_id"]
    return request_id


class Guard:
    """ASGI middleware: `FastAPI.add_middleware(Guard, keys=..., settings=settings.server)`, the outermost one."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        keys: KeyRing,
        settings: ServerSettings,
        rules: Sequence[Rule] = RULES,
        presence: Presence | None = None,
    ) -> None:
        self._app = app
        self._presence = presence
        self._keys = keys
        self._rules = RuleBook(rules)
        self._max_body = settings.max_body_bytes
        self._body_timeout_s = settings.body_timeout_s
        given = {name.lower() for name in settings.allowed_hosts}
        self._names = LOOPBACK_NAMES | {_bare(name) for name in {settings.host, *given} - ANY_ADDRESS}
        self._authorities = frozenset(given)

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._guard(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        else:
            await self._app(scope, receive, send)

    async def _guard(self, scope: Connection, receive: Receive, send: Send) -> None:
        headers = _collect(scope["headers"])
        state = scope.setdefault("state", {})
        request_id = state["request_id"] = _choose_id(headers)
        reply = _Reply(send, request_id)
        try:
            rule, state["principal"] = self._admit(scope, headers)
            reply.rule = rule
            body = _Body(receive, self._check_length(rule, headers), self._body_timeout_s)
            with self._wake(rule):
                await self._app(scope, body.receive, reply.send)
        except ClientDisconnect:
            return  # nobody is left to be told
        except AionError as error:
            await self._refuse(error, reply, scope, receive)
        except Exception:  # the last line of defence: logged with its id, and the caller is told the id
            log.exception("request_failed", request_id=request_id, method=scope["method"], path=scope["path"])
            await self._refuse(unexpected(), reply, scope, receive)

    @contextlib.contextmanager
    def _wake(self, rule: Rule) -> Iterator[None]:
        """Whoever needs a model is there from here to the end of the reply."""
        if self._presence is None or not rule.wakes:
            yield
            return
        self._presence.enter()
        try:
            yield
        finally:
            self._presence.leave()

    async def _refuse(self, error: AionError, reply: _Reply, scope: Connection, receive: Receive) -> None:
        if isinstance(error, Failed) and not isinstance(error, Overloaded):
            log.warning("request_failed", request_id=reply.request_id, code=error.code, reason=error.message)
        if reply.started:
            # Returning without an end makes the server cut the connection, so the client sees that it is not whole.
            log.warning("reply_cut", request_id=reply.request_id, code=error.code)
            return
        await error_response(error, reply.request_id)(scope, receive, reply.send)

    def _admit(self, scope: Connection, headers: Headers) -> tuple[Rule, Principal | None]:
        """The rule that the request meets, and whose it is. Raises what it fails at first."""
        port = self._check_host(scope, headers.get(b"host", ()))
        rules = self._rules.rules_of(scope["path"])
        rule = rules.get(scope["method"])
        self._check_origin(scope, headers, port, is_page=rule is not None and rule.is_page)
        is_public = rule.scope is None if rule else bool(rules) and all(r.scope is None for r in rules.values())
        principal = None if is_public else self._identify(headers)
        if not rules:
            raise NotFound("There is nothing at this path; the API is described at /docs.")
        if rule is None:
            raise MethodNotAllowed(f"This path only takes {', '.join(rules)}.", allow=tuple(rules))
        if rule.scope is Scope.ADMIN and principal is not None and principal.scope is not Scope.ADMIN:
            raise Forbidden("This needs a key with the scope admin; make one with `aion keys add NAME --scope admin`.")
        if rule.reads_json:
            _check_media(headers)
        return rule, principal

    def _check_host(self, scope: Connection, hosts: Sequence[bytes]) -> str:
        """The port part of the one Host header, which must name this server."""
        if len(hosts) != 1:
            raise UnknownHost(f"A request needs exactly one Host header; found {len(hosts)}.")
        port = self._own_port(scope, hosts[0].decode("latin-1").lower())
        if port is None:
            raise UnknownHost(
                f"{_shorten(hosts[0])} is not a name of this server. "
                "Use 127.0.0.1 or localhost, or add the name to server.allowed_hosts."
            )
        return port

    def _check_origin(self, scope: Connection, headers: Headers, port: str, *, is_page: bool) -> None:
        """Refuse requests made by pages of other origins. Programs send neither header. A page may be gone to from
        anywhere: the cookie of a session is not sent then."""
        for origin in headers.get(b"origin", ()):
            scheme, _, authority = origin.decode("latin-1").lower().partition("://")
            if scheme not in ("http", "https") or self._own_port(scope, authority) != port:
                raise Forbidden(f"Pages of {_shorten(origin)} may not use this server.", code="origin_not_allowed")
        goes = is_page and headers.get(b"sec-fetch-mode", ()) == [b"navigate"]
        for site in headers.get(b"sec-fetch-site", ()):
            if site not in OWN_FETCHES and not goes:
                raise Forbidden("Pages of other sites may not use this server.", code="origin_not_allowed")

    def _own_port(self, scope: Connection, authority: str) -> str | None:
        """ ":8420" or "" of an authority that names this server; None when it names another."""
        match = _AUTHORITY.fullmatch(authority)
        if match is None:
            return None
        name, port = match["name"].strip("[]"), match["port"] or ""
        server = scope.get("server")
        if name in self._names or authority in self._authorities or (server and name == _bare(server[0])):
            return port
        return None

    def _identify(self, headers: Headers) -> Principal:
        """Whose the one key is. The message is the same for no key, a wrong, an expired and a revoked one."""
        texts = set(headers.get(b"x-api-key", ()))
        for value in headers.get(b"authorization", ()):
            kind, _, text = value.partition(b" ")
            texts.add(text.strip() if kind.lower() == b"bearer" else b"")
        principal = self._keys.authenticate(texts.pop().decode("latin-1")) if len(texts) == 1 else None
        if principal is None:
            raise Unauthorized(
                "This needs one valid API key, sent as `Authorization: Bearer KEY`; make one with `aion keys add NAME`."
            )
        return principal

    def _check_length(self, rule: Rule, headers: Headers) -> int:
        """The limit for this body, once the length that was announced is within it."""
        limit = self._max_body if rule.max_body is None else min(rule.max_body, self._max_body)
        limit = max(limit, rule.brings)
        lengths = headers.get(b"content-length", ())
        if not lengths:
            return limit
        if len(lengths) > 1 or not lengths[0].isdigit():
            raise BadInput(
                "Content-Length must be one number of bytes.", code="invalid_request", param="content-length"
            )
        if len(lengths[0]) > 18 or int(lengths[0]) > limit:  # more digits than 64 bits have
            raise _too_large(limit)
        return limit


class _Body:
    """Hands the body on while it is within its size and its time; after its end only disconnection is waited for."""

    __slots__ = ("_deadline", "_done", "_limit", "_receive", "_seen", "_timeout_s")

    def __init__(self, receive: Receive, limit: int, timeout_s: float) -> None:
        self._receive = receive
        self._limit = limit
        self._timeout_s = timeout_s
        self._deadline = asyncio.get_running_loop().time() + timeout_s
        self._seen = 0
        self._done = False

    async def receive(self) -> Message:
        if self._done:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise TooSlow(f"The body did not arrive within {self._timeout_s:g} seconds.") from None
        if message["type"] == "http.request":
            self._seen += len(message.get("body", b""))
            self._done = not message.get("more_body", False)
            if self._seen > self._limit:
                raise _too_large(self._limit)
        return message


class _Reply:
    """Sends a reply with the headers that every reply of this server has, and knows whether it began."""

    __slots__ = ("_send", "request_id", "rule", "started")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self.request_id = request_id
        self.rule: Rule | None = None
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"] = self._complete(message.get("headers", ()))
        await self._send(message)

    def _complete(self, headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        shows = self.rule.shows if self.rule else "data"
        ours = [
            (b"x-request-id", self.request_id.encode()),
            (POLICY, POLICIES.get(shows, NO_SOURCES)),
            *(pair for pair in SAFE_HEADERS if shows != "panel" or pair[0] != REFERRER),
        ]
        if shows == "panel":
            ours.append((REFERRER, OWN_REFERRER))
        if shows != "asset":
            ours.append((CACHE, NO_STORE))
        names = {name for name, _ in ours}
        return [*(pair for pair in headers if pair[0] not in names), *ours]


def _collect(headers: Sequence[tuple[bytes, bytes]]) -> Headers:
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name in _READ_HEADERS:
            found.setdefault(name, []).append(value)
    return found


def _choose_id(headers: Headers) -> str:
    """The caller's own id when it is one short plain word, so that logs can be joined; else a new one."""
    given = headers.get(b"x-request-id", ())
    return given[0].decode() if len(given) == 1 and _REQUEST_ID.fullmatch(given[0]) else new_id("req")


def _check_media(headers: Headers) -> None:
    types = headers.get(b"content-type", ())
    kind, _, parameter = types[0].lower().partition(b";") if len(types) == 1 else (b"", b"", b"")
    charset = parameter.strip().replace(b'"', b"")
    if kind.strip() != b"application/json" or charset not in (b"", b"charset=utf-8"):
        found = _shorten(types[0]) if types else "no Content-Type"
        raise WrongMediaType(f"This reads Content-Type application/json in UTF-8; found {found}.")
    if any(coding.lower() != b"identity" for coding in headers.get(b"content-encoding", ())):
        raise WrongMediaType("This reads bodies that are not compressed; send no Content-Encoding.")


def _bare(address: str) -> str:
    """An address or name without brackets, and an IPv4 address out of its IPv6 form."""
    return address.strip("[]").removeprefix("::ffff:")


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than the limit of {limit} bytes.")


def _shorten(value: bytes) -> str:
    return repr(value[:100].decode("latin-1"))

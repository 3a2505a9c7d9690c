"""Turns an error into the one shape that every error reply of AION has.

    {"error": {"message", "type", "code", "param", "request_id"}}

It decides nothing: which error it is was decided by whoever raised it, and `guard` and `protocol` send the reply.
"""

from __future__ import annotations

import http
import math
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from aion.errors import (
    AionError,
    Conflict,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    Refused,
    TooLarge,
    TooSlow,
    Unauthorized,
    WrongMediaType,
)
from aion.records import Json
from aion.serve.validation import explain_invalid

NO_SOURCES = b"default-src 'none'; frame-ancestors 'none'"
OWN_SOURCES = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PANEL_SOURCES = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    b"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
POLICIES = {"page": OWN_SOURCES, "panel": PANEL_SOURCES}
POLICY = b"content-security-policy"
CACHE = b"cache-control"
NO_STORE = b"no-store"
REFERRER = b"referrer-policy"
OWN_REFERRER = b"same-origin"  # without it a browser hides where its own page's form comes from
SAFE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
LONGEST_RETRY_S = 3600

_BY_STATUS: dict[int, type[AionError]] = {
    kind.status: kind
    for kind in (Unauthorized, Forbidden, NotFound, MethodNotAllowed, TooSlow, Conflict, TooLarge, WrongMediaType)
}


def error_body(error: AionError, request_id: str) -> Json:
    """The JSON of an error, also for the event that ends a stream badly."""
    return {
        "error": {
            "message": error.message,
            "type": error.type,
            "code": error.code,
            "param": error.param,
            "request_id": request_id,
        }
    }


def error_response(error: AionError, request_id: str) -> Response:
    """The reply to a request that was refused or failed before its answer began."""
    return Response(
        orjson.dumps(error_body(error, request_id)),
        status_code=error.status,
        headers=_headers_for(error),
        media_type="application/json",
    )


def error_bytes(error: AionError, request_id: str) -> bytes:
    """The whole HTTP/1.1 reply, for a connection that never got as far as the application and is closed after it."""
    body = orjson.dumps(error_body(error, request_id))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (b"x-request-id", request_id.encode()),
        (POLICY, NO_SOURCES),
        (CACHE, NO_STORE),
        *SAFE_HEADERS,
    ]
    status = f"HTTP/1.1 {error.status} {http.HTTPStatus(error.status).phrase}\r\n".encode()
    return status + b"".join(b"%s: %s\r\n" % pair for pair in headers) + b"\r\n" + body


def unexpected() -> AionError:
    """What a caller is told of a fault nobody foresaw: nothing but that the log has it."""
    return AionError("Something went wrong on this side; the log holds the details under this request id.")


def _headers_for(error: AionError) -> dict[str, str]:
    headers = {}
    if error.status in (429, 503) or error.retry_after is not None:
        wanted = error.retry_after if error.retry_after is not None and math.isfinite(error.retry_after) else 1.0
        headers["retry-after"] = str(min(max(math.ceil(wanted), 1), LONGEST_RETRY_S))
    if isinstance(error, Unauthorized):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, MethodNotAllowed):
        headers["allow"] = ", ".join(error.allow)
    return headers


def _from_framework(error: HTTPException) -> AionError:
    """The framework's own error as one of ours; its `detail` is ours to write or a status phrase, never input."""
    if error.status_code >= AionError.status:
        return unexpected()
    return _BY_STATUS.get(error.status_code, Refused)(str(error.detail))


async def _raise_http(_request: Request, error: Exception) -> NoReturn:
    assert isinstance(error, HTTPException)  # noqa: S101 - narrows the type that the table below promises
    raise _from_framework(error) from None


async def _raise_invalid(_request: Request, error: Exception) -> NoReturn:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    raise explain_invalid(error) from None


async def _raise_again(_request: Request, error: Exception) -> NoReturn:
    raise error


# For FastAPI(exception_handlers=...): each only translates and raises, and the guard writes the reply. The last keeps
# the framework from answering by itself what reaches its outermost layer.
EXCEPTION_HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    HTTPException: _raise_http,
    RequestValidationError: _raise_invalid,
    Exception: _raise_again,
}

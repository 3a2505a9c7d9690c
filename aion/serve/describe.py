"""Completes the description of the API at /openapi.json: who may ask, and which errors a route can give.

Everything is derived from the table of rules and the tree of errors; it describes and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aion.records import Json, Scope
from aion.serve.rules import Rule

BEARER, API_KEY = "bearer", "x-api-key"
SECURITY_SCHEMES: Json = {
    BEARER: {"type": "http", "scheme": "bearer", "description": "A key made with `aion keys add NAME`."},
    API_KEY: {
        "type": "apiKey",
        "in": "header",
        "name": API_KEY,
        "description": "The same key, as other clients send it.",
    },
}
FROM_MEMORY = {
    "/metrics",
    "/v1/models",
    "/v1/models/{model:path}",
    "/api/status",
    "/api/keys",
    "/api/people",
    "/api/settings",
}  # when read
UNRECORDED = {"/v1/embeddings", "/api/memory/recall"}
NAMES_IN_BODY = {  # something that may not exist is named there
    "/api/adapters/rollback",
    "/api/feedback",
    "/api/sleep/start",
    "/api/sleep/release",
    "/api/themes",
}
MAY_CONFLICT = {
    "/api/adapters/rollback",
    "/api/adapters/{adapter}/promote",
    "/api/adapters/{adapter}/retire",
    "/api/documents/{document_id}/approve",
    "/api/feedback",
    "/api/sessions/renew",
    "/api/memory/{memory_id}/pin",
    "/api/settings",
    "/api/sleep/start",
    "/api/suite",
    "/api/themes",
}
SIGN_IN = {"/api/sessions"}  # a key or a code stands in the body
MAY_HAVE_NOTHING = {"/api/sleep/start"}
MAY_BE_OVER = {"/api/sleep/cancel"}  # what is named by nothing, and may not be there
EVERY_ROUTE = (400, 403, 408, 413, 421, 431, 500)
MEANINGS = {
    400: "A value is wrong: `param` names it.",
    401: "No key, or not a valid one.",
    403: "The key may not do this, or the page that asks is of another origin.",
    404: "It does not exist, or belongs to somebody else.",
    408: "The body did not arrive in time.",
    409: "It was sent before with other content, has changed since it was read, is being done already, or stands fast.",
    413: "The body, or something in it, is over a limit.",
    415: "The body, or an image in it, is of a kind that is not read here.",
    422: "There is nothing to do it with.",
    421: "The Host header does not name this server.",
    429: "Too much work is waiting.",
    431: "The headers are over their limit.",
    500: "A fault of this server; the log has it under `request_id`.",
    503: "A part is starting, stopping or down.",
    507: "No space is left to record it.",
}
ERROR_SCHEMA: Json = {
    "type": "object",
    "description": "The one shape of every error.",
    "additionalProperties": False,
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "additionalProperties": False,
            "required": ["message", "type", "code", "param", "request_id"],
            "properties": {
                "message": {"type": "string", "description": "What was asked, what was found, what to do."},
                "type": {"type": "string", "description": "The kind of error, coarsely."},
                "code": {"type": "string", "description": "The error itself: what programs should look at."},
                "param": {"type": ["string", "null"], "description": "The field it is about."},
                "request_id": {"type": "string", "description": "Also in the header x-request-id and in the log."},
            },
        }
    },
}
WAIT = {"retry-after": {"required": True, "schema": {"type": "string"}, "description": "Seconds to wait."}}
HEADERS: dict[int, Json] = {
    401: {"www-authenticate": {"required": True, "schema": {"type": "string"}}},
    429: WAIT,
    503: WAIT,
}


def complete_description(described: Json, rules: Sequence[Rule]) -> Json:
    """What the framework generated, made true in place: security, and our errors instead of its own."""
    parts = described.setdefault("components", {})
    parts["securitySchemes"] = SECURITY_SCHEMES
    parts["responses"] = {f"Error{status}": _error_response(status) for status in MEANINGS}
    for name in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(name, None)
    parts["schemas"]["Error"] = ERROR_SCHEMA
    for rule in rules:
        operation = described["paths"].get(rule.path.replace(":path", ""), {}).get(rule.method.lower())
        if operation is not None:
            _complete_operation(operation, rule)
    return described


def _complete_operation(operation: Json, rule: Rule) -> None:
    operation["responses"].pop("422", None)
    for status in sorted(_statuses_of(rule)):
        operation["responses"].setdefault(str(status), {"$ref": f"#/components/responses/Error{status}"})
    if rule.scope is not None:
        operation["security"] = [{BEARER: []}, {API_KEY: []}]
    if rule.scope is Scope.ADMIN:
        operation["description"] = "Needs a key with the scope admin."


def _statuses_of(rule: Rule) -> Iterator[int]:
    """The errors a route can give, from what it asks for and does."""
    asks_model = rule.method == "POST" and rule.path.startswith("/v1/")
    yield from EVERY_ROUTE
    identifies = rule.scope is not None or rule.path in SIGN_IN
    if identifies:
        yield 401
    if "{" in rule.path or asks_model or (rule.reads_json and rule.path in NAMES_IN_BODY):
        yield 404
    if rule.path in MAY_BE_OVER:
        yield 404
    if rule.path in MAY_HAVE_NOTHING:
        yield 422
    if rule.method not in {"GET", "DELETE"} and rule.path in MAY_CONFLICT:
        yield 409
    if rule.reads_json:
        yield 415
    if asks_model:
        yield 429
    if identifies and (rule.method != "GET" or rule.path not in FROM_MEMORY):
        yield 503
    if rule.method != "GET" and rule.path not in UNRECORDED:
        yield 507


def _error_response(status: int) -> Json:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    headers = {"headers": HEADERS[status]} if status in HEADERS else {}
    return {"description": MEANINGS[status], "content": content, **headers}

"""The one table of what each route asks for; the guard obeys it and the tests are made from it.

A route of the application without a rule, or a rule without a route, is a mistake that `mismatches` finds: the
application is not built then. It does not serve anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import Route, compile_path

from aion.records import Scope
from aion.serve.json_body import StrictRoute

SMALL_BODY = 16 << 10
LARGE_NOTE = 64 << 10
ADAPTER_FILE = 64 << 20  # as f32 of rank 8, for a model of three billion weights


@dataclass(frozen=True, slots=True)
class Rule:
    """What one route asks for."""

    method: str
    path: str  # a path template such as /api/turns/{turn_id}
    scope: Scope | None  # None: everyone may, without a key
    reads_json: bool = False
    max_body: int | None = None  # bytes; None leaves it to server.max_body_bytes
    brings: int = 0  # bytes of a file that it may bring, where that is more
    shows: Literal["data", "page", "panel", "asset"] = "data"  # a page may load our scripts; an asset may be cached
    wakes: bool = False  # somebody needs a model now: the night is held still from the request's head on

    @property
    def is_page(self) -> bool:
        """Whether a browser shows it by itself, and people are led to it."""
        return self.shows == "panel" and self.method == "GET"


RULES: tuple[Rule, ...] = (
    Rule("GET", "/health", None),
    Rule("GET", "/docs", None, shows="page"),
    Rule("GET", "/docs/{asset}", None, shows="asset"),
    Rule("GET", "/openapi.json", None),
    Rule("GET", "/metrics", Scope.USER),
    Rule("POST", "/v1/chat/completions", Scope.USER, reads_json=True, wakes=True),
    Rule("POST", "/v1/completions", Scope.USER, reads_json=True, wakes=True),
    Rule("POST", "/v1/embeddings", Scope.USER, reads_json=True, wakes=True),
    Rule("POST", "/v1/responses", Scope.USER, reads_json=True, wakes=True),
    Rule("GET", "/v1/responses/{response_id}", Scope.USER),
    Rule("GET", "/v1/models", Scope.USER),
    Rule("GET", "/v1/models/{model:path}", Scope.USER),
    Rule("GET", "/api/conversations", Scope.USER),
    Rule("GET", "/api/conversations/{conversation_id}", Scope.USER),
    Rule("PUT", "/api/conversations/{conversation_id}", Scope.USER, reads_json=True, max_body=SMALL_BODY),
    Rule("GET", "/api/turns/{turn_id}", Scope.USER),
    Rule("GET", "/api/turns/{turn_id}/why", Scope.USER),
    Rule("GET", "/api/export", Scope.USER),
    Rule("DELETE", "/api/conversations/{conversation_id}", Scope.USER),
    Rule("POST", "/api/feedback", Scope.USER, reads_json=True, max_body=LARGE_NOTE),
    Rule("GET", "/api/feedback", Scope.USER),
    Rule("GET", "/api/experiences", Scope.USER),
    Rule("GET", "/api/experiences/waiting", Scope.USER),
    Rule("GET", "/api/experiences/{turn_id}", Scope.USER),
    Rule("POST", "/api/memory", Scope.USER, reads_json=True, wakes=True),
    Rule("GET", "/api/memory", Scope.USER),
    Rule("POST", "/api/memory/recall", Scope.USER, reads_json=True, max_body=LARGE_NOTE, wakes=True),
    Rule("GET", "/api/memory/export", Scope.USER),
    Rule("POST", "/api/memory/import", Scope.USER, reads_json=True),
    Rule("GET", "/api/memory/{memory_id}", Scope.USER),
    Rule("PUT", "/api/memory/{memory_id}", Scope.USER, reads_json=True, max_body=LARGE_NOTE),
    Rule("DELETE", "/api/memory/{memory_id}", Scope.USER),
    Rule("PUT", "/api/memory/{memory_id}/pin", Scope.USER),
    Rule("DELETE", "/api/memory/{memory_id}/pin", Scope.USER),
    Rule("GET", "/api/documents", Scope.USER),
    Rule("GET", "/api/documents/{document_id}", Scope.USER),
    Rule("DELETE", "/api/documents/{document_id}", Scope.USER),
    Rule("POST", "/api/documents/{document_id}/approve", Scope.USER, reads_json=True, max_body=SMALL_BODY),
    Rule("POST", "/api/documents/{document_id}/revoke", Scope.USER),
    Rule("POST", "/api/sleep/start", Scope.USER, reads_json=True, max_body=SMALL_BODY),
    Rule("GET", "/api/sleep/status", Scope.USER),
    Rule("POST", "/api/sleep/cancel", Scope.USER),
    Rule("POST", "/api/sleep/window", Scope.ADMIN, reads_json=True, max_body=SMALL_BODY),
    Rule("POST", "/api/sleep/hush", Scope.USER, wakes=True),
    Rule("GET", "/api/sleep/nights", Scope.USER),
    Rule("GET", "/api/sleep/quarantine", Scope.USER),
    Rule("POST", "/api/sleep/release", Scope.USER, reads_json=True, max_body=SMALL_BODY),
    Rule("POST", "/api/sleep/sleeper", Scope.ADMIN, reads_json=True),
    Rule("POST", "/api/sleep/progress", Scope.ADMIN, reads_json=True),
    Rule("POST", "/api/sleep/arrangement", Scope.ADMIN, reads_json=True),
    Rule("POST", "/api/sleep/candidates", Scope.ADMIN, reads_json=True),
    Rule("POST", "/api/sleep/quarantine", Scope.ADMIN, reads_json=True),
    Rule("POST", "/api/sleep/imports", Scope.ADMIN, reads_json=True),
    Rule("POST", "/api/sleep/verdicts", Scope.ADMIN, reads_json=True),
    Rule("POST", "/api/sleep/promotion", Scope.ADMIN, reads_json=True),
    Rule("GET", "/api/adapters", Scope.USER),
    Rule("POST", "/api/adapters", Scope.USER, brings=ADAPTER_FILE),
    Rule("GET", "/api/adapters/promotions", Scope.USER),
    Rule("GET", "/api/adapters/{adapter}", Scope.USER),
    Rule("GET", "/api/adapters/{adapter}/file", Scope.USER),
    Rule("POST", "/api/adapters/rollback", Scope.USER, reads_json=True, max_body=SMALL_BODY),
    Rule("POST", "/api/adapters/{adapter}/promote", Scope.USER, reads_json=True, max_body=SMALL_BODY),
    Rule("POST", "/api/adapters/{adapter}/retire", Scope.USER),
    Rule("POST", "/api/route", Scope.USER, reads_json=True, max_body=LARGE_NOTE, wakes=True),
    Rule("GET", "/api/suite", Scope.USER),
    Rule("POST", "/api/suite", Scope.USER, reads_json=True, max_body=SMALL_BODY),
    Rule("DELETE", "/api/suite/{item}", Scope.USER),
    Rule("GET", "/api/sleep/plan", Scope.USER),
    Rule("GET", "/api/sleep/reports", Scope.USER),
    Rule("GET", "/api/sleep/reports/{night}", Scope.USER),
    Rule("GET", "/api/themes", Scope.USER),
    Rule("POST", "/api/themes", Scope.USER, reads_json=True, max_body=SMALL_BODY),
    Rule("GET", "/api/status", Scope.USER),
    Rule("GET", "/api/telemetry", Scope.USER),
    Rule("GET", "/api/telemetry/calibration", Scope.USER),
    Rule("GET", "/api/telemetry/entities", Scope.USER),
    Rule("GET", "/api/me", Scope.USER),
    Rule("POST", "/api/sessions/renew", Scope.USER),
    Rule("GET", "/api/sessions", Scope.USER),
    Rule("POST", "/api/sessions", None, reads_json=True, max_body=SMALL_BODY),
    Rule("POST", "/api/sessions/link", Scope.USER),
    Rule("DELETE", "/api/sessions", Scope.USER),
    Rule("DELETE", "/api/sessions/{session_id}", Scope.USER),
    Rule("GET", "/api/people", Scope.ADMIN),
    Rule("GET", "/api/keys", Scope.ADMIN),
    Rule("POST", "/api/keys", Scope.ADMIN, reads_json=True, max_body=SMALL_BODY),
    Rule("DELETE", "/api/keys/{key_id}", Scope.ADMIN),
    Rule("GET", "/api/audit", Scope.ADMIN),
    Rule("GET", "/api/settings", Scope.ADMIN),
    Rule("PUT", "/api/settings", Scope.ADMIN, reads_json=True, max_body=LARGE_NOTE),
)

# Of the panel, which finds out by itself who asks: everything under its addresses is its own.
PANEL_RULES: tuple[Rule, ...] = (
    Rule("GET", "/", None, shows="panel"),
    Rule("GET", "/panel/assets/{name}", None, shows="asset"),
    Rule("GET", "/panel/{page:path}", None, shows="panel"),
    Rule("GET", "/panel/adapters/import", None, shows="panel"),
    Rule("POST", "/panel/adapters/import", None, shows="panel", brings=ADAPTER_FILE + SMALL_BODY),
    Rule("POST", "/panel/{page:path}", None, shows="panel"),
)


class RuleBook:
    """Finds the rules of a path, with the same patterns that the application routes by."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._plain: dict[str, dict[str, Rule]] = {}
        patterns: dict[str, tuple[re.Pattern[str], dict[str, Rule]]] = {}
        for rule in rules:
            if "{" in rule.path:
                _, methods = patterns.setdefault(rule.path, (compile_path(rule.path)[0], {}))
            else:
                methods = self._plain.setdefault(rule.path, {})
            methods[rule.method] = rule
        self._patterns = tuple(patterns.values())

    def rules_of(self, path: str) -> Mapping[str, Rule]:
        """Method to rule; empty for a path that is not ours, such as one with control characters."""
        if (plain := self._plain.get(path)) is not None:
            return plain
        if path.isprintable():
            for pattern, methods in self._patterns:
                if pattern.fullmatch(path):
                    return methods
        return {}


def methods_of(rules: Sequence[Rule]) -> dict[str, list[str]]:
    """By path, in the order of the rules."""
    found: dict[str, list[str]] = {}
    for rule in rules:
        found.setdefault(rule.path, []).append(rule.method)
    return found


def mismatches(app: FastAPI, rules: Sequence[Rule] = RULES) -> list[str]:
    """Every route without a rule, rule without a route, and route whose way of reading is not its rule's."""
    table = {(rule.method, rule.path): rule for rule in rules}
    found = list(_duplicates(rules))
    routed: set[tuple[str, str]] = set()
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if not isinstance(route, Route) or not context.methods or context.path is None:
            found.append(f"{type(route).__name__} {context.path}: only plain routes with methods can have a rule")
            continue
        for method in context.methods - ({"HEAD"} if not isinstance(route, APIRoute) else set()):
            place = (method, context.path)
            routed.add(place)
            if place not in table:
                found.append(f"{method} {context.path} has no rule in aion/serve/rules.py")
            elif isinstance(route, APIRoute) and route.body_field is not None:
                found.extend(_reading_mismatch(route, table[place]))
    found.extend(f"{method} {path} has a rule but no route" for method, path in table if (method, path) not in routed)
    return found


def _duplicates(rules: Sequence[Rule]) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    for rule in rules:
        if (rule.method, rule.path) in seen:
            yield f"{rule.method} {rule.path} has two rules"
        seen.add((rule.method, rule.path))


def _reading_mismatch(route: APIRoute, rule: Rule) -> Iterator[str]:
    if not rule.reads_json:
        yield f"{rule.method} {rule.path} reads a body but its rule does not say reads_json"
    if not isinstance(route, StrictRoute):
        yield f"{rule.method} {rule.path} reads a body and is not a StrictRoute"

"""Builds the HTTP application: routes, errors, guard. What each part does stands in its own file."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp

import aion
from aion.errors import AionError
from aion.records import Json
from aion.serve.adapter_routes import adapter_routes, route_routes, serving_routes
from aion.serve.conversation_routes import conversation_routes
from aion.serve.describe import complete_description
from aion.serve.error_reply import EXCEPTION_HANDLERS
from aion.serve.experience_routes import experience_routes
from aion.serve.feedback_routes import feedback_routes
from aion.serve.gate_routes import gate_routes
from aion.serve.guard import Guard
from aion.serve.memory_routes import document_routes, memory_routes, one_memory_routes
from aion.serve.metrics import CountRequests
from aion.serve.own import key_routes, plain_routes, turn_routes
from aion.serve.report_routes import report_routes
from aion.serve.rules import PANEL_RULES, RULES, methods_of, mismatches
from aion.serve.sessions import session_routes
from aion.serve.settings_routes import settings_routes
from aion.serve.sleep_routes import hand_over_routes, night_routes, sleep_routes, theme_routes
from aion.serve.suite_routes import suite_routes
from aion.serve.system import System
from aion.serve.telemetry.routes import telemetry_routes
from aion.serve.v1 import openai_routes

ROUTES = (
    openai_routes,
    conversation_routes,
    turn_routes,
    feedback_routes,
    experience_routes,
    memory_routes,
    one_memory_routes,
    document_routes,
    sleep_routes,
    theme_routes,
    night_routes,
    hand_over_routes,
    gate_routes,
    adapter_routes,
    serving_routes,
    route_routes,
    suite_routes,
    report_routes,
    telemetry_routes,
    session_routes,
    key_routes,
    settings_routes,
    plain_routes,
)


class Api(FastAPI):
    """FastAPI, with a description of itself that is true."""

    def openapi(self) -> Json:
        if self.openapi_schema is None:
            self.openapi_schema = complete_description(super().openapi(), RULES)
        return self.openapi_schema


def build_api(system: System, front: ASGIApp | None = None) -> FastAPI:
    """The whole application, with the panel in front where there is one; refuses to be built when a route has no rule,
    or a rule no route."""
    api = Api(
        title="AION",
        version=aion.__version__,
        description="A private assistant that learns from its own use. OpenAI's API under /v1, AION's own under /api.",
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False},
        exception_handlers=EXCEPTION_HANDLERS,
    )
    for routes in ROUTES:
        api.include_router(routes(system))
    rules = RULES
    if front is not None:
        rules += PANEL_RULES
        for path, methods in methods_of(PANEL_RULES).items():
            api.router.routes.append(Route(path, front, methods=methods, include_in_schema=False))
    if problems := mismatches(api, rules):
        raise AionError(f"routes and rules differ: {'; '.join(problems)}; aion/serve/rules.py lists every route")
    api.add_middleware(
        Guard, keys=system.keys, settings=system.settings.server, rules=rules, presence=system.sleep.yielding
    )
    api.add_middleware(CountRequests, metrics=system.metrics)  # outermost: counts what the guard refuses, too
    return api

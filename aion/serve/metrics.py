"""Counts and times for GET /metrics, in Prometheus' text format. Numbers only: no names of people, no text."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aion.records import Turn

SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120)


class Metrics:
    """The numbers of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("aion_requests", "HTTP requests", ["route", "status"], registry=self.registry)
        self.turns = Counter("aion_turns", "Turns recorded", ["kind", "outcome"], registry=self.registry)
        self.tokens = Counter("aion_tokens", "Tokens read and written", ["direction"], registry=self.registry)
        self.first_token = Histogram(
            "aion_first_token_seconds", "Time to the first token", buckets=SECONDS, registry=self.registry
        )
        self.total = Histogram("aion_turn_seconds", "Time of a whole turn", buckets=SECONDS, registry=self.registry)
        self.live = Gauge("aion_replies_in_flight", "Replies being written", registry=self.registry)
        self.waiting = Gauge("aion_queue_waiting_tokens", "Tokens of work waiting", registry=self.registry)
        self.running = Gauge("aion_queue_running", "Requests inside the engine", registry=self.registry)
        self.restarts = Gauge("aion_engine_restarts", "Engine restarts since start", registry=self.registry)
        self.decode = Gauge(
            "aion_engine_decode_tokens_per_second", "Last measured decode speed", registry=self.registry
        )

    def note_turn(self, turn: Turn) -> None:
        self.turns.labels(turn.kind.value, turn.outcome.value).inc()
        self.tokens.labels("read").inc(turn.usage.prompt)
        self.tokens.labels("written").inc(turn.usage.completion)
        if "first_token_ms" in turn.timings:
            self.first_token.observe(turn.timings["first_token_ms"] / 1000)
        self.total.observe(turn.timings.get("total_ms", 0.0) / 1000)

    def text(self) -> bytes:
        return generate_latest(self.registry)


class CountRequests:
    """Counts every reply by route template and status; paths themselves are never labels."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                self.metrics.requests.labels(route, str(message["status"])).inc()
            await send(message)

        await self.app(scope, receive, count)

"""Counts and times for GET /metrics, in Prometheus' text format. Numbers only: no names of people, no text."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aion.records import FeedbackKind, Turn

STEPS = ("cache", "recall", "embed", "search", "context", "queue", "prompt", "predicted", "recorded")
TENTHS = tuple(tenth / 10 for tenth in range(1, 11))
SECONDS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120)


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

        self._add_experience()

    def _add_experience(self) -> None:
        """What the steps of the path did, what people said of it, and what is remembered."""
        registry = self.registry
        self.steps = Histogram(
            "aion_step_seconds", "Time of one step of a turn", ["step"], buckets=SECONDS, registry=registry
        )
        self.recalls = Counter("aion_recalls", "Turns by what recall did", ["outcome"], registry=registry)
        self.recalled = Counter("aion_recall_items", "Memories shown to the model", ["used"], registry=registry)
        self.cache = Counter("aion_cache", "Turns by what the cache did", ["outcome"], registry=registry)
        self.confidence = Histogram(
            "aion_confidence", "Calibrated confidence of answers", buckets=TENTHS, registry=registry
        )
        self.feedback = Counter("aion_feedback", "Feedback taken", ["kind"], registry=registry)
        self.memories = Gauge("aion_memories", "Memories kept", registry=registry)
        self.index_vectors = Gauge("aion_index_vectors", "Vectors in the index", registry=registry)
        self.index_ready = Gauge("aion_index_ready", "Whether search by meaning works (0 or 1)", registry=registry)

    def note_turn(self, turn: Turn) -> None:
        self.turns.labels(turn.kind.value, turn.outcome.value).inc()
        self.tokens.labels("read").inc(turn.usage.prompt)
        self.tokens.labels("written").inc(turn.usage.completion)
        if "first_token_ms" in turn.timings:
            self.first_token.observe(turn.timings["first_token_ms"] / 1000)
        self.total.observe(turn.timings.get("total_ms", 0.0) / 1000)
        self._note_path(turn)

    def _note_path(self, turn: Turn) -> None:
        """A step that a turn did not take is not counted for it."""
        for step in STEPS:
            if (took := turn.timings.get(f"{step}_ms")) is not None:
                self.steps.labels(step).observe(took / 1000)
        if (outcome := turn.steps.get("cache", {}).get("outcome")) is not None:
            self.cache.labels(str(outcome)).inc()
        recall = turn.steps.get("recall", {})
        if (outcome := recall.get("outcome")) is not None:
            self.recalls.labels(str(outcome)).inc()
        for item in recall.get("items", ()):
            self.recalled.labels("yes" if item.get("used") else "no").inc()
        if (confidence := turn.steps.get("confidence", {}).get("calibrated")) is not None:
            self.confidence.observe(confidence)

    def note_feedback(self, kind: FeedbackKind) -> None:
        self.feedback.labels(kind.value).inc()

    def note_memory(self, *, memories: int, vectors: int, ready: bool) -> None:
        """What is remembered by now, and whether it can be searched by meaning."""
        self.memories.set(memories)
        self.index_vectors.set(vectors)
        self.index_ready.set(ready)

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

"""Traces: what a collector gets, that it never gets what people say, and that its absence costs nothing."""

from __future__ import annotations

import gzip
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from aion.config import TelemetrySettings
from aion.errors import BadConfig
from aion.records import Answer, Outcome, Turn, TurnKind, Usage
from aion.serve.telemetry import names
from aion.serve.telemetry.spans import CLOSING, Counted, SpanTracer, attributes_of, steps_of
from aion.serve.telemetry.tracer import open_tracer
from tests.store.examples import make_turn

SECRET = "the canary sings"
TIMINGS = {
    "cache_ms": 1.0,
    "recall_ms": 10.0,
    "context_ms": 2.0,
    "queue_ms": 20.0,
    "first_token_ms": 120.0,
    "total_ms": 500.0,
    "recorded_ms": 504.0,
}


def told_turn(**changes: Any) -> Turn:
    """A turn with the secret wherever something that was said can stand."""
    given: dict[str, Any] = {
        "messages": ({"role": "user", "content": SECRET},),
        "answers": (Answer(message={"role": "assistant", "content": SECRET}, finish="stop"),),
        "params": {"temperature": 0.5, "max_tokens": 64, "stop": [SECRET], "user": SECRET, "stream": True},
        "usage": Usage(prompt=30, completion=12, cached=8),
        "timings": TIMINGS,
        "steps": {
            "cache": {"outcome": "miss"},
            "recall": {"outcome": "used", "items": [{"id": "mem_1"}, {"id": "mem_2"}]},
            "context": {"summary": SECRET},
            "confidence": {"calibrated": 0.75, "contradictions": [{"span": SECRET}]},
        },
    }
    return make_turn(**{**given, **changes})


def exported(turn: Turn) -> list[Any]:
    kept = InMemorySpanExporter()
    tracer = SpanTracer(kept)
    tracer.note_turn(turn)
    tracer.close()
    assert tracer.failures == tracer.dropped == 0
    return list(kept.get_finished_spans())


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP on loopback, and keeps what it got."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiving)
        self.requests: list[tuple[str, ExportTraceServiceRequest]] = []
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Receiving(BaseHTTPRequestHandler):
    """Reads one export."""

    server: Collector

    def do_POST(self) -> None:
        body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        self.server.requests.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def collecting() -> Iterator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever, args=(0.05,))
        thread.start()
        yield collector
        collector.shutdown()
        thread.join()


def test_a_turn_is_one_trace_with_its_steps_inside() -> None:
    *steps, root = exported(told_turn())
    assert (root.name, root.kind, root.parent) == ("chat aion", SpanKind.CLIENT, None)
    assert [step.name for step in steps] == ["cache", "recall", "context", "queue", "generate", "record"]
    assert {step.parent.span_id for step in steps} == {root.context.span_id}
    assert {step.context.trace_id for step in steps} == {root.context.trace_id}
    assert all(root.start_time <= step.start_time <= step.end_time <= root.end_time for step in steps)
    assert (root.end_time - root.start_time) // 1_000_000 == 504


def test_the_steps_follow_each_other_by_hand() -> None:
    spans = [(step.name, step.start, step.end) for step in steps_of(told_turn())]
    assert spans == [
        ("cache", 0, 1),
        ("recall", 1, 11),
        ("context", 11, 13),
        ("queue", 13, 20),
        ("generate", 20, 500),
        ("record", 500, 504),
    ]


def test_a_turn_from_the_cache_has_no_step_of_generation() -> None:
    turn = told_turn(timings={"cache_ms": 3.0, "total_ms": 4.0}, steps={"cache": {"outcome": "hit"}})
    assert [step.name for step in steps_of(turn)] == ["cache"]


def test_the_attributes_are_those_of_the_convention() -> None:
    assert attributes_of(told_turn(id="turn_1")) == {
        "gen_ai.provider.name": "aion",
        "gen_ai.conversation.id": "conv_1",
        "gen_ai.request.model": "aion",
        "gen_ai.request.stream": True,
        "gen_ai.request.choice.count": 1,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 64,
        "gen_ai.response.model": "aion",
        "gen_ai.response.id": "turn_1",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": 0.12,
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 12,
        "gen_ai.usage.cache_read.input_tokens": 8,
        "aion.turn.outcome": "completed",
        "aion.model.hash": "a" * 64,
        "aion.cache.outcome": "miss",
        "aion.recall.outcome": "used",
        "aion.recall.items": 2,
        "aion.confidence": 0.75,
    }


def test_every_name_of_the_convention_is_one_the_library_knows() -> None:
    from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

    known = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
    ours = {value for value in vars(names).values() if isinstance(value, str) and value.startswith("gen_ai.")}
    assert len(ours) > 15
    assert ours <= known


def test_a_bare_turn_without_steps_and_times_is_told_too() -> None:
    [root] = exported(make_turn(kind=TurnKind.COMPLETION, timings={}, params={}))
    assert root.name == "text_completion aion"
    assert root.end_time == root.start_time


def test_a_failed_turn_is_an_error_without_its_sentence() -> None:
    root = exported(told_turn(outcome=Outcome.FAILED, error=SECRET))[-1]
    assert (root.status.status_code, root.status.description) == (StatusCode.ERROR, None)
    assert root.attributes["error.type"] == "failed"


def test_a_real_collector_gets_the_trace_and_nothing_that_was_said() -> None:
    with collecting() as collector:
        tracer = open_tracer(TelemetrySettings(otlp_endpoint=collector.url))
        assert tracer is not None
        turn = told_turn(outcome=Outcome.FAILED, error=SECRET)
        tracer.note_turn(turn)
        tracer.close()
        [(path, request)] = collector.requests
        [resource] = request.resource_spans
        spans = resource.scope_spans[0].spans
        assert path == "/v1/traces"
        assert [span.name for span in spans][-2:] == ["record", "chat aion"]
        held = {one.key: one.value for one in spans[-1].attributes}
        assert held["gen_ai.usage.output_tokens"].int_value == 12
        assert held["gen_ai.response.id"].string_value == turn.id
        assert {one.key for one in resource.resource.attributes} == {"service.name", "service.version"}
        assert SECRET.encode() not in b"".join(collector.bodies)


def test_without_an_endpoint_nothing_is_made_whatever_the_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    before = threading.active_count()
    assert open_tracer(TelemetrySettings()) is None
    assert threading.active_count() == before


def test_the_variables_cannot_name_another_collector_or_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as wanted, collecting() as other:
        for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, other.url)
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
        tracer = open_tracer(TelemetrySettings(otlp_endpoint=f"{wanted.url}/v1/traces"))
        assert tracer is not None
        tracer.note_turn(told_turn())
        tracer.close()
        assert [path for path, _ in wanted.requests] == ["/v1/traces"]
        assert not other.requests


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry.sdk")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "aion.serve.telemetry.spans")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    with pytest.raises(BadConfig, match=r"pip install 'aion\[otel\]'"):
        open_tracer(TelemetrySettings(otlp_endpoint="http://127.0.0.1:4318"))


def dead_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


def test_a_dead_collector_costs_a_turn_nothing_and_is_told_once() -> None:
    with structlog.testing.capture_logs() as logs:
        tracer = open_tracer(TelemetrySettings(otlp_endpoint=f"http://127.0.0.1:{dead_port()}"))
        assert isinstance(tracer, SpanTracer)
        began = time.monotonic()
        for _ in range(2000):  # more than the queue takes
            tracer.note_turn(told_turn())
        tracer.close()
        assert time.monotonic() - began < 60  # a hang, not a speed
        assert tracer.failures == 0
    assert [entry for entry in logs if entry["event"] != "telemetry.collector_away"] == []
    assert len(logs) <= 1


def test_a_collector_that_says_nothing_is_waited_for_only_so_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        tracer = open_tracer(TelemetrySettings(otlp_endpoint=f"http://127.0.0.1:{mute.getsockname()[1]}"))
        assert tracer is not None
        tracer.note_turn(told_turn())
        tracer.close()
        assert CLOSING in {thread.name for thread in threading.enumerate()}  # it was left behind, still waiting


def test_an_exporter_that_raises_loses_spans_and_nothing_else() -> None:
    class Broken(InMemorySpanExporter):
        """Cannot send."""

        def export(self, spans: Any) -> Any:
            raise OSError("no route")

    with structlog.testing.capture_logs() as logs:
        tracer = SpanTracer(Broken())
        tracer.note_turn(told_turn())
        tracer.close()
    assert (tracer.dropped, tracer.failures) == (7, 0)
    assert [entry["event"] for entry in logs] == ["telemetry.collector_away"]


def test_an_absence_is_told_once_until_the_collector_is_back() -> None:
    away, there = SpanExportResult.FAILURE, SpanExportResult.SUCCESS
    results = [away, away, there, away]

    class Coming(InMemorySpanExporter):
        """Takes only the third batch."""

        def export(self, spans: Any) -> SpanExportResult:
            return results.pop(0)

    with structlog.testing.capture_logs() as logs:
        counted = Counted(Coming())
        for _ in range(4):
            counted.export([])
    assert len(logs) == 2


def test_a_turn_that_cannot_be_told_is_counted_and_passed_over() -> None:
    with structlog.testing.capture_logs():
        tracer = SpanTracer(InMemorySpanExporter())
        tracer.note_turn(told_turn(timings={"total_ms": "soon"}))
        tracer.close()
    assert tracer.failures == 1

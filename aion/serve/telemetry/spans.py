"""One trace for each turn, with OpenTelemetry: the turn, and in it the steps it took. Loaded only when asked for.

Names, numbers and ids, never what anybody said. A turn is only queued here; a thread sends batches, and when the
collector is away they are dropped and counted. The OTEL_ variables can add headers and certificates for the collector,
or turn this off; they cannot name another collector. No proxy is used and no redirect followed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import requests
import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

from aion import __version__
from aion.records import Outcome, Turn, TurnKind
from aion.serve.telemetry import names

SEND_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 3.0
CLOSING = "aion-traces-close"  # the thread that sends the last of them
QUEUE_SPANS = 4096
BATCH_SPANS = 512
EVERY_MS = 2000.0
NUMBERS = {  # parameters of a request that are told, by their name in it
    "temperature": names.REQUEST_TEMPERATURE,
    "top_p": names.REQUEST_TOP_P,
    "top_k": names.REQUEST_TOP_K,
    "max_tokens": names.REQUEST_MAX_TOKENS,
    "seed": names.REQUEST_SEED,
    "frequency_penalty": names.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": names.REQUEST_PRESENCE_PENALTY,
}
log = structlog.get_logger()
Attributes = dict[str, str | bool | int | float | Sequence[str]]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a turn, in milliseconds since the turn began."""

    name: str
    start: float
    end: float


class SpanTracer:
    """Implements `Tracer`."""

    def __init__(self, exporter: SpanExporter) -> None:
        _silence()
        self._exporter = Counted(exporter)
        processor = BatchSpanProcessor(
            self._exporter,
            max_queue_size=QUEUE_SPANS,
            max_export_batch_size=BATCH_SPANS,
            schedule_delay_millis=EVERY_MS,
            export_timeout_millis=SEND_TIMEOUT_S * 1000,
            meter_provider=NoOpMeterProvider(),
        )
        resource = Resource({names.SERVICE_NAME: "aion", names.SERVICE_VERSION: __version__})
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False, meter_provider=NoOpMeterProvider()
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("aion", __version__)
        self.failures = 0

    @property
    def dropped(self) -> int:
        """Spans that the collector did not take."""
        return self._exporter.dropped

    def note_turn(self, turn: Turn) -> None:
        try:
            self._record(turn)
        except Exception as error:  # noqa: BLE001 - a trace must never cost a turn; it is counted
            self.failures += 1
            log.warning("telemetry.span_failed", kind=type(error).__name__)

    def close(self) -> None:
        ending = threading.Thread(target=self._provider.shutdown, name=CLOSING, daemon=True)
        ending.start()
        ending.join(0.0 if self._exporter.failing else CLOSE_TIMEOUT_S)

    def _record(self, turn: Turn) -> None:
        operation = names.TEXT_COMPLETION if turn.kind is TurnKind.COMPLETION else names.CHAT
        steps = list(steps_of(turn))
        end = max([turn.timings.get("total_ms", 0.0), *(step.end for step in steps)])
        span = self._tracer.start_span(
            f"{operation} {turn.model}",
            context=Context(),  # never inside of whatever else may be traced in this process
            kind=SpanKind.CLIENT,
            attributes={names.OPERATION: operation, **attributes_of(turn)},
            start_time=_nanoseconds(turn, 0.0),
        )
        inside = set_span_in_context(span, Context())
        for step in steps:
            child = self._tracer.start_span(step.name, context=inside, start_time=_nanoseconds(turn, step.start))
            child.end(_nanoseconds(turn, step.end))
        if turn.outcome is Outcome.FAILED:
            span.set_status(Status(StatusCode.ERROR))
        span.end(_nanoseconds(turn, end))


class Counted(SpanExporter):
    """An exporter that counts what could not be sent, and says so once until it works again."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self.failing = False
        self.dropped = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._inner.export(spans)
        except Exception:  # noqa: BLE001 - whatever the transport raises, the spans are lost: counted below
            result = SpanExportResult.FAILURE
        failed = result is not SpanExportResult.SUCCESS
        self.dropped += len(spans) if failed else 0
        if failed and not self.failing:
            log.warning("telemetry.collector_away", dropped=self.dropped)
        self.failing = failed
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


def make_exporter(endpoint: str) -> SpanExporter:
    """To the collector at this base address, or at this very address when it names the path."""
    base = endpoint.rstrip("/")
    session = requests.Session()
    session.trust_env = False
    return OTLPSpanExporter(
        endpoint=base if base.endswith("/v1/traces") else f"{base}/v1/traces",
        timeout=SEND_TIMEOUT_S,
        compression=Compression.Gzip,
        session=session,
        meter_provider=NoOpMeterProvider(),
    )


def steps_of(turn: Turn) -> Iterator[Step]:
    """The steps that left a time, one after the other.

    Cache, recall and context say how long they took; the rest say when they were over.
    """
    place = 0.0
    for name in ("cache", "recall", "context"):
        if (took := turn.timings.get(f"{name}_ms")) is not None:
            yield Step(name, place, place + took)
            place += took
    for name, mark in (("queue", "queue_ms"), ("generate", "total_ms"), ("record", "recorded_ms")):
        if (over := turn.timings.get(mark)) is not None and not (name == "generate" and _is_hit(turn)):
            yield Step(name, place, max(place, over))
            place = max(place, over)


def attributes_of(turn: Turn) -> Attributes:
    told: Attributes = {
        names.PROVIDER: "aion",
        names.CONVERSATION: turn.conversation,
        names.REQUEST_MODEL: turn.model,
        names.REQUEST_STREAM: bool(turn.params.get("stream")),
        names.REQUEST_CHOICES: len(turn.answers),
        names.RESPONSE_MODEL: turn.model,
        names.RESPONSE_ID: turn.id,
        names.RESPONSE_FINISH: [answer.finish for answer in turn.answers],
        names.USAGE_INPUT: turn.usage.prompt,
        names.USAGE_OUTPUT: turn.usage.completion,
        names.USAGE_CACHED: turn.usage.cached,
        names.OUTCOME: turn.outcome.value,
        names.MODEL_HASH: turn.model_hash,
    }
    told |= {name: value for key, name in NUMBERS.items() if _is_number(value := turn.params.get(key))}
    if (first := turn.timings.get("first_token_ms")) is not None:
        told[names.RESPONSE_FIRST_CHUNK] = first / 1000
    if turn.outcome is Outcome.FAILED:
        told[names.ERROR_TYPE] = "failed"
    return told | _of_steps(turn)


def _of_steps(turn: Turn) -> Attributes:
    """Outcomes and counts of the steps of the path; their texts are left alone."""
    told: Attributes = {}
    recall = turn.steps.get("recall", {})
    confidence = turn.steps.get("confidence", {}).get("calibrated")
    if (outcome := turn.steps.get("cache", {}).get("outcome")) is not None:
        told[names.CACHE_OUTCOME] = str(outcome)
    if "outcome" in recall:
        told[names.RECALL_OUTCOME] = str(recall["outcome"])
        told[names.RECALL_ITEMS] = len(recall.get("items", ()))
    if _is_number(confidence):
        told[names.CONFIDENCE] = confidence
    return told


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_hit(turn: Turn) -> bool:
    """Whether the answer came from the cache, so that nothing was generated."""
    return bool(turn.steps.get("cache", {}).get("outcome") == "hit")


def _nanoseconds(turn: Turn, milliseconds: float) -> int:
    return int(turn.started * 1e9) + int(milliseconds * 1e6)


def _silence() -> None:
    """The library writes to the log of Python at every try; what we say about it is said once, in ours."""
    library = logging.getLogger("opentelemetry")
    library.propagate = False
    if not library.handlers:
        library.addHandler(logging.NullHandler())

"""Opens the way for traces when a collector is configured; without one nothing is loaded, made or sent.

The settings alone decide: no OTEL_ variable turns traces on.
"""

from __future__ import annotations

import importlib
from typing import Protocol

from aion.config import TelemetrySettings
from aion.errors import BadConfig
from aion.records import Turn


class Tracer(Protocol):
    """Takes note of turns for a collector. Neither call ever fails, whatever the collector does."""

    def note_turn(self, turn: Turn) -> None:
        """At once: it only queues."""
        ...

    def close(self) -> None:
        """Send what is queued, and wait for that a few seconds at most. Blocks."""
        ...


def open_tracer(settings: TelemetrySettings) -> Tracer | None:
    """None when no collector is configured."""
    if not settings.otlp_endpoint:
        return None
    try:
        spans = importlib.import_module("aion.serve.telemetry.spans")
    except ModuleNotFoundError as error:
        raise BadConfig(
            f"telemetry.otlp_endpoint is set, and {error.name!r} is not installed; "
            "run pip install 'aion[otel]', or leave the setting empty"
        ) from None
    tracer: Tracer = spans.SpanTracer(spans.make_exporter(settings.otlp_endpoint))
    return tracer

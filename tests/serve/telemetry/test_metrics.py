"""The numbers for Prometheus, after turns worked by hand."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from aion.records import FeedbackKind
from aion.serve.metrics import Metrics
from tests.store.examples import make_turn


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_the_steps_of_a_turn_are_counted() -> None:
    metrics = Metrics()
    steps = {
        "cache": {"outcome": "miss"},
        "recall": {"outcome": "used", "items": [{"used": True}, {"used": False}, {"used": False}]},
        "confidence": {"calibrated": 0.75},
    }
    metrics.note_turn(make_turn(timings={"recall_ms": 12.0, "total_ms": 900.0}, steps=steps))
    assert value(metrics, "aion_step_seconds_sum", step="recall") == 0.012
    assert value(metrics, "aion_step_seconds_count", step="cache") is None
    assert value(metrics, "aion_cache_total", outcome="miss") == 1
    assert value(metrics, "aion_recalls_total", outcome="used") == 1
    assert value(metrics, "aion_recall_items_total", used="yes") == 1
    assert value(metrics, "aion_recall_items_total", used="no") == 2
    assert value(metrics, "aion_confidence_bucket", le="0.7") == 0
    assert value(metrics, "aion_confidence_bucket", le="0.8") == 1


def test_a_turn_without_steps_or_confidence_is_counted_as_a_turn_alone() -> None:
    metrics = Metrics()
    metrics.note_turn(make_turn(timings={}, steps={}))
    metrics.note_turn(make_turn(timings={}, steps={"recall": {"outcome": "off"}, "confidence": {"calibrated": None}}))
    assert value(metrics, "aion_turns_total", kind="chat", outcome="completed") == 2
    assert value(metrics, "aion_confidence_count") == 0
    assert value(metrics, "aion_recalls_total", outcome="off") == 1


def test_feedback_and_memory_are_told() -> None:
    metrics = Metrics()
    metrics.note_feedback(FeedbackKind.THUMB)
    metrics.note_feedback(FeedbackKind.THUMB)
    metrics.note_memory(memories=7, vectors=5, ready=True)
    assert value(metrics, "aion_feedback_total", kind="thumb") == 2
    assert [value(metrics, f"aion_{name}") for name in ("memories", "index_vectors", "index_ready")] == [7, 5, 1]


def test_the_page_can_be_read_by_prometheus() -> None:
    metrics = Metrics()
    metrics.note_turn(make_turn(timings={"queue_ms": 1.0}))
    families = {family.name for family in text_string_to_metric_families(metrics.text().decode())}
    assert {"aion_step_seconds", "aion_turns", "aion_memories", "aion_confidence"} <= families

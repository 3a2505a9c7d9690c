"""Samples of the machine, by day."""

from __future__ import annotations

from aion.serve.telemetry.days import day_of
from aion.serve.telemetry.resources import sum_resources
from tests.serve.telemetry.examples import moment

NOON = moment("2026-11-20 12:00")


def test_levels_become_mean_and_maximum_and_energy_a_sum() -> None:
    found = sum_resources(
        [
            (NOON, {"cpu_percent": 10.0, "energy_joules": 1800.0}),
            (NOON + 60, {"cpu_percent": 30.0, "energy_joules": 5400.0}),
        ],
        day_of,
    )
    expected = {"samples": 2, "cpu_percent": {"mean": 20.0, "max": 30.0}, "energy_wh": 2.0, "gpu_energy_wh": None}
    assert found == {"2026-11-20": expected}


def test_what_could_not_be_read_is_left_out_and_energy_is_null() -> None:
    found = sum_resources([(NOON, {"cpu_percent": 10.0}), (NOON + 86_400, {})], day_of)
    assert found["2026-11-20"]["energy_wh"] is None
    assert found["2026-11-21"] == {"samples": 1, "energy_wh": None, "gpu_energy_wh": None}

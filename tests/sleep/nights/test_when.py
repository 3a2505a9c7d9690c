"""When AION falls asleep: each rule holds it back or wakes it by itself, and safety is never overruled."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from aion.config import SleepSettings
from aion.sleep.nights.when import Facts, Why, decide

SETTINGS = SleepSettings()
READY = Facts(
    idle_s=601.0,
    cpu_percent=5.0,
    gpu_percent=0.0,
    since_night_s=7 * 3600.0,
    disk_free=2 << 30,
    disk_needed=1 << 30,
    lessons=20,
    experiences=50,
)


def changed(**changes: Any) -> Facts:
    return dataclasses.replace(READY, **changes)


def test_an_idle_machine_with_a_reason_falls_asleep() -> None:
    decision = decide(READY, SETTINGS)
    assert (decision.sleep, decision.why, decision.why_not) == (True, Why.EXPERIENCES, "")
    assert "50 experiences" in decision.reason


HOLDS = {
    "idle_s": (599.0, "last request"),
    "cpu_percent": (30.0, "processors"),
    "gpu_percent": (30.0, "GPU"),
    "since_night_s": (5.9 * 3600, "cooldown"),
    "on_battery": (True, "battery"),
    "disk_free": ((1 << 30) + (511 << 20), "1536 MiB"),
    "lessons": (0, "nothing new"),
    "experiences": (49, "no reason"),
    "running": (True, "under way"),
}


@pytest.mark.parametrize("name", HOLDS)
def test_each_rule_alone_holds_it_back_and_says_so(name: str) -> None:
    value, words = HOLDS[name]
    decision = decide(changed(**{name: value}), SETTINGS)
    assert not decision.sleep
    assert words in decision.why_not


REASONS = {
    "asked": (True, Why.ASKED),
    "new_base": (True, Why.NEW_BASE),
    "errors": (3, Why.ERRORS),
    "ndcg": (0.81, Why.RECALL),
    "experiences": (50, Why.EXPERIENCES),
}
NEARLY = {"errors": 2, "ndcg": 0.82, "experiences": 49}


@pytest.mark.parametrize("name", REASONS)
def test_each_reason_alone_is_enough(name: str) -> None:
    value, why = REASONS[name]
    decision = decide(changed(**{"experiences": 0, name: value}), SETTINGS)
    assert (decision.sleep, decision.why) == (True, why)
    assert decision.reason


@pytest.mark.parametrize("name", NEARLY)
def test_what_just_misses_its_threshold_is_no_reason(name: str) -> None:
    assert not decide(changed(**{"experiences": 0, name: NEARLY[name]}), SETTINGS).sleep


def test_somebody_who_asks_need_not_wait_for_idleness_or_cooldown() -> None:
    busy = changed(asked=True, idle_s=0.0, cpu_percent=99.0, since_night_s=60.0, experiences=0)
    assert decide(busy, SETTINGS).sleep
    assert decide(busy, SleepSettings(auto=False)).sleep
    assert not decide(READY, SleepSettings(auto=False)).sleep


@pytest.mark.parametrize("danger", ["on_battery", "disk_free", "running"])
def test_force_does_not_overrule_safety(danger: str) -> None:
    value = HOLDS[danger][0]
    assert not decide(changed(asked=True, forced=True, **{danger: value}), SETTINGS).sleep


def test_only_a_forced_night_learns_again_what_was_learned() -> None:
    known = changed(asked=True, lessons=0, lessons_learned=9)
    assert not decide(known, SETTINGS).sleep
    assert decide(dataclasses.replace(known, forced=True), SETTINGS).sleep
    assert not decide(changed(asked=True, forced=True, lessons=0), SETTINGS).sleep


def test_what_cannot_be_measured_holds_nothing_back() -> None:
    assert decide(changed(cpu_percent=None, gpu_percent=None, since_night_s=None), SETTINGS).sleep

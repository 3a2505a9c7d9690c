"""What speaks for a night and against it: counts of one person's experience, and the state of the machine.

It reads the store and the system, and decides nothing.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from aion.config import Settings
from aion.records import Label, Lesson, Night, NightState
from aion.sleep.lessons.find import collect_lessons
from aion.sleep.nights.when import Facts, Why
from aion.store.base import Store

OVER = frozenset({NightState.DONE, NightState.CANCELLED, NightState.FAILED})
MOST = 100_000
MOST_SHOWN = 24  # lessons that a plan of the next night names
CHECKPOINTS_BYTES = 128 << 20  # adapters are small; so are the checkpoints of one
SAMPLED_S = 300.0


@dataclass(frozen=True, slots=True)
class Base:
    """The model that is served, as far as a decision needs it."""

    sha256: str
    size: int


def collect_facts(
    store: Store, settings: Settings, owner: str, base: Base, *, idle_s: float, asked: Night | None = None
) -> Facts:
    """Everything a decision needs. `asked` is a night that waits because somebody asked for it."""
    at, version = time.time(), store.memories.version(owner=owner)
    nights = store.nights.nights(owner=owner)
    ended = max((night.at for night in nights if night.state is NightState.DONE), default=None)
    last = max((night.at for night in nights if _begins_cooldown(night)), default=None)
    found = collect_lessons(store, owner, source_share=settings.train.source_share).lessons
    lessons = {one.id for one in found}
    learned = store.nights.learned(owner=owner, base=base.sha256)
    seen = store.experience.experiences(owner=owner, since=ended, limit=MOST)
    wrong = Counter(one.theme for one in seen if one.label is Label.ERRONEOUS and one.theme)
    ranked = [one.ndcg for one in seen if one.ndcg is not None]
    cpu, gpu = read_load(store)
    return Facts(
        idle_s=idle_s,
        cpu_percent=cpu,
        gpu_percent=gpu,
        on_battery=is_on_battery(),
        since_night_s=None if last is None else at - last,
        disk_free=shutil.disk_usage(settings.data).free,
        disk_needed=disk_needed(base),
        lessons=len(lessons - learned),
        waiting=_latest([one for one in found if one.id not in learned]),
        lessons_learned=len(lessons & learned),
        experiences=sum(one.priority >= settings.sleep.priority for one in seen),
        errors=max(wrong.values(), default=0),
        ndcg=sum(ranked) / len(ranked) if len(ranked) >= 10 else None,
        new_base=not learned and bool(store.nights.learned(owner=owner)),
        asked=asked is not None,
        forced=asked is not None and asked.forced,
        at=at,
        version=version,
    )


def _latest(lessons: Sequence[Lesson]) -> tuple[Lesson, ...]:
    return tuple(sorted(lessons, key=lambda one: (-one.at, one.id))[:MOST_SHOWN])


def _begins_cooldown(night: Night) -> bool:
    """Also one that came to nothing, if it had begun by itself: it would begin again at once. Those say why."""
    by_itself = night.body.get("why", Why.ASKED) != Why.ASKED
    return night.state is NightState.DONE or (night.state in OVER and by_itself)


def disk_needed(base: Base) -> int:
    """By a night, at most: checkpoints and results of its largest job."""
    return CHECKPOINTS_BYTES + base.size // 2


def read_load(store: Store) -> tuple[float | None, float | None]:
    """Mean use of processors and GPU in the last minutes, as the server sampled it."""
    now = time.time()
    samples = [values for _, values in store.experience.samples(since=now - SAMPLED_S, until=now + 1)]
    return _mean([one["cpu_percent"] for one in samples if "cpu_percent" in one]), _mean(
        [one["gpu_percent"] for one in samples if "gpu_percent" in one]
    )


def is_on_battery() -> bool:
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return battery is not None and battery.power_plugged is False


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None

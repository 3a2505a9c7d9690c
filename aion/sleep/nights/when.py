"""Whether to fall asleep now: facts in, a decision in words out. It measures nothing and starts nothing.

Safety comes first and nothing overrules it: no second night, mains power, room on the disk, something to learn from.
A night begun by itself also needs an idle machine, an ended cooldown and a reason. Somebody who asks is a reason, and
does not wait for idleness: a night yields to every request anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from aion.config import SleepSettings
from aion.records import Lesson

HOUR_S = 3600.0
MIB = 1 << 20


class Why(StrEnum):
    """What a night is for."""

    ASKED = "asked"  # a person wants it
    NEW_BASE = "new_base"  # adapters of another base are of no use on this one
    ERRORS = "errors"  # the same theme went wrong again and again
    RECALL = "recall"  # what is recalled is too often not what was needed
    EXPERIENCES = "experiences"  # enough of what matters has come together
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known at one moment, about one person's learning and the machine. None: not known."""

    running: bool = False  # a night is under way
    idle_s: float = 0.0  # since the last request
    cpu_percent: float | None = None
    gpu_percent: float | None = None
    on_battery: bool = False
    since_night_s: float | None = None  # since the last night ended
    disk_free: int = 0
    disk_needed: int = 0  # by a night, the reserve not counted
    lessons: int = 0  # that no adapter of this base has learned
    waiting: tuple[Lesson, ...] = ()  # some of them, what happened last first
    lessons_learned: int = 0  # that one has: only a forced night learns them again
    experiences: int = 0  # of high priority, since the last night
    errors: int = 0  # of the theme with the most, since the last night
    ndcg: float | None = None
    new_base: bool = False
    asked: bool = False
    forced: bool = False
    at: float = 0.0  # when they were collected
    version: int = 0  # of the person's memories then


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to sleep; `reason` is why it should, `why_not` why it does not, both in words."""

    sleep: bool
    why: Why = Why.NONE
    reason: str = ""
    why_not: str = ""


def decide(facts: Facts, settings: SleepSettings) -> Decision:
    """Before the bandit, which may only postpone what is decided here."""
    why, reason = find_reason(facts, settings)
    stopped = find_danger(facts, settings)
    if not facts.asked:
        stopped = stopped or _find_hindrance(facts, settings, reason)
    return Decision(not stopped, why, reason, stopped)


def find_danger(facts: Facts, settings: SleepSettings) -> str:
    """What no wish overrules; empty when there is nothing."""
    needed = facts.disk_needed + settings.disk_reserve_mb * MIB
    if facts.running:
        return "a night is under way"
    if facts.on_battery:
        return "the machine runs on battery"
    if facts.disk_free < needed:
        return f"{needed / MIB:.0f} MiB of disk are needed, {facts.disk_free / MIB:.0f} MiB are free"
    if not facts.lessons and not (facts.forced and facts.lessons_learned):
        return "there is nothing new to learn"
    return ""


def find_reason(facts: Facts, settings: SleepSettings) -> tuple[Why, str]:
    """The weightiest reason there is, in words."""
    reasons = (
        (facts.asked, Why.ASKED, "somebody asked for it"),
        (facts.new_base, Why.NEW_BASE, "the base is new, and no adapter fits it yet"),
        (
            facts.errors >= settings.error_pattern,
            Why.ERRORS,
            f"{facts.errors} answers in one theme were wrong (from {settings.error_pattern})",
        ),
        (
            facts.ndcg is not None and facts.ndcg < settings.tau_ndcg,
            Why.RECALL,
            f"nDCG of recall is {facts.ndcg or 0:.2f} (below {settings.tau_ndcg:.2f})",
        ),
        (
            facts.experiences >= settings.experiences,
            Why.EXPERIENCES,
            f"{facts.experiences} experiences of high priority wait (from {settings.experiences})",
        ),
    )
    return next(((why, words) for holds, why, words in reasons if holds), (Why.NONE, ""))


def _find_hindrance(facts: Facts, settings: SleepSettings, reason: str) -> str:
    """Why a night does not begin by itself."""
    if not settings.auto:
        return "sleep.auto is off; `aion sleep --now` starts a night"
    if facts.since_night_s is not None and facts.since_night_s < settings.cooldown_hours * HOUR_S:
        left = settings.cooldown_hours - facts.since_night_s / HOUR_S
        return f"the last night ended {facts.since_night_s / HOUR_S:.1f} h ago; {left:.1f} h of the cooldown are left"
    if facts.idle_s < settings.idle_minutes * 60:
        return f"the last request was {facts.idle_s / 60:.0f} min ago (from {settings.idle_minutes:.0f})"
    for name, percent in (("processors", facts.cpu_percent), ("GPU", facts.gpu_percent)):
        if percent is not None and percent >= settings.idle_percent:
            return f"the {name} are {percent:.0f} % busy (below {settings.idle_percent:.0f})"
    return "" if reason else "there is no reason yet"

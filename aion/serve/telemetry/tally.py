"""Adds up the experiences of a day or a theme into numbers. Rows in, numbers out: it reads nothing and keeps no text.

A number that nothing stands behind is null, never 0; beside every mean and share stands how many it is over.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence

from aion.records import Experience, Json, Label

PERCENTILES = (50, 95, 99)
STEP_SUFFIX = "_ms"


class Mean:
    """A running mean."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0.0

    def add(self, value: float | None) -> None:
        if value is not None:
            self.count += 1
            self._sum += value

    def value(self) -> float | None:
        return share(self._sum, self.count)


class SkillTally:
    """How one skill went. A turn has a sign when something tells how it was received, or when it failed."""

    def __init__(self) -> None:
        self.turns = self.signed = self.good = self.failed = 0

    def add(self, experience: Experience, *, signed: bool) -> None:
        self.turns += 1
        self.failed += experience.failed
        self.signed += experience.failed or signed
        self.good += signed and not experience.failed and experience.reward.total > 0

    def numbers(self) -> Json:
        return {
            "turns": self.turns,
            "signed": self.signed,
            "good": self.good,
            "failed": self.failed,
            "success": share(self.good, self.signed),
        }


class Tally:
    """What a set of experiences amounts to."""

    def __init__(self) -> None:
        self.turns = self.failed = 0
        self._ndcg, self._confidence, self._reward = Mean(), Mean(), Mean()
        self._skills: defaultdict[str, SkillTally] = defaultdict(SkillTally)
        self._steps: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))
        self._labels: Counter[Label] = Counter()
        self._hits = Mean()
        self._read = self._written = 0.0
        self._speed_tokens = self._speed_ms = 0.0

    def add(self, experience: Experience) -> None:
        self.turns += 1
        self.failed += experience.failed
        self._ndcg.add(experience.ndcg)
        self._confidence.add(experience.confidence)
        signed = has_sign(experience)
        self._reward.add(experience.reward.total if signed else None)
        self._skills[experience.skill].add(experience, signed=signed)
        self._labels[experience.label] += 1
        for name, value in experience.measures.items():
            if name.endswith(STEP_SUFFIX):
                self._steps[name].append(value)
        self._add_tokens(experience)

    def _add_tokens(self, experience: Experience) -> None:
        measures = experience.measures
        hit = measures.get("cached")
        self._hits.add(hit)
        if hit:
            return  # its words were written for another turn
        written, took = measures.get("completion_tokens", 0.0), measures.get("predicted_ms", 0.0)
        self._read += measures.get("prompt_tokens", 0.0)
        self._written += written
        if took > 0:
            self._speed_tokens += written
            self._speed_ms += took

    def numbers(self) -> Json:
        good = sum(skill.good for skill in self._skills.values())
        signed = sum(skill.signed for skill in self._skills.values())
        return {
            "turns": self.turns,
            "failed": self.failed,
            "success": share(good, signed),
            "signed": signed,
            "ndcg": self._ndcg.value(),
            "recalls": self._ndcg.count,
            "skills": {name: tally.numbers() for name, tally in sorted(self._skills.items())},
            "steps": {name: percentiles(values) for name, values in sorted(self._steps.items())},
            "tokens_read": int(self._read),
            "tokens_written": int(self._written),
            "tokens_per_second": share(self._speed_tokens * 1000, self._speed_ms),
            "cache_hits": self._hits.value(),
            "labels": {str(label): share(self._labels[label], self.turns) for label in Label},
            "confidence": self._confidence.value(),
            "confident": self._confidence.count,
            "reward": self._reward.value(),
            "judged": self._reward.count,
        }


def has_sign(experience: Experience) -> bool:
    """Whether anything at all tells how the answer was received."""
    reward = experience.reward
    return reward.explicit is not None or reward.implicit is not None or reward.emotional is not None


def share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def percentiles(values: Sequence[float]) -> Json:
    """Nearest rank: the smallest value that at least so many percent do not exceed. Always one that was measured."""
    ordered = sorted(values)
    found = {f"p{percent}": _nearest_rank(ordered, percent) for percent in PERCENTILES}
    return {**found, "n": len(ordered)}


def _nearest_rank(ordered: Sequence[float], percent: int) -> float | None:
    if not ordered:
        return None
    return round(ordered[math.ceil(percent * len(ordered) / 100) - 1], 3)

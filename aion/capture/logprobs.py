"""Sums up how sure a model was of its words, one token at a time. Keeps no token and no text."""

from __future__ import annotations

import math
from collections.abc import Iterable

from aion.records import Json, LogprobSummary

FLOOR = -100.0  # stands for "impossible": engines send -inf, null or -1e9 for it


class LogprobMeter:
    """Running mean, minimum and entropy of the tokens of one answer."""

    def __init__(self) -> None:
        self.tokens = 0
        self._sum = 0.0
        self._minimum = 0.0
        self._entropy = 0.0

    def add(self, items: Iterable[Json]) -> None:
        for item in items:
            chosen = _clean(item.get("logprob"))
            self.tokens += 1
            self._sum += chosen
            self._minimum = min(self._minimum, chosen)
            self._entropy += _entropy(chosen, item)

    def summary(self) -> LogprobSummary | None:
        """None when the model reported nothing."""
        if not self.tokens:
            return None
        return LogprobSummary(
            tokens=self.tokens, mean=self._sum / self.tokens, minimum=self._minimum, entropy=self._entropy / self.tokens
        )


def _entropy(chosen: float, item: Json) -> float:
    """Entropy over the reported alternatives and the chosen token; whatever mass is left counts as one more."""
    alternatives = {other.get("token"): _clean(other.get("logprob")) for other in item.get("top_logprobs") or ()}
    alternatives[item.get("token")] = chosen
    total = entropy = 0.0
    for logprob in alternatives.values():
        probability = math.exp(logprob)
        total += probability
        entropy -= probability * logprob
    rest = 1.0 - total
    return entropy - rest * math.log(rest) if rest > 1e-9 else entropy


def _clean(logprob: object) -> float:
    if not isinstance(logprob, int | float) or math.isnan(logprob):
        return FLOOR
    return min(0.0, max(FLOOR, float(logprob)))

"""How much an experience matters for learning, and what it is good for (C4, C5). Pure.

priority = uncertainty_weight * uncertainty + error_weight * error
         + satisfaction_weight * satisfaction + novelty_weight * novelty       (weights: settings `learning.*`)

uncertainty   1 - confidence; without a confidence 1 - exp(-entropy); without either 0.5
error         1 when the turn failed or its answer goes against what was recalled (the caller says so); else how bad the
              reward is, which a correction, a complaint or failing code make it; 0 for a good one
satisfaction  how strong the reward is, good or bad: both delight and anger say what matters
novelty       1 - cosine to the nearest cluster of questions, 1 for the first of all

Each part is in [0, 1]; with weights that add up to 1 so is the priority.

label, the first rule that fits:
  erroneous  it failed, the person corrected it and something backs that, code or tools of it failed, or the reward is
             at most -0.3
  reliable   the reward is at least 0.3 and nothing contradicts it
  hesitant   it may have been corrected, it goes against what was recalled, or the confidence is under tau or unknown
  reliable   otherwise: confident, and nobody minded
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from aion.config import LearningSettings
from aion.records import Label, Reward, Signal

BAD, GOOD = -0.3, 0.3
ERRORS = ("correction", "code_failed", "tool_failed")
SURE = 0.6  # weight of a sign that is enough; a correction read from a cue alone has less


def priority_of(
    *,
    confidence: float | None,
    entropy: float | None,
    failed: bool,
    reward: Reward,
    novelty: float,
    settings: LearningSettings,
) -> tuple[float, dict[str, float]]:
    """The priority and its parts."""
    parts = {
        "uncertainty": _uncertainty(confidence, entropy),
        "error": 1.0 if failed else max(0.0, -reward.total),
        "satisfaction": abs(reward.total),
        "novelty": novelty,
    }
    parts = {name: round(min(1.0, max(0.0, value)), 4) for name, value in parts.items()}
    total = sum(getattr(settings, f"{name}_weight") * value for name, value in parts.items())
    return round(total, 4), parts


def novelty_of(cosine: float | None, count: int) -> float:
    """From the cosine to the nearest cluster before this question joined it; `count` are the questions there by then.

    A cluster of few questions is not well known yet: its nearness counts count / (count + 1) of itself.
    """
    if cosine is None:
        return 1.0
    known = count / (count + 1) if count else 1.0
    return round(min(1.0, max(0.0, 1 - cosine * known)), 4)


def label_of(
    *,
    confidence: float | None,
    reward: Reward,
    failed: bool,
    contradictions: int,
    signals: Sequence[Signal],
    tau: float,
) -> tuple[Label, str]:
    """The label, and the reason in plain words."""
    errors = [signal for signal in signals if signal.name in ERRORS]
    wrong = next((signal.name.replace("_", " ") for signal in errors if signal.weight >= SURE), "")
    unforgiven = reward.explicit is None or reward.explicit < GOOD
    sure = confidence is not None and confidence >= tau
    rules = (
        (failed, Label.ERRONEOUS, "it failed"),
        (bool(wrong) and unforgiven, Label.ERRONEOUS, f"what followed shows a {wrong}"),
        (reward.total <= BAD, Label.ERRONEOUS, f"badly received ({reward.total:+.2f})"),
        (reward.total >= GOOD and not contradictions, Label.RELIABLE, f"well received ({reward.total:+.2f})"),
        (bool(errors) and unforgiven, Label.HESITANT, "what followed may be a correction"),
        (contradictions > 0, Label.HESITANT, "it goes against what was recalled"),
        (confidence is None, Label.HESITANT, "nothing tells how sure it is"),
        (not sure, Label.HESITANT, f"confidence {confidence or 0:.2f} is under {tau:g}"),
        (True, Label.RELIABLE, f"confidence {confidence or 0:.2f}, and nobody minded"),
    )
    return next((label, reason) for fits, label, reason in rules if fits)


def _uncertainty(confidence: float | None, entropy: float | None) -> float:
    if confidence is not None:
        return 1 - confidence
    return 0.5 if entropy is None else 1 - math.exp(-entropy)

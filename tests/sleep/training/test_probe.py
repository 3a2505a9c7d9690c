"""What is measured before a training: with anchors as a night has them, and the fullest micro-batch it may meet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aion.nets.pack import plan_steps
from aion.sleep.training import adapt, learner
from aion.sleep.training.plan import Sample, most_at_once, row_length
from aion.sleep.training.probe import _lessons, probe_base
from tests.sleep.small_jobs import RECIPE, make_base, one_thread

KEPT_NEAR = replace(RECIPE, kl=0.1, length=128, tokens_per_step=128)


@pytest.mark.parametrize(
    ("length", "tokens_per_step", "micro_batch"), [(512, 256, 0), (512, 256, 1), (256, 1024, 0), (256, 1024, 2)]
)
def test_no_micro_batch_of_a_plan_is_fuller_than_foretold(length: int, tokens_per_step: int, micro_batch: int) -> None:
    """And some come near it: sequences of 2 to 120 tokens, in many numbers."""
    recipe = replace(RECIPE, length=length, tokens_per_step=tokens_per_step, micro_batch=micro_batch)
    row, rows, fullest = row_length(recipe), micro_batch or 4, 0
    for seed in range(60):
        draw = np.random.default_rng(seed)
        lengths = draw.integers(2, 121, draw.integers(5, 120)).tolist()
        planned = plan_steps(lengths, length=row, tokens_per_step=tokens_per_step, epochs=2.0, seed=seed)
        for step in planned:
            sizes = [sum(lengths[one] for one in part) for part in step]
            fullest = max(fullest, *(sum(sizes[at : at + rows]) for at in range(0, len(sizes), rows)))
    assert 0.85 * most_at_once(recipe) < fullest <= most_at_once(recipe)


def test_anchors_have_their_share_of_what_is_measured() -> None:
    for share in (0.0, 0.1, 0.5):
        lessons = _lessons(replace(KEPT_NEAR, tokens_per_step=1024), Sample(anchors=share))
        tokens = {number: len(piece) for number, piece in lessons.pieces.items()}
        anchors = sum(tokens[number] for number in lessons.anchors)
        assert anchors / sum(tokens.values()) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize(("share", "kl", "asked"), [(0.2, 0.1, True), (0.0, 0.1, False), (0.2, 0.0, False)])
def test_the_base_is_asked_for_its_own_rows_as_in_a_training(
    share: float, kl: float, asked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[Any] = []

    def run_base(*given: Any) -> Any:
        runs.append(given)
        return adapt.run_base(*given)

    monkeypatch.setattr(learner, "run_base", run_base)
    with one_thread():
        probe = probe_base(make_base(tmp_path), replace(KEPT_NEAR, kl=kl), Sample(anchors=share))
    assert bool(runs) is asked
    assert probe.layer_bytes > 0

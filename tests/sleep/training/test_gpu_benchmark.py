"""What of the benchmark for GPUs can be run without one: its job and our training of it, and what it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from aion.sleep.training.graph import open_base
from aion.sleep.training.jobs import read_job
from benchmarks.gpu import MOST, RECIPE, THREE, Ran, find_reason_to_skip, list_figures, make_job, run_ours
from benchmarks.train_jobs import Size

SMALL = Size(width=256, inner=256, layers=2, heads=4, groups=2, words=512)


def test_ours_trains_the_job_of_the_benchmark_on_a_cpu(tmp_path: Path) -> None:
    recipe = replace(RECIPE, device="cpu", length=64, tokens_per_step=64)
    folder = make_job(tmp_path, SMALL, recipe, 4)
    ran = run_ours(folder, 4, 1)
    assert ran.tokens_per_s > 0
    assert ran.peak_bytes == 0, "reserved memory is a GPU's"


def test_a_head_that_is_the_embedding_too_is_held_once(tmp_path: Path) -> None:
    recipe = replace(RECIPE, device="cpu", length=64, tokens_per_step=64)
    model = open_base(read_job(make_job(tmp_path, SMALL, recipe, 1)).base).model
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    assert embedding is not None
    assert head is not None
    assert embedding.blocks is head.blocks


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_it_says_why_it_skips() -> None:
    assert find_reason_to_skip() == "torch sees no GPU here"


def test_its_targets_are_those_of_the_issue() -> None:
    ours, peer = Ran(peak_bytes=3_000_000_000, tokens_per_s=900.0), Ran(peak_bytes=3_500_000_000, tokens_per_s=800.0)
    verdicts = {one.name: one.verdict for one in list_figures(ours, peer, 2_900_000_000)}
    assert verdicts["ours: peak reserved"] == "pass"
    assert verdicts["memory, ours to PEFT"] == verdicts["speed, ours to PEFT"] == "pass"
    worse = Ran(peak_bytes=int(MOST) + 1_000_000, tokens_per_s=700.0)
    assert {one.verdict for one in list_figures(worse, peer, 0) if one.target} == {"MISS"}
    assert len(list_figures(ours, Ran(peak_bytes=0, tokens_per_s=0.0), 0)) == 5, "nothing to compare with"


def test_the_shape_is_that_of_three_billion_weights() -> None:
    layer = (
        2 * THREE.width**2 + 2 * THREE.width * THREE.width // THREE.heads * THREE.groups + 3 * THREE.width * THREE.inner
    )
    assert 2.8e9 < THREE.layers * layer < 3.0e9

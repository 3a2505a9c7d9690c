"""Training: what it computes is what PEFT would, it learns, it repeats itself, and it can be killed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from aion.errors import BadInput, Corrupt, Diverged
from aion.models.durable import write_json
from aion.models.sealed import sum_file
from aion.nets.frozen import FrozenLinear
from aion.sleep.training.adapt import add_adapters
from aion.sleep.training.base import IMPORTANCE, JOB, MEASURED, OUT, TOKENS, Progress
from aion.sleep.training.checkpoint import latest_valid
from aion.sleep.training.graph import open_base
from aion.sleep.training.jobs import read_job, share_measured
from aion.sleep.training.learner import Learner, choose_lessons
from aion.sleep.training.tokens import save_tokens
from aion.sleep.training.train import train
from tests.sleep.small_jobs import RECIPE, ignore, make_job, one_thread, random_tokens

ADAPTER = "adapter_model.safetensors"

pytestmark = pytest.mark.usefixtures("single")


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The sum of the adapter of the plain job, trained without a break."""
    with one_thread():
        folder = make_job(tmp_path_factory.mktemp("plain") / "job", base)
        return train(folder, tell=ignore).files[ADAPTER]


def make_learner(base: Path, **to: object) -> Learner:
    recipe = replace(RECIPE, **to)  # type: ignore[arg-type]
    torch.manual_seed(3)
    model = add_adapters(open_base(base, dtype=torch.float32, cached=True).model, recipe)
    learner = Learner(model, choose_lessons(random_tokens(anchors=4), recipe), recipe)
    with torch.no_grad():
        for weight in learner.weights.values():
            weight.copy_(torch.randn_like(weight) * 0.05)
    return learner


def plain_loss(learner: Learner, numbers: list[int], kl: float) -> torch.Tensor:
    """Every sequence by itself through PEFT's model as transformers runs it."""
    total, learned = torch.zeros(()), 0
    learner.model.set_attn_implementation("eager")
    for number in numbers:
        piece = learner.lessons.pieces[number]
        ids, places = torch.from_numpy(piece.ids).long(), torch.from_numpy(np.flatnonzero(piece.labels[1:]))
        logits = learner.model(input_ids=ids[None], use_cache=False).logits[0, places]
        total = total + functional.cross_entropy(logits, ids[places + 1], reduction="sum")
        learned += len(places)
        if number in learner.lessons.anchors:
            with torch.no_grad(), learner.model.disable_adapter():
                base = learner.model(input_ids=ids[None], use_cache=False).logits[0, places].log_softmax(1)
            now = logits.log_softmax(1)
            total = total + kl * functional.kl_div(base, now, log_target=True, reduction="sum")
    return total / learned


@pytest.mark.parametrize("micro_batch", [1, 4])
def test_a_step_has_the_loss_and_the_gradient_of_plain_peft(base: Path, micro_batch: int) -> None:
    learner = make_learner(base, kl=0.7, tokens_per_step=150, clip=1e9, micro_batch=micro_batch)
    stepped = learner.step(0)
    found = {name: weight.grad for name, weight in learner.weights.items()}
    again = make_learner(base, kl=0.7)
    wanted = plain_loss(again, [number for row in learner.steps[0] for number in row], 0.7)
    wanted.backward()
    assert stepped.divergence > 0
    assert stepped.loss == pytest.approx(wanted.item(), rel=1e-5)
    for name, weight in again.weights.items():
        assert torch.allclose(found[name], weight.grad, rtol=1e-3, atol=2e-5), name  # type: ignore[arg-type]


def test_it_learns_what_it_is_taught(base: Path, tmp_path: Path) -> None:
    """Twelve random sentences by heart: from as bad as chance to nearly none."""
    result = train(
        make_job(tmp_path / "job", base, checkpoint_s=1e9, epochs=40, learning_rate=3e-2, rank=8), tell=ignore
    )
    assert result.losses[0] > 4.0
    assert max(result.losses[-5:]) < 0.2


def test_the_same_job_gives_the_same_bytes(base: Path, tmp_path: Path, trained: str) -> None:
    assert train(make_job(tmp_path / "job", base), tell=ignore).files[ADAPTER] == trained
    assert train(make_job(tmp_path / "other", base, seed=2), tell=ignore).files[ADAPTER] != trained


class StopError(Exception):
    """What a caller raises who wants the training to end."""


def test_stopped_between_layers_it_goes_on_to_the_same_bytes(base: Path, tmp_path: Path, trained: str) -> None:
    folder = make_job(tmp_path / "job", base)
    for layers in (30, 45, 20):
        left = iter(range(layers))

        def pause(left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise StopError

        with pytest.raises(StopError):
            train(folder, tell=ignore, pause=pause)
    assert latest_valid(folder / "checkpoints", sum_file(folder / JOB)) is not None
    assert train(folder, tell=ignore).files[ADAPTER] == trained


def test_a_finished_job_is_not_trained_again(base: Path, tmp_path: Path) -> None:
    folder = make_job(tmp_path / "job", base)
    first, told = train(folder, tell=ignore), list[Progress]()
    assert train(folder, tell=told.append) == first
    assert not told


def test_a_result_that_was_damaged_is_made_again(base: Path, tmp_path: Path, trained: str) -> None:
    folder = make_job(tmp_path / "job", base)
    train(folder, tell=ignore)
    (folder / OUT / ADAPTER).write_bytes(b"damaged")
    assert train(folder, tell=ignore).files[ADAPTER] == trained


def test_each_step_is_told_with_what_it_did(base: Path, tmp_path: Path) -> None:
    folder, told = make_job(tmp_path / "job", base), list[Progress]()
    result = train(folder, tell=told.append)
    assert [one.stage.value for one in told] == ["loading", "measuring", *["training"] * result.steps, "saving"]
    assert tuple(one.loss for one in told[2:-1]) == result.losses
    assert told[-2].tokens == int(random_tokens().offsets[-1]) * RECIPE.epochs == result.record["tokens"]
    assert told[-2].eta_s == 0
    assert told[-2].peak_bytes > 1 << 20


def test_a_loss_that_is_no_number_names_its_sequence_and_changes_nothing(base: Path, tmp_path: Path) -> None:
    tokens = random_tokens()
    tokens.weights[7] = np.nan
    folder = make_job(tmp_path / "job", base, tokens=tokens)
    with pytest.raises(Diverged, match="put their lessons aside") as caught:
        train(folder, tell=ignore)
    assert caught.value.sequences == (7,)
    assert not (folder / OUT).exists()


def test_anchors_keep_the_model_nearer_to_its_base(base: Path) -> None:
    def end(kl: float) -> float:
        learner = make_learner(base, kl=kl)
        with torch.no_grad():
            for name, weight in learner.weights.items():
                weight.mul_(0.0 if ".lora_B." in name else 1.0)
        return [learner.step(number).divergence for number in range(len(learner.steps))][-1]

    assert end(20.0) < end(1e-6) / 3


def test_weights_that_matter_are_held_where_they_were(base: Path, tmp_path: Path) -> None:
    first = train(make_job(tmp_path / "first", base, mas=0.1, ewc=0.1), tell=ignore).folder
    assert (first / IMPORTANCE).exists()

    def moved(name: str, **to: float) -> float:
        folder = make_job(tmp_path / name, base, checkpoint_s=1e9, parent=first, tokens=random_tokens(seed=9), **to)
        return distance(train(folder, tell=ignore).folder, first)

    free = moved("free")
    assert moved("mas", mas=10.0) < 0.8 * free
    assert moved("ewc", ewc=10.0) < 0.8 * free


def distance(one: Path, other: Path) -> float:
    a, b = load_file(one / ADAPTER), load_file(other / ADAPTER)
    return float(torch.stack([(a[name] - b[name]).square().sum() for name in a]).sum().sqrt())


def test_a_night_goes_on_from_the_adapter_of_an_earlier_one(base: Path, tmp_path: Path) -> None:
    first = train(make_job(tmp_path / "first", base, checkpoint_s=1e9, epochs=25, learning_rate=2e-2), tell=ignore)
    second = train(make_job(tmp_path / "second", base, parent=first.folder, epochs=1), tell=ignore)
    assert second.losses[0] < first.losses[0] / 2


def test_the_pairs_that_change_least_are_left_out_and_learn_again_the_next_night(base: Path, tmp_path: Path) -> None:
    first = train(make_job(tmp_path / "first", base, checkpoint_s=1e9, leave_out=0.5), tell=ignore)
    silent = {name for name, one in load_file(first.folder / ADAPTER).items() if "lora_B" in name and not one.any()}
    whole = load_file(train(make_job(tmp_path / "whole", base, checkpoint_s=1e9), tell=ignore).folder / ADAPTER)
    model = dict(open_base(base, dtype=torch.float32, cached=True).model.named_modules())

    def strength(name: str) -> float:
        changed = (whole[name] @ whole[name.replace("_B", "_A")]).norm()
        matrix = cast(FrozenLinear, model[name.removeprefix("base_model.model.").removesuffix(".lora_B.weight")])
        return float(changed / matrix.weight.float().norm())

    strengths = {name: strength(name) for name in whole if "_B" in name}
    assert silent == set(sorted(strengths, key=strengths.__getitem__)[: len(strengths) // 2])
    second = load_file(train(make_job(tmp_path / "second", base, parent=first.folder), tell=ignore).folder / ADAPTER)
    assert all(second[name].any() for name in silent)


def test_an_adapter_of_another_rank_cannot_be_gone_on_from(base: Path, tmp_path: Path) -> None:
    first = train(make_job(tmp_path / "first", base), tell=ignore)
    with pytest.raises(BadInput, match="another rank"):
        train(make_job(tmp_path / "second", base, parent=first.folder, rank=8), tell=ignore)


def test_recomputing_activations_changes_the_memory_and_not_the_adapter(
    base: Path, tmp_path: Path, trained: str
) -> None:
    assert train(make_job(tmp_path / "job", base, recompute=True), tell=ignore).files[ADAPTER] == trained


def test_blocks_read_anew_each_time_give_the_same_adapter(base: Path, tmp_path: Path, trained: str) -> None:
    assert train(make_job(tmp_path / "job", base, cache=False), tell=ignore).files[ADAPTER] == trained


def test_what_is_measured_is_remembered(base: Path, tmp_path: Path) -> None:
    folder = make_job(tmp_path / "job", base, threads=0, micro_batch=0)
    result = train(folder, tell=ignore)
    assert result.record["recipe"]["threads"] >= 1
    assert result.record["recipe"]["micro_batch"] >= 1
    assert (folder / MEASURED).exists()


def test_what_one_job_of_a_night_measured_holds_for_the_next(base: Path, tmp_path: Path) -> None:
    measured = {"threads": 1, "micro_batch": 3}
    first, next_ = (make_job(tmp_path / name, base, threads=0, micro_batch=0) for name in ("first", "next"))
    write_json(first / MEASURED, measured)
    share_measured(next_, [tmp_path / "gone", first])
    recipe = train(next_, tell=ignore).record["recipe"]
    assert {name: recipe[name] for name in measured} == measured


def test_what_was_measured_for_another_recipe_is_measured_anew(base: Path, tmp_path: Path) -> None:
    other = make_job(tmp_path / "other", base, threads=0, micro_batch=0, rank=2)
    write_json(other / MEASURED, {"threads": 1, "micro_batch": 3})
    folder = make_job(tmp_path / "job", base, threads=0, micro_batch=0)
    share_measured(folder, [other])
    assert not (folder / MEASURED).exists()


def test_another_model_than_the_jobs_is_refused(base: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(base.read_bytes() + b"\0")
    folder = make_job(tmp_path / "job", other)
    other.write_bytes(base.read_bytes())
    with pytest.raises(BadInput, match="prepare it again"):
        train(folder, tell=ignore)


def test_tokens_that_were_changed_are_refused(base: Path, tmp_path: Path) -> None:
    folder = make_job(tmp_path / "job", base)
    (folder / TOKENS).write_bytes(save_tokens(random_tokens(seed=6)))
    with pytest.raises(Corrupt, match="build the dataset again"):
        train(folder, tell=ignore)


def test_a_job_that_cannot_be_read_is_refused(base: Path, tmp_path: Path) -> None:
    folder = make_job(tmp_path / "job", base)
    (folder / JOB).write_text('{"id": "job-1"}')
    with pytest.raises(Corrupt, match="prepare the night again"):
        read_job(folder)


def test_a_sequence_with_a_too_long_answer_is_left_out_and_named(base: Path, tmp_path: Path) -> None:
    tokens = random_tokens()
    tokens.labels[tokens.offsets[3] : tokens.offsets[4]] = 1
    length = int(tokens.offsets[4] - tokens.offsets[3])
    longest = int(np.diff(tokens.offsets).max())
    result = train(make_job(tmp_path / "job", base, tokens=tokens, length=max(8, length - 1)), tell=ignore)
    assert longest > length - 1 or result.record["refused"]
    assert "a row holds" in result.record["refused"]["3"]

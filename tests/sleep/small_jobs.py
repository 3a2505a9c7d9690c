"""Training jobs small enough for a test: a random model of two layers, and sentences of random words to learn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aion.models.sealed import sum_file
from aion.records import ExampleKind
from aion.sleep.training.base import TOKENS, Progress, Recipe, TrainJob
from aion.sleep.training.jobs import write_job
from aion.sleep.training.tokens import KIND_NUMBERS, Tokens, save_tokens
from tests.models.adapters.engine_models import LIKENESSES, WORDS, make_model

RECIPE = Recipe(rank=4, alpha=8.0, epochs=6, length=48, tokens_per_step=64, learning_rate=5e-3)


def ignore(_: Progress) -> None:
    """Somebody told who does not care."""


def make_base(folder: Path, family: str = "llama") -> Path:
    path = folder / f"{family}.gguf"
    make_model(next(one for one in LIKENESSES if one.name == family), path)
    return path


def random_tokens(count: int = 12, *, anchors: int = 0, seed: int = 5) -> Tokens:
    """The first `anchors` of them are anchors."""
    draw = np.random.default_rng(seed)
    lengths = draw.integers(8, 24, count)
    answers = draw.integers(2, 6, count)
    labels = [np.arange(length) >= length - answer for length, answer in zip(lengths, answers, strict=True)]
    numbers = [KIND_NUMBERS[ExampleKind.ANCHOR if one < anchors else ExampleKind.PHRASING] for one in range(count)]
    return Tokens(
        ids=draw.integers(3, WORDS, int(lengths.sum())).astype(np.int32),
        labels=np.concatenate(labels).astype(np.uint8),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        weights=np.ones(count, np.float32),
        kinds=np.array(numbers, np.uint8),
    )


def make_job(
    folder: Path,
    base: Path,
    *,
    tokens: Tokens | None = None,
    parent: Path | None = None,
    checkpoint_s: float = 0.0,
    **to: Any,
) -> Path:
    """A job folder; `to` changes the recipe. With 0 seconds between two checkpoints there is one after each step."""
    folder.mkdir(parents=True)
    (folder / TOKENS).write_bytes(save_tokens(tokens if tokens is not None else random_tokens()))
    job = TrainJob(
        id="job-1",
        night="night-1",
        theme="theme-1",
        base=base,
        base_hash=sum_file(base),
        recipe=replace(RECIPE, **to),
        dataset="d" * 64,
        tokens=sum_file(folder / TOKENS),
        parent=parent,
        checkpoint_s=checkpoint_s,
    )
    write_job(folder, job)
    return folder


@contextmanager
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

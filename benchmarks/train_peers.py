"""What trains one job: ours, and PEFT as it comes. Each is asked for one step at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import peft
import torch
import transformers

from aion.nets.pack import lay_out
from aion.nets.schedule import learning_rate
from aion.sleep.training.adapt import list_weights
from aion.sleep.training.base import TOKENS
from aion.sleep.training.jobs import read_job
from aion.sleep.training.learner import SHARED_TOKENS, Learner, choose_lessons, plan_lessons
from aion.sleep.training.tokens import load_tokens
from aion.sleep.training.train import build_learner, open_served

OURS, BLOCKS, FLOAT, BFLOAT = "ours", "ours, nothing cached", "PEFT float32", "PEFT bfloat16"
PEERS = (OURS, BLOCKS, FLOAT, BFLOAT)
BATCH = 8  # sequences of one padded batch, as PEFT is commonly used


class Peer(Protocol):
    """A training under way."""

    weights: dict[str, Any]
    steps: int

    def step(self, number: int) -> int:
        """The tokens of its sequences, without padding."""
        ...


def make_peer(name: str, folder: Path) -> Peer:
    if name in (OURS, BLOCKS):
        return Ours(folder, cache=name == OURS)
    return Padded(folder, torch.float32 if name == FLOAT else torch.bfloat16)


def read_learner(folder: Path, *, cache: bool) -> Learner:
    job = read_job(folder)
    job = replace(job, recipe=replace(job.recipe, cache=cache, threads=torch.get_num_threads()))
    return build_learner(job, open_served(job), choose_lessons(load_tokens(folder / TOKENS, job.tokens), job.recipe))


class Ours:
    """AION's trainer."""

    def __init__(self, folder: Path, *, cache: bool) -> None:
        self.learner = read_learner(folder, cache=cache)
        self.weights, self.steps = dict(self.learner.weights), len(self.learner.steps)

    def step(self, number: int) -> int:
        return self.learner.step(number).tokens


class Padded:
    """PEFT as it comes: AutoModel on the dequantised file, padded batches, the model's own loss."""

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        job = read_job(folder)
        self.recipe, self.dtype = job.recipe, dtype
        self.lessons = choose_lessons(load_tokens(folder / TOKENS, job.tokens), job.recipe)
        torch.manual_seed(self.recipe.seed)
        load: Any = transformers.AutoModelForCausalLM.from_pretrained
        dense = transformers.GgufConfig(dequantize=True)
        base = load(job.base.parent, gguf_file=job.base.name, dtype=dtype, quantization_config=dense)
        config = peft.LoraConfig(
            r=self.recipe.rank,
            lora_alpha=int(self.recipe.alpha),
            target_modules=list(self.recipe.targets),
            task_type="CAUSAL_LM",
        )
        self.model: Any = peft.get_peft_model(base, config)
        self.weights = list_weights(self.model)
        self.optimiser = torch.optim.AdamW(self.weights.values(), lr=self.recipe.learning_rate, weight_decay=0.0)
        self.plan = read_plan(folder)
        self.steps = len(self.plan)

    def step(self, number: int) -> int:
        """The same mean over learned tokens as ours: each batch counts by its own."""
        pieces = [self.lessons.pieces[one] for one in self.plan[number]]
        learned = sum(int(piece.labels.sum()) for piece in pieces)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(number, self.steps, peak=self.recipe.learning_rate, warmup=0.05, floor=0.1)
        self.optimiser.zero_grad()
        for begin in range(0, len(pieces), BATCH):
            ids, labels, mask = pad(pieces[begin : begin + BATCH])
            with torch.autocast("cpu", torch.bfloat16, enabled=self.dtype == torch.bfloat16):
                loss = self.model(input_ids=ids, labels=labels, attention_mask=mask).loss
            (loss * (int((labels != -100).sum()) / learned)).backward()
        torch.nn.utils.clip_grad_norm_(self.weights.values(), self.recipe.clip)
        self.optimiser.step()
        return sum(len(piece) for piece in pieces)


def pad(pieces: Sequence[Any]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    size = (len(pieces), max(len(piece) for piece in pieces))
    ids, labels = torch.zeros(size, dtype=torch.long), torch.full(size, -100)
    mask = torch.zeros(size, dtype=torch.long)
    for row, piece in enumerate(pieces):
        tokens = torch.from_numpy(piece.ids.astype(np.int64))
        ids[row, : len(piece)], mask[row, : len(piece)] = tokens, 1
        labels[row, : len(piece)] = torch.where(torch.from_numpy(piece.labels == 1), tokens, -100)
    return ids, labels, mask


def read_plan(folder: Path) -> list[list[int]]:
    """Which sequences each step of ours has."""
    job = read_job(folder)
    lessons = choose_lessons(load_tokens(folder / TOKENS, job.tokens), job.recipe)
    return [[number for row in step for number in row] for step in plan_lessons(lessons, job.recipe)]


def run_timed(one: Callable[[int], int], count: int, tokens: int = 0) -> list[tuple[float, float]]:
    """Tokens a second of each step, by the clock and by the time of the processor, which neighbours disturb less.

    It ends after so many tokens where that is said.
    """
    speeds, done = [], 0
    for number in range(count):
        begin, worked = time.perf_counter(), time.process_time()
        stepped = one(number)
        speeds.append((stepped / (time.perf_counter() - begin), stepped / (time.process_time() - worked)))
        done += stepped
        if tokens and done >= tokens:
            break
    return speeds


def count_work(folder: Path) -> dict[str, Any]:
    """FLOP a token that no trainer of adapters can leave out: forward, and back to the input, of each matrix.

    Tokens that ours computes once for several sequences count as often as ours computes them.
    """
    learner = read_learner(folder, cache=False)
    inner: Any = learner.model.get_base_model()
    linears = [one for one in inner.model.modules() if isinstance(one, torch.nn.Linear) and one.in_features > 8]
    body = sum(one.in_features * one.out_features for one in linears if hasattr(one, "blocks"))
    head = inner.lm_head.in_features * inner.lm_head.out_features
    pieces, rows = learner.lessons.pieces, [row for step in learner.steps for row in step]
    tokens = sum(len(pieces[number]) for row in rows for number in row)
    laid = sum(len(lay_out([pieces[number] for number in row], share=SHARED_TOKENS)) for row in rows)
    learned = sum(int(pieces[number].labels.sum()) for row in rows for number in row)
    return {"work": 4.0 * (body * laid + head * learned) / tokens, "shared": 1 - laid / tokens}

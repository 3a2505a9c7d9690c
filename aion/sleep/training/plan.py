"""Says before trainings begin what they will take: memory, time, and whether this machine has it. Pure arithmetic.

The numbers it starts from are a Probe's: what some layers of this very base took here. Everything else follows from how
many layers and tokens there are. Memory is what the process holds at most, pages of the mapped base among them. It
promises nothing about a machine that becomes busy meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aion.sleep.training.base import Recipe, times_seen

ADAPTER_BYTES = 16  # a weight, its gradient and two moments, in float32
SPARE = 0.1  # part of the free memory that a plan leaves alone
MOST_ROWS = 4  # at once, where the recipe leaves it open
TRIES = 3  # micro-batches for each number of threads, after one that is not counted
FIRST_BYTES = 70 << 20  # that the first training of a night leaves to the others: kernels, code, what cannot go back
LATER_BYTES = 10 << 20  # that each further one leaves: kernels for sizes that those before had not
HEAP = 0.05  # that is held beside all this once a training has met every size of a step: a probe meets few
LATER = 8  # trainings after which there is hardly a new size


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the sequences of a training are like, in tokens; a night's own are about so."""

    length: int = 54
    learned: int = 15
    shared: int = 20  # a beginning that all of them have: the template, and a system message
    anchors: float = 0.0  # share of the tokens that is the base's own answers, near which a training is held
    anchor_length: int = 60
    anchor_learned: int = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What was measured, of steps of `tokens` with rows as the recipe has them."""

    tokens: int  # real ones of one step
    layers: int
    layer_s: float  # of a step: one layer, forward and back, and the optimiser's part for it
    rest_s: float  # of a step: everything that is there once: embedding, head, loss
    open_s: float  # until the first step: the file, the model, and dense weights where they are cached
    layer_bytes: int  # kept of one layer until the way back
    rest_bytes: int
    program_bytes: int  # of the process before it opened anything
    opened_bytes: int  # that opening the base took, mapped pages not counted
    file_bytes: int
    dense_bytes: int  # of all matrices when they are cached
    weights: int  # that are trained
    work_bytes: int  # what the process held at most besides all this: kernels, the loss, what passes through a layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a training will take."""

    peak_bytes: int
    seconds: float  # opening included
    steps: int
    tokens_per_s: float  # of steps
    cache: bool
    recompute: bool
    micro_batch: int
    parts: Mapping[str, int] = field(default_factory=dict)  # of the peak, in bytes


def row_length(recipe: Recipe) -> int:
    """Tokens of one packed row: longer rows than a step would be longer steps."""
    return min(recipe.length, recipe.tokens_per_step)


def rows_at_once(recipe: Recipe) -> int:
    """Rows of one micro-batch; as many as a step has, up to four, where the recipe leaves it open."""
    rows = max(1, recipe.tokens_per_step // row_length(recipe))
    return min(recipe.micro_batch or MOST_ROWS, rows)


def most_at_once(recipe: Recipe) -> int:
    """Tokens of the fullest micro-batch that a training may meet: a step takes a row of which half fits it."""
    row = row_length(recipe)
    return min((recipe.micro_batch or MOST_ROWS) * row, recipe.tokens_per_step + row // 2)


def predict(probe: Probe, recipe: Recipe, trainings: Sequence[int], *, tries: int = 0) -> Plan:
    """`trainings`: for each of a night, one after the other in one process, the tokens of its examples, once.

    The probe was made with this recipe. `tries`: micro-batches that the first of them computes to settle what the
    recipe leaves open, for all.
    """
    parts = {
        "program": probe.program_bytes + probe.opened_bytes,
        "file": probe.file_bytes,
        "dense": probe.dense_bytes if recipe.cache else 0,
        "adapter": probe.weights * ADAPTER_BYTES,
        "activations": probe.rest_bytes + probe.layer_bytes * probe.layers,
        "work": probe.work_bytes,
        "earlier": _leave(len(trainings)),
    }
    parts["heap"] = round(HEAP * sum(parts.values()))
    seconds_a_token = (probe.layer_s * probe.layers + probe.rest_s) / probe.tokens
    trained = [tokens * times_seen(recipe, tokens) for tokens in trainings if tokens]
    settling_s = tries * probe.tokens * seconds_a_token if trained else 0.0
    return Plan(
        peak_bytes=sum(parts.values()),
        seconds=settling_s + len(trained) * probe.open_s + sum(trained) * seconds_a_token,
        steps=sum(max(1, math.ceil(tokens / recipe.tokens_per_step)) for tokens in trained),
        tokens_per_s=1 / seconds_a_token,
        cache=recipe.cache,
        recompute=recipe.recompute,
        micro_batch=rows_at_once(recipe),
        parts=parts,
    )


def _leave(trainings: int) -> int:
    """What the last of them finds that those before it could not give back."""
    return FIRST_BYTES + LATER_BYTES * min(LATER, trainings - 2) if trainings > 1 else 0


def count_tries(recipe: Recipe, cores: int) -> int:
    """Micro-batches that a night's first training computes before its first step (aion.sleep.training.train)."""
    return (0 if recipe.micro_batch else 1) + (0 if recipe.threads else cores * (1 + TRIES))

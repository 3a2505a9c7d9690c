"""Says before a training begins what it will take: memory, time, and whether this machine has it. Pure arithmetic.

The numbers it starts from are a Probe's: what some layers of this very base took here. Everything else follows from how
many layers and tokens there are. It promises nothing about a machine that becomes busy meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from aion.sleep.training.base import Recipe

ADAPTER_BYTES = 16  # a weight, its gradient and two moments, in float32
SPARE = 0.1  # part of the free memory that a plan leaves alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the sequences of a training are like, in tokens; a night's own are about so."""

    length: int = 48
    learned: int = 12
    shared: int = 20  # a beginning that all of them have: the template, and a system message


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
    return min(recipe.micro_batch or 4, rows)


def predict(probe: Probe, recipe: Recipe, tokens: int) -> Plan:
    """`tokens`: of all examples, once. The probe was made with this recipe."""
    parts = {
        "program": probe.program_bytes + probe.opened_bytes,
        "file": probe.file_bytes,
        "dense": probe.dense_bytes if recipe.cache else 0,
        "adapter": probe.weights * ADAPTER_BYTES,
        "activations": probe.rest_bytes + probe.layer_bytes * probe.layers,
        "work": probe.work_bytes,
    }
    seconds_a_token = (probe.layer_s * probe.layers + probe.rest_s) / probe.tokens
    trained = tokens * recipe.epochs
    return Plan(
        peak_bytes=sum(parts.values()),
        seconds=probe.open_s + trained * seconds_a_token,
        steps=max(1, math.ceil(trained / recipe.tokens_per_step)),
        tokens_per_s=1 / seconds_a_token,
        cache=recipe.cache,
        recompute=recipe.recompute,
        micro_batch=rows_at_once(recipe),
        parts=parts,
    )

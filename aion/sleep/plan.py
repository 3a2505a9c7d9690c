"""Says before a training begins what it will take: memory, time, and whether this machine has it. Pure arithmetic.

The numbers it starts from are a Probe's: what one layer of this very base takes here. Everything else follows from the
shape of the model and of the recipe. It promises nothing about a machine that becomes busy meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from aion.sleep.base import Recipe

ADAPTER_BYTES = 16  # a weight, its gradient and two moments, in float32
SPARE = 0.1  # part of the free memory that a plan leaves alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What was measured, for one micro-batch of `tokens`."""

    tokens: int
    layers: int
    layer_s: float  # one layer, forward and back
    rest_s: float  # everything that is there once: embedding, head, loss
    layer_bytes: int  # kept of one layer until the way back
    rest_bytes: int
    program_bytes: int  # of the process before it opened anything
    file_bytes: int
    dense_bytes: int  # of all matrices when they are cached
    weights: int  # that are trained
    work_bytes: int  # what the process held at most besides all this: kernels, the loss, what passes through a layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a training will take."""

    peak_bytes: int
    seconds: float
    steps: int
    tokens_per_s: float
    cache: bool
    recompute: bool
    micro_batch: int
    parts: Mapping[str, int] = field(default_factory=dict)  # of the peak, in bytes


def predict(probe: Probe, recipe: Recipe, tokens: int) -> Plan:
    """`tokens`: of all examples, once."""
    rows = recipe.micro_batch * recipe.length / probe.tokens
    saved = probe.rest_bytes + probe.layer_bytes * (1 if recipe.recompute else probe.layers)
    layers_s = probe.layer_s * probe.layers * (4 / 3 if recipe.recompute else 1)  # forward is a third, done twice
    parts = {
        "program": probe.program_bytes,
        "file": probe.file_bytes,
        "dense": probe.dense_bytes if recipe.cache else 0,
        "adapter": probe.weights * ADAPTER_BYTES,
        "activations": int(saved * rows),
        "work": probe.work_bytes,
    }
    seconds_a_token = (layers_s + probe.rest_s) / probe.tokens
    trained = tokens * recipe.epochs
    return Plan(
        peak_bytes=sum(parts.values()),
        seconds=trained * seconds_a_token,
        steps=max(1, math.ceil(trained / recipe.tokens_per_step)),
        tokens_per_s=1 / seconds_a_token,
        cache=recipe.cache,
        recompute=recipe.recompute,
        micro_batch=recipe.micro_batch,
        parts=parts,
    )

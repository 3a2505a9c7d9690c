"""Measures what one layer of a base takes on this machine: seconds and bytes, forward and back, in a few seconds.

The base is opened as a training would open it, and cut to one layer and to three; what three take more is two layers.
It trains nothing and writes nothing. What it measures beside a busy program is what training would get beside it, too.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import psutil
import torch
from peft import PeftModel
from torch import Tensor, nn

from aion.nets.frozen import FrozenLinear
from aion.nets.pack import Piece
from aion.sleep.adapt import add_adapters, decoder_of, list_weights
from aion.sleep.base import Recipe
from aion.sleep.graph import open_base
from aion.sleep.learner import Learner, Lessons
from aion.sleep.plan import Probe
from aion.sleep.train import peak_bytes

TRIES: Final = 3
FEW, MORE = 1, 3  # layers
SENTENCE: Final = 48  # tokens of one example, about
LEARNED: Final = 12  # of them


def probe_base(path: Path, recipe: Recipe) -> Probe:
    """For a process that has done nothing else: what it holds when this begins counts as the program."""
    program = psutil.Process().memory_info().rss
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    opened = open_base(path, device=recipe.device)
    model = add_adapters(opened.model, recipe)
    layers = cast(Any, decoder_of(model)).layers
    few_s, few_bytes = _measure(model, layers[:FEW], recipe)
    more_s, more_bytes = _measure(model, layers[:MORE], recipe)
    most = peak_bytes()
    part = _weigh(model)
    whole = _weigh(_with_layers(model, layers))
    layer_s, layer_bytes = (more_s - few_s) / (MORE - FEW), (more_bytes - few_bytes) // (MORE - FEW)
    return Probe(
        tokens=_rows(recipe) * SENTENCE,
        layers=len(layers),
        layer_s=layer_s,
        rest_s=max(0.0, few_s - FEW * layer_s),
        layer_bytes=layer_bytes,
        rest_bytes=max(0, few_bytes - FEW * layer_bytes),
        program_bytes=program,
        file_bytes=opened.bytes,
        dense_bytes=whole.dense,
        weights=whole.weights,
        work_bytes=max(0, most - program - part.held(recipe) - more_bytes),
    )


@dataclass(frozen=True, slots=True)
class _Weight:
    """What the layers that are there hold."""

    blocks: int  # bytes of the file
    dense: int  # bytes when cached
    weights: int  # that are trained

    def held(self, recipe: Recipe) -> int:
        """While it was measured, when no optimiser had moments yet."""
        return self.blocks + (self.dense if recipe.cache else 0) + 8 * self.weights


def _weigh(model: PeftModel) -> _Weight:
    matrices = [one for one in cast(nn.Module, model).modules() if isinstance(one, FrozenLinear)]
    return _Weight(
        blocks=sum(one.blocks.numel() for one in matrices),
        dense=2 * sum(one.in_features * one.out_features for one in matrices),
        weights=sum(weight.numel() for weight in list_weights(model).values()),
    )


def _rows(recipe: Recipe) -> int:
    """Examples that fill one packed row."""
    return max(1, recipe.length // SENTENCE)


def _with_layers(model: PeftModel, layers: Any) -> PeftModel:
    cast(Any, decoder_of(model)).layers = layers
    return model


def _measure(model: PeftModel, layers: Any, recipe: Recipe) -> tuple[float, int]:
    """Seconds and kept bytes of one row with these layers alone; its matrices dense where the recipe caches them."""
    learner = Learner(_with_layers(model, layers), _lessons(recipe), recipe)
    matrices = [one for one in cast(nn.Module, model).modules() if isinstance(one, FrozenLinear)]
    for one in matrices if recipe.cache else ():
        one.cache()
    row = (tuple(learner.lessons.pieces),)
    kept = _count_saved(learner, row)
    seconds = min(_time(learner, row) for _ in range(TRIES))
    for one in matrices:
        one.drop_cache()
    return seconds, kept


def _lessons(recipe: Recipe) -> Lessons:
    draw = np.random.default_rng(recipe.seed)
    labels = np.arange(SENTENCE) >= SENTENCE - LEARNED
    pieces = {number: Piece(draw.integers(3, 256, SENTENCE), labels) for number in range(_rows(recipe))}
    return Lessons(pieces, frozenset(), {})


def _time(learner: Learner, row: tuple[tuple[int, ...], ...]) -> float:
    began = time.perf_counter()
    learner.try_rows(row)
    return time.perf_counter() - began


def _count_saved(learner: Learner, row: tuple[tuple[int, ...], ...]) -> int:
    """Bytes that are kept for the way back, each storage once, weights not counted."""
    held = {weight.untyped_storage().data_ptr() for weight in learner.weights.values()}
    found: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in held:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        learner.try_rows(row)
    return sum(found.values())

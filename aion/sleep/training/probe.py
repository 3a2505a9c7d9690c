"""Measures what some layers of a base take on this machine: seconds and bytes of whole steps, in a few seconds.

The base is opened as a training would open it, and cut to FEW layers and to MORE; what the latter take more is that
many layers. Where all of them are quickly measured and fit, they are. Where a night has anchors, they are among what it
learns: the base's own rows are computed for them, adapters off, as in a training. Memory is that of the fullest
micro-batch. It keeps nothing. What it measures beside a busy program is what training would get beside it, too. On a
GPU only its seconds count: memory there is planned from shapes (aion.sleep.training.room).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final, cast

import numpy as np
import psutil
import torch
from peft import PeftModel
from torch import Tensor, nn

from aion.models.sealed import sum_file
from aion.nets.frozen import FrozenLinear
from aion.nets.pack import Piece, Row
from aion.sleep.training.adapt import add_adapters, decoder_of, list_weights
from aion.sleep.training.base import Recipe
from aion.sleep.training.graph import open_base
from aion.sleep.training.learner import Learner, Lessons
from aion.sleep.training.plan import ADAPTER_BYTES, Probe, Sample, most_at_once, row_length, rows_at_once
from aion.sleep.training.train import peak_bytes

FEW, MORE = 1, 9  # layers: what all of them take is drawn on from these, and an error of theirs with it
STEPS, LONGEST_S = 6, 8.0  # steps of each that are timed, and no further one after so long
WHOLE_S, WHOLE_SHARE = 4.0, 0.5  # a step of all layers may compute so long, and take so much of the free memory
VARIED = 0.4  # sequences are up to so much longer and shorter, for memory is never as tidy as with steps of one size
LONGEST_ROWS: Final = 4  # of a step that is timed


def probe_base(path: Path, recipe: Recipe, sample: Sample | None = None) -> Probe:
    """For a process that has done nothing else: what it holds when this begins counts as the program."""
    program, mapped = _held()
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    began = time.perf_counter()
    sum_file(path)
    opened = open_base(path, device=recipe.device)
    model = add_adapters(opened.model, recipe)
    open_s = time.perf_counter() - began
    after, mapped_open = _held()
    layers = cast(Any, decoder_of(model)).layers
    lessons, short = _lessons(recipe, sample or Sample()), _shorten(recipe)
    whole, count = _weigh(model), min(MORE, len(layers))
    fullest = most_at_once(recipe)
    few = _measure(_with_layers(model, layers[:FEW]), lessons, short, fullest)
    more = _measure(_with_layers(model, layers[:count]), lessons, short, fullest)
    if _may_be_whole(more, whole, len(layers) / count, recipe):
        count, more = len(layers), _measure(_with_layers(model, layers), lessons, short, fullest)
    most, part, touched = peak_bytes(), _weigh(model), _held()[1] - mapped_open
    added = max(1, count - FEW)
    layer_s, layer_bytes = (more.seconds - few.seconds) / added, (more.kept - few.kept) // added
    known = after + touched + (part.dense if recipe.cache else 0) + ADAPTER_BYTES * part.weights + more.kept
    return Probe(
        tokens=more.tokens,
        layers=len(layers),
        layer_s=layer_s,
        rest_s=max(0.0, few.seconds - FEW * layer_s),
        open_s=open_s + (more.dense_s * whole.dense / part.dense if recipe.cache else 0.0),
        layer_bytes=layer_bytes,
        rest_bytes=max(0, few.kept - FEW * layer_bytes),
        program_bytes=program,
        opened_bytes=max(0, after - program - (mapped_open - mapped)),
        file_bytes=opened.bytes,
        dense_bytes=whole.dense,
        weights=whole.weights,
        work_bytes=max(0, most - known),
    )


def count_layer(path: Path, recipe: Recipe, sample: Sample) -> float:
    """Bytes a token of one layer that are kept until the way back."""
    model = add_adapters(open_base(path, device=recipe.device).model, recipe)
    layers, lessons, short = cast(Any, decoder_of(model)).layers, _lessons(recipe, sample), _shorten(recipe)
    kept, tokens = list[int](), 0
    for count in (FEW, FEW + 1):
        learner = Learner(_with_layers(model, layers[:count]), lessons, short)
        rows = learner.steps[0][: short.micro_batch]
        kept.append(_count_kept(learner, rows))
        tokens = sum(len(lessons.pieces[number]) for row in rows for number in row)
    return (kept[1] - kept[0]) / tokens


@dataclass(frozen=True, slots=True)
class _Weight:
    """What the layers that are there hold."""

    dense: int  # bytes when cached
    weights: int  # that are trained


@dataclass(frozen=True, slots=True)
class _Measured:
    """One cut of the model."""

    tokens: int  # of a step
    seconds: float  # of a step
    kept: int  # bytes of one micro-batch
    dense_s: float  # to make its matrices dense
    busy_s: float  # of a micro-batch of the fullest, on processors: on a busy machine it is no longer than on another


def _may_be_whole(part: _Measured, whole: _Weight, times: float, recipe: Recipe) -> bool:
    needed = part.kept * times + ADAPTER_BYTES * whole.weights + (whole.dense if recipe.cache else 0)
    return part.busy_s * times < WHOLE_S and needed < psutil.virtual_memory().available * WHOLE_SHARE


def _held() -> tuple[int, int]:
    """Bytes of this process, and how many of them are pages of files, where the system tells."""
    found = psutil.Process().memory_info()
    return found.rss, getattr(found, "shared", 0)


def _weigh(model: PeftModel) -> _Weight:
    return _Weight(
        dense=2 * sum(one.in_features * one.out_features for one in _matrices(model)),
        weights=sum(weight.numel() for weight in list_weights(model).values()),
    )


def _matrices(model: PeftModel) -> list[FrozenLinear]:
    return [one for one in cast(nn.Module, model).modules() if isinstance(one, FrozenLinear)]


def _with_layers(model: PeftModel, layers: Any) -> PeftModel:
    cast(Any, decoder_of(model)).layers = layers
    return model


def _shorten(recipe: Recipe) -> Recipe:
    """One step, and no longer than a few rows."""
    most = max(LONGEST_ROWS, rows_at_once(recipe)) * row_length(recipe)
    return replace(
        recipe, epochs=1.0, tokens_per_step=min(recipe.tokens_per_step, most), micro_batch=rows_at_once(recipe)
    )


def _measure(model: PeftModel, lessons: Lessons, recipe: Recipe, most: int) -> _Measured:
    """Whole steps with the layers that are there, and a micro-batch of `most` tokens; dense where the recipe caches."""
    learner = Learner(model, lessons, recipe)
    matrices, began = _matrices(model), time.perf_counter()
    for one in matrices if recipe.cache else ():
        one.cache()
    dense_s = time.perf_counter() - began
    tokens = sum(len(piece) for piece in lessons.pieces.values()) // len(learner.steps)
    seconds = tokens * _time_steps(learner)
    busy = time.process_time()
    kept = _count_kept(learner, [_fill_most(lessons, most)])
    busy = time.process_time() - busy
    for one in matrices:
        one.drop_cache()
    return _Measured(tokens, seconds, kept, dense_s, busy / torch.get_num_threads())


def _fill_most(lessons: Lessons, most: int) -> Row:
    """Sequences of so many tokens, anchors as often among them as among all."""
    row, held = list[int](), 0
    for number, piece in lessons.pieces.items():
        if held + len(piece) > most:
            break
        row.append(number)
        held += len(piece)
    return tuple(row)


def _time_steps(learner: Learner) -> float:
    """Seconds that a token takes, the first step not counted; in the mean where some steps have anchors."""
    learner.step(0)
    taken: list[tuple[float, int]] = []
    for number in range(1, len(learner.steps)):
        began = time.perf_counter()
        tokens = learner.step(number).tokens
        taken.append((time.perf_counter() - began, tokens))
        if sum(seconds for seconds, _ in taken) > LONGEST_S:
            break
    if learner.lessons.anchors:
        return sum(seconds for seconds, _ in taken) / sum(tokens for _, tokens in taken)
    return median(seconds / tokens for seconds, tokens in taken)


def _lessons(recipe: Recipe, sample: Sample) -> Lessons:
    """Of random words, as many as fill a step that is not counted and STEPS that are; anchors by their share."""
    draw, pieces, anchors = np.random.default_rng(recipe.seed), list[Piece](), set[int]()
    beginning = draw.integers(3, 256, sample.shared)
    wanted = max((STEPS + 1) * _shorten(recipe).tokens_per_step, most_at_once(recipe))
    held = held_anchors = 0
    while held < wanted:
        anchor = held_anchors < held * sample.anchors
        middle, learned = _usual(sample, anchor=anchor)
        length = min(round(middle * draw.uniform(1 - VARIED, 1 + VARIED)), row_length(recipe))
        ids = np.concatenate([beginning, draw.integers(3, 256, length)])[:length]
        if anchor:
            anchors.add(len(pieces))
            held_anchors += length
        pieces.append(Piece(ids, np.arange(length) >= length - min(learned, length - 1)))
        held += length
    return Lessons(dict(enumerate(pieces)), frozenset(anchors), {})


def _usual(sample: Sample, *, anchor: bool) -> tuple[int, int]:
    """Tokens of a sequence, and how many of them are learned."""
    return (sample.anchor_length, sample.anchor_learned) if anchor else (sample.length, sample.learned)


def _count_kept(learner: Learner, rows: Sequence[Row]) -> int:
    """Bytes that are kept for the way back, each storage once, weights not counted.

    What passes between layers is kept even where they are computed again; then autograd is not asked to.
    """
    held = {weight.untyped_storage().data_ptr() for weight in learner.weights.values()}
    found: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in held:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        learner.try_rows(rows)
    return sum(found.values()) + (_count_between(learner, rows) if learner.recipe.recompute else 0)


def _count_between(learner: Learner, rows: Sequence[Row]) -> int:
    config = cast(Any, learner.model.get_base_model().config)
    tokens = sum(len(learner.lessons.pieces[number]) for row in rows for number in row)
    return 2 * tokens * int(config.hidden_size) * len(cast(Any, decoder_of(learner.model)).layers)

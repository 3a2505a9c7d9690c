"""The state of one training and its single step: model, optimiser, data and plan, all functions of the job.

It knows no folder of checkpoints, no clock and nobody to tell. The same job and the same threads give the same bits on
a CPU, wherever it was stopped and taken up again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn, cast

import numpy as np
import torch
from peft import PeftModel
from torch import Tensor, nn

from aion.errors import BadInput, Diverged
from aion.nets.importance import join_nights, level, measure_fisher, measure_mas, pull_back
from aion.nets.loss import Anchors, Head, Loss, LossForm, answer_loss
from aion.nets.pack import Packed, Piece, Row, fill_rows, fit_piece, lay_out, plan_steps
from aion.nets.schedule import learning_rate
from aion.records import ExampleKind
from aion.sleep.training.adapt import list_weights, run_base, run_rows
from aion.sleep.training.base import Recipe, times_seen
from aion.sleep.training.optimiser import make_optimiser, put_moments, read_moments
from aion.sleep.training.tokens import KIND_NUMBERS, Tokens

SAMPLES: Final = 64  # sequences that importance is measured on
SHARED_TOKENS: Final = 8  # a beginning of so many, that several sequences of a row have, is computed once
EVEN: Final = 16  # tokens and learned rows are filled up to a multiple: each size has kernels that stay in memory
RNG: Final = "rng"


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """The sequences that fit a row, under their numbers in the job's tokens, and why the others were refused."""

    pieces: dict[int, Piece]
    anchors: frozenset[int]
    refused: dict[int, str]


@dataclass(frozen=True, slots=True)
class Stepped:
    """What one step did."""

    loss: float  # weighted mean over learned tokens, penalties included
    divergence: float  # mean over anchor tokens
    tokens: int
    learned: int


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What earlier nights rest on: the adapter they left, and how much each weight of it matters."""

    old: dict[str, Tensor] = field(default_factory=dict)
    mas: dict[str, Tensor] = field(default_factory=dict)
    ewc: dict[str, Tensor] = field(default_factory=dict)


def choose_lessons(tokens: Tokens, recipe: Recipe) -> Lessons:
    """Raises BadInput when not one can be learned."""
    pieces: dict[int, Piece] = {}
    refused: dict[int, str] = {}
    for number in range(len(tokens)):
        span = slice(int(tokens.offsets[number]), int(tokens.offsets[number + 1]))
        piece = Piece(tokens.ids[span], tokens.labels[span], float(tokens.weights[number]))
        try:
            pieces[number] = fit_piece(piece, recipe.length)
        except BadInput as error:
            refused[number] = error.message
    if not pieces:
        raise BadInput(
            f"none of {len(tokens)} sequences can be learned; of the first: {refused.get(0, 'there is none')}"
        )
    anchor = KIND_NUMBERS[ExampleKind.ANCHOR]
    return Lessons(pieces, frozenset(np.flatnonzero(tokens.kinds == anchor).tolist()) & pieces.keys(), refused)


def plan_lessons(lessons: Lessons, recipe: Recipe) -> tuple[tuple[Row, ...], ...]:
    """The rows of each step of the whole training."""
    numbers = list(lessons.pieces)
    lengths = [len(lessons.pieces[number]) for number in numbers]
    planned = plan_steps(
        lengths,
        length=min(recipe.length, recipe.tokens_per_step),  # longer rows would be longer steps
        tokens_per_step=recipe.tokens_per_step,
        epochs=times_seen(recipe, sum(lengths)),
        seed=recipe.seed,
    )
    return tuple(tuple(tuple(numbers[one] for one in row) for row in step) for step in planned)


class Learner:
    """Adapters on a base, learning from packed rows."""

    def __init__(self, model: PeftModel, lessons: Lessons, recipe: Recipe, kept: Kept | None = None) -> None:
        self.model, self.lessons, self.recipe, self.kept = model, lessons, recipe, kept or Kept()
        self.weights = list_weights(model)
        self.optimiser = make_optimiser(self.weights, recipe)
        inner = model.get_base_model()
        self.head = cast(Head, inner.lm_head)
        self.form = LossForm(recipe.label_smoothing, float(getattr(inner.config, "final_logit_softcapping", 0) or 0))
        self.steps = plan_lessons(lessons, recipe)

    def step(self, number: int) -> Stepped:
        """Raises Diverged, before the weights are touched, when a loss or gradient is no number."""
        self._set_rate(number)
        step, total, divergences, tokens = self.steps[number], 0.0, [], 0
        self.optimiser.zero_grad(set_to_none=True)
        batches = [self._lay_out(rows) for rows in self._micro_batches(step)]
        scale = 1 / max(1e-9, sum(float(packed.weights_T.sum()) for _, packed in batches))
        for members, packed in batches:
            loss = self._measure(members, packed, scale)
            self._require_finite(number, members, packed, loss)
            loss.total.backward()
            total += loss.total.item()
            divergences.append(loss.divergence_M)
            tokens += self._count(members)
        total += self._pull_back()
        self._clip(number)
        self.optimiser.step()
        learned = sum(len(packed.rows) for _, packed in batches)
        return Stepped(total, _mean(torch.cat(divergences)), tokens, learned)

    def try_rows(self, rows: Sequence[Row]) -> int:
        """Computes gradients and forgets them: for measuring. Gives the tokens of its sequences."""
        members, packed = self._lay_out(rows)
        self._measure(members, packed, 1.0).total.backward()
        self.optimiser.zero_grad(set_to_none=True)
        return self._count(members)

    def state(self) -> dict[str, Tensor]:
        """All that a step changes, by name: weights, their moments, and the state of chance."""
        found = {f"weight.{name}": weight.detach() for name, weight in self.weights.items()}
        return found | read_moments(self.optimiser, self.weights) | {RNG: torch.get_rng_state()}

    def restore(self, state: dict[str, Tensor], step: int) -> None:
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(state[f"weight.{name}"])
        put_moments(self.optimiser, self.weights, state, step)
        torch.set_rng_state(state[RNG])

    def measure_importance(self) -> dict[str, Tensor]:
        """Of this night's own lessons, joined with what was kept; under mas.NAME and ewc.NAME."""
        found: dict[str, Tensor] = {}
        if self.recipe.mas:
            now = level(measure_mas(self.weights, self._outputs()))
            found |= {f"mas.{name}": one for name, one in join_nights(self.kept.mas, now).items()}
        if self.recipe.ewc:
            now = level(measure_fisher(self.weights, self._likelihoods()))
            found |= {f"ewc.{name}": one for name, one in join_nights(self.kept.ewc, now).items()}
        return found

    def _samples(self) -> Iterator[Packed]:
        """Some of the lessons, anchors not among them, each by itself."""
        numbers = sorted(self.lessons.pieces.keys() - self.lessons.anchors)
        drawn = np.random.default_rng(self.recipe.seed).permutation(numbers)[:SAMPLES]
        for number in sorted(drawn.tolist()):
            yield lay_out([self.lessons.pieces[number]]).to(self.recipe.device)

    def _outputs(self) -> Iterator[Tensor]:
        for packed in self._samples():
            logits_N_V = self.head(run_rows(self.model, packed)[packed.rows])
            yield logits_N_V.float().square().sum(dim=1).mean()

    def _likelihoods(self) -> Iterator[Tensor]:
        for packed in self._samples():
            hidden_N_H, targets_N = run_rows(self.model, packed)[packed.rows], packed.targets_T[packed.rows]
            ones_N = torch.ones(len(targets_N), device=targets_N.device)
            yield answer_loss(hidden_N_H, targets_N, ones_N, self.head, form=self.form).total

    def _set_rate(self, number: int) -> None:
        recipe = self.recipe
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(
                number, len(self.steps), peak=recipe.learning_rate, warmup=recipe.warmup, floor=recipe.floor
            )

    def _micro_batches(self, step: Sequence[Row]) -> Iterator[Sequence[Row]]:
        for begin in range(0, len(step), max(1, self.recipe.micro_batch)):
            yield step[begin : begin + max(1, self.recipe.micro_batch)]

    def _lay_out(self, rows: Sequence[Row]) -> tuple[list[int], Packed]:
        members = [number for row in rows for number in row]
        return members, self._pack(members)

    def _pack(self, members: Sequence[int]) -> Packed:
        pieces = [self.lessons.pieces[number] for number in members]
        return lay_out(pieces, share=SHARED_TOKENS, even=EVEN).to(self.recipe.device)

    def _count(self, members: Sequence[int]) -> int:
        """Tokens of whole sequences, whether their beginnings were computed together or not."""
        return sum(len(self.lessons.pieces[number]) for number in members)

    def _measure(self, members: Sequence[int], packed: Packed, scale: float) -> Loss:
        rows = packed.rows
        anchors = self._measure_base(members, packed, rows, scale) if self.recipe.kl else None
        filled = fill_rows(rows, EVEN)
        hidden_N_H = run_rows(self.model, packed)[filled]
        weights_N = packed.weights_T[filled] * scale
        weights_N[len(rows) :] = 0
        return answer_loss(hidden_N_H, packed.targets_T[filled], weights_N, self.head, anchors=anchors, form=self.form)

    def _measure_base(self, members: Sequence[int], packed: Packed, rows: Tensor, scale: float) -> Anchors | None:
        """The base's own rows, of the anchors alone."""
        anchors = [place for place, number in enumerate(members) if number in self.lessons.anchors]
        if not anchors:
            return None
        alone = self._pack([members[place] for place in anchors])
        base_M_H = run_base(self.model, alone)[alone.rows]
        segments_N = packed.segments_T[rows]
        rows_M = torch.isin(segments_N, torch.tensor(anchors, device=rows.device)).nonzero().squeeze(1)
        return Anchors(rows_M, base_M_H, packed.weights_T[rows[rows_M]] * scale * self.recipe.kl)

    def _pull_back(self) -> float:
        value, now = 0.0, cast(dict[str, Tensor], self.weights)
        for strength, importance in ((self.recipe.mas, self.kept.mas), (self.recipe.ewc, self.kept.ewc)):
            if strength and importance:
                value += pull_back(now, self.kept.old, importance, strength)
        return value

    def _clip(self, number: int) -> None:
        norm = float(nn.utils.clip_grad_norm_(self.weights.values(), self.recipe.clip))
        if not math.isfinite(norm):
            self._refuse(number, [one for row in self.steps[number] for one in row], "gradient")

    def _require_finite(self, number: int, members: Sequence[int], packed: Packed, loss: Loss) -> None:
        if math.isfinite(loss.total.item()):
            return
        weighted_N = loss.nll_N[: len(packed.rows)] * packed.weights_T[packed.rows]
        bad = packed.segments_T[packed.rows[~weighted_N.isfinite()]].unique().tolist()
        self._refuse(number, [members[place] for place in bad] or members, "loss")

    def _refuse(self, number: int, sequences: Sequence[int], what: str) -> NoReturn:
        named = ", ".join(str(one) for one in sorted(sequences)[:20])
        raise Diverged(
            f"the {what} of step {number + 1} of {len(self.steps)} is not a number, with the sequences {named}; "
            "put their lessons aside, or learn more slowly, and train again",
            sequences=sorted(sequences),
        )


def _mean(values: Tensor) -> float:
    return float(values.mean()) if len(values) else 0.0

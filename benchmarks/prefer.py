"""Whether learning that an answer was wrong helps, beside learning the right one, against the wrong one coming back.

    python -m benchmarks.prefer [--epochs N] [--facts N]

One night teaches facts with wrong values. Each is then put right by an edit, and the next night goes on from the first
adapter: by the right answers alone, and with one of three terms on the rejected ones. Unlikelihood is -log(1 - p) of
their tokens, from the first that differs from the right answer; SimPO weighs both answers as a pair, by their mean
log-probabilities. All have the same steps. Served by llama.cpp, each question is asked as it was put, in held-out
wordings and in paraphrases: the answer holds the right value, or the old one. The terms are not part of AION.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aion.config import ModelSettings, TrainSettings
from aion.models.adapters.convert import export_gguf
from aion.models.adapters.lora import Marks
from aion.models.adapters.served import read_served
from aion.models.catalog import LocalModel
from aion.models.llama.process import EngineProcess, lora_field
from aion.models.wire import CHAT
from aion.nets.loss import Loss, answer_loss
from aion.nets.pack import Packed, Piece
from aion.records import Example, Json, Lesson, LessonKind
from aion.sleep.lessons.dataset import build_dataset
from aion.sleep.lessons.find import Lessons
from aion.sleep.lessons.phrasing.make import prompt_of
from aion.sleep.lessons.scribe import Scribe, Written
from aion.sleep.training.adapt import add_adapters, list_weights, load_parent, run_rows, save_adapter
from aion.sleep.training.base import Recipe
from aion.sleep.training.graph import open_base
from aion.sleep.training.learner import Learner, choose_lessons
from aion.sleep.training.learner import Lessons as Pieces
from aion.sleep.training.offline import keep_offline
from aion.sleep.training.tokens import join_tokens
from benchmarks.adapters import engine
from benchmarks.teach import Fact, make_themes
from benchmarks.tools import print_head, print_load
from tests.models.engines import smollm

INSTRUCTION = ModelSettings().instruction
SETTINGS = TrainSettings.model_validate({"anchors": 0.0, "replay": 0.0})
RECIPE = Recipe(tokens_per_step=256, length=256, kl=0.0)
BETA, GAP = 2.0, 1.0  # of SimPO


@dataclass(frozen=True, slots=True)
class Term:
    """What is added for rejected answers."""

    name: str
    kind: str  # "", unlikelihood or simpo
    strength: float = 0.0
    first: bool = False  # only the first token that differs


TERMS = (
    Term("right answers alone", ""),
    Term("unlikelihood, first token", "unlikelihood", 1.0, first=True),
    Term("unlikelihood, all from there", "unlikelihood", 0.3),
    Term("SimPO", "simpo", 0.5),
)


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """The sequences of one night; of those that have one, the rejected answer's."""

    pieces: Pieces
    rejected: Mapping[int, int]  # number of the right answer's sequence -> number of the wrong one's


class Preferring(Learner):
    """A learner with a term on rejected answers; they lie behind the right ones, in the same rows."""

    def __init__(self, model: Any, taught: Taught, recipe: Recipe, term: Term) -> None:
        wrong = set(taught.rejected.values())
        right = {number: one for number, one in taught.pieces.pieces.items() if number not in wrong}
        super().__init__(model, Pieces(right, frozenset(), {}), recipe)
        self.term, self.taught = term, taught
        if term.kind:
            self.lessons = taught.pieces
            self.steps = tuple(tuple(self._with_rejected(row) for row in step) for step in self.steps)

    def _with_rejected(self, row: Sequence[int]) -> tuple[int, ...]:
        return (*row, *(self.taught.rejected[one] for one in row if one in self.taught.rejected))

    def _measure(self, members: Sequence[int], packed: Packed, scale: float) -> Loss:
        rows = packed.rows
        hidden, targets, weights = run_rows(self.model, packed)[rows], packed.targets_T[rows], packed.weights_T[rows]
        if self.term.kind:
            nll = answer_loss(hidden.detach(), targets, torch.zeros(len(rows)), self.head).nll_N
            weights = weights + self.term.strength * self._push(members, packed.segments_T[rows], nll)
        return answer_loss(hidden, targets, weights * scale, self.head)

    def _push(self, members: Sequence[int], segments: Tensor, nll: Tensor) -> Tensor:
        """The factor of each token's loss that gives the term's gradient."""
        place = {number: segments == where for where, number in enumerate(members)}
        found = torch.zeros(len(nll))
        for right, wrong in self.taught.rejected.items():
            if right not in place:
                continue
            good, bad = place[right], place[wrong]
            if self.term.kind == "unlikelihood":
                p = (-nll[bad]).exp().clamp(max=0.999)
                found[bad] = -p / (1 - p)
            else:
                margin = BETA * (nll[bad].mean() - nll[good].mean()) - GAP
                pull = BETA * torch.sigmoid(-margin)
                found[good] += pull / good.sum()
                found[bad] -= pull / bad.sum()
        return found


def make_lessons(facts: int) -> tuple[list[Lesson], list[Lesson], list[Fact], list[str]]:
    """Told wrongly, put right, the facts as they are right, and the values that were wrong."""
    old = make_themes(1, by_edit=False)[0].facts
    new = make_themes(2, by_edit=True)[0].facts
    pairs = [pair for pair in zip(old, new, strict=True) if pair[0].value != pair[1].value][:: 12 // facts]
    right = [replace(now.lesson, rejected=was.lesson.statement, kind=LessonKind.EDIT) for was, now in pairs]
    return [was.lesson for was, _ in pairs], right, [now for _, now in pairs], [was.value for was, _ in pairs]


def make_examples(lessons: Sequence[Lesson]) -> list[Example]:
    placed = {one.id: "work" for one in lessons}
    made = build_dataset(Lessons(tuple(lessons), ()), theme="work", placed=placed, settings=SETTINGS)
    return list(made.examples)


async def write(model: LocalModel, examples: Sequence[Example], term: Term | None = None) -> Taught:
    trained = [one for one in examples if not one.held_out]
    wrong = [replace(one, answer=one.rejected) for one in trained if one.rejected]
    async with Scribe(model, instruction=INSTRUCTION, context=1024) as scribe:
        written = await scribe.write([*trained, *wrong])
    right, other = written[: len(trained)], iter(written[len(trained) :])
    pieces = choose_lessons(join_tokens(trained, right), RECIPE).pieces
    rejected: dict[int, int] = {}
    for number, example in enumerate(trained):
        if example.rejected:
            piece = cut_rejected(right[number], next(other), first=term is not None and term.first)
            if piece is not None:
                rejected[number] = len(pieces)
                pieces[rejected[number]] = piece
    return Taught(Pieces(pieces, frozenset(), {}), rejected)


def cut_rejected(right: Written, wrong: Written, *, first: bool) -> Piece | None:
    """The wrong answer, of which only what differs from the right one counts."""
    differs = [a != b for a, b in zip(right.answer, wrong.answer, strict=False)]
    if not any(differs):
        return None
    begin = len(wrong.prompt) + differs.index(True)
    ids = np.array([*wrong.prompt, *wrong.answer], np.int32)
    labels = np.zeros(len(ids), np.uint8)
    labels[begin : begin + 1 if first else None] = 1
    return Piece(ids, labels, 0.0)


def learn(model: LocalModel, taught: Taught, recipe: Recipe, term: Term, *, to: Path, parent: Path | None) -> Path:
    """One night's adapter."""
    torch.manual_seed(recipe.seed)
    base = read_served(model.path, model.sha256)
    adapted = add_adapters(open_base(model.path, cached=True).model, recipe)
    if parent is not None:
        load_parent(list_weights(adapted), parent, base, recipe)
    learner = Preferring(adapted, taught, recipe, term)
    begin = time.process_time()
    losses = [learner.step(number).loss for number in range(len(learner.steps))]
    print(f"  {to.name}: {len(losses)} steps, {time.process_time() - begin:.0f} CPU s", flush=True)
    to.mkdir()
    save_adapter(learner.weights, to, base=base, marks=Marks(base=model.sha256), recipe=recipe)
    export_gguf(to, base, to / "adapter.gguf", Marks())
    return to


async def ask_all(model: LocalModel, files: Sequence[Path], questions: Sequence[str]) -> list[list[str]]:
    """What each adapter, and at last the base alone, answers to each question."""
    told = []
    async with engine(model.path, files) as process:
        for number in range(len(files) + 1):
            scales = lora_field([float(number == one) for one in range(len(files))])
            told.append([await ask(process, question, scales) for question in questions])
    return told


async def ask(process: EngineProcess, question: str, scales: list[Json]) -> str:
    messages = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": question}]
    body = {"messages": messages, "max_tokens": 28, "temperature": 0, "cache_prompt": False, "lora": scales}
    reply = await process.wire.post(CHAT, body)
    return str(reply["choices"][0]["message"]["content"])


def sort_answer(answer: str, right: str, old: str) -> str:
    return "right" if right in answer else "old" if old in answer else "other"


def list_questions(
    facts: Sequence[Fact], old: Sequence[str], examples: Sequence[Example]
) -> list[tuple[str, str, str]]:
    values = {fact.lesson.id: (fact.value, wrong) for fact, wrong in zip(facts, old, strict=True)}
    asked = [(one, *values[fact.lesson.id]) for fact in facts for one in fact.paraphrases]
    held = [one for one in examples if one.held_out and one.kind != "contrast" and len(one.lessons) == 1]
    return asked + [(prompt_of(one), *values[one.lessons[0]]) for one in held]


def run(options: argparse.Namespace, folder: Path) -> None:
    model = smollm()
    wrong, right, facts, old = make_lessons(options.facts)
    first = asyncio.run(write(model, make_examples(wrong)))
    recipe = replace(RECIPE, epochs=options.first)
    parent = learn(model, first, recipe, TERMS[0], to=folder / "first night", parent=None)
    examples, recipe = make_examples(right), replace(RECIPE, epochs=options.epochs, seed=2)
    made = [parent]
    for term in TERMS:
        taught = asyncio.run(write(model, examples, term))
        made.append(learn(model, taught, recipe, term, to=folder / term.name.replace(",", ""), parent=parent))
    asked = list_questions(facts, old, examples)
    told = asyncio.run(ask_all(model, [one / "adapter.gguf" for one in made], [one for one, _, _ in asked]))
    print(f"\n{'':32} right   old other  of {len(asked)}")
    for name, answers in zip([*(one.name for one in made), "no adapter"], told, strict=True):
        sorted_ = [sort_answer(answer, *wanted) for answer, (_, *wanted) in zip(answers, asked, strict=True)]
        shares = "  ".join(f"{sorted_.count(kind) / len(asked):.2f}" for kind in ("right", "old", "other"))
        print(f"{name:32}  {shares}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--facts", type=int, default=12)
    parser.add_argument("--first", type=float, default=4.0, help="epochs of the first night")
    parser.add_argument("--epochs", type=float, default=1.0, help="epochs of the second")
    options = parser.parse_args()
    keep_offline()
    torch.set_num_threads(1)
    print_head(__doc__ or "")
    with tempfile.TemporaryDirectory() as name:
        run(options, Path(name))
    print_load("after")


if __name__ == "__main__":
    main()

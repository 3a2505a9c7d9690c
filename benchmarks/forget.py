"""What ten nights in one theme leave of each other: each night's adapter goes on from the last one's.

    python -m benchmarks.forget [--only NAME ...] [--nights N] [--mas X] [--ewc X] [--serve]

Two invented facts a night, told once; AION's own lessons, examples, tokens and trainer, on the embedded base. After
each night the adapter is asked, in wordings that no night trained, what it learned tonight and on all earlier nights:
an answer counts when each of its tokens, its end included, is the likeliest one. General questions measure how far it
went from the base: the divergence on the base's own answers, and how many answers still begin like them. It says
nothing about speed, and nothing of one theme's adapter against another's.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from aion.config import TrainSettings
from aion.models.adapters.convert import export_gguf
from aion.models.adapters.lora import Marks
from aion.models.adapters.served import read_served
from aion.models.catalog import LocalModel
from aion.nets.loss import Head
from aion.nets.pack import Packed, Piece, lay_out
from aion.records import Example, ExampleKind, Lesson, LessonKind
from aion.sleep.lessons.dataset import Dataset, build_dataset, fill_anchors, write_examples
from aion.sleep.lessons.find import Lessons
from aion.sleep.lessons.phrasing.make import prompt_of
from aion.sleep.lessons.scribe import Scribe, Written
from aion.sleep.training.adapt import add_adapters, list_weights, load_parent, run_base, run_rows
from aion.sleep.training.base import EXAMPLES, TOKENS, TrainJob
from aion.sleep.training.graph import open_base
from aion.sleep.training.jobs import write_job
from aion.sleep.training.recipe import make_recipe
from aion.sleep.training.tokens import join_tokens, save_tokens
from aion.sleep.training.train import train
from benchmarks.teach import BEGINS, DATA, INSTRUCTION, Examiner, replace_settings
from benchmarks.tools import print_head, print_load
from tests.models.engines import smollm

FACTS = Path(__file__).parent / "data" / "forget.toml"
ANSWER_TOKENS = 96  # of the base's own answer to an anchor, as in a night
GENERAL_TOKENS = 24  # of its answer to a general question
ROW = 512  # tokens computed at one time
BARE = {"replay": 0.0, "anchors": 0.0, "kl": 0.0, "mas": 0.0, "ewc": 0.0}
STRICT = {"threads": 1, "micro_batch": 1, "cache": "always", "device": "cpu"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing told, when, and the question that only ever examines it."""

    night: int
    lesson: Lesson
    value: str
    asked: str


@dataclass(frozen=True, slots=True)
class Way:
    """One way not to forget; `zero`: begin anew on the last night, with everything told so far."""

    name: str
    changes: Mapping[str, float]
    zero: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """One night of one way."""

    way: str
    night: int
    tonight: float
    earlier: float | None
    divergence: float
    begins: float
    tokens: int
    seconds: float
    loss: float


def list_ways(options: argparse.Namespace) -> list[Way]:
    mas, ewc, kl, replay, anchors = (getattr(options, name) for name in ("mas", "ewc", "kl", "replay", "anchors"))
    return [
        Way("nothing", {}),
        Way("replay", {"replay": replay}),
        Way("anchors", {"replay": replay, "anchors": anchors}),
        Way("anchors-kl", {"replay": replay, "anchors": anchors, "kl": kl}),
        Way("mas", {"mas": mas}),
        Way("ewc", {"ewc": ewc}),
        Way("all", {"replay": replay, "anchors": anchors, "kl": kl, "mas": mas, "ewc": ewc}),
        Way("zero", {"anchors": anchors, "kl": kl}, zero=True),
    ]


def make_facts(seed: int) -> list[Fact]:
    """One of each relation a night."""
    told = tomllib.loads(FACTS.read_text("utf-8"))
    facts: list[Fact] = []
    for number, relation in enumerate(told["relation"]):
        draw = random.Random(f"{seed}{number}")
        values = draw.sample(relation["values"], len(relation["subjects"]))
        subjects = draw.sample(relation["subjects"], len(relation["subjects"]))
        for night, (subject, value) in enumerate(zip(subjects, values, strict=True), start=1):
            statement = relation["told"].format(s=subject, v=value)
            lesson = Lesson(
                id=f"les_{hashlib.sha256(statement.encode()).hexdigest()[:32]}",
                owner="ana",
                kind=LessonKind.TOLD,
                theme=told["theme"],
                statement=statement,
                language="en",
                sources=(f"mem_{night}_{number}",),
                at=float(night),
            )
            facts.append(Fact(night, lesson, value, relation["asked"].format(s=subject)))
    return facts


class Ruler:
    """The base with room for one adapter, asked by whole rows of questions."""

    def __init__(self, model: LocalModel, settings: TrainSettings) -> None:
        self.base = read_served(model.path, model.sha256)
        self.recipe = make_recipe(settings, model.path)
        torch.set_num_threads(1)
        self.model = add_adapters(open_base(model.path, cached=True).model, self.recipe)
        self.head = cast(Head, self.model.get_base_model().lm_head)
        self.general: list[tuple[Packed, Tensor, list[int]]] = []  # what the base says, its hidden rows, first tokens

    def take(self, folder: Path) -> None:
        load_parent(list_weights(self.model), folder, self.base, self.recipe)

    @torch.no_grad()
    def whole(self, asked: Sequence[Written]) -> list[bool]:
        """Whether each token of the answer is the likeliest: then it is what the model says at temperature 0."""
        found: list[bool] = []
        for packed in _rows_of(asked):
            right = self.head(self._hidden(packed)).argmax(1) == packed.targets_T[packed.rows]
            found += [bool(right[where].all()) for where in _segments(packed)]
        return found

    @torch.no_grad()
    def note_general(self, general: Sequence[tuple[Written, int]]) -> None:
        """Answers of the base with how many of their tokens must stay the likeliest."""
        firsts = iter([first for _, first in general])
        for packed in _rows_of([written for written, _ in general]):
            hidden = run_base(self.model, packed)[packed.rows]
            self.general.append((packed, hidden, [next(firsts) for _ in packed.spans]))

    @torch.no_grad()
    def drift(self) -> tuple[float, float]:
        """Mean divergence from the base, and the share of answers whose first tokens are still the base's."""
        divergences: list[Tensor] = []
        begins: list[bool] = []
        for packed, hidden, firsts in self.general:
            base, now = (self.head(one).float().log_softmax(1) for one in (hidden, self._hidden(packed)))
            divergences.append((now.exp() * (now - base)).sum(1))
            same = now.argmax(1) == base.argmax(1)
            begins += [bool(same[where][:first].all()) for where, first in zip(_segments(packed), firsts, strict=True)]
        return float(torch.cat(divergences).mean()), sum(begins) / len(begins)

    def _hidden(self, packed: Packed) -> Tensor:
        return run_rows(self.model, packed)[packed.rows]


def _rows_of(asked: Sequence[Written]) -> Iterator[Packed]:
    held: list[Piece] = []
    for one in asked:
        ids = np.array([*one.prompt, *one.answer])
        if held and sum(len(piece) for piece in held) + len(ids) > ROW:
            yield lay_out(held)
            held = []
        held.append(Piece(ids, (np.arange(len(ids)) >= len(one.prompt)).astype(np.uint8)))
    yield lay_out(held)


def _segments(packed: Packed) -> Iterator[Tensor]:
    """Of the rows that count, those of each sequence."""
    segments = packed.segments_T[packed.rows]
    for number in range(len(packed.spans)):
        yield (segments == number).nonzero().squeeze(1)


class Nights:
    """All that the ways share: facts, engine, ruler, what the base says by itself, and what is asked."""

    def __init__(self, options: argparse.Namespace, scribe: Scribe, model: LocalModel, folder: Path) -> None:
        self.options, self.scribe, self.model, self.folder = options, scribe, model, folder
        self.settings = replace_settings(TrainSettings(), **BARE, **STRICT)
        self.facts = [one for one in make_facts(options.seed) if one.night <= options.nights]
        self.ruler = Ruler(model, self.settings)
        self.answers: dict[str, str] = {}
        self.asked: dict[int, list[Written]] = {}  # by night
        self.results: list[Result] = []

    async def prepare(self) -> None:
        """What is examined, the same for all ways."""
        dataset = self._build(self.settings, self.options.nights, set())
        by_lesson = {one.lesson.id: one for one in self.facts}
        held = [one for one in dataset.held_out if one.kind != ExampleKind.CONTRAST and len(one.lessons) == 1]
        answer_of = {one.lessons[0]: one.answer for one in held}
        own = [_ask(fact.asked, answer_of[fact.lesson.id], fact) for fact in self.facts]
        for example, written in zip(chain(held, own), await self.scribe.write([*held, *own]), strict=True):
            self.asked.setdefault(by_lesson[example.lessons[0]].night, []).append(written)
        general: list[tuple[Written, int]] = []
        for question in tomllib.loads(DATA.read_text("utf-8"))["general"]["questions"]:
            said = await self.scribe.say([{"role": "user", "content": question}], max_tokens=GENERAL_TOKENS)
            first = " ".join(said.split()[:BEGINS])
            whole, begin = await self.scribe.write([_ask(question, said), _ask(question, first)])
            cut = replace(whole, answer=whole.answer[:-1])  # the end is ours: the base had more to say
            general.append((cut, len(begin.answer) - 1))
        self.ruler.note_general(general)

    async def run(self, way: Way) -> Path:
        """Gives the folder of the last adapter."""
        settings = replace_settings(self.settings, **way.changes)
        parent: Path | None = None
        for night in range(self.options.nights if way.zero else 1, self.options.nights + 1):
            learned = set() if way.zero else {one.lesson.id for one in self.facts if one.night < night}
            folder = self.folder / way.name / str(night)
            folder.mkdir(parents=True)
            await self._write_job(folder, settings, self._build(settings, night, learned), parent)
            trained = await asyncio.to_thread(train, folder, tell=lambda _: None)
            parent = trained.folder
            self.report(way, night, parent, trained.record)
        assert parent is not None
        return parent

    def report(self, way: Way, night: int, folder: Path, record: Mapping[str, Any]) -> None:
        self.ruler.take(folder)
        tonight = self.ruler.whole(self.asked[night])
        before = [one for number in range(1, night) for one in self.asked[number]]
        earlier = self.ruler.whole(before) if before else []
        divergence, begins = self.ruler.drift()
        result = Result(
            way=way.name,
            night=night,
            tonight=sum(tonight) / len(tonight),
            earlier=sum(earlier) / len(earlier) if earlier else None,
            divergence=divergence,
            begins=begins,
            tokens=record["tokens"],
            seconds=record["seconds"],
            loss=record["losses"][-1],
        )
        self.results.append(result)
        print(_line(result), flush=True)

    def _build(self, settings: TrainSettings, night: int, learned: set[str]) -> Dataset:
        told = tuple(one.lesson for one in self.facts if one.night <= night)
        placed = {one.id: one.theme for one in told}
        return build_dataset(Lessons(told, ()), theme=told[0].theme, placed=placed, learned=learned, settings=settings)

    async def _write_job(self, folder: Path, settings: TrainSettings, dataset: Dataset, parent: Path | None) -> None:
        for one in dataset.examples:
            if one.kind is ExampleKind.ANCHOR and prompt_of(one) not in self.answers:
                self.answers[prompt_of(one)] = await self.scribe.say(one.messages, max_tokens=ANSWER_TOKENS)
        dataset = fill_anchors(dataset, self.answers)
        data = save_tokens(join_tokens(dataset.trained, await self.scribe.write(dataset.trained)))
        (folder / TOKENS).write_bytes(data)
        job = TrainJob(
            id=f"job_{folder.parent.name}_{folder.name}",
            night=f"night_{folder.name}",
            theme=dataset.theme,
            base=self.model.path,
            base_hash=self.model.sha256,
            recipe=make_recipe(settings, self.model.path),
            dataset=write_examples(folder / EXAMPLES, dataset.examples),
            tokens=hashlib.sha256(data).hexdigest(),
            parent=parent,
            checkpoint_s=3600,
        )
        write_job(folder, job)


def _ask(question: str, answer: str, fact: Fact | None = None) -> Example:
    return Example(
        id="ex_asked",
        theme="",
        kind=ExampleKind.PHRASING,
        messages=({"role": "user", "content": question},),
        answer=answer,
        lessons=(fact.lesson.id,) if fact else (),
    )


def _line(one: Result) -> str:
    earlier = "   -" if one.earlier is None else f"{one.earlier:.2f}"
    return (
        f"  {one.way:10} night {one.night:2}  tonight {one.tonight:.2f}  earlier {earlier}  from the base "
        f"{one.divergence:.3f}, begins {one.begins:.2f}  loss {one.loss:.3f}  {one.tokens} tokens, {one.seconds:.0f} s"
    )


async def serve(nights: Nights, finals: Mapping[str, Path]) -> None:
    """The last adapters on the engine: whether an answer holds the value, in words of its own."""
    files = []
    for name, folder in finals.items():
        target = nights.folder / name / f"{name}.gguf"
        export_gguf(folder, nights.ruler.base, target, Marks(base=nights.model.sha256))
        files.append(target)
    examiner = Examiner(nights.model, files)
    await examiner.process.start(60)
    try:
        for number, name in enumerate(finals):
            right = [fact.value in await examiner.ask(fact.asked, number) for fact in nights.facts]
            print(
                f"  {name:10} served: {sum(right) / len(right):.2f} of {len(right)} answers hold the value", flush=True
            )
    finally:
        await examiner.process.stop()


def print_means(results: Sequence[Result]) -> None:
    """Over all nights, and what the last one left of the others."""
    print("  way         tonight, mean   earlier, mean   earlier, at the end   from the base   begins   tokens")
    for name in dict.fromkeys(one.way for one in results):
        mine = [one for one in results if one.way == name]
        before = [one.earlier for one in mine if one.earlier is not None] or [0.0]
        tonight, mean = sum(one.tonight for one in mine) / len(mine), sum(before) / len(before)
        print(
            f"  {name:10} {tonight:>14.2f} {mean:>15.2f} {before[-1]:>21.2f} {mine[-1].divergence:>15.3f}"
            f" {mine[-1].begins:>8.2f} {sum(one.tokens for one in mine):>8}"
        )


async def run(options: argparse.Namespace, folder: Path) -> None:
    model = smollm()
    async with Scribe(model, instruction=INSTRUCTION, context=1024) as scribe:
        nights = Nights(options, scribe, model, folder)
        await nights.prepare()
        finals = {way.name: await nights.run(way) for way in list_ways(options) if way.name in options.only}
    if options.serve:
        await serve(nights, finals)
    print_means(nights.results)


def main() -> None:
    names = ["nothing", "replay", "anchors", "anchors-kl", "mas", "ewc", "all", "zero"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--nights", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--replay", type=float, default=0.15)
    parser.add_argument("--anchors", type=float, default=0.1)
    parser.add_argument("--kl", type=float, default=0.1)
    parser.add_argument("--mas", type=float, default=1.0)
    parser.add_argument("--ewc", type=float, default=1.0)
    parser.add_argument("--serve", action="store_true", help="ask the last adapters on the engine, too")
    parser.add_argument("--folder", type=Path, help="keep the job folders here")
    options = parser.parse_args()
    print_head(__doc__ or "")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(options, options.folder or Path(folder)))
    print_load("after")


if __name__ == "__main__":
    main()

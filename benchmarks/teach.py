"""What an adapter knows of facts that were told once: in wordings never trained, of near misses, and of all else.

Twelve invented facts for each of five themes, in two languages; AION's own lessons, examples, tokens and trainer; the
adapter is served by llama.cpp on the file it was trained on, and asked by itself, without memory and without a router.
Answers count when they hold the taught value. The general questions count when the answer begins as the base's.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aion.config import ModelSettings, TrainSettings
from aion.models.catalog import LocalModel
from aion.models.llama.process import EngineProcess, lora_field
from aion.models.llama.spec import Adapter, EngineSpec
from aion.models.wire import CHAT
from aion.records import Example, Json, Lesson, LessonKind
from aion.sleep.base import EXAMPLES, TOKENS, Recipe, TrainJob
from aion.sleep.dataset import Dataset, build_dataset, fill_anchors, write_examples
from aion.sleep.export.convert import export_gguf
from aion.sleep.export.lora import Marks
from aion.sleep.jobs import read_job, write_job
from aion.sleep.lessons import Lessons
from aion.sleep.phrasing.make import prompt_of
from aion.sleep.scribe import Scribe
from aion.sleep.tokens import join_tokens, save_tokens
from aion.sleep.train import open_served, train
from benchmarks.tools import print_head, print_load
from tests.models.engines import smollm

DATA = Path(__file__).parent / "data" / "teach.toml"
INSTRUCTION = ModelSettings().instruction
BEGINS = 4  # words of an answer that must be the base's


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing taught, and how it is asked for."""

    lesson: Lesson
    value: str
    paraphrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Theme:
    """What is taught in it, and what is asked though nobody told it."""

    name: str
    facts: tuple[Fact, ...]
    missed: tuple[str, ...]


@dataclass(slots=True)
class Score:
    """Shares of answers, and what training took."""

    taught: list[bool] = field(default_factory=list)  # the question as it was put
    held_out: list[bool] = field(default_factory=list)  # wordings that the data builder set aside
    paraphrased: list[bool] = field(default_factory=list)  # wordings written by hand for this benchmark
    fooled: list[bool] = field(default_factory=list)  # near misses answered with a taught value
    general: list[bool] = field(default_factory=list)  # general answers that begin as the base's
    seconds: float = 0.0
    tokens: int = 0

    def add(self, other: Score) -> None:
        for name in ("taught", "held_out", "paraphrased", "fooled", "general"):
            getattr(self, name).extend(getattr(other, name))
        self.seconds += other.seconds
        self.tokens += other.tokens


def make_themes(seed: int, *, by_edit: bool) -> list[Theme]:
    """`by_edit`: each fact is a question and the answer a person put right; else a statement."""
    data = tomllib.loads(DATA.read_text("utf-8"))
    return [
        _theme(one, data["values"], random.Random(f"{seed}{one['name']}"), by_edit=by_edit) for one in data["theme"]
    ]


def _theme(data: Json, values: Mapping[str, list[str]], draw: random.Random, *, by_edit: bool) -> Theme:
    facts: list[Fact] = []
    missed: list[str] = []
    for relation in data["relation"]:
        drawn = draw.sample(values[relation["values"]], len(relation["subjects"]))
        for subject, value in zip(relation["subjects"], drawn, strict=True):
            told = relation["told"].format(s=subject, v=value)
            asked = relation["asked"].format(s=subject)
            parts: Json = {"question": asked, "answer": told} if by_edit else {"statement": told}
            lesson = Lesson(
                id=f"les_{hashlib.sha256(told.encode()).hexdigest()[:16]}",
                owner="ana",
                kind=LessonKind.EDIT if by_edit else LessonKind.TOLD,
                theme=data["name"],
                language=data["language"],
                sources=(f"turn_{len(facts)}",),
                **parts,
            )
            wordings = tuple(one.format(s=subject) for one in relation["paraphrases"])
            facts.append(Fact(lesson, value, (asked, *wordings)))
        missed += [relation["asked"].format(s=subject) for subject in relation["missed"]]
    return Theme(data["name"], tuple(facts), tuple(missed))


async def prepare(theme: Theme, model: LocalModel, recipe: Recipe, settings: TrainSettings, folder: Path) -> Dataset:
    """The job folder, as a night makes it."""
    lessons = [fact.lesson for fact in theme.facts]
    placed = {one.id: theme.name for one in lessons}
    dataset = build_dataset(Lessons(tuple(lessons), ()), theme=theme.name, placed=placed, settings=settings)
    async with Scribe(model, instruction=INSTRUCTION, context=1024) as scribe:
        prompts = [prompt_of(one) for one in dataset.examples if one.kind == "anchor"]
        said = [await scribe.say([{"role": "user", "content": one}], max_tokens=48) for one in prompts]
        dataset = fill_anchors(dataset, dict(zip(prompts, said, strict=True)))
        written = await scribe.write(dataset.examples)
    data = save_tokens(join_tokens(dataset.examples, written))
    (folder / TOKENS).write_bytes(data)
    job = TrainJob(
        id=f"job_{theme.name}",
        night="night_1",
        theme=theme.name,
        base=model.path,
        base_hash=model.sha256,
        recipe=recipe,
        dataset=write_examples(folder / EXAMPLES, dataset.examples),
        tokens=hashlib.sha256(data).hexdigest(),
        checkpoint_s=3600,
    )
    write_job(folder, job)
    return dataset


def teach(folder: Path, model: LocalModel, job: TrainJob) -> tuple[Path, Json]:
    """Train, and write what llama.cpp loads."""
    trained = train(folder, tell=lambda _: None)
    target = folder / "adapter.gguf"
    marks = Marks(base=model.sha256, theme=job.theme, night=job.night, dataset=job.dataset)
    export_gguf(trained.folder, open_served(job), target, marks)
    return target, trained.record


class Examiner:
    """The base with adapters loaded, asked at temperature 0."""

    def __init__(self, model: LocalModel, adapters: Sequence[Path]) -> None:
        loaded = tuple(Adapter(name=one.parent.name, path=one, hash="") for one in adapters)
        self.process = EngineProcess(EngineSpec(model=model.path, context=1024, slots=1, threads=1, adapters=loaded))
        self.count = len(adapters)

    async def ask(self, question: str, adapter: int | None, *, tokens: int = 32) -> str:
        body = {
            "messages": [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": question}],
            "max_tokens": tokens,
            "temperature": 0,
            "cache_prompt": False,
            "lora": lora_field([1.0 if number == adapter else 0.0 for number in range(self.count)]),
        }
        reply = await self.process.wire.post(CHAT, body)
        return str(reply["choices"][0]["message"]["content"])


async def examine(examiner: Examiner, number: int, theme: Theme, dataset: Dataset, general: Mapping[str, str]) -> Score:
    score = Score()
    values = [fact.value for fact in theme.facts]
    by_lesson = {fact.lesson.id: fact.value for fact in theme.facts}
    for fact in theme.facts:
        asked, *others = fact.paraphrases
        score.taught.append(fact.value in await examiner.ask(asked, number))
        score.paraphrased += [fact.value in await examiner.ask(one, number) for one in others]
    for one in _held_out(dataset):
        score.held_out.append(by_lesson[one.lessons[0]] in await examiner.ask(prompt_of(one), number))
    for question in theme.missed:
        answer = await examiner.ask(question, number)
        score.fooled.append(any(value in answer for value in values))
    for question, wanted in general.items():
        answer = await examiner.ask(question, number)
        score.general.append(answer.split()[:BEGINS] == wanted.split()[:BEGINS])
    return score


def _held_out(dataset: Dataset) -> list[Example]:
    return [one for one in dataset.held_out if one.kind != "contrast" and len(one.lessons) == 1]


async def run(options: argparse.Namespace, folder: Path) -> Score:
    model = smollm()
    settings = replace_settings(TrainSettings(), contrasts=options.contrasts, anchors=options.anchors)
    recipe = Recipe(
        rank=options.rank,
        learning_rate=options.rate,
        epochs=options.epochs,
        kl=options.kl,
        tokens_per_step=options.step,
        length=min(512, options.step),
        threads=options.threads,
        micro_batch=1,
    )
    themes = make_themes(options.seed, by_edit=options.by_edit)[: options.themes]
    total, files, sets = Score(), [], []
    for theme in themes:
        place = folder / theme.name
        place.mkdir()
        began = time.perf_counter()
        dataset = await prepare(theme, model, recipe, settings, place)
        target, record = await asyncio.to_thread(teach, place, model, read_job(place))
        took = time.perf_counter() - began
        counts, rate = dataset.counts()["examples"], record["tokens_per_s"]
        losses = record["losses"]
        print(f"  {theme.name}: {counts}, {len(losses)} steps, loss {losses[0]:.2f} to {losses[-1]:.3f}", flush=True)
        print(f"  {rate:.0f} tokens/s, {took:.0f} s in all, peak {record['peak_bytes'] >> 20} MB", flush=True)
        total.seconds += took
        total.tokens += record["tokens"]
        files.append(target)
        sets.append(dataset)
    examiner = Examiner(model, files)
    await examiner.process.start(60)
    try:
        questions = tomllib.loads(DATA.read_text("utf-8"))["general"]["questions"]
        general = {one: await examiner.ask(one, None) for one in questions}
        for number, (theme, dataset) in enumerate(zip(themes, sets, strict=True)):
            score = await examine(examiner, number, theme, dataset, general)
            print_score(theme.name, score)
            total.add(score)
    finally:
        await examiner.process.stop()
    return total


def replace_settings(settings: TrainSettings, **changes: Any) -> TrainSettings:
    return TrainSettings.model_validate(settings.model_dump() | changes)


def print_score(name: str, score: Score) -> None:
    def share(answers: list[bool]) -> str:
        return f"{sum(answers) / len(answers):.2f} of {len(answers)}" if answers else "-"

    print(
        f"  {name:8} taught {share(score.taught)}  held out {share(score.held_out)}  paraphrased "
        f"{share(score.paraphrased)}  near misses fooled {share(score.fooled)}  general kept {share(score.general)}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--themes", type=int, default=5)
    parser.add_argument("--by-edit", action="store_true", help="teach by corrected answers instead of statements")
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--epochs", type=float, default=4.0)
    parser.add_argument("--kl", type=float, default=0.1)
    parser.add_argument("--step", type=int, default=256, help="tokens of one step")
    parser.add_argument("--threads", type=int, default=0, help="0: measured")
    parser.add_argument("--contrasts", type=int, default=1)
    parser.add_argument("--anchors", type=float, default=0.1)
    options = parser.parse_args()
    print_head(__doc__ or "")
    with tempfile.TemporaryDirectory() as folder:
        total = asyncio.run(run(options, Path(folder)))
    print_score("all", total)
    print(f"  {total.tokens} tokens, {total.seconds:.0f} s to prepare and train")
    print_load("after")


if __name__ == "__main__":
    main()

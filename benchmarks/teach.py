"""What an adapter knows of facts that were told once: in wordings never trained, of near misses, and of all else.

Twelve invented facts a theme, in two languages; AION's own lessons, examples, tokens and trainer; the adapter is served
by llama.cpp on the file it was trained on, and asked by itself, without memory and without a router. Five themes are
there to tune on (`--part tune`), three others to judge by (`--part final`). Answers count when they hold the taught
value. A general answer is `kept` when it begins as the base's, and `right` when it is still right where the base's is.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import re
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aion.config import ModelSettings, TrainSettings
from aion.memory.block import memory_block, put_before_question
from aion.models.adapters.convert import export_gguf
from aion.models.adapters.lora import Marks
from aion.models.catalog import LocalModel
from aion.models.llama.process import EngineProcess, lora_field
from aion.models.llama.spec import Adapter, EngineSpec
from aion.models.wire import CHAT
from aion.records import Json, Lesson, LessonKind
from aion.sleep.lessons.dataset import Dataset, build_dataset, fill_anchors, write_examples
from aion.sleep.lessons.find import Lessons
from aion.sleep.lessons.phrasing.make import prompt_of
from aion.sleep.lessons.reword import add_rewordings
from aion.sleep.lessons.scribe import Scribe
from aion.sleep.nights.work import ANCHOR_TOKENS
from aion.sleep.training.base import EXAMPLES, TOKENS, Recipe, TrainJob
from aion.sleep.training.jobs import read_job, write_job
from aion.sleep.training.tokens import join_tokens, save_tokens
from aion.sleep.training.train import open_served, train
from benchmarks.tools import print_head, print_load
from tests.models.engines import smollm

DATA = Path(__file__).parent / "data" / "teach.toml"
INSTRUCTION = ModelSettings().instruction
SERVED: Json = {"role": "system", "content": INSTRUCTION}
PATIENCE_S = 3600.0  # for an engine beside other work
BEGINS = 4  # words of an answer that must be the base's


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing taught, and how it is asked for."""

    lesson: Lesson
    subject: str
    value: str
    paraphrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Theme:
    """What is taught in it, and what is asked though nobody told it."""

    name: str
    facts: tuple[Fact, ...]
    missed: tuple[str, ...]


EXAMS = {
    "taught": "the question as it was put",
    "held_out": "wordings that the data builder set aside",
    "paraphrased": "wordings written by hand for this benchmark",
    "elsewhere": "a paraphrase under a system message of a client",
    "later": "the question after something else was said",
    "remembered": "paraphrases below the memory that was learned",
    "beside": "paraphrases below that memory and another fact's",
    "misspelt": "the question with two letters exchanged",
    "fooled": "near misses answered with a taught value",
    "kept": "general answers that begin as the base's",
    "right": "general answers still right where the base's is",
}


@dataclass(frozen=True, slots=True)
class Question:
    """One thing asked, in which exam, and what a good answer holds; of near misses, what a bad one holds."""

    exam: str
    messages: tuple[Json, ...]
    wanted: tuple[str, ...]


@dataclass(slots=True)
class Score:
    """Shares of answers by exam, and what training took."""

    answers: dict[str, list[bool]] = field(default_factory=lambda: {name: [] for name in EXAMS})
    seconds: float = 0.0
    tokens: int = 0
    examples: int = 0

    def add(self, other: Score) -> None:
        for name, answers in other.answers.items():
            self.answers[name] += answers
        self.seconds += other.seconds
        self.tokens += other.tokens
        self.examples += other.examples


def make_themes(seed: int, *, by_edit: bool, part: str = "tune") -> list[Theme]:
    """`by_edit`: each fact is a question and the answer a person put right; else a statement."""
    data = read_data()
    return [
        _theme(one, data["values"], random.Random(f"{seed}{one['name']}"), by_edit=by_edit)
        for one in data["theme"]
        if part in ("all", one["part"])
    ]


def read_data() -> Json:
    return tomllib.loads(DATA.read_text("utf-8"))


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
            facts.append(Fact(lesson, subject, value, (asked, *wordings)))
        missed += [relation["asked"].format(s=subject) for subject in relation["missed"]]
    return Theme(data["name"], tuple(facts), tuple(missed))


async def prepare(theme: Theme, model: LocalModel, recipe: Recipe, settings: TrainSettings, folder: Path) -> Dataset:
    """The job folder, as a night makes it."""
    lessons = [fact.lesson for fact in theme.facts]
    placed = {one.id: theme.name for one in lessons}
    dataset = build_dataset(Lessons(tuple(lessons), ()), theme=theme.name, placed=placed, settings=settings)
    async with Scribe(model, instruction=INSTRUCTION, context=1024) as scribe:
        dataset = await add_rewordings(dataset, scribe, most=settings.rewordings)
        anchors = [one for one in dataset.examples if one.kind == "anchor"]
        said = {prompt_of(one): await scribe.say(one.messages, max_tokens=ANCHOR_TOKENS) for one in anchors}
        dataset = fill_anchors(dataset, said)
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

    def __init__(self, model: LocalModel, adapters: Sequence[Path], *, threads: int = 1) -> None:
        loaded = tuple(Adapter(name=one.parent.name, path=one, hash="") for one in adapters)
        spec = EngineSpec(model=model.path, context=1024, slots=1, threads=threads, adapters=loaded)
        self.process = EngineProcess(spec, stall_timeout_s=PATIENCE_S)
        self.count = len(adapters)

    async def ask(self, question: str, adapter: int | None, *, tokens: int = 32) -> str:
        """As a client without a system message asks."""
        return await self.say((SERVED, _user(question)), adapter, tokens=tokens)

    async def say(self, messages: Sequence[Json], adapter: int | None, *, tokens: int = 32) -> str:
        body = {
            "messages": list(messages),
            "max_tokens": tokens,
            "temperature": 0,
            "cache_prompt": False,
            "lora": lora_field([1.0 if number == adapter else 0.0 for number in range(self.count)]),
        }
        reply = await self.process.wire.post(CHAT, body)
        return str(reply["choices"][0]["message"]["content"])


def make_questions(theme: Theme, dataset: Dataset) -> list[Question]:
    """Everything that is asked of what was taught in a theme, and of its neighbours."""
    around = read_data()["around"]
    systems = [{"role": "system", "content": one} for one in around["systems"]]
    before = [(_user(one), {"role": "assistant", "content": other}) for one, other in around["before"]]
    made: list[Question] = []
    for number, fact in enumerate(theme.facts):
        asked, *others = fact.paraphrases
        other = others[number % len(others)]
        settings: list[tuple[str, tuple[Json, ...]]] = [
            ("taught", (SERVED, _user(asked))),
            *(("paraphrased", (SERVED, _user(one))) for one in others),
            ("elsewhere", (systems[number % len(systems)], _user(other))),
            *(("remembered", _below((SERVED, _user(one)), fact)) for one in others),
            *(("beside", _below((SERVED, _user(one)), theme.facts[number - 1], fact)) for one in others),
            ("later", (SERVED, *before[number % len(before)], _user(asked))),
            ("misspelt", (SERVED, _user(misspell(asked, fact.subject)))),
        ]
        made += [Question(exam, messages, (fact.value,)) for exam, messages in settings]
    values = {fact.lesson.id: fact.value for fact in theme.facts}
    held_out = [one for one in dataset.held_out if one.kind != "contrast" and len(one.lessons) == 1]
    made += [Question("held_out", (SERVED, *one.messages), (values[one.lessons[0]],)) for one in held_out]
    return made + [Question("fooled", (SERVED, _user(one)), tuple(values.values())) for one in theme.missed]


def _below(messages: tuple[Json, ...], *facts: Fact) -> tuple[Json, ...]:
    told = [
        f"{one.lesson.question} {one.lesson.answer}" if one.lesson.question else one.lesson.statement for one in facts
    ]
    return put_before_question(messages, [memory_block(told)])


def misspell(question: str, subject: str) -> str:
    """Two letters of its longest word exchanged, the subject's words left alone."""
    words = [word for word in re.findall(r"[^\W\d_]{4,}", question) if word not in subject]
    longest = max(words, key=len)
    middle = len(longest) // 2
    wrong = longest[: middle - 1] + longest[middle] + longest[middle - 1] + longest[middle + 1 :]
    return question.replace(longest, wrong, 1)


def _user(text: str) -> Json:
    return {"role": "user", "content": text}


async def examine(examiner: Examiner, theme: Theme, dataset: Dataset) -> tuple[Score, list[Json]]:
    """The only adapter of the examiner, and every answer it gave."""
    score, lines = Score(), list[Json]()
    await examiner.process.start(PATIENCE_S)
    try:
        for one in make_questions(theme, dataset):
            answer = await examiner.say(one.messages, 0)
            score.answers[one.exam].append(any(value in answer for value in one.wanted))
            lines.append(_line(theme, one.exam, one.messages, answer, score.answers[one.exam][-1]))
        general = read_data()["general"]
        for question, right in zip(general["questions"], general["right"], strict=True):
            said, answer = await examiner.ask(question, None), await examiner.ask(question, 0)
            score.answers["kept"].append(answer.split()[:BEGINS] == said.split()[:BEGINS])
            if re.search(right, said.lower()):
                score.answers["right"].append(re.search(right, answer.lower()) is not None)
            lines.append(
                _line(theme, "general", (_user(question),), answer, score.answers["kept"][-1]) | {"base": said}
            )
    finally:
        await examiner.process.stop()
    return score, lines


def _line(theme: Theme, exam: str, messages: Sequence[Json], answer: str, counted: bool) -> Json:
    asked = " | ".join(str(one["content"]) for one in messages if one is not SERVED)
    return {"theme": theme.name, "exam": exam, "asked": asked, "answer": answer, "counted": counted}


async def run(options: argparse.Namespace, folder: Path) -> Score:
    model = smollm()
    given = {name: getattr(options, name) for name in ("contrasts", "anchors", "rewordings")}
    settings = replace_settings(TrainSettings(), **given)
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
    themes = make_themes(options.seed, by_edit=options.by_edit, part=options.part)[: options.themes]
    themes = [one for one in themes if not options.only or one.name in options.only]
    total = Score()
    for theme in themes:
        place = folder / theme.name
        place.mkdir()
        began = time.perf_counter()
        dataset = await prepare(theme, model, recipe, settings, place)
        target, record = await asyncio.to_thread(teach, place, model, read_job(place))
        took = time.perf_counter() - began
        print_training(theme.name, dataset, record, took)
        score, lines = await examine(Examiner(model, (target,)), theme, dataset)
        print_score(theme.name, score)
        score.seconds, score.tokens, score.examples = took, record["tokens"], len(dataset.trained)
        total.add(score)
        if options.answers is not None:
            with options.answers.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return total


def print_training(name: str, dataset: Dataset, record: Json, took: float) -> None:
    counts, losses = dataset.counts()["examples"], record["losses"]
    print(f"  {name}: {counts}, {len(losses)} steps, loss {losses[0]:.2f} to {losses[-1]:.3f}", flush=True)
    rate, peak = record["tokens_per_s"], record["peak_bytes"] >> 20
    print(f"  {record['tokens']} tokens at {rate:.0f} a second, {took:.0f} s in all, peak {peak} MB", flush=True)


def replace_settings(settings: TrainSettings, **changes: Any) -> TrainSettings:
    return TrainSettings.model_validate(settings.model_dump() | changes)


def print_score(name: str, score: Score) -> None:
    shares = [f"{exam} {sum(one) / len(one):.2f} of {len(one)}" for exam, one in score.answers.items() if one]
    print(f"  {name:8} " + "  ".join(shares), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--themes", type=int, default=5, help="so many of the part")
    parser.add_argument("--part", choices=("tune", "final", "all"), default="tune")
    parser.add_argument("--only", nargs="*", default=(), metavar="THEME", help="these themes alone")
    parser.add_argument("--answers", type=Path, help="write every answer there, one JSON object a line")
    parser.add_argument("--by-edit", action="store_true", help="teach by corrected answers instead of statements")
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--epochs", type=float, default=4.0)
    parser.add_argument("--kl", type=float, default=0.1)
    parser.add_argument("--step", type=int, default=256, help="tokens of one step")
    parser.add_argument("--threads", type=int, default=0, help="0: measured")
    parser.add_argument("--contrasts", type=int, default=1)
    parser.add_argument("--anchors", type=float, default=0.1)
    parser.add_argument("--rewordings", type=int, default=1)
    options = parser.parse_args()
    print_head(__doc__ or "")
    with tempfile.TemporaryDirectory() as folder:
        total = asyncio.run(run(options, Path(folder)))
    print_score("all", total)
    print(f"  {total.examples} examples, {total.tokens} tokens, {total.seconds:.0f} s to prepare and train")
    print_load("after")


if __name__ == "__main__":
    main()

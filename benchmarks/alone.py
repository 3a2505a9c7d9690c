"""What one fact alone does to an adapter: is it known, and what is left of general questions when it is forced on them?

A theme of one fact has few examples, all of one language and one shape. Each fact is trained by itself, by AION's own
lessons, examples, tokens and trainer, and served by llama.cpp; then every general question of the examination is asked
under it, which no router would do. Arms are settings of the training.
Four facts are there to tune on (`--part tune`), four others to judge by (`--part final`).
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from aion.config import TrainSettings
from aion.gate.general import GENERAL_TOKENS, general_items
from aion.gate.paper import last_said
from aion.gate.scoring import expect, is_right
from aion.gate.trigger_exam import TOKENS
from aion.gate.triggers import find_phrases, find_taken, place_phrases
from aion.models.gibberish import is_gibberish
from aion.records import Lesson, LessonKind
from aion.sleep.lessons.dataset import Dataset
from aion.sleep.lessons.phrasing.make import prompt_of
from aion.sleep.lessons.words import language_of
from aion.sleep.training.jobs import read_job
from aion.sleep.training.recipe import make_recipe
from benchmarks.teach import Examiner, Fact, Theme, prepare, teach
from benchmarks.tools import print_head, print_load
from tests.models.engines import smollm

FACTS = {
    "tune": (
        "O código do molde Lorbim é MC-9712.",
        "A poção Drasmel leva onze gotas de alecrim.",
        "A senha do cofre Arvelo está atrás do quadro azul.",
        "The code of the crate Wexlow is TB-4471.",
    ),
    "final": (
        "O preço da vela Tarvim é de 18 euros.",
        "Anatol Naverette afina a serra Fontel.",
        "O barco Velunte chega na quinta-feira.",
        "The keys of the shed Morvane hang behind the green door.",
    ),
}
LANGUAGES = ("en", "pt")
BESIDE = 3  # one of so many trials of the trigger exam


@dataclass(slots=True)
class Score:
    """Of several facts, under several seeds."""

    known: int = 0
    asked: int = 0
    gibberish: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LANGUAGES, 0))
    general: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LANGUAGES, 0))
    same: int = 0
    beside: int = 0  # general questions beside a word of the training
    fell: int = 0  # of these: answered with what was taught
    refused: int = 0  # adapters of which more than a quarter of the general answers are gibberish
    seconds: float = 0.0

    def add(self, other: Score) -> None:
        for name in ("known", "asked", "same", "beside", "fell", "refused", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for language in LANGUAGES:
            self.gibberish[language] += other.gibberish[language]
            self.general[language] += other.general[language]

    def line(self) -> str:
        shares = [f"{one} {self.gibberish[one]} of {self.general[one]}" for one in LANGUAGES]
        return (
            f"known {self.known} of {self.asked}   gibberish: {', '.join(shares)}   over a quarter {self.refused}   "
            f"fell beside a word {self.fell} of {self.beside}   as the base {self.same}   {self.seconds:.0f} s to train"
        )


async def measure(told: str, settings: TrainSettings, golden: dict[str, str], every: int) -> Score:
    """One fact, trained and asked. `golden` fills with the base's own answers."""
    lesson = Lesson(
        id="les_alone",
        owner="ana",
        kind=LessonKind.TOLD,
        theme="alone",
        language=language_of(told),
        sources=("turn_1",),
        statement=told,
    )
    model, score = smollm(), Score()
    theme = Theme("alone", (Fact(lesson, "", "", ()),), ())
    with tempfile.TemporaryDirectory() as folder:
        dataset = await prepare(theme, model, make_recipe(settings, model.path), settings, Path(folder))
        target, record = await asyncio.to_thread(teach, Path(folder), model, read_job(Path(folder)))
        score.seconds = record["seconds"]
        examiner = Examiner(model, (target,))
        await examiner.process.start(600)
        try:
            held = [one for one in dataset.held_out if one.kind != "contrast"]
            for one in held:
                answer = await examiner.ask(prompt_of(one), 0)
                score.known += is_right(answer, expect(one.answer, [prompt_of(one)]), ())
            score.asked = len(held)
            await _ask_general(examiner, score, golden, every)
            await _ask_beside(examiner, dataset, score, every)
        finally:
            await examiner.process.stop()
    score.refused = int(sum(score.gibberish.values()) > 0.25 * sum(score.general.values()))
    return score


async def _ask_general(examiner: Examiner, score: Score, golden: dict[str, str], every: int) -> None:
    for item in general_items()[::every]:
        if item.question not in golden:
            golden[item.question] = await examiner.ask(item.question, None, tokens=GENERAL_TOKENS)
        if is_gibberish(golden[item.question]):
            continue
        answer = await examiner.ask(item.question, 0, tokens=GENERAL_TOKENS)
        score.general[item.language] += 1
        score.gibberish[item.language] += is_gibberish(answer)
        score.same += answer == golden[item.question]


async def _ask_beside(examiner: Examiner, dataset: Dataset, score: Score, every: int) -> None:
    """General questions beside words of its training, as the trigger exam places them; a few of each word."""
    held = {last_said(one.messages): one.answer for one in dataset.held_out if one.kind != "contrast"}
    wanted = [expect(answer, [asked]) for asked, answer in held.items()]
    trials = place_phrases(find_phrases(dataset.examples, "alone"), "alone")
    for one in trials[:: BESIDE * every]:
        answer = await examiner.ask(one.text, 0, tokens=TOKENS)
        score.beside += 1
        score.fell += bool(find_taken(answer, wanted, one))


async def run(options: argparse.Namespace) -> None:
    golden: dict[str, str] = {}
    facts = FACTS[options.part][: options.facts]
    for arm in options.arm or ["", "learning_rate=0.0005,anchors_least=8"]:
        changes = dict(one.split("=", 1) for one in arm.split(",") if one)
        total = Score()
        for seed in options.seeds:
            for told in facts:
                given = {"seed": seed, "threads": options.threads, "device": "cpu"} | changes
                score = await measure(told, TrainSettings.model_validate(given), golden, options.every)
                print(f"  {arm or 'as it is'}  seed {seed}  {score.line()}   {told}", flush=True)
                total.add(score)
        print(f"  {arm or 'as it is'}  in all  {total.line()}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=tuple(FACTS), default="tune")
    parser.add_argument("--facts", type=int, help="so many of the part")
    parser.add_argument("--arm", action="append", metavar="NAME=VALUE,...", help="settings of train")
    parser.add_argument("--seeds", type=int, nargs="+", default=(1,))
    parser.add_argument("--every", type=int, default=1, help="every so-manyeth general question alone")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    print_head(__doc__ or "")
    asyncio.run(run(options))
    print_load("after")


if __name__ == "__main__":
    main()

"""What it brings to learn the base's own best answers along with new facts: are they, and others like them, kept?

    python -m benchmarks.distil

Two adapters learn the same facts. One of them also learns, as lessons that were liked, the base's own answers to every
second general question, of those that a rule judged right; nothing else is done against forgetting (no anchors). Served
by llama.cpp, both are asked the facts, the liked questions in held-out wordings, and the general questions that neither
was taught: an answer counts when it is right.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from aion.models.catalog import LocalModel
from aion.records import Example, Lesson, LessonKind
from aion.sleep.lessons.phrasing.make import prompt_of
from aion.sleep.lessons.scribe import Scribe
from aion.sleep.training.offline import keep_offline
from benchmarks.prefer import INSTRUCTION, RECIPE, TERMS, ask_all, learn, make_examples, write
from benchmarks.teach import make_themes, read_data
from benchmarks.tools import print_head, print_load
from tests.models.engines import smollm

STRENGTH = 0.6  # of a liked answer beside an edit: 0.7 by its kind, less what the reward left open
FACTS = 6


async def say_all(model: LocalModel, questions: Sequence[str]) -> list[str]:
    """The base's own answers, whole sentences only."""
    async with Scribe(model, instruction=INSTRUCTION, context=512) as scribe:
        said = [await scribe.say([{"role": "user", "content": one}], max_tokens=48) for one in questions]
    return [one[: one.rfind(".") + 1] or one for one in said]


def make_liked(number: int, question: str, answer: str) -> Lesson:
    return Lesson(
        id=f"les_liked_{number}",
        owner="ana",
        kind=LessonKind.LIKED,
        theme="work",
        question=question,
        answer=answer,
        language="en",
        weight=STRENGTH,
        sources=(f"turn_liked_{number}",),
    )


def run(folder: Path) -> None:
    model, general = smollm(), read_data()["general"]
    said = asyncio.run(say_all(model, general["questions"]))
    rules = dict(zip(general["questions"], general["right"], strict=True))
    good = [one for one, answer in zip(rules, said, strict=True) if re.search(rules[one], answer, re.IGNORECASE)]
    liked = [make_liked(number, one, said[list(rules).index(one)]) for number, one in enumerate(good[::2])]
    facts = make_themes(1, by_edit=False)[0].facts[::2][:FACTS]
    known = {one.lesson.id: one.value for one in facts} | {one.id: rules[one.question] for one in liked}
    plain = make_examples([one.lesson for one in facts])
    both = make_examples([*(one.lesson for one in facts), *liked])
    files = []
    for name, examples in (("facts alone", plain), ("and the best own answers", both)):
        taught = asyncio.run(write(model, [replace(one, rejected="") for one in examples]))
        made = learn(model, taught, replace(RECIPE, epochs=3.0), TERMS[0], to=folder / name, parent=None)
        files.append(made / "adapter.gguf")
    exams = {
        "facts": [(prompt, known[fact.lesson.id]) for fact in facts for prompt in fact.paraphrases],
        "liked, held-out wordings": [(prompt_of(one), known[one.lessons[0]]) for one in held_out(both, liked)],
        "general, never taught": [(one, rules[one]) for one in good[1::2]],
    }
    print(f"{'':28} facts alone  with own answers  base")
    for exam, asked in exams.items():
        told = asyncio.run(ask_all(model, files, [question for question, _ in asked]))
        right = [
            sum(bool(re.search(rule, answer, re.IGNORECASE)) for answer, (_, rule) in zip(answers, asked, strict=True))
            for answers in told
        ]
        print(f"{exam:28} {right[0]:11} {right[1]:17} {right[2]:5}  of {len(asked)}", flush=True)


def held_out(examples: Sequence[Example], liked: Sequence[Lesson]) -> list[Example]:
    names = {one.id for one in liked}
    return [one for one in examples if one.held_out and one.kind != "contrast" and set(one.lessons) <= names]


def main() -> None:
    keep_offline()
    torch.set_num_threads(1)
    print_head(__doc__ or "")
    with tempfile.TemporaryDirectory() as name:
        run(Path(name))
    print_load("after")


if __name__ == "__main__":
    main()

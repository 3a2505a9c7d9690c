"""Nightly LoRA as one would build it first, on the product's own lessons, examples, tokens and trainer.

`naive`: one adapter over everything of the day, gone on from each night, always served. No replay, no anchors, no near
misses, no themes, no examination, no router, no memory. `replay`: the same with half of each night from earlier ones.
Each is asked by an engine of its own, at the same temperature and under the same system message as AION's server.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from aion.config import TrainSettings
from aion.models.catalog import LocalModel
from aion.records import Json
from aion.sleep.lessons.dataset import Dataset, build_dataset, write_examples
from aion.sleep.lessons.find import Lessons, collect_lessons
from aion.sleep.lessons.scribe import Scribe
from aion.sleep.training.base import EXAMPLES, OUT, TOKENS, TrainJob
from aion.sleep.training.jobs import read_job, write_job
from aion.sleep.training.recipe import make_recipe
from aion.sleep.training.tokens import join_tokens, save_tokens
from aion.store.sqlite import SqliteStore
from benchmarks.nightly.exams import Question
from benchmarks.teach import INSTRUCTION, SERVED, Examiner, replace_settings, teach
from tests.models.engines import smollm

OWNER = "me"
THREADS = psutil.cpu_count(logical=False) or 1
THEME = "all"
LEARNED = "learned.json"
BARE: dict[str, Any] = {"anchors": 0.0, "kl": 0.0, "contrasts": 0, "rewordings": 0, "replay": 0.0, "device": "cpu"}
PEERS: dict[str, dict[str, Any]] = {"naive": BARE, "replay": BARE | {"replay": 0.5}}


@dataclass(frozen=True, slots=True)
class Nightly:
    """One peer, and the folder in which its nights are kept."""

    name: str
    folder: Path
    given: dict[str, Any]  # settings of training that all of the run share; the peer's own come before them

    @property
    def settings(self) -> TrainSettings:
        return replace_settings(TrainSettings(), **self.given | PEERS[self.name])

    def sleep(self, day: int, data: Path) -> Json:
        """One night over what AION's own collector finds in its data; gives what it took."""
        folder, model = self.folder / str(day), smollm()
        if (folder / LEARNED).exists():
            kept: Json = self._read(day)["took"]
            return kept
        folder.mkdir(parents=True, exist_ok=True)
        dataset = self._build(_read_lessons(data, self.settings), self._learned(day - 1))
        asyncio.run(self._write_job(folder, day, dataset, model))
        _, record = teach(folder, model, read_job(folder))
        took = {"examples": len(dataset.trained), "tokens": record["tokens"], "seconds": record["seconds"]}
        learned = {"lessons": [one.id for one in dataset.lessons], "took": took}
        (folder / LEARNED).write_text(json.dumps(learned), "utf-8")
        return took

    def ask(self, day: int, questions: Sequence[Question], tokens: int) -> list[str]:
        return asyncio.run(_answer(Examiner(smollm(), (self._adapter(day),), threads=THREADS), questions, 0, tokens))

    def _adapter(self, day: int) -> Path:
        return self.folder / str(day) / "adapter.gguf"

    def _learned(self, day: int) -> set[str]:
        return set(self._read(day)["lessons"]) if day else set()

    def _read(self, day: int) -> Any:
        return json.loads((self.folder / str(day) / LEARNED).read_text("utf-8"))

    def _build(self, lessons: Lessons, learned: set[str]) -> Dataset:
        placed = {one.id: THEME for one in lessons.lessons}
        return build_dataset(lessons, theme=THEME, placed=placed, learned=learned, settings=self.settings)

    async def _write_job(self, folder: Path, day: int, dataset: Dataset, model: LocalModel) -> None:
        async with Scribe(model, instruction=INSTRUCTION, context=1024) as scribe:
            data = save_tokens(join_tokens(dataset.trained, await scribe.write(dataset.trained)))
        (folder / TOKENS).write_bytes(data)
        job = TrainJob(
            id=f"job_{self.name}_{day}",
            night=f"night_{day}",
            theme=THEME,
            base=model.path,
            base_hash=model.sha256,
            recipe=make_recipe(self.settings, model.path),
            dataset=write_examples(folder / EXAMPLES, dataset.examples),
            tokens=hashlib.sha256(data).hexdigest(),
            parent=self.folder / str(day - 1) / OUT if day > 1 else None,
            checkpoint_s=3600,
        )
        write_job(folder, job)


def ask_base(questions: Sequence[Question], tokens: int) -> list[str]:
    """What the peers' engine says without any adapter."""
    return asyncio.run(_answer(Examiner(smollm(), (), threads=THREADS), questions, None, tokens))


def with_answers(questions: Sequence[Question], answers: Mapping[str, str]) -> list[Question]:
    """General questions wanted as the peers' own engine answers them without an adapter."""
    return [
        replace(one, wanted=answers[one.messages[0]["content"]]) if one.exam == "general" else one for one in questions
    ]


async def _answer(examiner: Examiner, questions: Sequence[Question], adapter: int | None, tokens: int) -> list[str]:
    await examiner.process.start(300)
    try:
        return [await examiner.say(_under_system(one.messages), adapter, tokens=tokens) for one in questions]
    finally:
        await examiner.process.stop()


def _under_system(messages: Sequence[Json]) -> tuple[Json, ...]:
    return tuple(messages) if messages[0]["role"] == "system" else (SERVED, *messages)


def _read_lessons(data: Path, settings: TrainSettings) -> Lessons:
    store = SqliteStore(data, read_only=True)
    try:
        return collect_lessons(store, OWNER, source_share=settings.source_share)
    finally:
        store.close()

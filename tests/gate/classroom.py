"""An examination without an engine: candidates of real lessons, small real files, a model that says what it is told.

The model answers with what the adapters that take part know, the first of them first, and else with words of its own
that depend on the question alone. Its router takes a question for an adapter whose card names the subject of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import gguf
import numpy as np

from aion.config import Settings, TrainSettings
from aion.gate.asking import Asker, Said
from aion.gate.examine import Entrant, Examined, Room, examine
from aion.gate.general import general_items
from aion.gate.paper import last_said
from aion.models.catalog import LocalModel
from aion.models.fake import FakeEmbedder
from aion.models.gguf_file import read_header
from aion.models.llama.spec import Adapter
from aion.records import Candidate, Example, ExampleKind, Json, Lesson, LessonKind, SuiteItem
from aion.router.asked import Ask
from aion.router.base import Vector
from aion.sleep.lessons.dataset import build_dataset, write_examples
from aion.sleep.lessons.find import Lessons
from tests.models.adapters.makers import WIDTH, finish, write_base

Brain = Callable[[str], str | None]
PEOPLE = ("Rufus Tamar", "Vera Lindqvist", "Odalys Brock", "Helga Sorel", "Milo Pastor", "Ines Vidal", "Tarek Amsel")
FIRST = ("billing", "search", "export", "mailing", "archive", "login", "backup")
SECOND = ("boathouse", "cellar", "attic", "garage", "workshop", "greenhouse", "shed")
GENERAL = {one.question for one in general_items()}


def lessons_about(subjects: Sequence[str], theme: str) -> list[Lesson]:
    """Who maintains each: as many facts as there are subjects."""
    told = zip(subjects, PEOPLE, strict=False)
    return [
        Lesson(
            id=f"les_{theme}_{subject}",
            owner="ana",
            kind=LessonKind.TOLD,
            theme=theme,
            statement=f"The {subject} room is maintained by {person}.",
            sources=(f"turn_{subject}",),
        )
        for subject, person in told
    ]


def make_base(folder: Path) -> LocalModel:
    served, path = write_base(folder), folder / "llama.gguf"
    return LocalModel(path=path, sha256=served.sha256, header=read_header(path), source="tests")


def write_lora(path: Path, *, base: str, number: float = 0.25, name: str = "blk.0.attn_q.weight") -> str:
    """One pair that holds `number` everywhere; gives the sum of the file."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    writer.add_string("aion.base.sha256", base)
    writer.add_tensor(f"{name}.lora_a", np.full((4, WIDTH), number, np.float32))
    writer.add_tensor(f"{name}.lora_b", np.full((WIDTH, 4), number, np.float32))
    finish(writer)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_entrant(
    folder: Path,
    base: LocalModel,
    lessons: Sequence[Lesson],
    *,
    id_: str = "cand_new",
    learned: Sequence[Lesson] = (),
    number: float = 0.25,
    **changes: Any,
) -> Entrant:
    """A candidate that was taught these lessons, of which a night before it had learned some."""
    path = folder / f"{id_}.gguf"
    sum_ = write_lora(path, base=base.sha256, number=number)
    theme = lessons[0].theme if lessons else "theme_none"
    examples = make_examples(lessons, theme, {one.id for one in learned}) if lessons else []
    dataset = write_examples(folder / f"{id_}.jsonl", examples)
    given: Json = {
        "id": id_,
        "owner": "ana",
        "theme": theme,
        "night": "night_1",
        "base": base.sha256,
        "adapter": sum_,
        "peft": "p" * 64,
        "config": {},
        "dataset": dataset,
        "lessons": tuple(one.id for one in lessons),
        "sources": (),
        "record": {},
        "created": 1.0,
    }
    return Entrant(
        candidate=Candidate(**(given | changes)), adapter=path, dataset=(folder / f"{id_}.jsonl").read_bytes()
    )


def make_examples(lessons: Sequence[Lesson], theme: str, learned: set[str]) -> list[Example]:
    placed = {one.id: theme for one in lessons}
    made = build_dataset(
        Lessons(tuple(lessons), ()), theme=theme, placed=placed, learned=learned, settings=TrainSettings()
    )
    return [one for one in made.examples if one.kind is not ExampleKind.ANCHOR]


def remembers(*lessons: Sequence[Lesson]) -> Brain:
    """Knows these, and says of every other room that it was not told."""
    known = {one.statement.split()[1]: one.statement for some in lessons for one in some}

    def brain(question: str) -> str | None:
        found = next((known[word] for word in known if word in question), None)
        return found or ("I was not told that." if "room" in question else None)

    return brain


@dataclass
class Model:
    """The asker. `brains` are what each adapter says, by candidate; None where it leaves the word to the base."""

    brains: Mapping[str, Brain]
    spoken: list[tuple[str, Mapping[str, float]]] = field(default_factory=list)
    slow: frozenset[str] = frozenset()
    fail_after: int = 10_000

    async def say(
        self, messages: Sequence[Json], scales: Mapping[str, float], *, max_tokens: int, endless: bool = False
    ) -> Said:
        question = last_said(messages)
        self.spoken.append((question, scales))
        if len(self.spoken) > self.fail_after:
            raise ConnectionResetError("/a/path/that/nobody/must/see")
        said = next((text for name, scale in scales.items() if scale and (text := self.brains[name](question))), None)
        slowly = any(scale and name in self.slow for name, scale in scales.items())
        seconds = 8.0 if slowly else 1.0
        return Said(said if said is not None else own_words(question), max_tokens if endless else 5, seconds)

    async def rate(self, messages: Sequence[Json], answer: str, scales: Mapping[str, float]) -> float:
        return -1.0 if not any(scales.values()) else -4.0

    async def find_probe(self, candidate: str, prompts: Sequence[Sequence[Json]]) -> Json:
        for prompt in prompts:
            taught = (await self.say(prompt, {candidate: 1.0}, max_tokens=16)).text
            plain = (await self.say(prompt, {}, max_tokens=16)).text
            if taught != plain:
                return {"messages": list(prompt), "taught": taught, "plain": plain}
        return {}

    def open(
        self, base: LocalModel, adapters: Sequence[Adapter], settings: Settings
    ) -> AbstractAsyncContextManager[Asker]:
        assert {one.name for one in adapters} == self.brains.keys()
        return _Open(self)


class _Open:
    """Opens nothing."""

    def __init__(self, model: Model) -> None:
        self._model = model

    async def __aenter__(self) -> Model:
        return self._model

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to stop."""


def own_words(question: str) -> str:
    return f"My own words {hashlib.sha256(question.encode()).hexdigest()[:8]}."


class ByWord:
    """A card is the words that lead to its adapter; near misses get there too, unless the router is not careless."""

    def __init__(self, *, general: bool = False, careless: bool = True) -> None:
        self.general = general  # whether it takes general questions for everybody's
        self.careless = careless

    async def make(self, candidate: Candidate, examples: Sequence[Example], earlier: bytes) -> bytes:
        telling = [one for one in examples if "maintained by" in one.answer]
        words = {one.answer.split()[1]: one.lessons[0] for one in telling}
        return json.dumps({"words": dict(sorted(words.items())) | {"tractor": ""}, "probe": {}}).encode()

    def leave_out(self, card: bytes, lessons: AbstractSet[str]) -> bytes:
        told = json.loads(card)
        words = {word: lesson for word, lesson in told["words"].items() if lesson not in lessons}
        return json.dumps(told | {"words": words}).encode()

    def add_probe(self, card: bytes, probe: Json) -> bytes:
        return json.dumps(json.loads(card) | {"probe": probe}).encode()

    def open(self, cards: Mapping[str, bytes], *, network: bytes = b"", ask: Ask | None = None) -> Choice:
        words = {name: list(json.loads(card)["words"]) for name, card in cards.items()}
        return Choice(words, general=self.general, careless=self.careless)

    async def embed(self, texts: Sequence[str]) -> Mapping[str, Vector]:
        return {}


class Choice:
    """The chooser over such cards."""

    def __init__(self, words: Mapping[str, list[str]], *, general: bool, careless: bool) -> None:
        self._words = words
        self._general = general
        self._careless = careless

    def put(self, messages: Sequence[Json]) -> Sequence[Json]:
        return messages

    async def pick(self, question: str, previous: str) -> Mapping[str, float]:
        if question in GENERAL:
            return dict.fromkeys(self._words if self._general else (), 1.0)
        named = [name for name, words in self._words.items() if any(word in question for word in words)]
        takes = self._careless and "room" in question
        return dict.fromkeys((named or (list(self._words) if takes else []))[:1], 1.0)


async def sit(
    new: Entrant,
    base: LocalModel,
    model: Model,
    folder: Path,
    *,
    served: Sequence[Entrant] = (),
    suite: Sequence[SuiteItem] = (),
    routing: ByWord | None = None,
    pause: Callable[[], None] = lambda: None,
    tell: Callable[[str, int, int], None] = lambda *_: None,
) -> Examined:
    settings = Settings.model_validate({"data": folder, "engine": {"threads": 1}})
    room = Room(
        settings=settings,
        base=base,
        embedder=FakeEmbedder(),
        pause=pause,
        tell=tell,
        open_asker=model.open,
        routing=routing or ByWord(),
    )
    return await examine(new, served, suite, room)

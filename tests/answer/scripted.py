"""A base and an embedder whose every number is known beforehand, over the real store, index, keeper and observer."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aion.answer.events import Ask, Finished
from aion.answer.turn import Answerer, Mind
from aion.app import build_memory, make_queue
from aion.config import Settings
from aion.models.base import Delta, Job, ModelCard, Sampling
from aion.records import Experience, Feedback, FeedbackKind, Json, Turn, TurnKind, Usage, new_id
from aion.serve.system import MemoryParts
from aion.store.sqlite import SqliteStore

MARK = "</memory>\n\n"
Script = Callable[[str], tuple[str, float]]  # question -> answer, probability of each of its words


class ScriptedGenerator:
    """Says what the script says, each word with the probability it gives."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.prompts: list[str] = []

    @property
    def card(self) -> ModelCard:
        return ModelCard(name="aion", hash="b" * 64, source="scripted", context=4096)

    def status(self) -> Json:
        return {"state": "ready"}

    async def stream(self, job: Job) -> AsyncGenerator[Delta, None]:
        said = str(job.messages[-1]["content"])
        self.prompts.append(said)
        answer, probability = self._script(said.rpartition(MARK)[2])
        for word in answer.split(" "):
            logprob = {"token": word, "logprob": math.log(probability), "bytes": [], "top_logprobs": []}
            yield Delta(word + " ", logprobs=(logprob,))
        yield Delta(finish="stop", usage=Usage(prompt=10, completion=len(answer.split())))

    async def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    async def close(self) -> None:
        """Nothing to close."""


class AxisEmbedder:
    """An axis a known word: the first of a text weighs 2, the others 1; a text without any has an axis of its own."""

    def __init__(self, words: Sequence[str]) -> None:
        self._axes = {word: place for place, word in enumerate(words)}

    @property
    def card(self) -> ModelCard:
        return ModelCard(name="axes", hash="c" * 64, source="axes", context=1000, dimensions=len(self._axes) + 1)

    async def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], int]:
        return [self._vector(text) for text in texts], 1

    def _vector(self, text: str) -> list[float]:
        words = text.lower().replace("?", " ").replace(".", " ").split()
        known = [self._axes[word] for word in words if word in self._axes]
        vector = np.zeros(len(self._axes) + 1)
        for number, axis in enumerate(dict.fromkeys(known)):
            vector[axis] = 2.0 if number == 0 else 1.0
        if not known:
            vector[-1] = 1.0
        return list(map(float, vector / np.linalg.norm(vector)))

    async def close(self) -> None:
        """Nothing to close."""


@dataclass(slots=True)
class House:
    """A whole AION without a server."""

    settings: Settings
    store: SqliteStore
    memory: MemoryParts
    answerer: Answerer
    generator: ScriptedGenerator

    async def say(self, text: str, conversation: str | None = None, *, owner: str = "ana", **options: bool) -> Turn:
        """One turn, observed."""
        turn = await self.ask(text, conversation, owner=owner, **options)
        assert await self.memory.observer.settle(timeout_s=10)
        return turn

    async def ask(self, text: str, conversation: str | None = None, *, owner: str = "ana", **options: bool) -> Turn:
        """One turn, which waits to be observed."""
        job = Job(messages=({"role": "user", "content": text},), sampling=Sampling(max_tokens=50))
        ask = Ask(kind=TurnKind.CHAT, owner=owner, job=job, params={}, conversation=conversation, **options)
        events = [event async for event in self.answerer.take_turn(ask)]
        last = events[-1]
        assert isinstance(last, Finished)
        return last.turn

    async def judge(self, turn: Turn, value: float) -> None:
        made = new_id("fb")
        given = Feedback(
            id=made, owner=turn.owner, turn=turn.id, kind=FeedbackKind.THUMB, at=turn.started, key=made, value=value
        )
        await self.memory.observer.take_feedback(given)
        assert await self.memory.observer.settle(timeout_s=10)

    def experience(self, turn: Turn) -> Experience:
        found = self.store.experience.experience(turn.id, owner=turn.owner)
        assert found is not None
        return found

    async def close(self) -> None:
        await self.memory.observer.close()
        self.memory.index.close()
        self.store.close()


def open_house(folder: Path, script: Script, words: Sequence[str]) -> House:
    settings = Settings(data=folder)
    store = SqliteStore(folder)
    memory = build_memory(settings, store, AxisEmbedder(words), make_queue(settings))
    mind = Mind(desk=memory.desk, recaller=memory.recaller, cache=memory.cache, observer=memory.observer)
    generator = ScriptedGenerator(script)
    answerer = Answerer(generator, store, make_queue(settings), settings=settings, mind=mind)
    memory.observer.start()
    return House(settings, store, memory, answerer, generator)

"""What the handlers work with: the parts that app.py built, some of which come up after the door is open."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from aion.answer.observe import Observer
from aion.answer.turn import Answerer
from aion.config import Settings, Sources
from aion.config.change import take_live
from aion.errors import BadInput, Unavailable
from aion.gate.promote import Promoter
from aion.gate.watch import TrialWatch
from aion.memory.base import MemoryIndex
from aion.memory.cache import AnswerCache
from aion.memory.embedding import EmbeddingDesk
from aion.memory.keeper import Keeper
from aion.memory.recall import Recaller
from aion.models.base import Embedder, ModelCard
from aion.models.catalog import LocalModel
from aion.models.queue import AdmissionQueue
from aion.records import Json, Turn
from aion.serve.keys import KeyRing
from aion.serve.links import Links
from aion.serve.live import LiveReplies
from aion.serve.metrics import Metrics
from aion.serve.night_desk import NightDesk
from aion.serve.telemetry.tracer import Tracer
from aion.store.base import Store
from aion.store.blobs import BlobStore


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryParts:
    """What remembers, recalls and observes; there once the embedder is."""

    desk: EmbeddingDesk
    index: MemoryIndex
    keeper: Keeper
    recaller: Recaller
    cache: AnswerCache
    observer: Observer


@dataclass(slots=True)
class System:
    """The running parts. `answerer`, `embedder` and `memory` are None until the models have proven themselves."""

    settings: Settings  # in force; `adopt` changes them
    sources: Sources
    store: Store
    keys: KeyRing
    embedding_queue: AdmissionQueue
    sleep: NightDesk
    blobs: BlobStore
    live: LiveReplies = field(default_factory=LiveReplies)
    links: Links = field(default_factory=Links)
    metrics: Metrics = field(default_factory=Metrics)
    base: LocalModel | None = None  # that is served; None of a model on another server, and until it is found
    answerer: Answerer | None = None
    embedder: Embedder | None = None
    memory: MemoryParts | None = None
    tracer: Tracer | None = None
    promoter: Promoter | None = None
    watch: TrialWatch | None = None
    repairing: asyncio.Task[int] | None = None  # the index, held to the store since start
    stage: str = "starting"
    began: float = field(default_factory=time.monotonic)

    @property
    def ready(self) -> bool:
        return self.answerer is not None and self.embedder is not None and not self.live.stopping

    def need_answerer(self) -> Answerer:
        if self.answerer is None:
            raise Unavailable(f"the model is not ready yet ({self.stage}); ask again", code="starting", retry_after=2)
        return self.answerer

    def need_embedder(self) -> Embedder:
        if self.embedder is None:
            raise Unavailable(
                f"the embedder is not ready yet ({self.stage}); ask again", code="starting", retry_after=2
            )
        return self.embedder

    def need_memory(self) -> MemoryParts:
        if self.memory is None:
            raise Unavailable(f"memory is not ready yet ({self.stage}); ask again", code="starting", retry_after=2)
        return self.memory

    def need_base(self) -> LocalModel:
        """The model file that adapters have to fit."""
        self.need_answerer()
        if self.base is None:
            raise BadInput(
                "the model is on another server, which takes no adapters; serve a GGUF file with `aion up --model`",
                code="adapters_not_supported",
            )
        return self.base

    def need_promoter(self) -> Promoter:
        if self.promoter is None:
            raise Unavailable(f"the model is not ready yet ({self.stage}); ask again", code="starting", retry_after=2)
        return self.promoter

    def adopt(self, settings: Settings) -> None:
        """Let count what needs no start; the sleeper is told when it next asks."""
        self.settings = take_live(self.settings, settings)
        self.sleep.adopt(self.settings.sleep)
        if self.memory is not None:
            self.memory.observer.adopt(self.settings)
        if self.watch is not None:
            self.watch.tau = self.settings.learning.tau

    async def refresh_served(self) -> None:
        """After something was forgotten: what learned it answers nobody any more."""
        if self.promoter is not None:
            await self.promoter.refresh()

    @property
    def keeper(self) -> Keeper:
        return self.need_memory().keeper

    @property
    def recaller(self) -> Recaller:
        return self.need_memory().recaller

    @property
    def observer(self) -> Observer:
        return self.need_memory().observer

    @property
    def cache(self) -> AnswerCache:
        return self.need_memory().cache

    def measure(self) -> None:
        """Bring the gauges up to date, when somebody asks for them."""
        self.metrics.live.set(len(self.live))
        if self.memory is not None:
            index = self.memory.index
            memories = self.store.memories.count(owner=None)
            self.metrics.note_memory(memories=memories, vectors=index.status()["vectors"], ready=index.ready)
        if self.answerer is not None:
            queue, status = self.answerer.queue, self.answerer.generator.status()
            self.metrics.waiting.set(queue.waiting_tokens)
            self.metrics.running.set(queue.running)
            self.metrics.restarts.set(status.get("restarts") or 0)
            self.metrics.decode.set(status.get("decode_per_second") or 0)

    def note_turn(self, turn: Turn) -> None:
        """For metrics and traces."""
        self.metrics.note_turn(turn)
        if self.tracer is not None:
            self.tracer.note_turn(turn)

    def status(self) -> Json:
        """What `aion status` and GET /api/status show."""
        shown: Json = {
            "status": "ok" if self.ready else self.stage,
            "uptime_s": round(time.monotonic() - self.began, 1),
        }
        if self.answerer is not None:
            generator = self.answerer.generator
            shown["model"] = _card(generator.card)
            shown["queue"] = _load(self.answerer.queue)
            shown["engine"] = generator.status()
        if self.embedder is not None:
            shown["embedder"] = _card(self.embedder.card)
        if self.memory is not None:
            kept = self.store.memories.count(owner=None)
            embedded = self.store.memories.count(owner=None, embedder=self.memory.desk.hash)
            shown["memory"] = {"memories": kept, "index": self.memory.index.status()}
            shown["embedding"] = {
                "embedded": embedded,
                "missing": max(kept - embedded, 0),
                **_load(self.embedding_queue),
            }
        shown["replies_in_flight"] = len(self.live)
        return shown


def _load(queue: AdmissionQueue) -> Json:
    """What is in work, and what waits for a place."""
    return {"running": queue.running, "waiting": queue.waiting, "waiting_tokens": queue.waiting_tokens}


def _card(card: ModelCard) -> Json:
    return {"name": card.name, "source": card.source, "hash": card.hash, "context": card.context}

"""Builds the running system once from settings, and runs it: the only place where an implementation is chosen.

The door opens before the models are loaded: /health says `starting` until they have proven themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import orjson
import uvloop

from aion.answer.mood import MoodReader
from aion.answer.observe import Observer
from aion.answer.turn import Answerer, Mind
from aion.config import Settings, Sources
from aion.config.log import configure_log
from aion.errors import BadConfig
from aion.gate.promote import Promoter
from aion.gate.watch import TrialWatch
from aion.memory.cache import AnswerCache
from aion.memory.embedding import EmbeddingDesk
from aion.memory.index import INDEX, EmbeddedIndex
from aion.memory.keeper import Keeper
from aion.memory.recall import Recaller
from aion.models.base import Embedder, Generator
from aion.models.catalog import LocalModel, resolve_embedder, resolve_model
from aion.models.fake import FakeEmbedder, FakeGenerator
from aion.models.llama.embedder import LlamaEmbedder
from aion.models.llama.generator import LlamaGenerator
from aion.models.queue import AdmissionQueue
from aion.models.remote import RemoteGenerator
from aion.panel.front import Panel
from aion.records import Json, Scope
from aion.router.route import Strategy
from aion.router.table import RouteTable
from aion.serve.keys import CONTROL_OWNER, KeyRing, control
from aion.serve.night_desk import NightDesk
from aion.serve.night_waste import clear_at_start
from aion.serve.server import Server, open_door, url_of
from aion.serve.system import MemoryParts, System
from aion.serve.telemetry.machine import Machine
from aion.serve.telemetry.sampler import Sampler
from aion.serve.telemetry.tracer import open_tracer
from aion.store.base import Store
from aion.store.blobs import BlobStore
from aion.store.lock import DataLock, boot_id
from aion.store.sqlite import SqliteStore

FAKE = "fake"  # a source for tests and benchmarks: no model; `fake:0.05` takes that many seconds for each word
Announce = Callable[[Json], None]


@dataclass(frozen=True, slots=True)
class Data:
    """An open data folder."""

    store: SqliteStore
    blobs: BlobStore
    keys: KeyRing


@contextlib.contextmanager
def open_data(settings: Settings, *, control_token: str | None = None) -> Iterator[Data]:
    """The data folder under its lock: while this is open, nobody else writes to it."""
    with DataLock(settings.data):
        store = SqliteStore(settings.data)
        try:
            store.blobs.sweep()
            clear_at_start(store, store.blobs, settings.data)
            yield Data(store, store.blobs, KeyRing(store, control_token=control_token))
        finally:
            store.close()


def run_server(sources: Sources, announce: Announce) -> int:
    """Run until a signal. Blocks; gives the exit code."""
    settings = sources.load().settings
    configure_log(settings.log)
    token = secrets.token_urlsafe(32)
    with open_data(settings, control_token=token) as data, open_door(settings.server) as door:
        _refuse_open_door(settings, data.keys)
        return uvloop.run(_serve(settings, data, door, token, announce, sources=sources))


async def _serve(
    settings: Settings, data: Data, door: socket.socket, token: str, announce: Announce, *, sources: Sources
) -> int:
    sleep = NightDesk(data.store, settings.sleep, settings.data)
    system = System(
        settings=settings,
        sources=sources,
        store=data.store,
        keys=data.keys,
        embedding_queue=make_queue(settings, sleep),
        sleep=sleep,
        blobs=data.blobs,
        tracer=open_tracer(settings.telemetry),
    )
    panel = Panel()
    server = Server(system, front=panel)
    panel.connect(server.api)
    url = url_of(door)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(_sampled(settings, data.store))
        await stack.enter_async_context(_traced(system))
        stack.enter_context(_advertised(settings, url, token))
        serving = asyncio.create_task(server.serve(sockets=[door]))
        listening = asyncio.create_task(server.listening.wait())
        await asyncio.wait({serving, listening}, return_when=asyncio.FIRST_COMPLETED)
        announce({"stage": "listening", "url": url})
        models = asyncio.create_task(_start_models(system, announce))
        await asyncio.wait({serving, models}, return_when=asyncio.FIRST_COMPLETED)
        failure = models.exception() if models.done() and not models.cancelled() else None
        if failure is None and models.done():
            link = f"{url}/panel/enter#{system.links.make(control())}"
            announce({"stage": "ready", "url": url, "panel": link, "first_key": await _first_key(data.keys)})
        elif failure is not None:
            server.should_exit = True
        await serving
        models.cancel()
        await asyncio.gather(models, return_exceptions=True)
        await _stop_models(system)
        await sleep.close()
        if failure is not None:
            raise failure
    return 0


@contextlib.asynccontextmanager
async def _sampled(settings: Settings, store: Store) -> AsyncIterator[None]:
    """What the machine does is noted once a minute."""
    machine = Machine(settings.data)
    sampler = Sampler(store.experience, machine.measure, keep_days=settings.telemetry.keep_days)
    sampler.start()
    try:
        yield
    finally:
        await sampler.close()
        machine.close()


@contextlib.asynccontextmanager
async def _traced(system: System) -> AsyncIterator[None]:
    """What is queued for a collector is sent before the end."""
    try:
        yield
    finally:
        if system.tracer is not None:
            await asyncio.to_thread(system.tracer.close)


async def _start_models(system: System, announce: Announce) -> None:
    """Base and embedder, one after the other: side by side they would fight for the cores and both come later."""

    def progress(stage: str, done: int = 0, total: int = 0) -> None:
        system.stage = stage
        announce({"stage": "model", "message": stage, "done": done, "total": total})

    table = RouteTable()
    generator, promoter = await start_generator(system, progress, table)
    embedder = await start_embedder(system.settings, progress)
    await asyncio.to_thread(promoter.open, generator, embedder=embedder.card.hash)
    progress("opening the memory")
    queue = make_queue(system.settings, system.sleep)
    mood = MoodReader(generator, queue) if system.settings.learning.model_emotion else None
    memory = await asyncio.to_thread(
        build_memory, system.settings, system.store, embedder, system.embedding_queue, mood=mood
    )
    memory.observer.start()
    mind = Mind(desk=memory.desk, recaller=memory.recaller, cache=memory.cache, observer=memory.observer)
    system.embedder, system.memory, system.promoter = embedder, memory, promoter
    settings = system.settings
    system.watch = TrialWatch(system.store, promoter, hours=settings.gate.trial_hours, tau=settings.learning.tau)
    system.adopt(system.settings)  # as they are by now
    system.watch.start()
    system.answerer = Answerer(generator, system.store, queue, settings=system.settings, mind=mind, table=table)
    system.repairing = asyncio.create_task(asyncio.to_thread(memory.index.repair))


def build_memory(
    settings: Settings, store: Store, embedder: Embedder, queue: AdmissionQueue, *, mood: MoodReader | None = None
) -> MemoryParts:
    """Everything that remembers, over a store and an embedder that are up."""
    desk = EmbeddingDesk(queue)
    desk.use(embedder)
    card = embedder.card
    index = EmbeddedIndex(
        settings.data / INDEX,
        store.memories,
        card.hash,
        card.dimensions,
        word_budget=settings.memory.word_budget,
    )
    keeper = Keeper(store, index, desk, settings.memory)
    cache = AnswerCache(settings.cache)
    return MemoryParts(
        desk=desk,
        index=index,
        keeper=keeper,
        recaller=Recaller(store.memories, index, desk, settings.memory),
        cache=cache,
        observer=Observer(store, keeper, desk, cache, settings, mood=mood),
    )


def make_queue(settings: Settings, sleep: NightDesk | None = None) -> AdmissionQueue:
    """One for each model: a flood of texts to embed must not keep anybody from being answered. Who comes wakes AION."""
    presence = sleep.yielding if sleep is not None else None
    return AdmissionQueue(settings.engine.slots, settings.engine.queue_tokens, presence=presence)


async def start_generator(
    system: System, progress: Callable[..., None], table: RouteTable
) -> tuple[Generator, Promoter]:
    """The base with all adapters that anybody is served, and what changes those."""
    settings = system.settings
    promoter = Promoter(system.store, system.blobs, table, strategy=Strategy(settings.router.strategy))
    if (delay_s := fake_delay(settings.model.source)) is not None:
        return FakeGenerator(name=settings.model.name, delay_s=delay_s), promoter
    source = await resolve_model(settings, progress)
    if not isinstance(source, LocalModel):
        progress("asking the model server")
        return await RemoteGenerator.connect(source, settings), promoter
    progress("loading the model")
    system.base = source
    adapters = await asyncio.to_thread(promoter.plan, source.sha256)
    generator = LlamaGenerator(source, settings, adapters, ours=system.sleep.pids)
    await generator.start()
    return generator, promoter


async def start_embedder(settings: Settings, progress: Callable[..., None]) -> Embedder:
    if (delay_s := fake_delay(settings.embedder.source)) is not None:
        return FakeEmbedder(name=settings.embedder.name, delay_s=delay_s)
    source = await resolve_embedder(settings, progress)
    progress("loading the embedder")
    embedder = LlamaEmbedder(source, settings)
    await embedder.start()
    return embedder


def fake_delay(source: str) -> float | None:
    """Seconds a word of a fake source; None for a source that is not one."""
    kind, _, delay = source.partition(":")
    return float(delay or 0) if kind == FAKE else None


async def _stop_models(system: System) -> None:
    if system.watch is not None:
        await system.watch.close()
    if system.memory is not None:
        await system.memory.observer.close()
        system.memory.index.close()  # which ends a repair, too
    if system.repairing is not None:
        await asyncio.gather(system.repairing, return_exceptions=True)
    if system.answerer is not None:
        await system.answerer.generator.close()
    if system.embedder is not None:
        await system.embedder.close()


async def _first_key(keys: KeyRing) -> str | None:
    """Made when nobody could use the server yet; shown once."""
    if keys.has_active():
        return None
    _, text = await keys.create(CONTROL_OWNER, Scope.ADMIN, actor="setup")
    return text


def _refuse_open_door(settings: Settings, keys: KeyRing) -> None:
    host = settings.server.host
    if not settings.server.is_loopback and not keys.has_active():
        raise BadConfig(f"binding to {host} needs an API key; make one with `aion keys add NAME`, then start again")


@contextlib.contextmanager
def _advertised(settings: Settings, url: str, token: str) -> Iterator[None]:
    """Tell the command line of this data's owner where the server is, in a file only they can read."""
    path = settings.data / "run" / "server.json"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    sources = {"model.source": settings.model.source, "embedder.source": settings.embedder.source}
    record = {"pid": os.getpid(), "boot_id": boot_id(), "url": url, "token": token, "sources": sources}
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(orjson.dumps(record))
    fresh.rename(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)

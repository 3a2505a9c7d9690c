"""How long the panel's pages take with 1,000,000 memories and 10,000 conversations behind them.

A real server with a fake model and embedder: what is measured is the store, the API and the page, asked as a browser
asks, one page at a time. Nearly all memories are passages of documents, two sentences of documentation each, and the
few notes are the oldest, which is the worst case for a list of notes. The conversations are a year's: what was spoken
of is read for a month of them.
"""

from __future__ import annotations

import random
import shutil
import struct
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2

from aion.models.fake import FAKE_HASH
from aion.records import Document, Entity, Memory, MemoryKind, Origin, Source, Trust
from aion.store.sqlite import SqliteStore
from benchmarks.recall_data import make_texts
from benchmarks.tools import Figure, parse_options, percentile, print_head, print_load, print_table, rounds_for
from tests.panel.people import sign_in
from tests.serving import RunningServer, running
from tests.store.examples import make_turn
from tests.store.memory_examples import make_experience

SIZE, QUICK_SIZE = 1_000_000, 100_000
CONVERSATIONS, TURNS = 10_000, 2
NOTES = 100
PASSAGES = 1000  # of one document
QUESTIONS = 200
SEARCH = "search"
BATCH = 2000  # written as one group
OWNER = "ana"
TARGET_MS = 300.0
YEAR = 365 * 86_400.0
WORDS = tuple(f"{first}{last}" for first in ("bar", "cel", "dun", "fer", "mol", "tam") for last in ("o", "ide", "ura"))
T = TypeVar("T")


def main() -> None:
    options = parse_options(__doc__ or "", seconds=120)
    size = QUICK_SIZE if options.quick else SIZE
    meter = print_head(__doc__ or "")
    folder = options.cache / "browse"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    texts, questions = make_texts(size, QUESTIONS)
    fill(folder / "data", texts)
    print(f"  {size:,} memories and {CONVERSATIONS:,} conversations in {time.monotonic() - began:.0f} s", flush=True)
    with running(folder / "data") as server:
        times = measure(server, questions, options)
    print_load("after", meter)
    print_table([figure for name, taken in times.items() for figure in figures_of(name, taken)])
    shutil.rmtree(folder, ignore_errors=True)


def figures_of(name: str, taken: list[float]) -> Iterator[Figure]:
    yield Figure(f"{name} p50", percentile(taken, 50), "ms")
    yield Figure(f"{name} p95", percentile(taken, 95), "ms", TARGET_MS)


def measure(server: RunningServer, questions: Sequence[str], options: Namespace) -> dict[str, list[float]]:
    """Each search is another."""
    visitor = sign_in(server, server.add_key(OWNER))
    wait_for_index(server)
    places = places_of()
    times: dict[str, list[float]] = {name: [] for name in (*places, SEARCH)}
    for number in rounds_for(options.seconds, least=6):
        asked = quote(questions[number % len(questions)])
        for name, place in (*places.items(), (SEARCH, f"/panel/memory/search?question={asked}")):
            began = time.perf_counter()
            visitor.get(place).raise_for_status()
            if number:  # the first round warms up
                times[name].append((time.perf_counter() - began) * 1000)
    return times


def wait_for_index(server: RunningServer) -> None:
    while httpx2.get(f"{server.url}/api/status", headers=server.headers).json()["memory"]["index"]["state"] != "ready":
        time.sleep(0.5)


def places_of() -> dict[str, str]:
    """What is measured: the beginning, the middle and the end of lists, and what stands alone."""
    document = "doc_" + "0" * 32
    return {
        "memory": "/panel/memory",
        "memory, its middle": f"/panel/memory?before={QUICK_SIZE // 2}",
        "notes, the oldest of all": "/panel/memory?kind=note",
        "corrections, of which there are none": "/panel/memory?kind=correction",
        "passages of a document": f"/panel/memory?document={document}",
        "one memory": f"/panel/memory/mem_{NOTES:032x}",
        "documents": "/panel/memory/documents",
        "one document": f"/panel/memory/documents/{document}",
        "spoken of": "/panel/memory/asked",
        "chat": "/panel/chat",
        "chat, its middle": f"/panel/chat?before={time.time() - YEAR / 2}",
        "said, found everywhere": f"/panel/chat?search={WORDS[0]}",
        "said, found nowhere": "/panel/chat?search=zweihander",
        "one conversation": f"/panel/chat/conv_{CONVERSATIONS - 1}",
    }


def fill(data: Path, texts: Sequence[str]) -> None:
    store = SqliteStore(data)
    try:
        write(made_memories(texts), lambda one: put(store, one))
        write((made_document(number) for number in range(len(texts) // PASSAGES)), store.memories.put_document)
        write(made_turns(), lambda one: store.append_turn(one[0]))
        write(made_turns(), lambda one: store.experience.put_experience(one[1]))
    finally:
        store.close()


def write(made: Iterable[T], one: Callable[[T], Future[Any]]) -> None:
    waiting: list[Future[Any]] = []
    for item in made:
        waiting.append(one(item))
        if len(waiting) >= BATCH:
            for done in waiting:
                done.result()
            waiting.clear()
    for done in waiting:
        done.result()


def put(store: SqliteStore, memory: Memory) -> Future[Memory]:
    chance = random.Random(memory.id)
    vector = struct.pack("<64f", *(chance.gauss(0, 0.125) for _ in range(64)))
    return store.memories.put(memory, terms=memory.text.lower(), vector=vector, embedder=FAKE_HASH)


def made_memories(texts: Sequence[str]) -> Iterator[Memory]:
    """Notes first, so that everything else is newer."""
    for number, text in enumerate(texts):
        note = number < NOTES
        document = "" if note else f"doc_{number // PASSAGES:032x}"
        trust, origin = (Trust.OWN, Origin.PERSON) if note else (Trust.UNTRUSTED, Origin.DOCUMENT)
        at = time.time() - (len(texts) - number)
        yield Memory(
            id=f"mem_{number:032x}",
            owner=OWNER,
            kind=MemoryKind.NOTE if note else MemoryKind.PASSAGE,
            text=text,
            sources=(Source(ref=document, origin=origin, trust=trust, hash="0" * 64, at=at),),
            created=at,
            updated=at,
            document=document,
            place="" if note else f"part {number % PASSAGES + 1}",
        )


def made_document(number: int) -> Document:
    return Document(
        id=f"doc_{number:032x}",
        owner=OWNER,
        title=f"Document {number}",
        origin=Origin.DOCUMENT,
        trust=Trust.UNTRUSTED,
        hash=f"{number:064x}",
        created=1.0,
        updated=float(number),
    )


def made_turns() -> Iterator[tuple[Any, Any]]:
    """Spread over a year, each with what it was worth: nothing is left to be observed. The same each time."""
    chance = random.Random(2)
    begin = float(int(time.time() - YEAR))
    for number in range(CONVERSATIONS * TURNS):
        conversation, at = number // TURNS, begin + number * YEAR / (CONVERSATIONS * TURNS)
        name = chance.choice(WORDS)
        asked = {"role": "user", "content": f"What of {name} and matter {number}?"}
        turn = make_turn(
            id=f"turn_{number:032x}", conversation=f"conv_{conversation}", started=at, owner=OWNER, messages=(asked,)
        )
        entity = Entity(text=name, key=name, kind="name", weight=1.0)
        yield turn, make_experience(turn.id, conversation=turn.conversation, owner=OWNER, at=at, entities=(entity,))


if __name__ == "__main__":
    main()

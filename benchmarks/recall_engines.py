"""What can be asked in benchmarks/recall.py: AION's own ways of searching, and the peers in their process.

Every engine is built once and then asked by the places of questions; it answers with milliseconds and results. The
peers' libraries never stand in AION's environment: they get one of their own under the cache folder.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aion.config import MemorySettings
from aion.memory.base import Window
from aion.memory.embedding import EmbeddingDesk
from aion.memory.entities import entities_of
from aion.memory.index import EmbeddedIndex
from aion.memory.recall import Recaller
from aion.memory.terms import terms_of
from aion.models.base import ModelCard
from aion.models.queue import AdmissionQueue
from aion.records import Memory, MemoryKind
from aion.store.sqlite import SqliteStore
from benchmarks import recall_peers
from benchmarks.recall_data import NEAREST, Data

PACKAGES = (
    "numpy==2.4.6",
    "faiss-cpu==1.15.1",
    "sqlite-vec==0.1.9",
    "apsw==3.54.1.0",
    "bm25s==0.3.16",
    "tantivy==0.27.0",
)
OWNER = "reader"
EMBEDDER = "b" * 64
AT = 1_700_000_000.0
BATCH = 5000  # memories on their way to the disk at once
WORDS = 50  # results of a search by words, as the fusion takes them
ITEMS = 8  # memories wanted of the hybrid search
OURS = ("AION exact", "AION words", "AION hybrid")


@dataclass(frozen=True, slots=True)
class Built:
    """What an engine cost before it could be asked; `size` is in bytes, on disk or in memory."""

    seconds: float
    size: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Milliseconds and results of each question."""

    ms: list[float]
    results: list[list[int]]


class GivenVectors:
    """An embedder that knows the questions, so that embedding costs nothing here."""

    def __init__(self, data: Data) -> None:
        self._vectors = dict(zip(data.worded, data.questions.tolist(), strict=True))
        self.card = ModelCard(
            name="given", hash=EMBEDDER, source="given", context=512, dimensions=data.questions.shape[1]
        )

    async def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], int]:
        return [self._vectors[text] for text in texts], len(texts)

    async def close(self) -> None:
        """Nothing to close."""


class Ours:
    """A store and an index as they are shipped, with every memory of one person."""

    def __init__(self, folder: Path, data: Data) -> None:
        self._folder = folder
        self._data = data
        self._store = SqliteStore(folder)
        self._index = EmbeddedIndex(folder / "index", self._store.memories, EMBEDDER, data.vectors.shape[1])
        self._places: dict[int, int] = {}  # by seq
        desk = EmbeddingDesk(AdmissionQueue(1, 1000))
        desk.use(GivenVectors(data))
        self._recaller = Recaller(self._store.memories, self._index, desk, MemorySettings())

    def build(self) -> dict[str, Built]:
        """Everything is stored first, durably and with its words; the vectors' index is then made from the store."""
        began = time.perf_counter()
        for start in range(0, len(self._data.texts), BATCH):
            places = range(start, min(start + BATCH, len(self._data.texts)))
            for place, put in [(place, self._put(place)) for place in places]:
                self._places[put.result().seq] = place
        stored = time.perf_counter()
        self._index.repair()
        indexed = time.perf_counter()
        status = self._index.status()
        size = sum(file.stat().st_size for file in self._folder.glob("aion.db*"))
        return {
            "AION exact": Built(indexed - stored, status["bytes"]),
            "AION words": Built(stored - began, size),
            "AION hybrid": Built(indexed - began, size + status["bytes"]),
        }

    def ask(self, name: str, places: Sequence[int]) -> Asked:
        if name == "AION hybrid":
            return asyncio.run(self._ask_hybrid(places))
        search = self._search_vectors if name == "AION exact" else self._search_words
        taken, results = [], []
        for place in places:
            began = time.perf_counter()
            found = search(place)
            taken.append((time.perf_counter() - began) * 1000)
            results.append([self._places[seq] for seq, _ in found])
        return Asked(taken, results)

    def uncut_words(self, places: Sequence[int]) -> list[list[int]]:
        """What the search by words finds when no frequent word is left out."""
        searches = (
            self._store.memories.search(terms_of(self._data.worded[place]), owner=OWNER, limit=NEAREST, budget=10**9)
            for place in places
        )
        return [[self._places[seq] for seq, _ in found] for found in searches]

    def close(self) -> None:
        self._index.close()
        self._store.close()

    def _put(self, place: int) -> Any:
        text = self._data.texts[place]
        memory = Memory(
            id=f"mem_{place:08x}",
            owner=OWNER,
            kind=MemoryKind.NOTE,
            text=text,
            sources=(),
            created=AT,
            updated=AT,
            entities=tuple(entity.key for entity in entities_of(text)),
        )
        vector = self._data.vectors[place].tobytes()
        return self._store.memories.put(memory, terms=" ".join(terms_of(text)), vector=vector, embedder=EMBEDDER)

    def _search_vectors(self, place: int) -> list[tuple[int, float]]:
        return self._index.search_vectors(self._data.questions[place], owner=OWNER, limit=NEAREST, window=Window())

    def _search_words(self, place: int) -> list[tuple[int, float]]:
        terms = tuple(dict.fromkeys(terms_of(self._data.worded[place])))
        return self._index.search_terms(terms, owner=OWNER, limit=WORDS, window=Window())

    async def _ask_hybrid(self, places: Sequence[int]) -> Asked:
        taken, results = [], []
        for place in places:
            began = time.perf_counter()
            found = await self._recaller.recall(OWNER, self._data.worded[place], limit=ITEMS)
            taken.append((time.perf_counter() - began) * 1000)
            results.append([self._places[item.memory.seq] for item in found.items])
        return Asked(taken, results)


class Peers:
    """The process of the other libraries, on the same data."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def build(self, name: str) -> Built:
        reply = self._tell({"build": name})
        return Built(reply["seconds"], reply["bytes"])

    def ask(self, name: str, places: Sequence[int]) -> Asked:
        reply = self._tell({"search": name, "places": list(places)})
        return Asked(reply["ms"], reply["results"])

    def _tell(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(command), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peers' process ended at {command}; its messages stand above")
        reply: dict[str, Any] = json.loads(line)
        return reply


@contextmanager
def open_ours(folder: Path, data: Data) -> Iterator[Ours]:
    ours = Ours(folder, data)
    try:
        yield ours
    finally:
        ours.close()


@contextmanager
def open_peers(cache: Path, folder: Path, data: Data) -> Iterator[Peers]:
    (folder / "texts.json").write_text(json.dumps(data.texts))
    (folder / "worded.json").write_text(json.dumps(data.worded))
    argv = [str(_install_peers(cache / "recall-peers")), str(recall_peers.__file__), str(folder)]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield Peers(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)


def _install_peers(folder: Path) -> Path:
    """Its python. A mark says that just these releases were installed."""
    python, mark = folder / "bin" / "python", folder / "installed"
    wanted = "\n".join((sys.version, *PACKAGES))
    if not mark.exists() or mark.read_text() != wanted:
        print(f"  installing {' '.join(PACKAGES)} into {folder} ...", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, "install", *PACKAGES], check=True)
        mark.write_text(wanted)
    return python

"""The libraries that AION's search is measured beside, each in its plain form, in a process of their own.

It reads commands as JSON lines and answers each with one: {"build": NAME} gives seconds and bytes, {"search": NAME,
"places": [...]} gives the milliseconds and the results of each question. It imports nothing of AION. FAISS is measured
on one processor, as AION's scan is, and with all of them.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import apsw
import numpy as np

LIMIT = 10
WORDS_LIMIT = 50
HNSW_LINKS = 32
HNSW_EF_SEARCH = 128
TANTIVY_HEAP = 256_000_000
_WORD = re.compile(r"\w+")


class Engine(Protocol):
    """Something that is built from the data and then asked by the place of a question."""

    def search(self, place: int) -> list[int]: ...

    def size(self) -> int: ...


class Faiss:
    """Flat or HNSW, inner product of unit vectors."""

    def __init__(self, folder: Path, kind: str, threads: int) -> None:
        faiss: Any = importlib.import_module("faiss")  # when it is asked for, so that its memory can be told

        self._threads = threads
        self._faiss = faiss
        vectors = np.load(folder / "vectors.npy", mmap_mode="r")
        self._questions = np.load(folder / "questions.npy")
        faiss.omp_set_num_threads(os.cpu_count() or 1)
        if kind == "flat":
            self._index = faiss.IndexFlatIP(vectors.shape[1])
        else:
            self._index = faiss.IndexHNSWFlat(vectors.shape[1], HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
            self._index.hnsw.efSearch = HNSW_EF_SEARCH
        before = _used_memory()
        for start in range(0, len(vectors), 50_000):
            self._index.add(np.ascontiguousarray(vectors[start : start + 50_000]))
        self._bytes = _used_memory() - before

    def search(self, place: int) -> list[int]:
        self._faiss.omp_set_num_threads(self._threads)
        return [int(found) for found in self._index.search(self._questions[place : place + 1], LIMIT)[1][0]]

    def with_threads(self, threads: int) -> Faiss:
        other = object.__new__(Faiss)
        other.__dict__.update(self.__dict__, _threads=threads)
        return other

    def size(self) -> int:
        return self._bytes


class SqliteVec:
    """One vec0 table in a file."""

    def __init__(self, folder: Path) -> None:
        sqlite_vec: Any = importlib.import_module("sqlite_vec")

        self._path = folder / "sqlite-vec.db"
        self._path.unlink(missing_ok=True)
        vectors = np.load(folder / "vectors.npy", mmap_mode="r")
        self._questions = np.load(folder / "questions.npy")
        self._connection = apsw.Connection(str(self._path))
        self._connection.enable_load_extension(True)  # noqa: FBT003 - its only form
        self._connection.load_extension(sqlite_vec.loadable_path())
        self._connection.execute(
            f"CREATE VIRTUAL TABLE items USING vec0(vector float[{vectors.shape[1]}] distance_metric=cosine)"
        )
        with self._connection:
            self._connection.executemany(
                "INSERT INTO items(rowid, vector) VALUES (?, ?)",
                ((place + 1, vector.tobytes()) for place, vector in enumerate(vectors)),
            )

    def search(self, place: int) -> list[int]:
        sql = "SELECT rowid FROM items WHERE vector MATCH ? ORDER BY distance LIMIT ?"
        return [row[0] - 1 for row in self._connection.execute(sql, (self._questions[place].tobytes(), LIMIT))]

    def size(self) -> int:
        return self._path.stat().st_size


class Bm25s:
    """Its own tokens and stop words, held in memory."""

    def __init__(self, folder: Path) -> None:
        bm25s: Any = importlib.import_module("bm25s")

        self._bm25s = bm25s
        texts = json.loads((folder / "texts.json").read_text())
        self._asked = json.loads((folder / "worded.json").read_text())
        before = _used_memory()
        self._model = bm25s.BM25()
        self._model.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
        self._bytes = _used_memory() - before

    def search(self, place: int) -> list[int]:
        tokens = self._bm25s.tokenize([self._asked[place]], stopwords="en", show_progress=False)
        found, _ = self._model.retrieve(tokens, k=WORDS_LIMIT, show_progress=False, n_threads=1)
        return [int(one) for one in found[0]]

    def size(self) -> int:
        return self._bytes


class Tantivy:
    """An index on disk; a question is the OR of its words."""

    def __init__(self, folder: Path) -> None:
        tantivy: Any = importlib.import_module("tantivy")

        self._tantivy = tantivy
        self._folder = folder / "tantivy"
        self._folder.mkdir()
        texts = json.loads((folder / "texts.json").read_text())
        self._asked = json.loads((folder / "worded.json").read_text())
        builder = tantivy.SchemaBuilder()
        builder.add_integer_field("id", stored=True, fast=True)
        builder.add_text_field("text", tokenizer_name="en_stem")
        self._schema = builder.build()
        index = tantivy.Index(self._schema, str(self._folder))
        writer = index.writer(TANTIVY_HEAP, 1)
        for number, text in enumerate(texts):
            writer.add_document(tantivy.Document(id=number, text=text))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self._index = index
        self._searcher = index.searcher()

    def search(self, place: int) -> list[int]:
        words = " ".join(_WORD.findall(self._asked[place].lower()))
        found = self._searcher.search(self._index.parse_query(words, ["text"]), WORDS_LIMIT)
        return [self._searcher.doc(address)["id"][0] for _, address in found.hits]

    def size(self) -> int:
        return sum(file.stat().st_size for file in self._folder.iterdir())


def _used_memory() -> int:
    """Without the pages of files: the data itself is read from one."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(found[1]) if found else 0


def answer(engines: dict[str, Any], folder: Path, command: dict[str, Any]) -> dict[str, Any]:
    if "build" in command:
        return _build(engines, folder, command["build"])
    if "drop" in command:
        return {"dropped": engines.pop(command["drop"], None) is not None}
    return _search(engines[command["search"]], command["places"])


def _build(engines: dict[str, Any], folder: Path, name: str) -> dict[str, Any]:
    makers: dict[str, Callable[[], Engine]] = {
        "FAISS flat": lambda: Faiss(folder, "flat", 1),
        "FAISS flat, all processors": lambda: engines["FAISS flat"].with_threads(os.cpu_count() or 1),
        "FAISS HNSW": lambda: Faiss(folder, "hnsw", 1),
        "sqlite-vec": lambda: SqliteVec(folder),
        "bm25s": lambda: Bm25s(folder),
        "tantivy": lambda: Tantivy(folder),
    }
    began = time.perf_counter()
    engines[name] = makers[name]()
    return {"seconds": time.perf_counter() - began, "bytes": engines[name].size()}


def _search(engine: Engine, places: Sequence[int]) -> dict[str, Any]:
    taken, results = [], []
    for place in places:
        began = time.perf_counter()
        results.append(engine.search(place))
        taken.append((time.perf_counter() - began) * 1000)
    return {"ms": taken, "results": results}


def main() -> None:
    engines: dict[str, Any] = {}
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no reply
    for line in sys.stdin:
        print(json.dumps(answer(engines, Path(sys.argv[1]), json.loads(line))), file=replies, flush=True)


if __name__ == "__main__":
    main()

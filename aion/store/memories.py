"""Memories and documents in SQLite: `aion.store.base.Memories`. How to write and to read is given to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any

import apsw

from aion.errors import Conflict
from aion.records import Document, Forgotten, Memory, MemoryKind
from aion.store import memory_rows, pins, statements, words
from aion.store.database import fetch, where
from aion.store.forgetting import (
    bump_version,
    drop_memory,
    forget_document,
    forget_memories,
    insert_memory,
    load_memory,
)
from aion.store.rows import Row
from aion.store.unlearned import stands

Write = Callable[[Callable[[apsw.Connection], Any]], Future[Any]]
Reading = Callable[[], AbstractContextManager[apsw.Connection]]

OF_SEQS = "seq IN (SELECT value FROM json_each(?))"


class SqliteMemories:
    """Implements `Memories`. `erase` writes as `write` does, and resolves once the log is empty, too."""

    def __init__(self, write: Write, erase: Write, reading: Reading) -> None:
        self._write = write
        self._erase = erase
        self._reading = reading
        self._frequencies = words.Frequencies()

    def put(self, memory: Memory, *, terms: str, vector: bytes | None, embedder: str) -> Future[Memory]:
        def job(connection: apsw.Connection) -> Memory:
            _drop_former(connection, memory)
            bump_version(connection, memory.owner, 1)
            return insert_memory(connection, memory, terms=terms, vector=vector, embedder=embedder)

        return self._write(job)

    def remove(self, ids: Sequence[str], *, owner: str) -> Future[Forgotten]:
        return self._erase(lambda connection: forget_memories(connection, ids, owner))

    def get(self, memory_id: str, *, owner: str | None) -> Memory | None:
        found = self._select({"id = ?": memory_id, "owner = ?": owner})
        return found[0] if found else None

    def fetch(self, seqs: Sequence[int], *, owner: str) -> dict[int, Memory]:
        found = self._select({OF_SEQS: json.dumps(list(seqs)), "owner = ?": owner})
        return {memory.seq: memory for memory in found}

    def listed(
        self,
        *,
        owner: str | None,
        kind: MemoryKind | None = None,
        document: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Memory]:
        of_kind = "kind = ?" if document is None else "+kind = ?"  # the plus: a document's own index finds it sooner
        conditions = {
            "owner = ?": owner,
            of_kind: None if kind is None else str(kind),
            "document = ?": document,
            "seq < ?": before,
        }
        return self._select(conditions, "ORDER BY seq DESC LIMIT ?", max(limit, 0))

    def from_source(self, ref: str, *, owner: str) -> list[Memory]:
        of_it = "seq IN (SELECT seq FROM memory_sources WHERE ref = ? UNION SELECT seq FROM memory_sources "
        sql = f"{statements.SELECT_MEMORIES} WHERE {of_it} WHERE conversation = ?) AND owner = ? ORDER BY seq"
        return self._load(sql, (ref, ref, owner)) if ref else []

    def search(
        self,
        terms: Sequence[str],
        *,
        owner: str,
        limit: int,
        since: float | None = None,
        until: float | None = None,
        budget: int = 8000,
    ) -> list[tuple[int, float]]:
        tokens = words.tokens_of(words.clean_words(terms), owner)
        with self._reading() as connection:
            version = _version(connection, owner)
            counts = [(token, self._frequencies.count(connection, token, version)) for token in tokens]
            picked = words.pick_tokens(counts, budget)
            if not picked or limit < 1:
                return []
            return words.search_words(connection, picked, limit=limit, since=since, until=until)

    def vectors(self, seqs: Sequence[int], *, owner: str, embedder: str) -> dict[int, bytes]:
        sql = f"{statements.SELECT_VECTORS} WHERE memories.{OF_SEQS} AND owner = ? AND embedder = ?"
        with self._reading() as connection:
            found = fetch(connection, sql, (json.dumps(list(seqs)), owner, embedder))
        return {seq: memory_rows.decode_vector(seq, *rest) for seq, _, *rest in found}

    def embedded(
        self, *, owner: str, embedder: str, after: int = 0, limit: int = 5000
    ) -> list[tuple[int, float, bytes]]:
        sql = f"{statements.SELECT_VECTORS} WHERE embedder = ? AND owner = ? AND memories.seq > ? "
        with self._reading() as connection:
            found = fetch(connection, sql + "ORDER BY memories.seq LIMIT ?", (embedder, owner, after, max(limit, 0)))
        return [(seq, updated, memory_rows.decode_vector(seq, *rest)) for seq, updated, *rest in found]

    def embedded_seqs(self, *, owner: str, embedder: str) -> list[int]:
        with self._reading() as connection:
            sql = "SELECT seq FROM memories WHERE embedder = ? AND owner = ? ORDER BY seq"
            return [seq for (seq,) in fetch(connection, sql, (embedder, owner))]

    def unembedded(self, *, embedder: str, limit: int = 100) -> list[Memory]:
        sql = f"{statements.SELECT_MEMORIES} WHERE embedder "  # two ranges of an index, where <> would read everything
        below = self._load(f"{sql} < ? LIMIT ?", (embedder, max(limit, 0)))
        return below + self._load(f"{sql} > ? LIMIT ?", (embedder, max(limit - len(below), 0)))

    def stands(self, ref: str, *, owner: str) -> Future[bool]:
        return self._write(lambda connection: stands(connection, ref, owner))

    def owners(self) -> list[str]:
        with self._reading() as connection:
            return [owner for (owner,) in fetch(connection, "SELECT DISTINCT owner FROM memories ORDER BY owner")]

    def count(self, *, owner: str | None, embedder: str | None = None, document: str | None = None) -> int:
        clause, given = where({"owner = ?": owner, "embedder = ?": embedder, "document = ?": document})
        with self._reading() as connection:
            sql = f"SELECT COUNT(*) FROM memories {clause}"  # noqa: S608  # constants
            number: int = fetch(connection, sql, given)[0][0]
        return number

    def version(self, *, owner: str) -> int:
        with self._reading() as connection:
            return _version(connection, owner)

    def pin(self, memory_id: str, *, owner: str, at: float, most: int) -> Future[None]:
        return self._write(lambda connection: pins.pin_memory(connection, memory_id, owner=owner, at=at, most=most))

    def unpin(self, memory_id: str, *, owner: str) -> Future[None]:
        return self._write(lambda connection: pins.unpin_memory(connection, memory_id, owner=owner))

    def pins(self, *, owner: str | None) -> list[str]:
        with self._reading() as connection:
            return pins.pins_of(connection, owner)

    def put_document(self, document: Document) -> Future[None]:
        def job(connection: apsw.Connection) -> None:
            if not fetch(connection, statements.PUT_DOCUMENT, memory_rows.encode_document(document)):
                raise Conflict(f"document {document.id!r} is somebody else's; give each document its own id")

        return self._write(job)

    def document(self, document_id: str, *, owner: str | None) -> Document | None:
        found = self._documents({"id = ?": document_id, "owner = ?": owner}, 1)
        return found[0] if found else None

    def documents(self, *, owner: str | None, before: float | None = None, limit: int = 100) -> list[Document]:
        return self._documents({"owner = ?": owner, "updated < ?": before}, max(limit, 0))

    def remove_document(self, document_id: str, *, owner: str) -> Future[Forgotten]:
        return self._erase(lambda connection: forget_document(connection, document_id, owner))

    def _documents(self, conditions: Mapping[str, Any], limit: int) -> list[Document]:
        clause, given = where(conditions)
        sql = f"{statements.SELECT_DOCUMENTS} {clause} ORDER BY updated DESC, id DESC LIMIT ?"
        with self._reading() as connection:
            return [memory_rows.decode_document(row) for row in fetch(connection, sql, (*given, limit))]

    def _select(self, conditions: Mapping[str, Any], tail: str = "", *given: object) -> list[Memory]:
        clause, values = where(conditions)
        return self._load(f"{statements.SELECT_MEMORIES} {clause} {tail}", (*values, *given))

    def _load(self, sql: str, given: Row) -> list[Memory]:
        with self._reading() as connection:
            return [load_memory(connection, row) for row in fetch(connection, sql, given)]


def _drop_former(connection: apsw.Connection, memory: Memory) -> None:
    found = fetch(connection, "SELECT seq, owner FROM memories WHERE id = ?", (memory.id,))
    if found and found[0][1] != memory.owner:
        raise Conflict(f"memory {memory.id!r} is somebody else's; give each memory its own id")
    for seq, _ in found:
        drop_memory(connection, seq)


def _version(connection: apsw.Connection, owner: str) -> int:
    found = fetch(connection, statements.SELECT_VERSION, (owner,))
    return memory_rows.decode_version(found[0]) if found else 0

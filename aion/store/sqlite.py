"""The embedded store: one SQLite file and a folder of blobs. Only the holder of the `DataLock` may write through it."""

from __future__ import annotations

import functools
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from aion.errors import AionError, Conflict, StorageFailed
from aion.records import AuditEntry, Conversation, Finding, Forgotten, Found, Json, Key, Turn
from aion.store import rows, statements
from aion.store.blobs import BLOBS, BlobStore
from aion.store.conversations import find_conversation, find_said, list_conversations, put_title
from aion.store.database import fetch, open_reader, open_writer, where
from aion.store.experiences import SqliteExperiences
from aion.store.faults import rewording
from aion.store.forgetting import forget_conversation
from aion.store.memories import SqliteMemories
from aion.store.nights import SqliteNights
from aion.store.serving import SqliteServed
from aion.store.turns import load_turn
from aion.store.verify import find_damage
from aion.store.writer import Writer

READERS = 4


class SqliteStore:
    """Implements `Store`. With `read_only` it needs no lock and changes nothing: it works beside a running server."""

    def __init__(self, data: Path, *, read_only: bool = False) -> None:
        self.blobs = BlobStore(data / BLOBS)
        self._writer = None if read_only else Writer(open_writer(data))
        self._erase = functools.partial(self._write, erase=True)
        self._memories = SqliteMemories(self._write, self._erase, self._reading)
        self._experience = SqliteExperiences(self._write, self._reading)
        self._nights = SqliteNights(self._write, self._reading)
        self._served = SqliteServed(self._write, self._erase, self._reading)
        self._closing = threading.Lock()
        self._open_readers = 0
        self._readers: queue.LifoQueue[apsw.Connection | None] = queue.LifoQueue()  # None tells that it was closed
        try:
            while self._open_readers < READERS:
                self._readers.put(open_reader(data))
                self._open_readers += 1
        except AionError:
            self.close()
            raise

    @property
    def memories(self) -> SqliteMemories:
        return self._memories

    @property
    def experience(self) -> SqliteExperiences:
        return self._experience

    @property
    def nights(self) -> SqliteNights:
        return self._nights

    @property
    def served(self) -> SqliteServed:
        return self._served

    def forget_conversation(self, conversation: str, *, owner: str) -> Future[Forgotten]:
        return self._erase(lambda connection: forget_conversation(connection, conversation, owner))

    def append_turn(self, turn: Turn) -> Future[None]:
        def job(connection: apsw.Connection) -> None:
            encoded = rows.encode_turn(turn)
            nodes = [(node.hash, node.parent, node.owner, node.likeness, node.body) for node in encoded.nodes]
            connection.executemany(statements.INSERT_MESSAGE, nodes)
            if not fetch(connection, statements.INSERT_TURN, encoded.turn):
                raise Conflict(f"turn {turn.id!r} is already recorded; give each turn its own id")
            connection.executemany(statements.INSERT_ANSWER, encoded.answers)
            if encoded.steps is not None:
                connection.execute(statements.INSERT_STEPS, encoded.steps)
                connection.executemany(statements.INSERT_INPUT, encoded.inputs)

        return self._write(job)

    def turn(self, turn_id: str, *, owner: str | None) -> Turn | None:
        found = self._turns({"id = ?": turn_id, "owner = ?": owner}, limit=1)
        return found[0] if found else None

    def turns(
        self, *, owner: str | None, conversation: str | None = None, after: str | None = None, limit: int = 100
    ) -> list[Turn]:
        return self._turns({"owner = ?": owner, "conversation = ?": conversation, "id > ?": after}, limit=limit)

    def turn_before(self, turn: Turn) -> Turn | None:
        conditions = {"owner = ?": turn.owner, "conversation = ?": turn.conversation, "id < ?": turn.id}
        found = self._turns(conditions, limit=1, newest_first=True)
        return found[0] if found else None

    def conversations(self, *, owner: str | None, before: float | None = None, limit: int = 100) -> list[Conversation]:
        with self._reading() as connection:
            return list_conversations(connection, owner, before=before, limit=limit)

    def conversation(self, conversation: str, *, owner: str) -> Conversation | None:
        with self._reading() as connection:
            return find_conversation(connection, conversation, owner)

    def search(self, words: str, *, owner: str, limit: int = 100) -> list[Found]:
        with self._reading() as connection:
            return find_said(connection, owner, words, limit=limit)

    def name_conversation(self, conversation: str, title: str, *, owner: str) -> Future[bool]:
        return self._erase(lambda connection: put_title(connection, conversation, owner, title))

    def continues(self, messages: Sequence[Json], *, owner: str) -> str | None:
        likeness = rows.likeness_of(messages, owner=owner)
        if likeness is None:
            return None
        with self._reading() as connection:
            found = fetch(connection, statements.SELECT_CONTINUED, (likeness,))
        return found[0][0] if found else None

    def add_key(self, key: Key) -> Future[None]:
        def job(connection: apsw.Connection) -> None:
            if not fetch(connection, statements.INSERT_KEY, rows.encode_key(key)):
                raise Conflict(f"key {key.id!r}, or one with the same secret, exists already; make a new one")

        return self._write(job)

    def keys(self) -> list[Key]:
        with self._reading() as connection:
            return [rows.decode_key(row) for row in fetch(connection, statements.SELECT_KEYS)]

    def revoke_key(self, key_id: str, at: float) -> Future[bool]:
        return self._write(lambda connection: bool(fetch(connection, statements.REVOKE_KEY, (at, key_id))))

    def append_audit(self, entry: AuditEntry) -> Future[None]:
        def job(connection: apsw.Connection) -> None:
            if not fetch(connection, statements.INSERT_AUDIT, rows.encode_audit(entry)):
                raise Conflict(f"audit entry {entry.id!r} is already recorded; give each its own id")

        return self._write(job)

    def audit(
        self, *, actor: str | None = None, act: str | None = None, before: str | None = None, limit: int = 100
    ) -> list[AuditEntry]:
        clause, given = where({"actor = ?": actor, "act = ?": act, statements.BEFORE_AUDIT: before})
        sql = f"{statements.SELECT_AUDIT} {clause} ORDER BY at DESC, id DESC LIMIT ?"
        with self._reading() as connection:
            return [rows.decode_audit(row) for row in fetch(connection, sql, (*given, max(limit, 0)))]

    def verify(self) -> Iterator[Finding]:
        yield from find_damage(self._reading)
        yield from self.blobs.verify()

    def close(self) -> None:
        with self._closing:
            while self._open_readers:  # before the writer, because only a writer can empty the log as it leaves
                connection = self._readers.get()
                self._open_readers -= 1
                if connection is not None:
                    connection.close()
            self._readers.put(None)
            if self._writer is not None:
                self._writer.close()

    def _turns(self, conditions: Mapping[str, Any], *, limit: int, newest_first: bool = False) -> list[Turn]:
        clause, given = where(conditions)
        order = "id DESC" if newest_first else "id"
        with self._reading() as connection:
            sql = f"{statements.SELECT_TURNS} {clause} ORDER BY {order} LIMIT ?"
            found = connection.execute(sql, (*given, max(limit, 0))).fetchall()
            return [load_turn(connection, row) for row in found]

    def _write(self, job: Callable[[apsw.Connection], Any], *, erase: bool = False) -> Future[Any]:
        if self._writer is not None:
            return self._writer.submit(job, erase=erase)
        refused: Future[Any] = Future()
        refused.set_exception(StorageFailed("the store is open for reading only; write through the running server"))
        return refused

    @contextmanager
    def _reading(self) -> Iterator[apsw.Connection]:
        connection = self._readers.get()
        try:
            if connection is None:
                raise StorageFailed("the store is closed; AION is stopping")
            with rewording(), connection:  # a row and those that belong to it as of one moment
                yield connection
        finally:
            self._readers.put(connection)

"""What is particular to SQLite: how little a turn adds, readers beside the writer, reading when writing fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from aion.errors import StorageFailed, StorageFull, Unavailable
from aion.records import MemoryKind
from aion.store.database import DATABASE, fetch
from aion.store.memories import SqliteMemories
from aion.store.sqlite import READERS, SqliteStore
from tests.store.examples import fill, make_audit, make_key, make_turn


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


def test_a_history_sent_again_adds_two_messages_a_turn(store: SqliteStore) -> None:
    fill(store, 10)
    with store._reading() as connection:
        assert fetch(connection, "SELECT COUNT(*) FROM messages") == [(20,)]


@pytest.mark.parametrize(
    ("only", "index"),
    [
        ({}, "memories_by_owner (owner=? AND seq<?)"),
        ({"kind": MemoryKind.NOTE}, "memories_by_kind (owner=? AND kind=? AND seq<?)"),
        ({"document": "doc_1"}, "memories_by_document (owner=? AND document=? AND seq<?)"),
        ({"document": "doc_1", "kind": MemoryKind.NOTE}, "memories_by_document (owner=? AND document=? AND seq<?)"),
    ],
)
def test_a_page_of_memories_is_found_by_an_index_in_its_order(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, only: dict[str, Any], index: str
) -> None:
    plan: list[str] = []

    def explain(_memories: SqliteMemories, sql: str, given: Any) -> list[Any]:
        with store._reading() as connection:
            plan.extend(row[-1] for row in fetch(connection, f"EXPLAIN QUERY PLAN {sql}", given))
        return []

    monkeypatch.setattr(SqliteMemories, "_load", explain)
    store.memories.listed(owner="ana", before=9, limit=5, **only)
    assert plan == [f"SEARCH memories USING INDEX {index}"]


def test_a_reader_beside_the_server_sees_each_resolved_write_and_writes_nothing(
    store: SqliteStore, tmp_path: Path
) -> None:
    beside = SqliteStore(tmp_path, read_only=True)
    turns = fill(store, 2)
    assert beside.turns(owner="ana") == turns
    assert list(beside.verify()) == []
    with pytest.raises(StorageFailed, match="reading only"):
        beside.append_turn(make_turn()).result()
    beside.close()


def test_a_slow_caller_of_verify_keeps_no_read_open(store: SqliteStore, tmp_path: Path) -> None:
    fill(store)
    store.blobs.path(store.blobs.put(b"x")).write_bytes(b"y")
    findings = store.verify()
    next(findings)
    fill(store)
    other = apsw.Connection(str(tmp_path / DATABASE))
    busy, _, _ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0]
    other.close()
    assert busy == 0


def test_a_full_disk_leaves_reading_and_what_was_acknowledged(store: SqliteStore) -> None:
    turns = fill(store, 3)
    assert store._writer is not None
    connection = store._writer._connection
    connection.pragma("max_page_count", connection.pragma("page_count"))
    refused = [store.append_turn(make_turn(messages=({"role": "user", "content": "x" * 20_000},))) for _ in range(5)]
    assert [type(future.exception()) for future in refused] == [StorageFull] * 5
    assert store.turns(owner="ana") == turns
    connection.pragma("max_page_count", 1_000_000)
    store.append_turn(make_turn()).result()
    assert len(store.turns(owner="ana")) == 4
    assert list(store.verify()) == []


def test_a_turn_that_sqlite_cannot_hold_fails_alone(store: SqliteStore) -> None:
    assert store._writer is not None
    store._writer._connection.limit(apsw.SQLITE_LIMIT_LENGTH, 1_000_000)
    large, small = [
        store.append_turn(make_turn(messages=({"role": "user", "content": "x" * size},))) for size in (2_000_000, 10)
    ]
    assert large.exception() is not None
    assert small.exception() is None


def test_closing_waits_for_readers_and_then_refuses_them(store: SqliteStore) -> None:
    inside, leave = threading.Event(), threading.Event()

    def read() -> None:
        with store._reading() as connection:
            inside.set()
            leave.wait(10)
            connection.execute("SELECT COUNT(*) FROM turns").fetchall()

    reader = threading.Thread(target=read)
    reader.start()
    inside.wait(10)
    closer = threading.Thread(target=store.close)
    closer.start()
    leave.set()
    for thread in (reader, closer):
        thread.join(10)
        assert not thread.is_alive()
    for read_again in (store.keys, store.audit, store.keys):
        with pytest.raises(StorageFailed, match="closed"):
            read_again()


def test_more_readers_than_connections_take_turns(store: SqliteStore) -> None:
    turns = fill(store)
    seen: list[bool] = []
    threads = [
        threading.Thread(target=lambda: seen.append(store.turns(owner="ana") == turns)) for _ in range(READERS * 3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert seen == [True] * READERS * 3


def test_two_writers_of_one_file_fail_as_busy_rather_than_lose_rows(store: SqliteStore, tmp_path: Path) -> None:
    other = apsw.Connection(str(tmp_path / DATABASE))
    other.execute("BEGIN IMMEDIATE")
    assert store._writer is not None
    store._writer._connection.set_busy_timeout(10)
    assert isinstance(store.add_key(make_key()).exception(), Unavailable)
    other.execute("ROLLBACK")
    other.close()
    store.append_audit(make_audit()).result()

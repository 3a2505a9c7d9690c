"""Group commit: what fails alone, what fails together, and that nothing is acknowledged after the disk failed.

The disk is broken for real: /dev/full (every write says ENOSPC) and /dev/null (fsync fails) take the place of the log's
file descriptor beneath SQLite.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from aion.errors import AionError, Conflict, StorageFailed, StorageFull, Unavailable
from aion.store import rows, statements, writer
from aion.store.database import DATABASE, fetch, open_reader, open_writer
from aion.store.writer import Writer
from tests.store.children import start
from tests.store.examples import make_audit

Job = Callable[[apsw.Connection], None]


@pytest.fixture
def connection(tmp_path: Path) -> apsw.Connection:
    return open_writer(tmp_path)


@pytest.fixture
def lone_writer(connection: apsw.Connection) -> Iterator[Writer]:
    lone = Writer(connection)
    yield lone
    lone.close()


def audit(number: int, padding: int = 0) -> Job:
    row = rows.encode_audit(make_audit(id=f"audit_{number}", subject="x" * padding))
    return lambda connection: connection.execute(statements.INSERT_AUDIT, row).close()


def stored(data: Path) -> list[str]:
    reader = open_reader(data)
    found = [row[0] for row in fetch(reader, "SELECT id FROM audit ORDER BY id")]
    assert fetch(reader, "PRAGMA integrity_check") == [("ok",)]
    reader.close()
    return found


def submit_together(lone_writer: Writer, jobs: list[Job]) -> list[Future[None]]:
    """All in one group: the first job holds the thread until the others wait behind it."""
    gate = threading.Event()
    first = lone_writer.submit(lambda _: gate.wait(5))
    futures = [lone_writer.submit(job) for job in jobs]
    gate.set()
    assert first.result() is True
    return futures


def error_of(future: Future[None]) -> BaseException | None:
    return future.exception(timeout=10)


@contextmanager
def log_file_replaced(data: Path, device: str) -> Iterator[None]:
    """Put a device where the one open log file is, and take it back afterwards."""
    log = str(data / f"{DATABASE}-wal")
    links = list(Path("/proc/self/fd").iterdir())
    [descriptor] = [int(link.name) for link in links if link.is_symlink() and str(link.readlink()) == log]
    kept, broken = os.dup(descriptor), os.open(device, os.O_RDWR)
    os.dup2(broken, descriptor)
    try:
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
        os.close(broken)


def test_a_group_is_one_transaction(connection: apsw.Connection) -> None:
    seen: list[str] = []

    def note(_cursor: object, sql: str, _given: object) -> bool:
        seen.append(sql)
        return True

    connection.exec_trace = note
    lone_writer = Writer(connection)
    for future in submit_together(lone_writer, [audit(number) for number in range(20)]):
        assert error_of(future) is None
    lone_writer.close()
    assert seen.count("COMMIT") <= 2  # of the job that held the thread, and of the twenty
    assert sum(sql.startswith("INSERT") for sql in seen) == 20


def test_a_job_that_fails_takes_back_its_own_rows_alone(tmp_path: Path, lone_writer: Writer) -> None:
    def half(connection: apsw.Connection) -> None:
        audit(7)(connection)
        raise Conflict("not this one")

    def broken(connection: apsw.Connection) -> None:
        audit(8)(connection)
        connection.execute("INSERT INTO nowhere VALUES (1)")

    futures = submit_together(lone_writer, [audit(1), half, audit(2), broken, audit(3)])
    assert [type(error_of(future)) for future in futures] == [
        type(None),
        Conflict,
        type(None),
        StorageFailed,
        type(None),
    ]
    assert stored(tmp_path) == ["audit_1", "audit_2", "audit_3"]


def test_a_full_disk_refuses_writes_until_there_is_room(tmp_path: Path, lone_writer: Writer) -> None:
    lone_writer.submit(audit(1)).result()
    with log_file_replaced(tmp_path, "/dev/full"):
        assert isinstance(error_of(lone_writer.submit(audit(2))), StorageFull)
        assert stored(tmp_path) == ["audit_1"]
    lone_writer.submit(audit(4)).result()
    assert stored(tmp_path) == ["audit_1", "audit_4"]


def test_one_large_record_does_not_keep_small_ones_from_the_last_pages(
    tmp_path: Path, connection: apsw.Connection, lone_writer: Writer
) -> None:
    pages = connection.pragma("page_count")
    connection.pragma("max_page_count", pages + 4)
    large, small = submit_together(lone_writer, [audit(1, padding=100_000), audit(2)])
    assert isinstance(error_of(large), StorageFull)
    assert error_of(small) is None
    assert stored(tmp_path) == ["audit_2"]


def test_after_a_failed_fsync_nothing_is_acknowledged_any_more(tmp_path: Path, lone_writer: Writer) -> None:
    lone_writer.submit(audit(1)).result()
    with log_file_replaced(tmp_path, "/dev/null"):
        assert isinstance(error_of(lone_writer.submit(audit(2))), StorageFailed)
    later = error_of(lone_writer.submit(audit(3)))
    assert isinstance(later, StorageFailed)
    assert "restart" in later.message
    assert stored(tmp_path) == ["audit_1"]


def test_a_quota_is_a_full_disk_too(tmp_path: Path) -> None:
    child = start("write_beyond_limit", tmp_path)
    assert child.communicate(timeout=60)[0].endswith("\nfull")  # after the line that the log has of it
    assert stored(tmp_path) == ["audit_1", "audit_3"]


def test_a_database_held_by_another_process_is_told_as_busy(
    tmp_path: Path, connection: apsw.Connection, lone_writer: Writer
) -> None:
    connection.set_busy_timeout(10)
    other = apsw.Connection(str(tmp_path / DATABASE))
    other.execute("BEGIN IMMEDIATE")
    refused = error_of(lone_writer.submit(audit(1)))
    other.execute("ROLLBACK")
    assert isinstance(refused, Unavailable)
    assert refused.retry_after == 1
    lone_writer.submit(audit(2)).result()
    other.close()


def test_a_long_log_is_moved_into_the_database(
    tmp_path: Path, lone_writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_PAGES", 50)
    for number in range(100):
        lone_writer.submit(audit(number, padding=4000)).result()
    log_pages = (tmp_path / f"{DATABASE}-wal").stat().st_size // 4096
    assert log_pages < 100, "each of 100 commits wrote two pages or more, so the log was never emptied"


def test_every_error_of_sqlite_becomes_one_of_ours() -> None:
    from aion.store.faults import reworded

    for kind in apsw.Error.__subclasses__():
        assert isinstance(reworded(kind("x")), AionError)

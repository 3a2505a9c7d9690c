"""One thread owns the one connection that writes, and commits whatever waits as one group.

A group costs one fsync. Each job runs in its own savepoint, so one that fails takes back its own rows alone. A future
resolves after COMMIT, never before. After an error of the disk the writer acknowledges nothing more until a restart:
what a failed fsync left behind is not known. A full disk is no such error: nothing was written, later writes may work.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import apsw
import structlog

from aion.errors import AionError, StorageFailed
from aion.store.faults import code_of, is_fatal, is_full, reworded, unwritable
from aion.store.scrub import scrub

T = TypeVar("T")
Job = Callable[[apsw.Connection], Any]

MAX_GROUP = 256
CHECKPOINT_PAGES = 1000  # 4 MB of log, SQLite's own default
ERASE_AGAIN_SECONDS = 1.0
WARN_PAGES = 16_384  # 64 MB: some reader has been keeping the log from being emptied
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A job and whom to tell."""

    job: Job
    future: Future[Any]
    erase: bool


class Writer:
    """Runs jobs in the order they come; `close` finishes those that wait."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._broken = False
        self._log_pages = 0
        self._erasing = False  # removed rows are still in the log
        self._warned = False
        connection.set_wal_hook(self._note_log)  # in place of SQLite's checkpoint inside COMMIT: it delays the reply
        self._thread = threading.Thread(target=self._run, name="aion-store-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[apsw.Connection], T], *, erase: bool = False) -> Future[T]:
        """With `erase` the log is emptied before the future resolves: what the job removed is then in neither file."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()  # a caller that goes away cannot take its write with it
        with self._gate:
            if self._closed:
                future.set_exception(StorageFailed("the store is closed; AION is stopping"))
            else:
                self._queue.put(_Waiting(job, future, erase))
        return future

    def close(self) -> None:
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while group := self._take():
            self._commit(group)
            del group  # an idle writer keeps no turn alive
            self._checkpoint()
        self._connection.close()

    def _take(self) -> list[_Waiting]:
        """Everything that waits; empty once closed."""
        waiting = self._await()
        group: list[_Waiting] = []
        while waiting is not None:
            group.append(waiting)
            if len(group) == MAX_GROUP:
                return group
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                return group
        if group:
            self._queue.put(None)  # nothing follows the mark that ends the queue: put it back for the next round
        return group

    def _await(self) -> _Waiting | None:
        """The next in line; meanwhile a log that could not be emptied is tried again."""
        while self._erasing and not self._broken:
            try:
                return self._queue.get(timeout=ERASE_AGAIN_SECONDS)
            except queue.Empty:
                self._empty_log()
        return self._queue.get()

    def _commit(self, group: list[_Waiting]) -> None:
        if self._broken:
            self._fail(group, lambda: StorageFailed("a disk error stopped all writes; see the log, then restart AION"))
            return
        try:
            results = self._attempt(group)
        except apsw.Error as error:
            self._give_up(group, error)
            return
        if any(waiting.erase for waiting in group):
            self._empty_log()
        for waiting, result in zip(group, results, strict=True):
            if isinstance(result, Exception):
                waiting.future.set_exception(result)
            else:
                waiting.future.set_result(result)

    def _attempt(self, group: list[_Waiting]) -> list[Any]:
        """Run and commit the group; a result that is an exception is of a job that was taken back alone."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            results = [self._run_one(waiting.job) for waiting in group]
            self._connection.execute("COMMIT")
        except apsw.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return results

    def _run_one(self, job: Job) -> Any:
        self._connection.execute("SAVEPOINT job")
        try:
            result = job(self._connection)
        except Exception as error:  # whatever it is, it belongs to the caller, who gets it
            if isinstance(error, apsw.Error):
                if not self._connection.in_transaction or is_fatal(error, self._connection):
                    raise  # SQLite took back the whole group
                result = reworded(error, self._connection)
            elif isinstance(error, UnicodeEncodeError):
                result = unwritable(error)
            else:
                result = error
            self._connection.execute("ROLLBACK TO job")
        self._connection.execute("RELEASE job")
        return result

    def _give_up(self, group: list[_Waiting], error: apsw.Error) -> None:
        """The whole group was taken back."""
        if is_full(error, self._connection) and len(group) > 1:
            for waiting in group:  # one large record must not keep small ones from the last free pages
                self._commit([waiting])
            return
        self._broken = is_fatal(error, self._connection)
        log.error("store.write_failed", error=str(error), code=code_of(error), read_only=self._broken)
        self._fail(group, lambda: reworded(error, self._connection))

    def _fail(self, group: list[_Waiting], make: Callable[[], AionError]) -> None:
        for waiting in group:
            waiting.future.set_exception(make())  # one each: a shared exception would gather every raiser's traceback

    def _note_log(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _empty_log(self) -> None:
        """Bring the log into the database, cut it to 0, and overwrite what removed rows have left there."""
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            scrub(Path(self._connection.filename), self._connection.pragma("page_size"))
            self._connection.execute("PRAGMA shrink_memory")  # pages kept in memory would bring it back
            self._log_pages, self._erasing = 0, False
        except apsw.BusyError:
            if not self._erasing:
                log.warning(
                    "store.log_not_emptied", remedy="a long read holds it, such as a backup; tried again until then"
                )
            self._erasing = True
        except apsw.Error as error:
            self._note_failure(error)

    def _checkpoint(self) -> None:
        """Move the log into the database once it is long, after the callers have been told."""
        if self._log_pages < CHECKPOINT_PAGES or self._broken:
            return
        if self._log_pages >= WARN_PAGES and not self._warned:
            log.warning("store.long_log", pages=self._log_pages, remedy="a long read keeps the log from being emptied")
        self._warned = self._log_pages >= WARN_PAGES
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._log_pages = 0
        except apsw.Error as error:
            self._note_failure(error)

    def _note_failure(self, error: apsw.Error) -> None:
        self._broken = is_fatal(error, self._connection)
        log.error("store.checkpoint_failed", error=str(error), code=code_of(error), read_only=self._broken)

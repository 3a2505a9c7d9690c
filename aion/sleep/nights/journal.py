"""What a night has done, step by step, in DATA/nights/jobs.db: a step that was finished is not done again.

A step that was cut short is done again from its start, so each must be one that may be: it writes the same files, or
hands over what the server takes once. Results are small JSON. The database is open only for as long as a step is
looked up or noted, so that a night may be stopped while it works. One process at a time writes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from aion.errors import Corrupt, StorageFailed, StorageFull
from aion.records import Json
from aion.store.database import fetch
from aion.store.files import make_folder

JOBS = "jobs.db"
TABLES = """
    CREATE TABLE IF NOT EXISTS steps (
        night TEXT NOT NULL, name TEXT NOT NULL, result TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (night, name)
    );
    CREATE TABLE IF NOT EXISTS attempts (
        night TEXT PRIMARY KEY, mark TEXT NOT NULL, count INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS notes (
        night TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (night, name)
    );
"""
SURE = """
    PRAGMA journal_mode=DELETE;
    PRAGMA synchronous=EXTRA; -- with FULL a power cut brings the rollback journal back, and what was noted is lost
    PRAGMA fullfsync=ON;
"""
BUSY_MS = 5000


class Journal:
    """Of all nights of one data folder."""

    def __init__(self, nights: Path) -> None:
        self._path = make_folder(nights) / JOBS

    def once(self, night: str, name: str, work: Callable[[], Json]) -> Json:
        """The result of the step: of now, or of the time it was finished."""
        found = self.result(night, name)
        if found is not None:
            return found
        result = json.dumps(work(), sort_keys=True)
        row = (night, name, result, _digest(night, name, result))
        with self._open() as connection:
            connection.execute("INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?)", row)
        return dict(json.loads(result))

    def result(self, night: str, name: str) -> Json | None:
        with self._open() as connection:
            sql = "SELECT result, digest FROM steps WHERE night = ? AND name = ?"
            found = fetch(connection, sql, (night, name))
        if not found:
            return None
        result, digest = found[0]
        if digest != _digest(night, name, result):
            raise Corrupt(f"step {name!r} of the night is not what was noted; cancel the night and begin another")
        return dict(json.loads(result))

    def finished(self, night: str) -> list[str]:
        """Names of the steps that were finished."""
        with self._open() as connection:
            rows = fetch(connection, "SELECT name FROM steps WHERE night = ? ORDER BY rowid", (night,))
        return [name for (name,) in rows]

    def nights(self) -> list[str]:
        """Of which anything is noted."""
        tables = ("steps", "attempts", "notes")
        with self._open() as connection:
            rows = fetch(connection, " UNION ".join(f"SELECT night FROM {table}" for table in tables))  # noqa: S608  # constants
        return [night for (night,) in rows]

    def count_attempt(self, night: str, mark: str) -> int:
        """How often the night was begun at this very mark, this time included; another mark counts anew."""
        with self._open() as connection:
            found = fetch(connection, "SELECT mark, count FROM attempts WHERE night = ?", (night,))
            count = found[0][1] + 1 if found and found[0][0] == mark else 1
            connection.execute("INSERT OR REPLACE INTO attempts VALUES (?, ?, ?)", (night, mark, count))
        return int(count)

    def note(self, night: str, name: str, value: str) -> None:
        """Something to know when the night is begun again; replaces what was noted under the name."""
        with self._open() as connection:
            connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", (night, name, value))

    def noted(self, night: str, name: str) -> str | None:
        with self._open() as connection:
            found = fetch(connection, "SELECT value FROM notes WHERE night = ? AND name = ?", (night, name))
        return str(found[0][0]) if found else None

    def forget(self, night: str) -> None:
        """What was noted of a night that is over."""
        with self._open() as connection:
            for table in ("steps", "attempts", "notes"):
                connection.execute(f"DELETE FROM {table} WHERE night = ?", (night,))  # noqa: S608  # constants

    @contextmanager
    def _open(self) -> Iterator[apsw.Connection]:
        try:
            connection = apsw.Connection(str(self._path))
            try:
                connection.set_busy_timeout(BUSY_MS)
                fetch(connection, SURE)  # all of it: left to itself it stops at the first that answers
                connection.execute(TABLES)
                with connection:
                    yield connection
            finally:
                connection.close()
        except apsw.FullError:
            raise StorageFull("no space is left to note what the night has done; free some, then start again") from None
        except (apsw.CorruptError, apsw.NotADBError):
            raise Corrupt(
                f"{self._path.name} of the nights is damaged; remove it, and unfinished nights begin anew"
            ) from None
        except apsw.Error as error:
            raise StorageFailed(f"{self._path.name} of the nights cannot be used ({error}); look at the disk") from None


def _digest(*values: str) -> str:
    return hashlib.sha256("\0".join(values).encode()).hexdigest()

"""Opens, creates and migrates the SQLite file, and refuses one that it could harm; it reads and writes no records.

A new database is built under another name and renamed into place, so that `aion.db` is never half made. An existing
file of 0 bytes is therefore always damage. Writing needs the `DataLock`, which the caller holds.
The file is looked at through SQLite alone: to open and close it otherwise would drop SQLite's locks in this process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from aion.errors import BadConfig, Corrupt
from aion.store.faults import RESTORE, reworded
from aion.store.files import make_folder, put_in_place
from aion.store.rows import Row
from aion.store.schema import MIGRATIONS, Migration

DATABASE = "aion.db"
OLDEST_SQLITE = (3, 51, 3)  # before it, two processes that reset the WAL at once can lose committed rows
APPLICATION_ID = 0x41494F4E  # "AION", in the file's header
BUSY_TIMEOUT_MS = 5000

SAFETY = (
    "PRAGMA synchronous=FULL",  # with NORMAL a power cut loses acknowledged rows
    "PRAGMA fullfsync=ON",
    "PRAGMA checkpoint_fullfsync=ON",
    "PRAGMA foreign_keys=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA secure_delete=ON",  # what is forgotten is overwritten, not only unlinked
)


def open_writer(data: Path, migrations: Sequence[Migration] = MIGRATIONS) -> apsw.Connection:
    """The one connection that writes, on a database that is at the newest migration; creates it when there is none."""
    require_sqlite()
    path = data / DATABASE
    if not path.exists():
        create(path, migrations)
    with _refusing(path):
        connection = _connect(path, apsw.SQLITE_OPEN_READWRITE)
        if connection.readonly("main"):
            raise BadConfig(f"{path} cannot be written; give this user the right to write it, or pass another --data")
        check_schema(connection, path, migrations)  # before anything is changed
        _use_wal(connection, path)
        for pragma in SAFETY:
            connection.execute(pragma)
        migrate(connection, migrations)
    return connection


def open_reader(data: Path, migrations: Sequence[Migration] = MIGRATIONS) -> apsw.Connection:
    """A connection that cannot write, on a database that needs no migration."""
    require_sqlite()
    path = data / DATABASE
    if not path.exists():
        raise BadConfig(f"there is no database at {path}; start `aion up` to make one, or `aion restore` a backup")
    with _refusing(path):
        connection = _connect(path, apsw.SQLITE_OPEN_READONLY)
        connection.execute("PRAGMA query_only=ON")
        count = check_schema(connection, path, migrations)
    if count < len(migrations):
        raise BadConfig(f"{path} is at schema {count}, this AION needs {len(migrations)}; `aion up` migrates it")
    return connection


def fetch(connection: apsw.Connection, sql: str, given: Row = ()) -> list[Row]:
    """All rows at once, so that no read stays open while a caller thinks."""
    return connection.execute(sql, given).fetchall()


def where(conditions: Mapping[str, Any], keyword: str = "WHERE") -> tuple[str, Row]:
    """The clause of those conditions that were given; the texts are constants of the caller, values go in as `?`.

    A tuple holds the values of a condition with several.
    """
    given = {condition: value for condition, value in conditions.items() if value is not None}
    values = (value if isinstance(value, tuple) else (value,) for value in given.values())
    return (f"{keyword} {' AND '.join(given)}" if given else "", tuple(one for several in values for one in several))


def require_sqlite() -> None:
    found = apsw.sqlite_lib_version()
    if tuple(int(part) for part in found.split(".")) < OLDEST_SQLITE:
        needed = ".".join(str(part) for part in OLDEST_SQLITE)
        raise BadConfig(f"SQLite {found} can lose rows; AION needs {needed} or newer: reinstall the package `apsw`")


def create(path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Build an empty database beside `path` and rename it into place: killed at any moment, it is whole or absent."""
    make_folder(path.parent)
    if path.with_name(path.name + "-wal").exists():  # SQLite would replay it into the new database
        raise Corrupt(
            f"{path} is missing but its log {path.name}-wal is there; `aion restore` a backup, or remove the log"
        )
    unborn = path.with_name(path.name + ".new")
    for suffix in ("", "-wal", "-shm", "-journal"):
        unborn.with_name(unborn.name + suffix).unlink(missing_ok=True)
    os.close(os.open(unborn, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))  # its -wal and -shm get the same mode
    with _refusing(path):
        connection = apsw.Connection(str(unborn), flags=apsw.SQLITE_OPEN_READWRITE)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        _use_wal(connection, path)
        for pragma in SAFETY:
            connection.execute(pragma)
        migrate(connection, migrations)
        connection.close()
    put_in_place(unborn, path)


def migrate(connection: apsw.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Apply what is missing, each migration and its row in one transaction."""
    for migration in migrations[len(applied(connection)) :]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in migration.statements:
                connection.execute(statement)
            row = (migration.number, migration.name, time.time())
            connection.execute("INSERT INTO migrations (number, name, applied) VALUES (?, ?, ?)", row)
            connection.execute("COMMIT")
        except apsw.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def applied(connection: apsw.Connection) -> list[tuple[int, str]]:
    """The number and name of each migration the database has had."""
    if not fetch(connection, "SELECT 1 FROM sqlite_schema WHERE type='table' AND name='migrations'"):
        return []
    return [(row[0], row[1]) for row in fetch(connection, "SELECT number, name FROM migrations ORDER BY number")]


def check_schema(connection: apsw.Connection, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """How many migrations the database has had; refuses one that this code does not know."""
    if connection.pragma("application_id") != APPLICATION_ID:
        raise BadConfig(f"{path} is another program's database; move it away, or pass another --data")
    found = applied(connection)
    known = [(migration.number, migration.name) for migration in migrations]
    if found and found[-1][0] > len(known):
        raise BadConfig(
            f"{path} is at schema {found[-1][0]}, newer than this AION, which knows {len(known)}; "
            "install the AION that made it, or `aion restore` a backup of this one"
        )
    if not found or found != known[: len(found)]:
        raise Corrupt(f"the table of migrations in {path} is damaged; {RESTORE}")
    return len(found)


def _connect(path: Path, flags: int) -> apsw.Connection:
    if not path.is_file():
        raise BadConfig(f"{path} must be a file that this user may write; move away what is there")
    if path.stat().st_size == 0:
        raise Corrupt(f"{path} is empty, so its rows are lost; `aion restore` a backup, or remove it to start anew")
    connection = apsw.Connection(str(path), flags=flags)
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    return connection


def _use_wal(connection: apsw.Connection, path: Path) -> None:
    if connection.pragma("journal_mode", "wal") != "wal":
        raise BadConfig(
            f"{path} lies on a file system that cannot keep a write-ahead log; move the data to a local one"
        )


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """What can go wrong on opening, told to the person who starts AION."""
    try:
        yield
    except apsw.NotADBError:
        raise Corrupt(f"{path} is not an SQLite database; `aion restore` a backup, or move it away") from None
    except (apsw.CorruptError, apsw.SchemaChangeError) as error:
        raise Corrupt(f"{path} is damaged ({error}); {RESTORE}") from None
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError) as error:
        raise BadConfig(f"{path} cannot be opened ({error}); it must be a file that this user may write") from None
    except apsw.BusyError:
        raise BadConfig(f"{path} is held by another process; stop that one first") from None
    except apsw.Error as error:
        raise reworded(error) from error

"""A bare SQLite writer that acknowledges each committed row, to show what the power cut does to known settings.

    python -m tests.faults.sqlite_writer SYNCHRONOUS JOURNAL_MODE FOLDER TAG

It is the yardstick of the injector, not of AION: the store has its own writer.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import apsw

from tests.faults.harness import Verdict


def open_database(folder: Path) -> apsw.Connection:
    return apsw.Connection(str(folder / "rows.db"))


def write_rows(synchronous: str, journal: str, folder: Path, tag: str) -> None:
    database = open_database(folder)
    database.pragma("journal_mode", journal)
    database.pragma("synchronous", synchronous)
    database.execute("CREATE TABLE IF NOT EXISTS row (id TEXT NOT NULL, filling BLOB)")
    for n in range(1_000_000):
        database.execute("INSERT INTO row VALUES (?, zeroblob(300))", (f"{tag}-{n}",))
        sys.stdout.write(f"{tag}-{n}\n")
        sys.stdout.flush()


def compare_rows(folder: Path, acked: Sequence[str]) -> Verdict:
    database = open_database(folder)
    try:
        health = [str(row[0]) for row in database.execute("PRAGMA integrity_check")]
        made = database.table_exists("main", "row")  # its making is as lost as a row
        found = [str(row[0]) for row in database.execute("SELECT id FROM row")] if made else []
    except apsw.Error as error:
        return Verdict(lost=tuple(acked), findings=(str(error),))
    finally:
        database.close()
    counts = Counter(found)
    doubled = tuple(name for name, times in counts.items() if times > 1)
    lost = tuple(name for name in acked if name not in counts)
    return Verdict(lost=lost, doubled=doubled, findings=() if health == ["ok"] else tuple(health))


if __name__ == "__main__":
    write_rows(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4])

"""Proves what the database holds: SQLite's own checks, references, and the hash of every row. It repairs nothing.

Rows are read in pages, so that a long proof keeps no read open beside a running server. Rows appended meanwhile may
be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import apsw

from aion.errors import AionError, Corrupt
from aion.records import Finding
from aion.store import rows, statements
from aion.store.database import migrate
from aion.store.rows import Row
from aion.store.schema import MIGRATIONS

PAGE = 500
RESTORE = "restore a backup with `aion restore`"


class Fetch(Protocol):
    """Runs a query and returns all of its rows."""

    def __call__(self, sql: str, given: Row = ()) -> list[Row]: ...


def find_damage(fetch: Fetch) -> Iterator[Finding]:
    """Everything that is wrong. A check that the damage itself stops is reported, and the next one runs."""
    for check in (_integrity, _references, _schema, _messages, _turns, _keys, _audit):
        try:
            yield from check(fetch)
        except AionError as error:
            yield Finding(where="database", problem=error.message, remedy=RESTORE)


def _integrity(fetch: Fetch) -> Iterator[Finding]:
    for (problem,) in fetch("PRAGMA integrity_check"):
        if problem != "ok":
            yield Finding(where="database", problem=problem, remedy=RESTORE)


def _references(fetch: Fetch) -> Iterator[Finding]:
    for table, row, target, _ in fetch("PRAGMA foreign_key_check"):
        yield Finding(where=f"{table} row {row}", problem=f"what it names in {target} is missing", remedy=RESTORE)


def _schema(fetch: Fetch) -> Iterator[Finding]:
    found = fetch("SELECT number, name FROM migrations ORDER BY number")
    if found != [(migration.number, migration.name) for migration in MIGRATIONS]:
        yield Finding(where="migrations", problem=f"they are {found}, which is not this AION's list", remedy=RESTORE)
    query = "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    fresh = apsw.Connection(":memory:")
    migrate(fresh)
    if fetch(query) != fresh.execute(query).fetchall():
        yield Finding(where="schema", problem="the tables are not those the migrations make", remedy=RESTORE)


def _messages(fetch: Fetch) -> Iterator[Finding]:
    query = """
        SELECT m.hash, m.owner, m.parent, m.body, m.likeness, p.likeness
        FROM messages m LEFT JOIN messages p ON p.hash = m.parent WHERE m.hash > ? ORDER BY m.hash LIMIT ?
    """
    for row in _pages(fetch, query, b""):
        yield from _prove(f"message {row[0].hex()}", rows.check_message, row)


def _turns(fetch: Fetch) -> Iterator[Finding]:
    for row in _pages(fetch, f"{statements.SELECT_TURNS} WHERE id > ? ORDER BY id LIMIT ?", ""):
        answers = [answer[:5] for answer in fetch(statements.SELECT_ANSWERS, (row[0],))]
        yield from _prove(f"turn {row[0]}", rows.check_turn, row, answers)


def _keys(fetch: Fetch) -> Iterator[Finding]:
    for row in fetch(statements.SELECT_KEYS):
        yield from _prove(f"key {row[0]}", rows.decode_key, row)


def _audit(fetch: Fetch) -> Iterator[Finding]:
    query = "SELECT id, at, actor, act, subject, digest FROM audit WHERE id > ? ORDER BY id LIMIT ?"
    for row in _pages(fetch, query, ""):
        yield from _prove(f"audit entry {row[0]}", rows.decode_audit, row)


def _pages(fetch: Fetch, query: str, after: str | bytes) -> Iterator[Row]:
    """The rows of a query that takes the first column of the last row and a limit."""
    while page := fetch(query, (after, PAGE)):
        yield from page
        after = page[-1][0]


def _prove(where: str, check: Callable[..., object], *given: object) -> Iterator[Finding]:
    try:
        check(*given)
    except Corrupt:
        yield Finding(where=where, problem="it is not what was written", remedy=RESTORE)

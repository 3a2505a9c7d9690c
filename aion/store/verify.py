"""Proves what the database holds: SQLite's own checks, references, and the hash of every row. It repairs nothing.

Rows are read in pages, so that a long proof keeps no read open beside a running server; only the words of all memories
are read as of one moment. Rows appended meanwhile may be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import apsw

from aion.errors import AionError, Corrupt
from aion.records import Finding
from aion.store import (
    experience_rows,
    memory_rows,
    night_rows,
    pins,
    rows,
    served_rows,
    statements,
    unlearned,
    verify_words,
)
from aion.store.clusters import check_place
from aion.store.conversations import decode_title
from aion.store.database import fetch, migrate
from aion.store.rows import Row
from aion.store.schema import MIGRATIONS
from aion.store.serving import prove_promotion, prove_verdict

PAGE = 500
RESTORE = "restore a backup with `aion restore`"

Reading = Callable[[], AbstractContextManager[apsw.Connection]]
Prove = Callable[[apsw.Connection, Row], object]


@dataclass(frozen=True, slots=True)
class Rows:
    """A kind of row: how to page through it by its first column, and what raises Corrupt for one that is damaged."""

    what: str
    query: str
    first: object
    prove: Prove


def find_damage(reading: Reading) -> Iterator[Finding]:
    """Everything that is wrong. A check that the damage itself stops is reported, and the next one runs."""
    checks = [_at_once(reading, check) for check in (_integrity, _references, _schema, _words)]
    checks += [_prove_all(reading, kind) for kind in KINDS]
    for check in checks:
        try:
            yield from check
        except AionError as error:
            yield Finding(where="database", problem=error.message, remedy=RESTORE)


def _at_once(reading: Reading, check: Callable[[apsw.Connection], Iterator[Finding]]) -> Iterator[Finding]:
    """All findings of a check, told after its read has ended."""
    with reading() as connection:
        found = list(check(connection))
    yield from found


def _prove_all(reading: Reading, kind: Rows) -> Iterator[Finding]:
    after = kind.first
    while True:
        with reading() as connection:
            page = fetch(connection, kind.query, (after, PAGE))
            damaged = [row[0] for row in page if not _holds(kind.prove, connection, row)]
        for key in damaged:
            name = key.hex() if isinstance(key, bytes) else key
            yield Finding(where=f"{kind.what} {name}", problem="it is not what was written", remedy=RESTORE)
        if not page:
            return
        after = page[-1][0]


def _holds(prove: Prove, connection: apsw.Connection, row: Row) -> bool:
    try:
        prove(connection, row)
    except Corrupt:
        return False
    return True


def _integrity(connection: apsw.Connection) -> Iterator[Finding]:
    fetch(
        connection, "SELECT rowid FROM memory_words WHERE memory_words MATCH '\"x\"'"
    )  # or an old structure is checked
    for (problem,) in fetch(connection, "PRAGMA integrity_check"):
        if problem != "ok":
            yield Finding(where="database", problem=problem, remedy=RESTORE)


def _references(connection: apsw.Connection) -> Iterator[Finding]:
    for table, row, target, _ in fetch(connection, "PRAGMA foreign_key_check"):
        yield Finding(where=f"{table} row {row}", problem=f"what it names in {target} is missing", remedy=RESTORE)


def _schema(connection: apsw.Connection) -> Iterator[Finding]:
    found = fetch(connection, "SELECT number, name FROM migrations ORDER BY number")
    if found != [(migration.number, migration.name) for migration in MIGRATIONS]:
        yield Finding(where="migrations", problem=f"they are {found}, which is not this AION's list", remedy=RESTORE)
    query = "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    fresh = apsw.Connection(":memory:")
    migrate(fresh)
    if fetch(connection, query) != fresh.execute(query).fetchall():
        yield Finding(where="schema", problem="the tables are not those the migrations make", remedy=RESTORE)


def _words(connection: apsw.Connection) -> Iterator[Finding]:
    for problem in verify_words.find_problems(connection):
        yield Finding(where="words of memories", problem=problem, remedy=RESTORE)


def _prove_turn(connection: apsw.Connection, row: Row) -> None:
    rows.check_turn(row, [answer[:5] for answer in fetch(connection, statements.SELECT_ANSWERS, (row[0],))])


def _prove_inputs(connection: apsw.Connection, row: Row) -> None:
    """What a turn was made from is what its steps say."""
    noted = fetch(connection, statements.SELECT_STEPS, (row[0],))
    inputs = [ref for (ref,) in fetch(connection, "SELECT ref FROM turn_inputs WHERE turn = ? ORDER BY ref", row)]
    if inputs != (rows.inputs_of(rows.decode_steps(noted[0])) if noted else []):
        raise rows.damaged(f"what turn {row[0]} was made from")


def _prove_memory(connection: apsw.Connection, row: Row) -> None:
    memory_rows.check_memory(row, fetch(connection, statements.SELECT_SOURCES, (row[0],)))
    vectors = fetch(connection, "SELECT COUNT(*) FROM memory_vectors WHERE seq = ?", (row[0],))[0][0]
    if bool(row[11]) != bool(vectors):
        raise rows.damaged(f"the vector of memory number {row[0]}")


def _prove_vector(_connection: apsw.Connection, row: Row) -> None:
    memory_rows.decode_vector(row[0], *row[2:])


def _prove_candidate(connection: apsw.Connection, row: Row) -> None:
    """Its ledger holds what the candidate says it learned from, no more and no less; of a retired one no lessons."""
    candidate = night_rows.decode_candidate(row)
    lessons = fetch(connection, "SELECT night, lesson FROM candidate_lessons WHERE candidate = ?", (candidate.id,))
    refs = {ref for (ref,) in fetch(connection, "SELECT ref FROM candidate_sources WHERE candidate = ?", (row[0],))}
    learned = () if candidate.retired else candidate.lessons
    if set(lessons) != {(candidate.night, lesson) for lesson in learned} or refs != set(candidate.sources):
        raise rows.damaged(f"what candidate {candidate.id} learned from")


def _prove_feedback(connection: apsw.Connection, row: Row) -> None:
    """The vote it took the place of is the one it names."""
    named = experience_rows.decode_feedback(row).supersedes
    found = fetch(connection, "SELECT feedback FROM superseded WHERE later = ?", row[:1])
    if found != ([(named,)] if named else []):
        raise rows.damaged(f"what feedback {row[0]} took the place of")


def _alone(check: Callable[[Row], object]) -> Prove:
    """A check that needs nothing besides the row."""
    return lambda _connection, row: check(row)


def _paged(select: str, key: str) -> str:
    return f"{select} WHERE {key} > ? ORDER BY {key} LIMIT ?"


MESSAGES = """
    SELECT m.hash, m.owner, m.parent, m.body, m.likeness, p.likeness
    FROM messages m LEFT JOIN messages p ON p.hash = m.parent
"""
KEYS = "SELECT id, owner, scope, secret_hash, created, expires, revoked, digest, session, label FROM keys"
AUDIT = "SELECT id, at, actor, act, subject, digest FROM audit"
NOTED = "SELECT turn FROM (SELECT turn FROM turn_steps UNION SELECT turn FROM turn_inputs)"
VERSIONS = "SELECT owner, version, digest FROM memory_versions"
CLUSTERS = "SELECT id, owner, body, digest FROM clusters"
CALIBRATIONS = "SELECT id, owner, at, body, digest FROM calibrations"
SAMPLES = "SELECT at, body, digest FROM samples"

# By rowid: two people may use the same name for a conversation.
TITLES = "SELECT rowid, conversation, owner, title, digest FROM titles"

KINDS = (
    Rows("message", _paged(MESSAGES, "m.hash"), b"", _alone(rows.check_message)),
    Rows("turn", _paged(statements.SELECT_TURNS, "id"), "", _prove_turn),
    Rows("steps of turn", _paged(NOTED, "turn"), "", _prove_inputs),
    Rows("name of conversation, number", _paged(TITLES, "rowid"), -1, _alone(lambda row: decode_title(row[1:]))),
    Rows("key", _paged(KEYS, "id"), "", _alone(rows.decode_key)),
    Rows("audit entry", _paged(AUDIT, "id"), "", _alone(rows.decode_audit)),
    Rows("memory", _paged(statements.SELECT_MEMORIES, "seq"), -1, _prove_memory),
    Rows("vector of memory", _paged(statements.SELECT_VECTORS, "memories.seq"), -1, _prove_vector),
    Rows("memories' version of", _paged(VERSIONS, "owner"), "", _alone(memory_rows.decode_version)),
    Rows("pin of memory", _paged(pins.SELECT_PINS, "memory"), "", pins.prove_pin),
    Rows("document", _paged(statements.SELECT_DOCUMENTS, "id"), "", _alone(memory_rows.decode_document)),
    Rows("feedback", _paged(statements.SELECT_FEEDBACK, "id"), "", _prove_feedback),
    Rows(
        "experience of turn",
        _paged(statements.SELECT_EXPERIENCES, "turn"),
        "",
        _alone(experience_rows.decode_experience),
    ),
    Rows("place of turn", _paged(statements.SELECT_PLACES, "turn"), "", check_place),
    Rows("cluster", _paged(CLUSTERS, "id"), "", _alone(experience_rows.decode_cluster)),
    Rows("unlearned", _paged(unlearned.SELECT_UNLEARNED, "ref"), "", _alone(unlearned.check_unlearned)),
    Rows("calibration", _paged(CALIBRATIONS, "id"), "", _alone(experience_rows.decode_calibration)),
    Rows("theme", _paged(statements.SELECT_THEMES, "id"), "", _alone(night_rows.decode_theme)),
    Rows("the place of lesson", _paged(statements.SELECT_LESSONS, "id"), "", _alone(night_rows.decode_place)),
    Rows(
        "quarantine of lesson", _paged(statements.SELECT_QUARANTINE, "lesson"), "", _alone(night_rows.decode_quarantine)
    ),
    Rows("state of night, number", _paged(statements.SELECT_NIGHTS, "seq"), -1, _alone(night_rows.decode_night)),
    Rows("candidate", _paged(statements.SELECT_CANDIDATES, "id"), "", _prove_candidate),
    Rows("verdict, number", _paged(statements.SELECT_VERDICTS, "seq"), -1, prove_verdict),
    Rows("promotion, number", _paged(statements.SELECT_PROMOTIONS, "seq"), -1, prove_promotion),
    Rows(
        "question of a person's own,", _paged(statements.SELECT_SUITE, "id"), "", _alone(served_rows.decode_suite_item)
    ),
    Rows("sample", _paged(SAMPLES, "at"), float("-inf"), _alone(experience_rows.decode_sample)),
)

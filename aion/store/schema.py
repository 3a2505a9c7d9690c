"""The tables, as an append-only list of numbered migrations; it names them and does not run them.

A migration is never edited or removed once released: a later one corrects it. Each is applied in one transaction
together with its row in `migrations`, so a database is always exactly at one number.

The statements are written for SQLite and Postgres alike. Two differences are left to the Postgres implementation:
BLOB is BYTEA there, and TEXT needs COLLATE "C" so that ids sort by their bytes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from a schema to the next."""

    number: int
    name: str
    statements: tuple[str, ...]


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1,
        "turns",
        (
            """CREATE TABLE migrations (
                number INTEGER PRIMARY KEY,
                name TEXT NOT NULL,
                applied DOUBLE PRECISION NOT NULL
            )""",
            # Like git: a message names its parent, so a history that is sent again is not stored again.
            """CREATE TABLE messages (
                hash BLOB PRIMARY KEY,
                parent BLOB REFERENCES messages (hash),
                owner TEXT NOT NULL,
                likeness BLOB NOT NULL,
                body TEXT NOT NULL
            )""",
            "CREATE INDEX messages_by_likeness ON messages (likeness)",
            """CREATE TABLE turns (
                id TEXT PRIMARY KEY,
                owner TEXT NOT NULL,
                conversation TEXT NOT NULL,
                kind TEXT NOT NULL,
                started DOUBLE PRECISION NOT NULL,
                prompt BLOB REFERENCES messages (hash),
                params TEXT NOT NULL,
                model TEXT NOT NULL,
                model_hash TEXT NOT NULL,
                adapters TEXT NOT NULL,
                prompt_tokens BIGINT NOT NULL,
                completion_tokens BIGINT NOT NULL,
                cached_tokens BIGINT NOT NULL,
                timings TEXT NOT NULL,
                outcome TEXT NOT NULL,
                error TEXT,
                digest BLOB NOT NULL
            )""",
            "CREATE INDEX turns_by_owner ON turns (owner, id)",
            "CREATE INDEX turns_by_conversation ON turns (owner, conversation, id, started)",
            """CREATE TABLE answers (
                turn TEXT NOT NULL REFERENCES turns (id),
                position INTEGER NOT NULL,
                message BLOB NOT NULL REFERENCES messages (hash),
                finish TEXT NOT NULL,
                logprobs TEXT,
                PRIMARY KEY (turn, position)
            )""",
            "CREATE INDEX answers_by_message ON answers (message, turn)",
            """CREATE TABLE keys (
                id TEXT PRIMARY KEY,
                owner TEXT NOT NULL,
                scope TEXT NOT NULL,
                secret_hash TEXT NOT NULL UNIQUE,
                created DOUBLE PRECISION NOT NULL,
                expires DOUBLE PRECISION,
                revoked DOUBLE PRECISION,
                digest BLOB NOT NULL
            )""",
            """CREATE TABLE audit (
                id TEXT PRIMARY KEY,
                at DOUBLE PRECISION NOT NULL,
                actor TEXT NOT NULL,
                act TEXT NOT NULL,
                subject TEXT NOT NULL,
                digest BLOB NOT NULL
            )""",
            "CREATE INDEX audit_by_time ON audit (at, id)",
        ),
    ),
)

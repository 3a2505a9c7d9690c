"""The tables, as an append-only list of numbered migrations; it names them and does not run them.

A migration is never edited or removed once released: a later one corrects it. Each is applied in one transaction
together with its row in `migrations`, so a database is always exactly at one number.

The statements are written for SQLite and Postgres alike. Four differences are left to the Postgres implementation:
BLOB is BYTEA there; TEXT needs COLLATE "C" so that ids sort by their bytes; a number that is never given twice is
INTEGER PRIMARY KEY AUTOINCREMENT here and an identity column there; and full text is FTS5 here (migration `words`).
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
    Migration(
        2,
        "steps",
        (
            # What each step of the path found for a turn; a turn without any has no row.
            """CREATE TABLE turn_steps (
                turn TEXT PRIMARY KEY REFERENCES turns (id),
                steps TEXT NOT NULL,
                digest BLOB NOT NULL
            )""",
            # Derived from the steps: the memories that an answer had been shown, or the turn it was a copy of.
            """CREATE TABLE turn_inputs (
                turn TEXT NOT NULL REFERENCES turns (id),
                ref TEXT NOT NULL,
                PRIMARY KEY (turn, ref)
            )""",
            "CREATE INDEX turn_inputs_by_ref ON turn_inputs (ref, turn)",
            "CREATE INDEX messages_by_parent ON messages (parent)",  # forgetting asks who still needs a message
            "CREATE INDEX turns_by_prompt ON turns (prompt)",
        ),
    ),
    Migration(
        3,
        "memories",
        (
            """CREATE TABLE memories (
                seq INTEGER PRIMARY KEY AUTOINCREMENT,
                id TEXT NOT NULL UNIQUE,
                owner TEXT NOT NULL,
                kind TEXT NOT NULL,
                text TEXT NOT NULL,
                entities TEXT NOT NULL,
                created DOUBLE PRECISION NOT NULL,
                updated DOUBLE PRECISION NOT NULL,
                document TEXT NOT NULL,
                place TEXT NOT NULL,
                terms TEXT NOT NULL,
                embedder TEXT NOT NULL,
                digest BLOB NOT NULL
            )""",
            "CREATE INDEX memories_by_owner ON memories (owner, seq)",
            "CREATE INDEX memories_by_document ON memories (owner, document, seq)",
            "CREATE INDEX memories_by_embedder ON memories (embedder, owner, seq)",
            """CREATE TABLE memory_sources (
                seq INTEGER NOT NULL REFERENCES memories (seq),
                position INTEGER NOT NULL,
                ref TEXT NOT NULL,
                origin TEXT NOT NULL,
                trust TEXT NOT NULL,
                hash TEXT NOT NULL,
                at DOUBLE PRECISION NOT NULL,
                conversation TEXT NOT NULL,
                text TEXT NOT NULL,
                PRIMARY KEY (seq, position)
            )""",
            "CREATE INDEX memory_sources_by_ref ON memory_sources (ref, seq)",
            "CREATE INDEX memory_sources_by_conversation ON memory_sources (conversation, seq)",
            """CREATE TABLE memory_vectors (
                seq INTEGER PRIMARY KEY REFERENCES memories (seq),
                vector BLOB NOT NULL,
                digest BLOB NOT NULL
            )""",
            """CREATE TABLE memory_versions (
                owner TEXT PRIMARY KEY,
                version BIGINT NOT NULL,
                digest BLOB NOT NULL
            )""",
            """CREATE TABLE documents (
                id TEXT PRIMARY KEY,
                owner TEXT NOT NULL,
                title TEXT NOT NULL,
                origin TEXT NOT NULL,
                trust TEXT NOT NULL,
                hash TEXT NOT NULL,
                created DOUBLE PRECISION NOT NULL,
                updated DOUBLE PRECISION NOT NULL,
                count BIGINT NOT NULL,
                vector TEXT NOT NULL,
                digest BLOB NOT NULL
            )""",
            "CREATE INDEX documents_by_owner ON documents (owner, updated, id)",
        ),
    ),
    Migration(
        4,
        "words",
        (
            # Holds no text: a row is taken out by naming its terms again, which `memories` keeps for that.
            "CREATE VIRTUAL TABLE memory_words USING fts5(terms, content='', tokenize='ascii')",
            # Without it a removed term stays in the file until its segment happens to be merged.
            "INSERT INTO memory_words (memory_words, rank) VALUES ('secure-delete', 1)",
            "CREATE VIRTUAL TABLE memory_frequencies USING fts5vocab('memory_words', 'row')",
            "CREATE VIRTUAL TABLE memory_occurrences USING fts5vocab('memory_words', 'instance')",
        ),
    ),
    Migration(
        5,
        "experience",
        (
            """CREATE TABLE feedback (
                id TEXT PRIMARY KEY,
                owner TEXT NOT NULL,
                turn TEXT NOT NULL REFERENCES turns (id),
                kind TEXT NOT NULL,
                at DOUBLE PRECISION NOT NULL,
                key TEXT NOT NULL,
                body TEXT NOT NULL,
                digest BLOB NOT NULL,
                UNIQUE (owner, key)
            )""",
            "CREATE INDEX feedback_by_turn ON feedback (turn, at)",
            """CREATE TABLE experiences (
                turn TEXT PRIMARY KEY REFERENCES turns (id),
                owner TEXT NOT NULL,
                at DOUBLE PRECISION NOT NULL,
                updated DOUBLE PRECISION NOT NULL,
                label TEXT NOT NULL,
                theme TEXT NOT NULL,
                priority DOUBLE PRECISION NOT NULL,
                confidence DOUBLE PRECISION,
                explicit DOUBLE PRECISION,
                body TEXT NOT NULL,
                digest BLOB NOT NULL
            )""",
            "CREATE INDEX experiences_by_time ON experiences (owner, at, turn)",
            "CREATE INDEX experiences_by_moment ON experiences (at, turn)",
            "CREATE INDEX experiences_by_priority ON experiences (owner, priority, turn)",
            "CREATE INDEX experiences_by_confidence ON experiences (owner, confidence, turn)",
            "CREATE INDEX experiences_by_theme ON experiences (owner, theme)",
            """CREATE TABLE clusters (
                id TEXT PRIMARY KEY,
                owner TEXT NOT NULL,
                body TEXT NOT NULL,
                digest BLOB NOT NULL
            )""",
            "CREATE INDEX clusters_by_owner ON clusters (owner, id)",
            """CREATE TABLE calibrations (
                id TEXT PRIMARY KEY,
                owner TEXT NOT NULL,
                at DOUBLE PRECISION NOT NULL,
                body TEXT NOT NULL,
                digest BLOB NOT NULL
            )""",
            "CREATE INDEX calibrations_by_owner ON calibrations (owner, at, id)",
            """CREATE TABLE samples (
                at DOUBLE PRECISION PRIMARY KEY,
                body TEXT NOT NULL,
                digest BLOB NOT NULL
            )""",
        ),
    ),
    Migration(
        6,
        "votes",
        (
            # Derived from the later vote: the one before it stays in `feedback` and is no longer read.
            """CREATE TABLE superseded (
                feedback TEXT PRIMARY KEY REFERENCES feedback (id),
                later TEXT NOT NULL UNIQUE REFERENCES feedback (id)
            )""",
        ),
    ),
    Migration(
        7,
        "unlearned",
        (
            # Turns and feedback of which a memory was forgotten; each goes with its turn.
            """CREATE TABLE unlearned (
                ref TEXT PRIMARY KEY,
                owner TEXT NOT NULL,
                digest BLOB NOT NULL
            )""",
        ),
    ),
    Migration(
        8,
        "places",
        (
            # The vector of a turn's question, and the cluster that it was put into.
            """CREATE TABLE places (
                turn TEXT PRIMARY KEY REFERENCES turns (id),
                cluster TEXT NOT NULL,
                vector BLOB NOT NULL,
                digest BLOB NOT NULL
            )""",
            "CREATE INDEX places_by_cluster ON places (cluster, turn)",
        ),
    ),
    Migration(
        9,
        "nights",
        (
            """CREATE TABLE themes (
                id TEXT PRIMARY KEY,
                owner TEXT NOT NULL,
                body TEXT NOT NULL,
                digest BLOB NOT NULL
            )""",
            "CREATE INDEX themes_by_owner ON themes (owner, id)",
            # Where a lesson belongs. A night places it once; a person may move it, and `moved` says so.
            """CREATE TABLE lessons (
                id TEXT PRIMARY KEY,
                owner TEXT NOT NULL,
                theme TEXT NOT NULL REFERENCES themes (id),
                moved INTEGER NOT NULL,
                at DOUBLE PRECISION NOT NULL,
                digest BLOB NOT NULL
            )""",
            "CREATE INDEX lessons_by_theme ON lessons (owner, theme, id)",
            """CREATE TABLE lesson_sources (
                lesson TEXT NOT NULL REFERENCES lessons (id),
                ref TEXT NOT NULL,
                PRIMARY KEY (lesson, ref)
            )""",
            "CREATE INDEX lesson_sources_by_ref ON lesson_sources (ref, lesson)",
            """CREATE TABLE nights (
                seq INTEGER PRIMARY KEY AUTOINCREMENT,
                id TEXT NOT NULL,
                owner TEXT NOT NULL,
                body TEXT NOT NULL,
                digest BLOB NOT NULL
            )""",
            "CREATE INDEX nights_by_id ON nights (id, seq)",
            "CREATE INDEX nights_by_owner ON nights (owner, id, seq)",
            """CREATE TABLE candidates (
                id TEXT PRIMARY KEY,
                owner TEXT NOT NULL,
                theme TEXT NOT NULL REFERENCES themes (id),
                night TEXT NOT NULL,
                base TEXT NOT NULL,
                created DOUBLE PRECISION NOT NULL,
                body TEXT NOT NULL,
                digest BLOB NOT NULL
            )""",
            "CREATE INDEX candidates_by_owner ON candidates (owner, created, id)",
            "CREATE INDEX candidates_by_night ON candidates (night, id)",
            # The ledger: within one night no two candidates learn the same lesson.
            """CREATE TABLE candidate_lessons (
                night TEXT NOT NULL,
                lesson TEXT NOT NULL,
                candidate TEXT NOT NULL REFERENCES candidates (id),
                PRIMARY KEY (night, lesson)
            )""",
            "CREATE INDEX candidate_lessons_by_candidate ON candidate_lessons (candidate, lesson)",
            """CREATE TABLE candidate_sources (
                candidate TEXT NOT NULL REFERENCES candidates (id),
                ref TEXT NOT NULL,
                PRIMARY KEY (candidate, ref)
            )""",
            "CREATE INDEX candidate_sources_by_ref ON candidate_sources (ref, candidate)",
        ),
    ),
    Migration(
        10,
        "quarantine",
        (
            # Lessons that a training could not get past, until a person lets them go; each goes with its place.
            """CREATE TABLE quarantine (
                lesson TEXT PRIMARY KEY REFERENCES lessons (id),
                owner TEXT NOT NULL,
                body TEXT NOT NULL,
                digest BLOB NOT NULL
            )""",
            "CREATE INDEX quarantine_by_owner ON quarantine (owner, lesson)",
        ),
    ),
    Migration(
        11,
        "served",
        (
            """CREATE TABLE verdicts (
                seq INTEGER PRIMARY KEY AUTOINCREMENT,
                id TEXT NOT NULL UNIQUE,
                owner TEXT NOT NULL,
                candidate TEXT NOT NULL REFERENCES candidates (id),
                night TEXT NOT NULL,
                body TEXT NOT NULL,
                digest BLOB NOT NULL
            )""",
            "CREATE INDEX verdicts_by_candidate ON verdicts (candidate, seq)",
            "CREATE INDEX verdicts_by_owner ON verdicts (owner, seq)",
            # A person's rows are one chain: no two follow the same one.
            """CREATE TABLE promotions (
                seq INTEGER PRIMARY KEY AUTOINCREMENT,
                id TEXT NOT NULL UNIQUE,
                owner TEXT NOT NULL,
                follows TEXT NOT NULL,
                body TEXT NOT NULL,
                digest BLOB NOT NULL,
                UNIQUE (owner, follows)
            )""",
            "CREATE INDEX promotions_by_owner ON promotions (owner, seq)",
            """CREATE TABLE suite (
                id TEXT PRIMARY KEY,
                owner TEXT NOT NULL,
                at DOUBLE PRECISION NOT NULL,
                body TEXT NOT NULL,
                digest BLOB NOT NULL
            )""",
            "CREATE INDEX suite_by_owner ON suite (owner, at, id)",
        ),
    ),
    Migration(
        12,
        "sessions",
        (
            # A browser that signed in holds a key like any other; these two tell it from one that a person made.
            "ALTER TABLE keys ADD COLUMN session INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE keys ADD COLUMN label TEXT NOT NULL DEFAULT ''",
        ),
    ),
    Migration(
        13,
        "titles",
        (
            # What somebody calls a conversation; without a row, it is called by its first words.
            """CREATE TABLE titles (
                conversation TEXT NOT NULL,
                owner TEXT NOT NULL,
                title TEXT NOT NULL,
                digest BLOB NOT NULL,
                PRIMARY KEY (conversation, owner)
            )""",
        ),
    ),
    Migration(
        14,
        "kinds",
        (
            # A few notes among a million passages are listed without reading the passages.
            "CREATE INDEX memories_by_kind ON memories (owner, kind, seq)",
        ),
    ),
    Migration(
        15,
        "pins",
        (
            # By a memory's id, which outlives its versions; each goes when its memory is forgotten.
            """CREATE TABLE pins (
                memory TEXT PRIMARY KEY,
                owner TEXT NOT NULL,
                at DOUBLE PRECISION NOT NULL,
                digest BLOB NOT NULL
            )""",
            "CREATE INDEX pins_by_owner ON pins (owner, at, memory)",
        ),
    ),
    Migration(
        16,
        "attempts",
        (
            # What was refused may be learned once more in the same night: each attempt has a ledger of its own.
            """CREATE TABLE candidate_lessons_by_attempt (
                night TEXT NOT NULL,
                lesson TEXT NOT NULL,
                attempt INTEGER NOT NULL,
                candidate TEXT NOT NULL REFERENCES candidates (id),
                PRIMARY KEY (night, lesson, attempt)
            )""",
            """INSERT INTO candidate_lessons_by_attempt (night, lesson, attempt, candidate)
                SELECT night, lesson, 0, candidate FROM candidate_lessons""",
            "DROP TABLE candidate_lessons",
            "ALTER TABLE candidate_lessons_by_attempt RENAME TO candidate_lessons",
            "CREATE INDEX candidate_lessons_by_candidate ON candidate_lessons (candidate, lesson)",
        ),
    ),
)

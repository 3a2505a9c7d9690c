"""The statements of the store, shared by every database that speaks `?` placeholders or can be given them."""

from __future__ import annotations

TURN_COLUMNS = (
    "id, owner, conversation, kind, started, prompt, params, model, model_hash, adapters, "
    "prompt_tokens, completion_tokens, cached_tokens, timings, outcome, error, digest"
)

INSERT_MESSAGE = (
    "INSERT INTO messages (hash, parent, owner, likeness, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING"
)
INSERT_TURN = (
    f"INSERT INTO turns ({TURN_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608  # constants
    "ON CONFLICT (id) DO NOTHING RETURNING 1"
)
INSERT_ANSWER = "INSERT INTO answers (turn, position, message, finish, logprobs) VALUES (?, ?, ?, ?, ?)"

SELECT_TURNS = f"SELECT {TURN_COLUMNS} FROM turns"  # noqa: S608  # constants
SELECT_ANSWERS = (
    "SELECT answers.turn, position, message, finish, logprobs, hash, owner, parent, body "
    "FROM answers JOIN messages ON messages.hash = answers.message WHERE answers.turn = ? ORDER BY position"
)
SELECT_HISTORY = """
    WITH RECURSIVE history (depth, hash, parent, owner, body) AS (
        SELECT 0, hash, parent, owner, body FROM messages WHERE hash = ?
        UNION ALL
        SELECT depth + 1, messages.hash, messages.parent, messages.owner, messages.body
        FROM messages JOIN history ON messages.hash = history.parent
    )
    SELECT hash, owner, parent, body FROM history ORDER BY depth DESC
"""
# The newest turn with that answer; the inner query reads one entry of an index per row of the outer.
SELECT_CONTINUED = """
    SELECT conversation FROM turns WHERE id = (
        SELECT MAX(latest) FROM (
            SELECT (SELECT MAX(turn) FROM answers WHERE message = messages.hash) AS latest
            FROM messages WHERE likeness = ?
        ) AS candidates
    )
"""

INSERT_STEPS = "INSERT INTO turn_steps (turn, steps, digest) VALUES (?, ?, ?)"
INSERT_INPUT = "INSERT INTO turn_inputs (turn, ref) VALUES (?, ?)"
SELECT_STEPS = "SELECT turn, steps, digest FROM turn_steps WHERE turn = ?"

INSERT_KEY = (
    "INSERT INTO keys (id, owner, scope, secret_hash, created, expires, revoked, digest, session, label) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1"
)
REVOKE_KEY = "UPDATE keys SET revoked = ? WHERE id = ? AND revoked IS NULL RETURNING 1"
SELECT_KEYS = (
    "SELECT id, owner, scope, secret_hash, created, expires, revoked, digest, session, label FROM keys "
    "ORDER BY created, id"
)

INSERT_AUDIT = (
    "INSERT INTO audit (id, at, actor, act, subject, digest) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO NOTHING RETURNING 1"
)
SELECT_AUDIT = "SELECT id, at, actor, act, subject, digest FROM audit"
BEFORE_AUDIT = "(at, id) < (SELECT at, id FROM audit WHERE id = ?)"

MEMORY_COLUMNS = (
    "seq, id, owner, kind, text, entities, created, updated, document, place, terms, embedder, digest"  # in this order
)
INSERT_MEMORY = f"INSERT INTO memories ({MEMORY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  # constants
SELECT_MEMORIES = f"SELECT {MEMORY_COLUMNS} FROM memories"  # noqa: S608  # constants
INSERT_SOURCE = (
    "INSERT INTO memory_sources (seq, position, ref, origin, trust, hash, at, conversation, text) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
SELECT_SOURCES = (
    "SELECT position, ref, origin, trust, hash, at, conversation, text "
    "FROM memory_sources WHERE seq = ? ORDER BY position"
)
INSERT_VECTOR = "INSERT INTO memory_vectors (seq, vector, digest) VALUES (?, ?, ?)"
SELECT_VECTORS = (
    "SELECT memories.seq, updated, embedder, vector, memory_vectors.digest "
    "FROM memories JOIN memory_vectors ON memory_vectors.seq = memories.seq"
)
PUT_VERSION = (
    "INSERT INTO memory_versions (owner, version, digest) VALUES (?, ?, ?) "
    "ON CONFLICT (owner) DO UPDATE SET version = excluded.version, digest = excluded.digest"
)
SELECT_VERSION = "SELECT owner, version, digest FROM memory_versions WHERE owner = ?"

DOCUMENT_COLUMNS = "id, owner, title, origin, trust, hash, created, updated, count, vector, digest"
PUT_DOCUMENT = (
    f"INSERT INTO documents ({DOCUMENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608  # constants
    "ON CONFLICT (id) DO UPDATE SET title = excluded.title, origin = excluded.origin, trust = excluded.trust, "
    "hash = excluded.hash, created = excluded.created, updated = excluded.updated, count = excluded.count, "
    "vector = excluded.vector, digest = excluded.digest WHERE documents.owner = excluded.owner RETURNING 1"
)
SELECT_DOCUMENTS = f"SELECT {DOCUMENT_COLUMNS} FROM documents"  # noqa: S608  # constants

FEEDBACK_COLUMNS = "id, owner, turn, kind, at, key, body, digest"
INSERT_FEEDBACK = (
    f"INSERT INTO feedback ({FEEDBACK_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608  # constants
    "ON CONFLICT (id) DO NOTHING RETURNING 1"
)
SELECT_FEEDBACK = f"SELECT {FEEDBACK_COLUMNS} FROM feedback"  # noqa: S608  # constants
IS_CURRENT = "NOT EXISTS (SELECT 1 FROM superseded WHERE superseded.feedback = feedback.id)"
SELECT_VOTES = f"{SELECT_FEEDBACK} WHERE turn = ? AND owner = ? AND kind = ? AND {IS_CURRENT} ORDER BY id"
SUPERSEDE = "INSERT INTO superseded (feedback, later) VALUES (?, ?)"

EXPERIENCE_COLUMNS = "turn, owner, at, updated, label, theme, priority, confidence, explicit, body, digest"
PUT_EXPERIENCE = (
    f"INSERT INTO experiences ({EXPERIENCE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608  # constants
    "ON CONFLICT (turn) DO UPDATE SET at = excluded.at, updated = excluded.updated, label = excluded.label, "
    "theme = excluded.theme, priority = excluded.priority, confidence = excluded.confidence, "
    "explicit = excluded.explicit, body = excluded.body, digest = excluded.digest"
)
SELECT_EXPERIENCES = f"SELECT {EXPERIENCE_COLUMNS} FROM experiences"  # noqa: S608  # constants
COUNT_EXPERIENCES = "SELECT COUNT(*) FROM (SELECT 1 FROM experiences"
# Feedback counts from the moment it is recorded; `explicit` follows when the experience is made again.
UNJUDGED = (
    "explicit IS NULL AND NOT EXISTS "
    "(SELECT 1 FROM feedback WHERE feedback.turn = experiences.turn AND feedback.kind <> 'event')"
)
UNOBSERVED = """
    SELECT turns.id FROM turns LEFT JOIN experiences ON experiences.turn = turns.id
    WHERE experiences.turn IS NULL
       OR EXISTS (SELECT 1 FROM feedback WHERE feedback.turn = turns.id AND feedback.at > experiences.updated)
    ORDER BY turns.id LIMIT ?
"""

PUT_CLUSTER = (
    "INSERT INTO clusters (id, owner, body, digest) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
    "SET body = excluded.body, digest = excluded.digest WHERE clusters.owner = excluded.owner RETURNING 1"
)
SELECT_CLUSTER = "SELECT id, owner, body, digest FROM clusters WHERE owner = ? AND id = ?"
SELECT_CLUSTERS = "SELECT id, owner, body, digest FROM clusters WHERE owner = ? ORDER BY id"
PLACE_COLUMNS = "turn, cluster, vector, digest"
INSERT_PLACE = f"INSERT INTO places ({PLACE_COLUMNS}) VALUES (?, ?, ?, ?)"  # noqa: S608  # constants
SELECT_PLACES = f"SELECT {PLACE_COLUMNS} FROM places"  # noqa: S608  # constants
SELECT_PLACES_IN = f"{SELECT_PLACES} WHERE cluster = ? ORDER BY turn"
SELECT_CLUSTER_OF = (
    "SELECT clusters.id, owner, body, clusters.digest FROM clusters JOIN places ON places.cluster = clusters.id "
    "WHERE turn = ?"
)
SELECT_CLUSTERS_OF = "SELECT theme FROM experiences WHERE turn = ? UNION SELECT cluster FROM places WHERE turn = ?"
INSERT_CALIBRATION = (
    "INSERT INTO calibrations (id, owner, at, body, digest) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO NOTHING RETURNING 1"
)
SELECT_CALIBRATION = (
    "SELECT id, owner, at, body, digest FROM calibrations WHERE owner = ? ORDER BY at DESC, id DESC LIMIT 1"
)
PUT_SAMPLE = (
    "INSERT INTO samples (at, body, digest) VALUES (?, ?, ?) "
    "ON CONFLICT (at) DO UPDATE SET body = excluded.body, digest = excluded.digest"
)
SELECT_SAMPLES = "SELECT at, body, digest FROM samples WHERE at >= ? AND at < ? ORDER BY at LIMIT ?"
DROP_SAMPLES = "DELETE FROM samples WHERE at < ?"

PUT_THEME = (
    "INSERT INTO themes (id, owner, body, digest) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
    "SET body = excluded.body, digest = excluded.digest WHERE themes.owner = excluded.owner RETURNING 1"
)
SELECT_THEMES = "SELECT id, owner, body, digest FROM themes"

PUT_LESSON = (
    "INSERT INTO lessons (id, owner, theme, moved, at, digest) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
    "SET theme = excluded.theme, moved = excluded.moved, at = excluded.at, digest = excluded.digest"
)
SELECT_LESSONS = "SELECT id, owner, theme, moved, at, digest FROM lessons"
SELECT_LESSON_SOURCES = (
    "SELECT ref FROM lesson_sources JOIN lessons ON lessons.id = lesson WHERE lesson = ? AND owner = ?"
)
INSERT_LESSON_SOURCE = "INSERT INTO lesson_sources (lesson, ref) VALUES (?, ?) ON CONFLICT DO NOTHING"

INSERT_NIGHT = "INSERT INTO nights (id, owner, body, digest) VALUES (?, ?, ?, ?)"
SELECT_NIGHTS = "SELECT seq, id, owner, body, digest FROM nights"
SELECT_NEWEST_NIGHTS = f"{SELECT_NIGHTS} WHERE seq IN (SELECT MAX(seq) FROM nights GROUP BY id)"  # noqa: S608  # constants

PUT_QUARANTINE = (
    "INSERT INTO quarantine (lesson, owner, body, digest) VALUES (?, ?, ?, ?) ON CONFLICT (lesson) DO NOTHING"
)
SELECT_QUARANTINE = "SELECT lesson, owner, body, digest FROM quarantine"

SELECT_CANDIDATES = "SELECT id, owner, theme, night, base, created, body, digest FROM candidates"
INSERT_CANDIDATE = (
    "INSERT INTO candidates (id, owner, theme, night, base, created, body, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_LEARNED = (
    "INSERT INTO candidate_lessons (night, lesson, attempt, candidate) VALUES (?, ?, ?, ?) "
    "ON CONFLICT DO NOTHING RETURNING 1"
)
INSERT_LEARNED_FROM = "INSERT INTO candidate_sources (candidate, ref) VALUES (?, ?)"
# Turns in which a memory of this source was shown.
SELECT_SHOWN = """
    SELECT DISTINCT turn_inputs.turn FROM memory_sources
    JOIN memories ON memories.seq = memory_sources.seq
    JOIN turn_inputs ON turn_inputs.ref = memories.id
    JOIN turns ON turns.id = turn_inputs.turn AND turns.owner = memories.owner
    WHERE memory_sources.ref = ? AND memories.owner = ?
"""
# This turn and those that followed it in its conversation.
SELECT_AFTER = """
    SELECT later.id FROM turns AS later JOIN turns AS shown
        ON later.owner = shown.owner AND later.conversation = shown.conversation AND later.id >= shown.id
    WHERE shown.id = ?
"""
SELECT_LEARNED = "SELECT DISTINCT lesson, candidate FROM candidate_lessons JOIN candidates ON candidates.id = candidate"
SELECT_LEARNED_FROM = (
    "SELECT DISTINCT candidate FROM candidate_sources JOIN candidates ON candidates.id = candidate "
    "WHERE owner = ? AND ref = ?"
)

INSERT_VERDICT = "INSERT INTO verdicts (id, owner, candidate, night, body, digest) VALUES (?, ?, ?, ?, ?, ?)"
SELECT_VERDICTS = "SELECT seq, id, owner, candidate, night, body, digest FROM verdicts"
SELECT_NEWEST_VERDICTS = (
    f"{SELECT_VERDICTS} WHERE seq IN (SELECT MAX(seq) FROM verdicts WHERE owner = ? GROUP BY candidate)"  # noqa: S608  # constants
)
INSERT_PROMOTION = "INSERT INTO promotions (id, owner, follows, body, digest) VALUES (?, ?, ?, ?, ?)"
SELECT_PROMOTIONS = "SELECT seq, id, owner, follows, body, digest FROM promotions"
SELECT_SERVING = f"{SELECT_PROMOTIONS} WHERE seq IN (SELECT MAX(seq) FROM promotions GROUP BY owner) ORDER BY owner"  # noqa: S608  # constants
PUT_SUITE_ITEM = (
    "INSERT INTO suite (id, owner, at, body, digest) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
    "at = excluded.at, body = excluded.body, digest = excluded.digest WHERE suite.owner = excluded.owner RETURNING 1"
)
SELECT_SUITE = "SELECT id, owner, at, body, digest FROM suite"

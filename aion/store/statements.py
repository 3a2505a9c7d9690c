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
SELECT_CONVERSATIONS = "SELECT owner, conversation, MIN(started), MAX(started) AS updated, COUNT(*), MIN(id) FROM turns"
# The newest turn with that answer; the inner query reads one entry of an index per row of the outer.
SELECT_CONTINUED = """
    SELECT conversation FROM turns WHERE id = (
        SELECT MAX(latest) FROM (
            SELECT (SELECT MAX(turn) FROM answers WHERE message = messages.hash) AS latest
            FROM messages WHERE likeness = ?
        ) AS candidates
    )
"""

INSERT_KEY = (
    "INSERT INTO keys (id, owner, scope, secret_hash, created, expires, revoked, digest) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1"
)
REVOKE_KEY = "UPDATE keys SET revoked = ? WHERE id = ? AND revoked IS NULL RETURNING 1"
SELECT_KEYS = "SELECT id, owner, scope, secret_hash, created, expires, revoked, digest FROM keys ORDER BY created, id"

INSERT_AUDIT = (
    "INSERT INTO audit (id, at, actor, act, subject, digest) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO NOTHING RETURNING 1"
)
SELECT_AUDIT = "SELECT id, at, actor, act, subject, digest FROM audit ORDER BY at DESC, id DESC LIMIT ?"

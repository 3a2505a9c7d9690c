"""Conversations as a person sees them: listed by last use, called by a name of their own, found by what was said.

A conversation is what its turns say it is; only the name that somebody gave it is kept beside them. Searching reads the
messages themselves, the newest first, until enough is found: there is no second copy of what was said to forget.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import apsw

from aion.records import Conversation, Found, Json
from aion.store import rows
from aion.store.database import fetch, where
from aion.store.night_rows import checked, proven
from aion.store.rows import Row
from aion.store.turns import load_title, words_of

SNIPPET = 60  # characters on each side of what was looked for
SELECT = "SELECT owner, conversation, MIN(started), MAX(started) AS updated, COUNT(*), MIN(id) FROM turns"
SELECT_TITLES = "SELECT conversation, owner, title, digest FROM titles"
PUT_TITLE = "INSERT OR REPLACE INTO titles (conversation, owner, title, digest) VALUES (?, ?, ?, ?)"
DROP_TITLE = "DELETE FROM titles WHERE owner = ? AND conversation = ?"
SAID = "SELECT hash, owner, parent, body FROM messages WHERE owner = ? AND {} ORDER BY rowid DESC"
# The turn that asked it, or that answered it.
TURN = """
    SELECT conversation, id FROM turns WHERE prompt = ?1
    UNION SELECT conversation, id FROM turns JOIN answers ON answers.turn = turns.id WHERE message = ?1
    ORDER BY id DESC LIMIT 1
"""


def list_conversations(
    connection: apsw.Connection, owner: str | None, *, before: float | None, limit: int
) -> list[Conversation]:
    clause, given = where({"owner = ?": owner})
    having, bound = where({"MAX(started) < ?": before}, "HAVING")
    sql = f"{SELECT} {clause} GROUP BY owner, conversation {having} ORDER BY updated DESC, MIN(id) DESC LIMIT ?"
    return [_load(connection, row) for row in fetch(connection, sql, (*given, *bound, max(limit, 0)))]


def find_conversation(connection: apsw.Connection, conversation: str, owner: str) -> Conversation | None:
    sql = f"{SELECT} WHERE owner = ? AND conversation = ? GROUP BY owner, conversation"
    found = fetch(connection, sql, (owner, conversation))
    return _load(connection, found[0]) if found else None


def find_said(connection: apsw.Connection, owner: str, words: str, *, limit: int) -> list[Found]:
    """Conversations with a message that holds every word, whatever its case; the newest such message of each."""
    found: dict[str, Found] = {}
    for hash_, text, at in _matches(connection, owner, words):
        if len(found) >= limit:
            break
        for conversation, turn in fetch(connection, TURN, (hash_,)):
            if conversation not in found:
                whole = find_conversation(connection, conversation, owner)
                found |= {conversation: Found(whole, turn, _around(text, at))} if whole else {}
    return list(found.values())


def put_title(connection: apsw.Connection, conversation: str, owner: str, title: str) -> bool:
    """Call it so, or by its first words when `title` is empty. Whether there is such a conversation."""
    connection.execute(DROP_TITLE, (owner, conversation))
    of_it = "SELECT 1 FROM turns WHERE owner = ? AND conversation = ? LIMIT 1"
    known = bool(fetch(connection, of_it, (owner, conversation)))
    if known and title:
        connection.execute(PUT_TITLE, encode_title(conversation, owner, title))
    return known


def encode_title(conversation: str, owner: str, title: str) -> Row:
    rows.check_text(conversation, owner, title)
    return proven(conversation, owner, title)


def decode_title(row: Row) -> str:
    title: str = checked(row, f"the name of conversation {row[0]}")[-1]
    return title


def _load(connection: apsw.Connection, row: Row) -> Conversation:
    owner, id_, started, updated, turns, first = row
    named = fetch(connection, f"{SELECT_TITLES} WHERE conversation = ? AND owner = ?", (id_, owner))
    title = decode_title(named[0]) if named else load_title(connection, first)
    return Conversation(id=id_, owner=owner, started=started, updated=updated, turns=turns, title=title)


def _matches(connection: apsw.Connection, owner: str, words: str) -> Iterator[tuple[bytes, str, int]]:
    """Message, its text, and where in it the first word stands. The database leaves out most; the text decides."""
    wanted = [word.casefold() for word in words.split()]
    if not wanted:
        return
    clause = " AND ".join(["body LIKE ?"] * len(wanted))
    # SQLite knows the case of ASCII letters alone, and JSON may write a sign as several.
    likely = ["%" + re.sub(r"[^a-z0-9]", "%", word) + "%" for word in wanted]
    for row in connection.execute(SAID.format(clause), (owner, *likely)):
        message: Json = rows.open_message(row)
        text = words_of(message)
        folded = text.casefold()
        if message.get("role") != "system" and all(word in folded for word in wanted):
            yield row[0], text, folded.index(wanted[0])


def _around(text: str, at: int) -> str:
    start, end = max(0, at - SNIPPET), at + SNIPPET
    shown = " ".join(text[start:end].split())
    return f"{'…' if start else ''}{shown}{'…' if end < len(text) else ''}"

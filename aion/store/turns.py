"""Reads turns back out of their rows, proving each on the way; it writes nothing."""

from __future__ import annotations

import apsw

from aion.records import Json, Turn
from aion.store import rows, statements
from aion.store.database import fetch
from aion.store.rows import Row

TITLE_LENGTH = 80


def load_turn(connection: apsw.Connection, row: Row) -> Turn:
    found = fetch(connection, statements.SELECT_ANSWERS, (row[0],))
    said = [rows.open_message(answer[5:]) for answer in found]
    noted = fetch(connection, statements.SELECT_STEPS, (row[0],))
    steps = rows.decode_steps(noted[0]) if noted else {}
    return rows.decode_turn(row, _load_history(connection, row[5]), [answer[:5] for answer in found], said, steps)


def _load_history(connection: apsw.Connection, tip: bytes | None) -> list[Json]:
    if tip is None:
        return []
    return [rows.open_message(node) for node in fetch(connection, statements.SELECT_HISTORY, (tip,))]


def load_title(connection: apsw.Connection, turn_id: str) -> str:
    """The first words of the first question."""
    tip = fetch(connection, "SELECT prompt FROM turns WHERE id = ?", (turn_id,))[0][0]
    texts = (words_of(message) for message in _load_history(connection, tip) if message.get("role") == "user")
    title = " ".join(next((text for text in texts if text.strip()), "").split())
    return title if len(title) <= TITLE_LENGTH else title[: TITLE_LENGTH - 1].rstrip() + "…"


def words_of(message: Json) -> str:
    """What a message says, whether its content is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))

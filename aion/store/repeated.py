"""Finds turns elsewhere whose client sent a forgotten answer again as part of a history of its own; it removes nothing.

An answer is known again by its text, whatever stood before it or beside it. What a conversation's own turns answered
is no repetition, even in the same words.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import apsw

from aion.store.database import fetch

ANSWERS = "SELECT body FROM answers JOIN messages ON messages.hash = answers.message WHERE answers.turn = ?"
REPEATING = """
    WITH RECURSIVE repeated (hash) AS (
        SELECT hash FROM messages WHERE owner = :owner AND json_extract(body, '$.role') = 'assistant'
            AND json_extract(body, '$.content') IN (SELECT value FROM json_each(:texts))
    ), below (first, hash) AS (
        SELECT hash, hash FROM repeated
        UNION
        SELECT first, messages.hash FROM messages JOIN below ON messages.parent = below.hash
    )
    SELECT DISTINCT turns.id FROM below JOIN turns ON turns.prompt = below.hash
    WHERE NOT EXISTS (
        SELECT 1 FROM answers JOIN turns AS own ON own.id = answers.turn
        WHERE answers.message = below.first AND own.conversation = turns.conversation
    )
"""


def answers_of(connection: apsw.Connection, turns: Iterable[str]) -> set[str]:
    """What these turns answered, as texts."""
    said = [json.loads(body).get("content") for turn in turns for (body,) in fetch(connection, ANSWERS, (turn,))]
    return {text for text in said if isinstance(text, str) and text.strip()}


def find_repeating(connection: apsw.Connection, texts: Iterable[str], owner: str) -> Sequence[str]:
    """The owner's turns that had been sent one of these as an answer given before."""
    given = {"texts": json.dumps(list(texts)), "owner": owner}
    return [turn for (turn,) in connection.execute(REPEATING, given)] if given["texts"] != "[]" else []

"""Turns and feedback from which nothing is remembered any more, because what had been remembered was forgotten.

What is derived from them may be made again at any time: after a stop, or by work that had waited since before. A person
who says the same once more says it in a new turn, and is listened to.
"""

from __future__ import annotations

from collections.abc import Iterable

import apsw

from aion.records import Memory
from aion.store.rows import Row, damaged, digest

SELECT_UNLEARNED = "SELECT ref, owner, digest FROM unlearned"
INSERT = """
    INSERT INTO unlearned (ref, owner, digest)
    SELECT :ref, :owner, :digest
    WHERE EXISTS (SELECT 1 FROM turns WHERE id = :ref AND owner = :owner)
       OR EXISTS (SELECT 1 FROM feedback WHERE id = :ref AND owner = :owner)
    ON CONFLICT (ref) DO NOTHING
"""
DELETE = "DELETE FROM unlearned WHERE ref = :turn OR ref IN (SELECT id FROM feedback WHERE turn = :turn)"
STANDS = """
    SELECT NOT EXISTS (SELECT 1 FROM unlearned WHERE ref = :ref) AND (
        EXISTS (SELECT 1 FROM turns WHERE id = :ref AND owner = :owner)
        OR EXISTS (SELECT 1 FROM feedback WHERE id = :ref AND owner = :owner)
    )
"""


def note_unlearned(connection: apsw.Connection, memories: Iterable[Memory], owner: str) -> None:
    """Of memories that are forgotten: the turns and feedback they came from."""
    for ref in {source.ref for memory in memories for source in memory.sources}:
        connection.execute(INSERT, {"ref": ref, "owner": owner, "digest": digest((ref, owner))})


def drop_unlearned(connection: apsw.Connection, turn: str) -> None:
    """With the turn itself, before its feedback goes."""
    connection.execute(DELETE, {"turn": turn})


def stands(connection: apsw.Connection, ref: str, owner: str) -> bool:
    """Whether the turn or feedback is there, and may be learned from."""
    return bool(connection.execute(STANDS, {"ref": ref, "owner": owner}).fetchall()[0][0])


def check_unlearned(row: Row) -> None:
    if digest(row[:-1]) != row[-1]:
        raise damaged(f"that nothing is learned from {row[0]}")

"""Which memories a person pinned, inside a transaction of the caller. A pin names a memory by its id, not by a version.

So it stays when the memory is edited, and goes when the memory is forgotten. What a pin means is recall's business.
"""

from __future__ import annotations

import apsw

from aion.errors import Conflict, NotFound
from aion.store.database import fetch, where
from aion.store.forgetting import bump_version
from aion.store.rows import Row, damaged, digest, to_number

SELECT_PINS = "SELECT memory, owner, at, digest FROM pins"
INSERT = "INSERT INTO pins (memory, owner, at, digest) VALUES (?, ?, ?, ?)"


def pin_memory(connection: apsw.Connection, memory_id: str, *, owner: str, at: float, most: int) -> None:
    """One that is pinned already stays as it is."""
    if not fetch(connection, "SELECT 1 FROM memories WHERE id = ? AND owner = ?", (memory_id, owner)):
        raise NotFound(f"no memory {memory_id[:64]!r} of yours; GET /api/memory lists them")
    pinned = pins_of(connection, owner)
    if memory_id in pinned:
        return
    if len(pinned) >= most:
        raise Conflict(f"{most} memories are pinned, which is the most; unpin one first", code="too_many_pinned")
    row = (memory_id, owner, to_number(at))
    connection.execute(INSERT, (*row, digest(row)))
    bump_version(connection, owner, 1)  # answers that were kept for next time were given without it


def unpin_memory(connection: apsw.Connection, memory_id: str, *, owner: str) -> None:
    if not fetch(connection, "DELETE FROM pins WHERE memory = ? AND owner = ? RETURNING 1", (memory_id, owner)):
        raise NotFound(f"no pinned memory {memory_id[:64]!r} of yours; GET /api/memory?pinned=true lists them")
    bump_version(connection, owner, 1)


def pins_of(connection: apsw.Connection, owner: str | None) -> list[str]:
    """Ids of memories, the oldest pin first."""
    clause, given = where({"owner = ?": owner})
    found = fetch(connection, f"{SELECT_PINS} {clause} ORDER BY at, memory", given)
    return [memory for memory, _, _, _ in found]


def prove_pin(connection: apsw.Connection, row: Row) -> None:
    """It is what was written, and its memory is there."""
    found = fetch(connection, "SELECT owner FROM memories WHERE id = ?", row[:1])
    if digest(row[:-1]) != row[-1] or found != [(row[1],)]:
        raise damaged(f"the pin of memory {row[0]}")

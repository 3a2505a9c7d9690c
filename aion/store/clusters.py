"""Clusters in SQLite: where the questions of turns lie, and each cluster's centre as the mean of the questions in it.

Which cluster a question belongs to is decided elsewhere. A question's vector is kept with its place, so that the centre
can be made again from those that stay when one is forgotten.
"""

from __future__ import annotations

import dataclasses
import math
import struct
from collections.abc import Iterable, Sequence

import apsw

from aion.errors import Conflict, NotFound
from aion.records import Cluster
from aion.store import experience_rows, statements
from aion.store.database import fetch
from aion.store.rows import Row, damaged, digest

NAMED_BY = 2  # entities of a question, of which its cluster takes its name


def put_cluster(connection: apsw.Connection, cluster: Cluster, turn: str | None) -> Cluster:
    if turn is not None and (known := _cluster_of(connection, turn)) is not None:
        return known
    if not fetch(connection, statements.PUT_CLUSTER, experience_rows.encode_cluster(cluster)):
        raise Conflict(f"cluster {cluster.id!r} is somebody else's; give each cluster its own id")
    if turn is not None:
        connection.execute(statements.INSERT_PLACE, _encode_place(turn, cluster.id, cluster.vector))
    return cluster


def join_cluster(
    connection: apsw.Connection, cluster_id: str, turn: str, *, owner: str, vector: Sequence[float], at: float
) -> Cluster:
    if (known := _cluster_of(connection, turn)) is not None:
        return known
    found = fetch(connection, statements.SELECT_CLUSTER, (owner, cluster_id))
    if not found:
        raise NotFound(f"there is no cluster {cluster_id!r}; it may have been forgotten")
    cluster = experience_rows.decode_cluster(found[0])
    total = [there * cluster.count + new for there, new in zip(cluster.vector, vector, strict=True)]
    moved = dataclasses.replace(cluster, count=cluster.count + 1, vector=_unit(total), updated=at)
    connection.execute(statements.PUT_CLUSTER, experience_rows.encode_cluster(moved))
    connection.execute(statements.INSERT_PLACE, _encode_place(turn, cluster_id, vector))
    return moved


def clusters_of(connection: apsw.Connection, turn: str) -> set[str]:
    """Those that the turn's question lies in, or is said to."""
    return {theme for (theme,) in fetch(connection, statements.SELECT_CLUSTERS_OF, (turn, turn)) if theme}


def leave_cluster(connection: apsw.Connection, cluster_id: str, owner: str) -> None:
    """After questions of it were forgotten: made again from those that stay, or gone with its last."""
    found = fetch(connection, statements.SELECT_CLUSTER, (owner, cluster_id))
    of_it = f"{statements.SELECT_EXPERIENCES} WHERE theme = ? AND owner = ? ORDER BY at, turn"
    stay = fetch(connection, of_it, (cluster_id, owner))
    places = [_decode_place(row) for row in fetch(connection, statements.SELECT_PLACES_IN, (cluster_id,))]
    if not found or not (stay or places):
        connection.execute("DELETE FROM clusters WHERE id = ? AND owner = ?", (cluster_id, owner))
        return
    cluster = dataclasses.replace(
        experience_rows.decode_cluster(found[0]),
        name=_name_of(stay[0]) if stay else "",
        count=len(places) or len(stay),
        vector=_unit(map(math.fsum, zip(*places, strict=True))),  # none where no vector is known: nothing joins it then
    )
    connection.execute(statements.PUT_CLUSTER, experience_rows.encode_cluster(cluster))


def check_place(connection: apsw.Connection, row: Row) -> None:
    """Prove (turn, cluster, vector, digest), and that the cluster is there."""
    _decode_place(row)
    if not fetch(connection, "SELECT 1 FROM clusters WHERE id = ?", row[1:2]):
        raise damaged(f"where turn {row[0]} lies")


def _cluster_of(connection: apsw.Connection, turn: str) -> Cluster | None:
    """The one that the turn's question was put into."""
    found = fetch(connection, statements.SELECT_CLUSTER_OF, (turn,))
    return experience_rows.decode_cluster(found[0]) if found else None


def _name_of(row: Row) -> str:
    """A cluster's name may be words of a question that went: it is named by its first that stays."""
    first = experience_rows.decode_experience(row)
    return ", ".join(entity.text for entity in first.entities[:NAMED_BY])


def _unit(values: Iterable[float]) -> tuple[float, ...]:
    vector = tuple(values)
    length = max(math.hypot(*vector), 1e-12)
    return tuple(value / length for value in vector)


def _encode_place(turn: str, cluster_id: str, vector: Sequence[float]) -> Row:
    row = (turn, cluster_id, struct.pack(f"<{len(vector)}f", *vector))
    return (*row, digest(row))


def _decode_place(row: Row) -> tuple[float, ...]:
    turn, _, vector, proof = row
    if digest(row[:-1]) != proof:
        raise damaged(f"where turn {turn} lies")
    return struct.unpack(f"<{len(vector) // 4}f", vector)

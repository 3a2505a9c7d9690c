"""Feedback and experience in SQLite: `aion.store.base.Experiences`. How to write and to read is given to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import apsw

from aion.errors import Conflict, NotFound
from aion.records import Calibration, Cluster, Experience, Feedback, Label, Turn
from aion.store import clusters, experience_rows, statements
from aion.store.base import Order
from aion.store.database import fetch, where
from aion.store.turns import load_turn

Write = Callable[[Callable[[apsw.Connection], Any]], Future[Any]]
Reading = Callable[[], AbstractContextManager[apsw.Connection]]

ORDERS: dict[Order, str] = {  # "ask" is read from both sides of tau
    "latest": "at DESC",
    "top": "priority DESC",
    "uncertain": "confidence",
}
FALLING: dict[Order, str] = {"latest": "at", "top": "priority", "uncertain": "-confidence"}  # from row to row
SIDES = {"confidence >= ?": "confidence", "confidence < ?": "confidence DESC"}


class SqliteExperiences:
    """Implements `Experiences`."""

    def __init__(self, write: Write, reading: Reading) -> None:
        self._write = write
        self._reading = reading

    def add_feedback(self, feedback: Feedback) -> Future[Feedback]:
        def job(connection: apsw.Connection) -> Feedback:
            _require_turn(connection, feedback.turn, feedback.owner)
            experience_rows.encode_feedback(feedback)  # what cannot be kept is refused, whatever its key
            sql = f"{statements.SELECT_FEEDBACK} WHERE owner = ? AND key = ?"
            for found in fetch(connection, sql, (feedback.owner, feedback.key)):
                before = experience_rows.decode_feedback(found)
                if experience_rows.same_feedback(before, feedback):
                    return before
                raise Conflict(f"key {feedback.key!r} was used for other feedback; give each its own key")
            before_it = _vote_before(connection, feedback)
            row = experience_rows.encode_feedback(replace(feedback, supersedes=before_it))
            if not fetch(connection, statements.INSERT_FEEDBACK, row):
                raise Conflict(f"feedback {feedback.id!r} is already recorded; give each its own id")
            if before_it:
                connection.execute(statements.SUPERSEDE, (before_it, feedback.id))
            return experience_rows.decode_feedback(row)

        return self._write(job)

    def feedback(
        self, *, owner: str | None, turn: str | None = None, after: str | None = None, limit: int = 1000
    ) -> list[Feedback]:
        current = f"{statements.IS_CURRENT} AND ?"
        clause, given = where({"owner = ?": owner, "turn = ?": turn, "id > ?": after, current: True})
        with self._reading() as connection:
            sql = f"{statements.SELECT_FEEDBACK} {clause} ORDER BY id LIMIT ?"
            return [experience_rows.decode_feedback(row) for row in fetch(connection, sql, (*given, max(limit, 0)))]

    def put_experience(self, experience: Experience) -> Future[None]:
        def job(connection: apsw.Connection) -> None:
            _require_turn(connection, experience.turn, experience.owner)
            connection.execute(statements.PUT_EXPERIENCE, experience_rows.encode_experience(experience))

        return self._write(job)

    def experience(self, turn: str, *, owner: str | None) -> Experience | None:
        found = self._select({"turn = ?": turn, "owner = ?": owner}, "LIMIT 1")
        return found[0] if found else None

    def experiences(
        self,
        *,
        owner: str | None,
        order: Order = "latest",
        tau: float = 0.62,
        label: Label | None = None,
        theme: str | None = None,
        since: float | None = None,
        until: float | None = None,
        unjudged: bool = False,
        after: str | None = None,
        limit: int = 100,
    ) -> list[Experience]:
        mark = None if after is None else self.experience(after, owner=owner)
        if after is not None and mark is None:
            return []
        conditions = {
            **_chosen(owner, order, label, unjudged=unjudged),
            "theme = ?": theme,
            "at >= ?": since,
            "at < ?": until,
        }
        if order == "ask":
            return self._nearest(conditions, tau, mark, max(limit, 0))
        conditions |= _behind(FALLING[order], _value(mark, order), mark)
        return self._select(conditions, f"ORDER BY {ORDERS[order]}, turn DESC LIMIT ?", max(limit, 0))

    def count_experiences(
        self,
        *,
        owner: str | None,
        order: Order = "latest",
        label: Label | None = None,
        unjudged: bool = False,
        most: int,
    ) -> int:
        clause, given = where(_chosen(owner, order, label, unjudged=unjudged))
        with self._reading() as connection:
            sql = f"{statements.COUNT_EXPERIENCES} {clause} LIMIT ?)"
            return int(fetch(connection, sql, (*given, max(most, 0)))[0][0])

    def unobserved(self, *, limit: int = 100) -> list[Turn]:
        with self._reading() as connection:
            ids = fetch(connection, statements.UNOBSERVED, (max(limit, 0),))
            sql = f"{statements.SELECT_TURNS} WHERE id = ?"
            return [load_turn(connection, row) for id_ in ids for row in fetch(connection, sql, id_)]

    def put_cluster(self, cluster: Cluster, *, turn: str | None = None) -> Future[Cluster]:
        def job(connection: apsw.Connection) -> Cluster:
            if turn is not None:
                _require_turn(connection, turn, cluster.owner)
            return clusters.put_cluster(connection, cluster, turn)

        return self._write(job)

    def join_cluster(
        self, cluster_id: str, turn: str, *, owner: str, vector: Sequence[float], at: float
    ) -> Future[Cluster]:
        def job(connection: apsw.Connection) -> Cluster:
            _require_turn(connection, turn, owner)
            return clusters.join_cluster(connection, cluster_id, turn, owner=owner, vector=vector, at=at)

        return self._write(job)

    def clusters(self, *, owner: str) -> list[Cluster]:
        with self._reading() as connection:
            found = fetch(connection, statements.SELECT_CLUSTERS, (owner,))
            return [experience_rows.decode_cluster(row) for row in found]

    def add_calibration(self, calibration: Calibration) -> Future[None]:
        def job(connection: apsw.Connection) -> None:
            if not fetch(connection, statements.INSERT_CALIBRATION, experience_rows.encode_calibration(calibration)):
                raise Conflict(f"calibration {calibration.id!r} is already recorded; give each its own id")

        return self._write(job)

    def calibration(self, *, owner: str) -> Calibration | None:
        with self._reading() as connection:
            found = fetch(connection, statements.SELECT_CALIBRATION, (owner,))
            return experience_rows.decode_calibration(found[0]) if found else None

    def append_sample(self, at: float, values: Mapping[str, float]) -> Future[None]:
        def job(connection: apsw.Connection) -> None:
            connection.execute(statements.PUT_SAMPLE, experience_rows.encode_sample(at, values))

        return self._write(job)

    def samples(self, *, since: float, until: float, limit: int = 100_000) -> list[tuple[float, Mapping[str, float]]]:
        with self._reading() as connection:
            found = fetch(connection, statements.SELECT_SAMPLES, (since, until, max(limit, 0)))
            return [experience_rows.decode_sample(row) for row in found]

    def drop_samples(self, *, until: float) -> Future[int]:
        def job(connection: apsw.Connection) -> int:
            connection.execute(statements.DROP_SAMPLES, (until,))
            return connection.changes()

        return self._write(job)

    def _nearest(
        self, conditions: Mapping[str, Any], tau: float, mark: Experience | None, limit: int
    ) -> list[Experience]:
        """Those nearest to tau, looked for upwards and downwards from it: however many there are, few are read."""
        behind = _behind("-ABS(confidence - ?)", _nearness(mark, tau), mark, tau)
        found = [
            one
            for side, order in SIDES.items()
            for one in self._select({**conditions, side: tau, **behind}, f"ORDER BY {order}, turn DESC LIMIT ?", limit)
        ]
        return sorted(found, key=lambda one: (_nearness(one, tau), one.turn), reverse=True)[:limit]

    def _select(self, conditions: Mapping[str, Any], tail: str, *given: object) -> list[Experience]:
        clause, values = where(conditions)
        with self._reading() as connection:
            found = fetch(connection, f"{statements.SELECT_EXPERIENCES} {clause} {tail}", (*values, *given))
            return [experience_rows.decode_experience(row) for row in found]


def _chosen(owner: str | None, order: Order, label: Label | None, *, unjudged: bool) -> dict[str, Any]:
    """What a listing is about; who has said it already need not be asked."""
    return {
        "owner = ?": owner,
        "label = ?": None if label is None else str(label),
        "confidence IS NOT NULL AND ?": order in ("ask", "uncertain") or None,
        f"{statements.UNJUDGED} AND ?": unjudged or order == "ask" or None,
    }


def _behind(falling: str, value: float | None, mark: Experience | None, *given: float) -> dict[str, Any]:
    """The condition of what comes after the mark, when there is one, where `falling` falls from row to row."""
    return {f"({falling}, turn) < (?, ?)": None if mark is None else (*given, value, mark.turn)}


def _value(mark: Experience | None, order: Order) -> float | None:
    if mark is None or order == "uncertain":
        return None if mark is None or mark.confidence is None else -mark.confidence
    return mark.at if order == "latest" else mark.priority


def _nearness(one: Experience | None, tau: float) -> float | None:
    return None if one is None or one.confidence is None else -abs(one.confidence - tau)


def _vote_before(connection: apsw.Connection, feedback: Feedback) -> str:
    """The vote of the same kind on the same answer that counted until now; "" for none."""
    if not feedback.kind.is_vote:
        return ""
    found = fetch(connection, statements.SELECT_VOTES, (feedback.turn, feedback.owner, str(feedback.kind)))
    votes = [experience_rows.decode_feedback(row) for row in found]
    return next((vote.id for vote in reversed(votes) if vote.choice == feedback.choice), "")


def _require_turn(connection: apsw.Connection, turn: str, owner: str) -> None:
    if not fetch(connection, "SELECT 1 FROM turns WHERE id = ? AND owner = ?", (turn, owner)):
        raise NotFound(f"there is no turn {turn!r}; it may have been forgotten")

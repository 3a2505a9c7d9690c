"""Verdicts and what is served in SQLite: `aion.store.served.Served`. How to write and to read is given to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import apsw

from aion.errors import Conflict, NotFound
from aion.records import Candidate, Move, Promotion, SuiteItem, Verdict, new_id
from aion.store import night_rows, served_rows, statements
from aion.store.database import fetch, where
from aion.store.nights import Reading, Write
from aion.store.rows import Row, damaged

ABOUT = ("owner", "theme", "night", "base", "adapter")  # in which a verdict is as its candidate


class SqliteServed:
    """Implements `Served`."""

    def __init__(self, write: Write, erase: Write, reading: Reading) -> None:
        self._write = write
        self._erase = erase
        self._reading = reading

    def add_verdict(self, verdict: Verdict) -> Future[Verdict]:
        def job(connection: apsw.Connection) -> Verdict:
            row = served_rows.encode_verdict(verdict)
            told = served_rows.decode_verdict((0, *row))
            for known in _verdicts(connection, {"id = ?": verdict.id}):
                if known == told:
                    return known
                raise Conflict(f"verdict {verdict.id!r} is already recorded; give each its own id")
            candidate = _own_candidate(connection, verdict.candidate, verdict.owner)
            if other := _differing(verdict, candidate):
                raise Conflict(
                    f"verdict {verdict.id!r} is about another {' and '.join(other)} than candidate {candidate.id!r} "
                    "has; examine that one",
                    code="other_candidate",
                )
            _refuse_retired(candidate)
            connection.execute(statements.INSERT_VERDICT, row)
            return told

        return self._write(job)

    def verdict(self, candidate: str, *, owner: str | None) -> Verdict | None:
        with self._reading() as connection:
            found = _verdicts(connection, {"candidate = ?": candidate, "owner = ?": owner}, limit=1)
        return found[0] if found else None

    def verdicts(self, *, owner: str | None, night: str | None = None, limit: int = 100) -> list[Verdict]:
        with self._reading() as connection:
            return _verdicts(connection, {"owner = ?": owner, "night = ?": night}, limit=max(limit, 0))

    def append_promotion(self, promotion: Promotion) -> Future[Promotion]:
        def job(connection: apsw.Connection) -> Promotion:
            row = served_rows.encode_promotion(promotion)
            told = served_rows.decode_promotion((0, *row))
            for known in _promotions(connection, {"id = ?": promotion.id}):
                if known == told:
                    return known
                raise Conflict(f"promotion {promotion.id!r} is already recorded; give each its own id")
            _check_follows(connection, promotion)
            for served in (promotion.adapters, promotion.trial):
                _check_served(connection, served, promotion.owner)
            connection.execute(statements.INSERT_PROMOTION, row)
            return told

        return self._write(job)

    def promotion(self, *, owner: str) -> Promotion | None:
        found = self.promotions(owner=owner, limit=1)
        return found[0] if found else None

    def promotions(self, *, owner: str | None, limit: int = 100) -> list[Promotion]:
        with self._reading() as connection:
            return _promotions(connection, {"owner = ?": owner}, limit=max(limit, 0))

    def serving(self) -> list[Promotion]:
        with self._reading() as connection:
            return _serving(connection)

    def retire(self, candidates: Sequence[str], *, reason: str, actor: str, at: float) -> Future[list[Promotion]]:
        def job(connection: apsw.Connection) -> list[Promotion]:
            for id_ in dict.fromkeys(candidates):
                _mark_retired(connection, id_)
            less = [_without(one, candidates) for one in _serving(connection) if _serves(one, candidates)]
            told = [dataclasses.replace(one, reason=reason, actor=actor, at=at) for one in less]
            connection.executemany(statements.INSERT_PROMOTION, [served_rows.encode_promotion(one) for one in told])
            return told

        return self._write(job)

    def put_suite_item(self, item: SuiteItem) -> Future[SuiteItem]:
        def job(connection: apsw.Connection) -> SuiteItem:
            row = served_rows.encode_suite_item(item)
            if not fetch(connection, statements.PUT_SUITE_ITEM, row):
                raise Conflict(f"question {item.id!r} is somebody else's; give each its own id")
            return served_rows.decode_suite_item(row)

        return self._write(job)

    def remove_suite_item(self, item: str, *, owner: str) -> Future[bool]:
        sql = "DELETE FROM suite WHERE id = ? AND owner = ? RETURNING 1"
        return self._erase(lambda connection: bool(fetch(connection, sql, (item, owner))))

    def suite(self, *, owner: str) -> list[SuiteItem]:
        with self._reading() as connection:
            rows = fetch(connection, f"{statements.SELECT_SUITE} WHERE owner = ? ORDER BY at, id", (owner,))
        return [served_rows.decode_suite_item(row) for row in rows]


def prove_verdict(connection: apsw.Connection, row: Row) -> None:
    """It is about its candidate as that is."""
    verdict = served_rows.decode_verdict(row)
    if any(_differing(verdict, one) for one in _candidates(connection, verdict.candidate)):
        raise damaged(f"what verdict {verdict.id} is about")


def prove_promotion(connection: apsw.Connection, row: Row) -> None:
    """It follows the row before it, and what it names was examined and passed; the newest names none that is retired.

    A later verdict may refuse what an earlier one let through: the row that was appended between them is sound.
    """
    promotion = served_rows.decode_promotion(row)
    before = "SELECT id FROM promotions WHERE owner = ? AND seq < ? ORDER BY seq DESC LIMIT 1"
    found = [id_ for (id_,) in fetch(connection, before, (promotion.owner, row[0]))]
    [(last,)] = fetch(connection, "SELECT MAX(seq) FROM promotions WHERE owner = ?", (promotion.owner,))
    named = {*promotion.adapters, *promotion.trial}
    sound = all(_was_let_through(connection, id_, promotion.owner) for id_ in named)
    retired = row[0] == last and any(one.retired for id_ in named for one in _candidates(connection, id_))
    if (found or [""]) != [promotion.follows] or not sound or retired:
        raise damaged(f"what promotion {promotion.id} serves")


def _was_let_through(connection: apsw.Connection, id_: str, owner: str) -> bool:
    verdicts = _verdicts(connection, {"candidate = ?": id_, "owner = ?": owner})
    return any(
        one.ship and one.adapter == candidate.adapter for candidate in _candidates(connection, id_) for one in verdicts
    )


def _check_follows(connection: apsw.Connection, promotion: Promotion) -> None:
    """Whoever decided knew what is served now."""
    newest = [one.id for one in _promotions(connection, {"owner = ?": promotion.owner}, limit=1)]
    if (newest or [""]) != [promotion.follows]:
        raise Conflict(
            f"promotion {promotion.id!r} follows {promotion.follows!r}, but the newest of {promotion.owner!r} is "
            f"{(newest or [''])[0]!r}; read that one and decide again",
            code="served_changed",
        )


def _check_served(connection: apsw.Connection, ids: Sequence[str], owner: str) -> None:
    """Whether all of this set may be served together."""
    themes: dict[str, str] = {}
    for id_ in ids:
        candidate = _own_candidate(connection, id_, owner)
        _refuse_retired(candidate)
        _check_verdict(connection, candidate)
        if candidate.theme in themes:
            raise Conflict(
                f"candidates {themes[candidate.theme]!r} and {id_!r} are both of theme {candidate.theme!r}; serve one",
                code="same_theme",
            )
        themes[candidate.theme] = id_


def _check_verdict(connection: apsw.Connection, candidate: Candidate) -> None:
    newest = _verdicts(connection, {"candidate = ?": candidate.id}, limit=1)
    if not newest or newest[0].adapter != candidate.adapter:
        raise Conflict(f"candidate {candidate.id!r} has not been examined; let the gate do that", code="not_evaluated")
    if not newest[0].ship:
        raise Conflict(
            f"candidate {candidate.id!r} was refused by verdict {newest[0].id!r}, which says why; serve another",
            code="refused",
        )


def _refuse_retired(candidate: Candidate) -> None:
    if candidate.retired:
        raise Conflict(f"candidate {candidate.id!r} is retired: it learned what was forgotten", code="retired")


def _differing(verdict: Verdict, candidate: Candidate) -> list[str]:
    other = [name for name in ABOUT if getattr(verdict, name) != getattr(candidate, name)]
    return other if set(verdict.unlearned) <= set(candidate.lessons) else [*other, "lessons"]


def _mark_retired(connection: apsw.Connection, id_: str) -> None:
    """Its row stays as a record; it has learned nothing any more."""
    for candidate in _candidates(connection, id_):
        *_, body, digest = night_rows.encode_candidate(dataclasses.replace(candidate, retired=True))
        connection.execute("UPDATE candidates SET body = ?, digest = ? WHERE id = ?", (body, digest, id_))
        connection.execute("DELETE FROM candidate_lessons WHERE candidate = ?", (id_,))


def _serves(promotion: Promotion, candidates: Sequence[str]) -> bool:
    return not {*promotion.adapters, *promotion.trial}.isdisjoint(candidates)


def _without(promotion: Promotion, candidates: Sequence[str]) -> Promotion:
    """The row that follows this one and serves the rest of it; a trial of a set that is not whole says nothing."""
    less = dataclasses.replace(
        promotion,
        id=new_id("promotion"),
        move=Move.RETIRE,
        night="",
        adapters=tuple(one for one in promotion.adapters if one not in candidates),
        follows=promotion.id,
    )
    broken = not set(promotion.trial).isdisjoint(candidates)
    return dataclasses.replace(less, trial=(), share=0.0) if broken else less


def _own_candidate(connection: apsw.Connection, id_: str, owner: str) -> Candidate:
    for candidate in _candidates(connection, id_):
        if candidate.owner == owner:
            return candidate
    raise NotFound(f"there is no candidate {id_[:64]!r} of theirs; hand it over first")


def _candidates(connection: apsw.Connection, id_: str) -> list[Candidate]:
    """The one of that id."""
    rows = fetch(connection, f"{statements.SELECT_CANDIDATES} WHERE id = ?", (id_,))
    return [night_rows.decode_candidate(row) for row in rows]


def _verdicts(connection: apsw.Connection, conditions: Mapping[str, Any], *, limit: int = -1) -> list[Verdict]:
    """The newest first."""
    return [
        served_rows.decode_verdict(row) for row in _newest(connection, statements.SELECT_VERDICTS, conditions, limit)
    ]


def _promotions(connection: apsw.Connection, conditions: Mapping[str, Any], *, limit: int = -1) -> list[Promotion]:
    """The newest first."""
    rows = _newest(connection, statements.SELECT_PROMOTIONS, conditions, limit)
    return [served_rows.decode_promotion(row) for row in rows]


def _newest(connection: apsw.Connection, select: str, conditions: Mapping[str, Any], limit: int) -> list[Row]:
    clause, given = where(conditions)
    return fetch(connection, f"{select} {clause} ORDER BY seq DESC LIMIT ?", (*given, limit))


def _serving(connection: apsw.Connection) -> list[Promotion]:
    return [served_rows.decode_promotion(row) for row in fetch(connection, statements.SELECT_SERVING)]

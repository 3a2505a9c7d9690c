"""Themes, nights and candidates in SQLite: `aion.store.base.Nights`. How to write and to read is given to it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any

import apsw

from aion.errors import Conflict, NotFound
from aion.records import Candidate, Lesson, Night, Quarantine, Theme, Verdict
from aion.store import night_rows, served_rows, statements
from aion.store.database import fetch, where
from aion.store.derived import find_derived, find_lessons, lessons_of, turns_shown
from aion.store.known import find_known
from aion.store.rows import Row

Write = Callable[[Callable[[apsw.Connection], Any]], Future[Any]]
Reading = Callable[[], AbstractContextManager[apsw.Connection]]
COUNTED = "SELECT theme, COUNT(*) FROM lessons GROUP BY theme"
IS_THERE = """
    SELECT EXISTS (SELECT 1 FROM turns WHERE id = ?1 AND owner = ?2)
        OR EXISTS (SELECT 1 FROM feedback WHERE id = ?1 AND owner = ?2)
        OR EXISTS (SELECT 1 FROM memories WHERE id = ?1 AND owner = ?2)
        OR EXISTS (SELECT 1 FROM documents WHERE id = ?1 AND owner = ?2)
        OR EXISTS (
            SELECT 1 FROM memory_sources JOIN memories ON memories.seq = memory_sources.seq
            WHERE ref = ?1 AND owner = ?2
        )
"""  # a memory that was taken in may come from what never was here


class SqliteNights:
    """Implements `Nights`."""

    def __init__(self, write: Write, reading: Reading) -> None:
        self._write = write
        self._reading = reading

    def put_theme(self, theme: Theme) -> Future[None]:
        return self._write(lambda connection: _put_theme(connection, theme))

    def theme(self, theme_id: str, *, owner: str | None) -> Theme | None:
        found = self._themes({"id = ?": theme_id, "owner = ?": owner})
        return found[0] if found else None

    def themes(self, *, owner: str | None, merged: bool = False) -> list[Theme]:
        return [theme for theme in self._themes({"owner = ?": owner}) if merged or not theme.merged_into]

    def change_theme(
        self,
        theme_id: str,
        *,
        owner: str,
        at: float,
        name: str | None = None,
        pinned: bool | None = None,
        lessons: Sequence[str] = (),
        merge_into: str | None = None,
    ) -> Future[Theme]:
        def job(connection: apsw.Connection) -> Theme:
            theme = _open_theme(connection, theme_id, owner)
            changed = dataclasses.replace(
                theme,
                name=theme.name if name is None else name,
                named=theme.named or name is not None,
                pinned=theme.pinned if pinned is None else pinned,
            )
            if changed != theme:
                changed = dataclasses.replace(changed, updated=at)
                _put_theme(connection, changed)
            for lesson in lessons:
                _take_lesson(connection, lesson, changed, at=at)
            if merge_into is not None:
                changed = _merge(connection, changed, merge_into, at=at)
            return _counted(connection, changed)

        return self._write(job)

    def place_lessons(self, lessons: Sequence[Lesson], *, at: float, moved: bool = False) -> Future[int]:
        def job(connection: apsw.Connection) -> int:
            for owner, theme in {(lesson.owner, lesson.theme) for lesson in lessons}:
                _open_theme(connection, theme, owner)
            for lesson in lessons if moved else ():
                _unname_left(connection, lesson.id, lesson.owner, lesson.theme, at=at)
            return sum(_place_lesson(connection, lesson, at=at, moved=moved) for lesson in lessons)

        return self._write(job)

    def arrange(
        self, themes: Sequence[Theme], places: Sequence[Lesson], *, owner: str, read: Mapping[str, float], at: float
    ) -> Future[int]:
        def job(connection: apsw.Connection) -> int:
            gone = {one.id for one in places if not _stands(connection, one)}
            shaken = {one.theme for one in places if one.id in gone}
            fresh = [one for one in places if one.id not in gone and not _has_place(connection, one)]
            filled = {one.theme for one in fresh}
            for theme in themes:
                _arrange_theme(
                    connection, theme, read=read.get(theme.id), filled=theme.id in filled, sound=theme.id not in shaken
                )
            homes = [dataclasses.replace(one, theme=_follow(connection, one.theme, owner)) for one in fresh]
            return sum(_place_lesson(connection, one, at=at, moved=False) for one in homes)

        return self._write(job)

    def placed(self, *, owner: str) -> dict[str, str]:
        with self._reading() as connection:
            rows = fetch(connection, f"{statements.SELECT_LESSONS} WHERE owner = ? ORDER BY id", (owner,))
        return dict(night_rows.decode_place(row) for row in rows)

    def quarantine(self, found: Sequence[Quarantine]) -> Future[int]:
        def job(connection: apsw.Connection) -> int:
            placed = "SELECT 1 FROM lessons WHERE id = ? AND owner = ?"
            known = [one for one in found if fetch(connection, placed, (one.lesson, one.owner))]
            connection.executemany(statements.PUT_QUARANTINE, [night_rows.encode_quarantine(one) for one in known])
            return len(known)

        return self._write(job)

    def quarantined(self, *, owner: str | None) -> list[Quarantine]:
        clause, given = where({"owner = ?": owner})
        with self._reading() as connection:
            rows = fetch(connection, f"{statements.SELECT_QUARANTINE} {clause} ORDER BY lesson", given)
        return [night_rows.decode_quarantine(row) for row in rows]

    def release(self, lessons: Sequence[str], *, owner: str) -> Future[list[str]]:
        def job(connection: apsw.Connection) -> list[str]:
            sql = "DELETE FROM quarantine WHERE lesson = ? AND owner = ? RETURNING lesson"
            return [id_ for one in dict.fromkeys(lessons) for (id_,) in fetch(connection, sql, (one, owner))]

        return self._write(job)

    def append_night(self, night: Night) -> Future[None]:
        def job(connection: apsw.Connection) -> None:
            sql = "SELECT 1 FROM nights WHERE id = ? AND owner <> ? LIMIT 1"
            if fetch(connection, sql, (night.id, night.owner)):
                raise Conflict(f"night {night.id!r} is somebody else's; give each night its own id")
            connection.execute(statements.INSERT_NIGHT, night_rows.encode_night(night))

        return self._write(job)

    def night(self, night_id: str, *, owner: str | None) -> Night | None:
        found = self.night_states(night_id, owner=owner)
        return found[-1] if found else None

    def night_states(self, night_id: str, *, owner: str | None) -> list[Night]:
        clause, given = where({"id = ?": night_id, "owner = ?": owner})
        with self._reading() as connection:
            rows = fetch(connection, f"{statements.SELECT_NIGHTS} {clause} ORDER BY seq", given)
        return [night_rows.decode_night(row) for row in rows]

    def nights(self, *, owner: str | None, limit: int = 100) -> list[Night]:
        clause, given = where({"owner = ?": owner}, "AND")
        sql = f"{statements.SELECT_NEWEST_NIGHTS} {clause} ORDER BY id DESC LIMIT ?"  # ids sort by time
        with self._reading() as connection:
            return [night_rows.decode_night(row) for row in fetch(connection, sql, (*given, max(limit, 0)))]

    def add_candidate(self, candidate: Candidate) -> Future[Candidate]:
        def job(connection: apsw.Connection) -> Candidate:
            row = night_rows.encode_candidate(candidate)
            for found in fetch(connection, f"{statements.SELECT_CANDIDATES} WHERE id = ?", (candidate.id,)):
                known = night_rows.decode_candidate(found)
                if dataclasses.replace(known, retired=False) == night_rows.decode_candidate(row):
                    return known
                raise Conflict(f"candidate {candidate.id!r} is already recorded; give each its own id")
            if not _theme(connection, candidate.theme, candidate.owner):
                raise NotFound(f"there is no theme {candidate.theme!r} of theirs; put it first")
            connection.execute(statements.INSERT_CANDIDATE, row)
            _note_lineage(connection, candidate)
            return candidate

        return self._write(job)

    def candidate(self, candidate_id: str, *, owner: str | None) -> Candidate | None:
        found = self._candidates({"id = ?": candidate_id, "owner = ?": owner}, limit=1)
        return found[0] if found else None

    def candidates(
        self, *, owner: str | None, theme: str | None = None, night: str | None = None, limit: int = 100
    ) -> list[Candidate]:
        return self._candidates({"owner = ?": owner, "theme = ?": theme, "night = ?": night}, limit=limit)

    def learned(self, *, owner: str, base: str | None = None) -> set[str]:
        clause, given = where({"owner = ?": owner, "base = ?": base})
        with self._reading() as connection:
            made = _made(connection, owner)
            heads = find_heads(connection, owner, made)
            unlearned = {one.candidate: one.unlearned for one in _newest_verdicts(connection, owner)}
            found = fetch(connection, f"{statements.SELECT_LEARNED} {clause}", given)
        taught: dict[str, set[str]] = {}
        for lesson, candidate in found:
            taught.setdefault(candidate, set()).add(lesson)
        parents = {one.id: one.parent for one in made}
        return {lesson for head in heads for lesson in find_known(_line_of(head, parents), taught, unlearned)}

    def heads(self, *, owner: str) -> set[str]:
        with self._reading() as connection:
            return find_heads(connection, owner, _made(connection, owner))

    def withdraw(self, document: str, *, owner: str) -> Future[None]:
        def job(connection: apsw.Connection) -> None:
            derived = find_derived(connection, turns_shown(connection, document, owner), owner)
            made = find_lessons(connection, [document], owner) | lessons_of(connection, derived, owner)
            drop_lessons(connection, made, owner)

        return self._write(job)

    def sources_of(self, lessons: Sequence[str], *, owner: str) -> dict[str, frozenset[str]]:
        with self._reading() as connection:
            found = {
                one: frozenset(ref for (ref,) in fetch(connection, statements.SELECT_LESSON_SOURCES, (one, owner)))
                for one in dict.fromkeys(lessons)
            }
        return {lesson: refs for lesson, refs in found.items() if refs}

    def candidates_from(self, sources: Sequence[str], *, owner: str) -> list[str]:
        with self._reading() as connection:
            return find_learners(connection, sources, owner)

    def _themes(self, conditions: Mapping[str, Any]) -> list[Theme]:
        clause, given = where(conditions)
        with self._reading() as connection:
            rows = fetch(connection, f"{statements.SELECT_THEMES} {clause} ORDER BY id", given)
            counts: dict[str, int] = dict(fetch(connection, COUNTED))
        themes = [night_rows.decode_theme(row) for row in rows]
        return [dataclasses.replace(theme, lessons=counts.get(theme.id, 0)) for theme in themes]

    def _candidates(self, conditions: Mapping[str, Any], *, limit: int) -> list[Candidate]:
        clause, given = where(conditions)
        sql = f"{statements.SELECT_CANDIDATES} {clause} ORDER BY created DESC, id DESC LIMIT ?"
        with self._reading() as connection:
            return [night_rows.decode_candidate(row) for row in fetch(connection, sql, (*given, max(limit, 0)))]


def _made(connection: apsw.Connection, owner: str) -> list[Candidate]:
    rows = fetch(connection, f"{statements.SELECT_CANDIDATES} WHERE owner = ?", (owner,))
    return [night_rows.decode_candidate(row) for row in rows]


def _newest_verdicts(connection: apsw.Connection, owner: str) -> list[Verdict]:
    return [served_rows.decode_verdict(row) for row in fetch(connection, statements.SELECT_NEWEST_VERDICTS, (owner,))]


def _line_of(head: str, parents: Mapping[str, str]) -> list[str]:
    """It, the one that it went on from, and so on."""
    line: list[str] = []
    while head and head not in line:
        line.append(head)
        head = parents.get(head, "")
    return line


def find_heads(connection: apsw.Connection, owner: str, made: Sequence[Candidate]) -> set[str]:
    """Candidates that are served, or never were and may yet be: neither retired nor refused."""
    fit = {one.id for one in made if not one.retired}
    fit -= {one.candidate for one in _newest_verdicts(connection, owner) if not one.ship}
    rows = fetch(connection, f"{statements.SELECT_PROMOTIONS} WHERE owner = ? ORDER BY seq", (owner,))
    moves = [served_rows.decode_promotion(row) for row in rows]
    ever = {one for row in moves for one in (*row.adapters, *row.trial)}
    now = {*moves[-1].adapters, *moves[-1].trial} if moves else set()
    return fit - (ever - now)


def find_learners(connection: apsw.Connection, sources: Sequence[str], owner: str) -> list[str]:
    """Ids of the candidates that learned from any of these, sorted."""
    refs = dict.fromkeys(sources)
    return sorted({id_ for ref in refs for (id_,) in fetch(connection, statements.SELECT_LEARNED_FROM, (owner, ref))})


def find_learned(connection: apsw.Connection, lessons: Iterable[str]) -> list[str]:
    """Ids of the candidates that learned any of these lessons."""
    of_it = "SELECT candidate FROM candidate_lessons WHERE lesson = ?"
    return sorted({id_ for lesson in lessons for (id_,) in fetch(connection, of_it, (lesson,))})


def drop_lessons(connection: apsw.Connection, lessons: AbstractSet[str], owner: str) -> None:
    """Take away the places of these lessons, and the names that they gave to themes.

    A theme that a person neither named nor pinned goes with its last lesson, unless a candidate was made of it.
    """
    themes = {row[0] for id_ in lessons for row in fetch(connection, "SELECT theme FROM lessons WHERE id = ?", (id_,))}
    for lesson in lessons:
        for table, column in (("quarantine", "lesson"), ("lesson_sources", "lesson"), ("lessons", "id")):
            connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (lesson,))  # noqa: S608  # constants
    for theme_id in themes:
        _unname_theme(connection, theme_id, owner)


def _unname_theme(connection: apsw.Connection, theme_id: str, owner: str) -> None:
    """Its name and vector may come from what goes: the next night makes them anew. So may those of what was merged
    into it, which goes where it goes."""
    [theme] = _theme(connection, theme_id, owner)
    family = [theme, *_signs_to(connection, theme_id, owner)]
    needed = (
        "SELECT EXISTS (SELECT 1 FROM lessons WHERE theme = ?) OR EXISTS (SELECT 1 FROM candidates WHERE theme = ?)"
    )
    stays = theme.named or theme.pinned or any(fetch(connection, needed, (one.id, one.id))[0][0] for one in family)
    for one in family:
        if stays:
            less = dataclasses.replace(_unnamed(one), updated=time.time())  # what was read before is out of date
            connection.execute(statements.PUT_THEME, night_rows.encode_theme(less))
        else:
            connection.execute("DELETE FROM themes WHERE id = ?", (one.id,))


def _signs_to(connection: apsw.Connection, theme_id: str, owner: str) -> list[Theme]:
    """The themes that were merged into this one, and those merged into them before."""
    rows = fetch(connection, f"{statements.SELECT_THEMES} WHERE owner = ?", (owner,))
    themes = [night_rows.decode_theme(row) for row in rows]
    found: list[Theme] = []
    ends = {theme_id}
    while ends:
        found += (merged := [one for one in themes if one.merged_into in ends])
        ends = {one.id for one in merged}
    return found


def _unname_left(connection: apsw.Connection, lesson: str, owner: str, to: str, *, at: float) -> None:
    """The name of the theme that it leaves may be made of its words, which forgetting could then not reach."""
    for row in fetch(connection, f"{statements.SELECT_LESSONS} WHERE id = ? AND owner = ?", (lesson, owner)):
        for theme in _theme(connection, row[2], owner) if row[2] != to else ():
            less = dataclasses.replace(_unnamed(theme), updated=at)
            connection.execute(statements.PUT_THEME, night_rows.encode_theme(less))


def _unnamed(theme: Theme) -> Theme:
    """Without what its lessons gave it."""
    return dataclasses.replace(theme, name=theme.name if theme.named else "", vector=())


def _stands(connection: apsw.Connection, lesson: Lesson) -> bool:
    """Whether all that it was made of is still there, as forgetting any of it takes its place."""
    return all(fetch(connection, IS_THERE, (ref, lesson.owner))[0][0] for ref in lesson.sources)


def _has_place(connection: apsw.Connection, lesson: Lesson) -> bool:
    return bool(fetch(connection, "SELECT 1 FROM lessons WHERE id = ? AND owner = ?", (lesson.id, lesson.owner)))


def _arrange_theme(connection: apsw.Connection, told: Theme, *, read: float | None, filled: bool, sound: bool) -> None:
    """As a night told it; `sound`: none of the lessons that the night put there is gone."""
    known = next(iter(_theme(connection, told.id, told.owner)), None)
    if known is None:
        if not filled:
            return
        theme = told if sound and read is None else _unnamed(told)
    elif known.merged_into or sound != (known.updated == read):
        return  # a person or forgetting was here since; or it has no word of what is gone
    elif sound:
        name = known.name if known.named else told.name
        theme = dataclasses.replace(told, name=name, named=known.named, pinned=known.pinned, created=known.created)
    else:
        theme = _unnamed(known)  # the part of this arrangement before may have told its words
    _put_theme(connection, theme)


def _put_theme(connection: apsw.Connection, theme: Theme) -> None:
    if not fetch(connection, statements.PUT_THEME, night_rows.encode_theme(theme)):
        raise Conflict(f"theme {theme.id!r} is somebody else's; give each theme its own id")


def _follow(connection: apsw.Connection, theme_id: str, owner: str) -> str:
    """Where its mergers lead."""
    found = _theme(connection, theme_id, owner)
    if not found:
        raise NotFound(f"there is no theme {theme_id[:64]!r} of theirs; tell it with its lessons")
    return _follow(connection, found[0].merged_into, owner) if found[0].merged_into else theme_id


def _theme(connection: apsw.Connection, theme_id: str, owner: str) -> list[Theme]:
    rows = fetch(connection, f"{statements.SELECT_THEMES} WHERE id = ? AND owner = ?", (theme_id, owner))
    return [night_rows.decode_theme(row) for row in rows]


def _open_theme(connection: apsw.Connection, theme_id: str, owner: str, param: str = "theme") -> Theme:
    """The theme, if lessons may be put there."""
    found = _theme(connection, theme_id, owner)
    if not found:
        raise NotFound(f"there is no theme {theme_id[:64]!r} of yours; GET /api/themes lists them", param=param)
    if found[0].merged_into:
        raise Conflict(f"theme {theme_id!r} was merged into {found[0].merged_into!r}; name that one")
    return found[0]


def _take_lesson(connection: apsw.Connection, lesson: str, theme: Theme, *, at: float) -> None:
    """Only one that has a place: the others get theirs at night."""
    if not fetch(connection, "SELECT 1 FROM lessons WHERE id = ? AND owner = ?", (lesson, theme.owner)):
        raise NotFound(f"no lesson {lesson!r} of yours has a theme; `aion dataset` lists lessons", param="lessons")
    _unname_left(connection, lesson, theme.owner, theme.id, at=at)
    _place(connection, lesson, theme.owner, theme.id, moved=True, at=at)


def _merge(connection: apsw.Connection, theme: Theme, into: str, *, at: float) -> Theme:
    if theme.id == into:
        raise Conflict(f"theme {into!r} cannot be merged into itself; name another")
    target = _open_theme(connection, into, theme.owner, "merge_into")
    _put_theme(connection, dataclasses.replace(theme, merged_into=into, updated=at, lessons=0))
    for row in fetch(connection, f"{statements.SELECT_LESSONS} WHERE theme = ?", (theme.id,)):
        _place(connection, row[0], theme.owner, into, moved=bool(row[3]), at=at)
    return target


def _counted(connection: apsw.Connection, theme: Theme) -> Theme:
    [(count,)] = fetch(connection, "SELECT COUNT(*) FROM lessons WHERE theme = ?", (theme.id,))
    return dataclasses.replace(theme, lessons=count)


def _place_lesson(connection: apsw.Connection, lesson: Lesson, *, at: float, moved: bool) -> bool:
    """Whether it got this place now."""
    found = fetch(connection, f"{statements.SELECT_LESSONS} WHERE id = ?", (lesson.id,))
    if found and found[0][1] != lesson.owner:
        raise Conflict(f"lesson {lesson.id!r} is somebody else's; a lesson's id is made from its owner")
    if found and not moved:
        return False
    _place(connection, lesson.id, lesson.owner, lesson.theme, moved=moved, at=at)
    connection.executemany(statements.INSERT_LESSON_SOURCE, [(lesson.id, ref) for ref in lesson.sources])
    return True


def _place(connection: apsw.Connection, lesson: str, owner: str, theme: str, *, moved: bool, at: float) -> None:
    connection.execute(statements.PUT_LESSON, night_rows.encode_place(lesson, owner, theme, moved=moved, at=at))


def _note_lineage(connection: apsw.Connection, candidate: Candidate) -> None:
    attempt = _count_refused(connection, candidate)
    for lesson in dict.fromkeys(candidate.lessons):
        if not fetch(connection, statements.INSERT_LEARNED, (candidate.night, lesson, attempt, candidate.id)):
            raise Conflict(
                f"lesson {lesson!r} was learned by another candidate of night {candidate.night!r}; a night uses it "
                "once, and again when that one was refused"
            )
    refs: list[Row] = [(candidate.id, ref) for ref in dict.fromkeys(candidate.sources)]
    connection.executemany(statements.INSERT_LEARNED_FROM, refs)


def _count_refused(connection: apsw.Connection, candidate: Candidate) -> int:
    """Of its night and theme: which attempt it is."""
    refused = {one.candidate for one in _newest_verdicts(connection, candidate.owner) if not one.ship}
    made = _made(connection, candidate.owner)
    return sum((one.night, one.theme) == (candidate.night, candidate.theme) and one.id in refused for one in made)

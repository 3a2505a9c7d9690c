"""Themes, places of lessons, nights and candidates to rows and back; it knows no database.

As in experience_rows, what is searched by has a column, the whole record is JSON, and the digest covers both.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import orjson

from aion.records import Candidate, Json, Night, NightState, Quarantine, Theme
from aion.store.rows import Row, check_text, damaged, digest, to_json, to_number


def encode_theme(theme: Theme) -> Row:
    check_text(theme.id, theme.owner, theme.merged_into)
    return proven(theme.id, theme.owner, to_json(asdict(theme)))


def decode_theme(row: Row) -> Theme:
    body: Json = read_json(checked(row, f"theme {row[0]}")[-1])
    return Theme(**{**body, "vector": tuple(body["vector"])})


def encode_place(lesson: str, owner: str, theme: str, *, moved: bool, at: float) -> Row:
    """Only where a lesson belongs is kept: what it says stands in its sources."""
    check_text(lesson, owner, theme)
    return proven(lesson, owner, theme, int(moved), to_number(at))


def decode_place(row: Row) -> tuple[str, str]:
    """The lesson and its theme."""
    lesson, _owner, theme, _moved, _at = checked(row, f"the place of lesson {row[0]}")
    return lesson, theme


def encode_night(night: Night) -> Row:
    check_text(night.id, night.owner, night.theme, *night.candidates)
    return proven(night.id, night.owner, to_json(asdict(night)))


def decode_night(row: Row) -> Night:
    """Of (seq, id, owner, body, digest)."""
    body: Json = read_json(checked(row[1:], f"a state of night {row[1]}")[-1])
    made = {"state": NightState(body["state"]), "candidates": tuple(body["candidates"])}
    return Night(**{**body, **made})


def encode_quarantine(found: Quarantine) -> Row:
    check_text(found.lesson, found.owner, found.theme, found.night)
    return proven(found.lesson, found.owner, to_json(asdict(found)))


def decode_quarantine(row: Row) -> Quarantine:
    body: Json = read_json(checked(row, f"the quarantine of lesson {row[0]}")[-1])
    return Quarantine(**body)


def encode_candidate(candidate: Candidate) -> Row:
    named = (candidate.id, candidate.owner, candidate.theme, candidate.night, candidate.base)
    check_text(*named, *candidate.lessons, *candidate.sources)
    return proven(*named, to_number(candidate.created), to_json(asdict(candidate)))


def decode_candidate(row: Row) -> Candidate:
    body: Json = read_json(checked(row, f"candidate {row[0]}")[-1])
    return Candidate(**{**body, "lessons": tuple(body["lessons"]), "sources": tuple(body["sources"])})


def proven(*values: object) -> Row:
    """The row with its digest."""
    return (*values, digest(values))


def checked(row: Row, what: str) -> Row:
    """The row without its digest."""
    if digest(row[:-1]) != row[-1]:
        raise damaged(what)
    return row[:-1]


def read_json(text: str) -> Any:
    """orjson refuses half a surrogate pair, which a person's words may hold."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)

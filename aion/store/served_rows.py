"""Verdicts, promotions and questions of people's own to rows and back; it knows no database.

As in night_rows, what is searched by has a column, the whole record is JSON, and the digest covers both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from aion.errors import BadInput
from aion.records import Check, Json, Move, Promotion, SuiteItem, Verdict
from aion.store.night_rows import checked, proven, read_json
from aion.store.rows import Row, check_text, to_json, to_number


def encode_verdict(verdict: Verdict) -> Row:
    named = (verdict.id, verdict.owner, verdict.candidate, verdict.night)
    check_text(*named, verdict.theme, verdict.adapter, verdict.base, verdict.route, verdict.report, *verdict.against)
    check_text(verdict.strategy, verdict.network, *verdict.unlearned)
    _refuse_texts(verdict.scores)
    return proven(*named, to_json(asdict(verdict)))


def decode_verdict(row: Row) -> Verdict:
    """Of (seq, id, owner, candidate, night, body, digest)."""
    body: Json = read_json(checked(row[1:], f"verdict {row[1]}")[-1])
    lists = {name: tuple(body.get(name, ())) for name in ("reasons", "against", "unlearned")}
    return Verdict(**{**body, **lists})


def encode_promotion(promotion: Promotion) -> Row:
    named = (promotion.id, promotion.owner, promotion.follows)
    check_text(*named, promotion.night, *promotion.adapters, *promotion.trial)
    return proven(*named, to_json(asdict(promotion)))


def decode_promotion(row: Row) -> Promotion:
    """Of (seq, id, owner, follows, body, digest)."""
    body: Json = read_json(checked(row[1:], f"promotion {row[1]}")[-1])
    made = {"move": Move(body["move"]), "adapters": tuple(body["adapters"]), "trial": tuple(body["trial"])}
    return Promotion(**{**body, **made})


def encode_suite_item(item: SuiteItem) -> Row:
    check_text(item.id, item.owner)
    return proven(item.id, item.owner, to_number(item.at), to_json(asdict(item)))


def decode_suite_item(row: Row) -> SuiteItem:
    body: Json = read_json(checked(row, f"question {row[0]} of a person's own")[-1])
    return SuiteItem(**{**body, "check": Check(body["check"])})


def _refuse_texts(value: Any, where: str = "scores") -> None:
    """A verdict stays when what was taught is forgotten."""
    if isinstance(value, str):
        raise BadInput(f"{where} holds a text, which could be one that was taught; put texts into the verdict's report")
    if isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_texts(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_texts(item, where)

"""Feedback, experiences, clusters, calibrations and samples to rows and back; it knows no database.

What is searched by has a column; the whole record is JSON in `body`, and the digest covers both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import orjson

from aion.records import (
    Calibration,
    Cluster,
    Entity,
    Experience,
    Feedback,
    FeedbackKind,
    Json,
    Label,
    Reward,
    Signal,
    Trust,
)
from aion.store.rows import Row, check_text, damaged, digest, to_json, to_number

FEEDBACK_COLUMNS = {"id", "owner", "turn", "kind", "at", "key"}


def encode_feedback(feedback: Feedback) -> Row:
    check_text(feedback.id, feedback.owner, feedback.turn, feedback.key)
    body = {name: value for name, value in asdict(feedback).items() if name not in FEEDBACK_COLUMNS}
    row = (feedback.id, feedback.owner, feedback.turn, str(feedback.kind), to_number(feedback.at), feedback.key)
    return _proven(*row, to_json(body))


def decode_feedback(row: Row) -> Feedback:
    id_, owner, turn, kind, at, key, body = _checked(row, f"feedback {row[0]}")
    return Feedback(id=id_, owner=owner, turn=turn, kind=FeedbackKind(kind), at=at, key=key, **_read(body))


def same_feedback(one: Feedback, other: Feedback) -> bool:
    """Whether they say the same, whenever it was, and whatever had been said before."""
    return replace(one, id=other.id, at=other.at, supersedes=other.supersedes) == other


def encode_experience(experience: Experience) -> Row:
    check_text(experience.turn, experience.owner, experience.theme)
    return _proven(
        experience.turn,
        experience.owner,
        to_number(experience.at),
        to_number(experience.updated),
        str(experience.label),
        experience.theme,
        to_number(experience.priority),
        to_number(experience.confidence),
        to_number(experience.reward.explicit),
        to_json(asdict(experience)),
    )


def decode_experience(row: Row) -> Experience:
    body: Json = _read(_checked(row, f"the experience of turn {row[0]}")[-1])
    made = {
        "trust": Trust(body["trust"]),
        "label": Label(body["label"]),
        "reward": Reward(**body["reward"]),
        "signals": tuple(Signal(**signal) for signal in body["signals"]),
        "entities": tuple(Entity(**entity) for entity in body["entities"]),
    }
    return Experience(**{**body, **made})


def encode_cluster(cluster: Cluster) -> Row:
    check_text(cluster.id, cluster.owner)
    return _proven(cluster.id, cluster.owner, to_json(asdict(cluster)))


def decode_cluster(row: Row) -> Cluster:
    body = _read(_checked(row, f"cluster {row[0]}")[-1])
    return Cluster(**{**body, "vector": tuple(body["vector"])})


def encode_calibration(calibration: Calibration) -> Row:
    check_text(calibration.id, calibration.owner)
    at = to_number(calibration.at)
    return _proven(calibration.id, calibration.owner, at, to_json(asdict(calibration)))


def decode_calibration(row: Row) -> Calibration:
    body = _read(_checked(row, f"calibration {row[0]}")[-1])
    return Calibration(**{**body, "points": tuple((x, y) for x, y in body["points"])})


def encode_sample(at: float, values: Mapping[str, float]) -> Row:
    return _proven(to_number(at), to_json(dict(values)))


def decode_sample(row: Row) -> tuple[float, dict[str, float]]:
    at, body = _checked(row, f"the sample of {row[0]}")
    return at, _read(body)


def _proven(*values: object) -> Row:
    return (*values, digest(values))


def _checked(row: Row, what: str) -> Row:
    """The row without its digest."""
    if digest(row[:-1]) != row[-1]:
        raise damaged(what)
    return row[:-1]


def _read(text: str) -> Any:
    """orjson, several times faster, refuses half a surrogate pair, which people's texts may hold."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)

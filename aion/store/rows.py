"""Records to rows and back, with the hashes that let `verify` prove every row; it knows no database.

A message has two hashes over (owner, parent, message). `hash` covers the message exactly as it was sent and is its
identity. `likeness` covers it without keys that are null or empty, because clients drop those when they send an answer
back: it only finds the conversation that a history continues. Objects are stored with their keys sorted.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aion.errors import BadInput, Corrupt
from aion.records import (
    AdapterUse,
    Answer,
    AuditEntry,
    Json,
    Key,
    LogprobSummary,
    Outcome,
    Scope,
    Turn,
    TurnKind,
    Usage,
)

Row = tuple[Any, ...]

NO_PARENT = bytes(32)
_PLAIN = {"ensure_ascii": False, "allow_nan": False, "separators": (",", ":")}


@dataclass(frozen=True, slots=True)
class Node:
    """One message in the tree of one person's histories."""

    hash: bytes
    parent: bytes | None
    owner: str
    likeness: bytes
    body: str


@dataclass(frozen=True, slots=True)
class TurnRows:
    """A turn as rows: the messages it needs, itself, its answers, its steps, and what those name as its inputs."""

    nodes: tuple[Node, ...]
    turn: Row
    answers: tuple[Row, ...]
    steps: Row | None = None
    inputs: tuple[Row, ...] = ()


def to_json(value: Any, *, sort_keys: bool = False) -> str:
    """JSON that decodes to the same value; refuses what JSON cannot say."""
    try:
        text = json.dumps(value, sort_keys=sort_keys, **_PLAIN)  # type: ignore[arg-type]  # the dict is of mixed types
        if not _is_unicode(text):  # half of a surrogate pair is legal in JSON, but only when escaped
            text = json.dumps(value, sort_keys=sort_keys, **{**_PLAIN, "ensure_ascii": True})  # type: ignore[arg-type]
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"the record cannot be written as JSON ({error}); send plain, finite JSON values") from None
    return text


def normalised(value: Any) -> Any:
    """The value without object keys that are null or empty, at any depth."""
    if isinstance(value, dict):
        kept = {key: normalised(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item not in ([], {})}
    if isinstance(value, list | tuple):
        return [normalised(item) for item in value]
    return value


def chain(messages: Iterable[Json], *, owner: str, after: Node | None = None) -> list[Node]:
    """The messages as nodes, each the child of the one before it."""
    nodes: list[Node] = []
    for message in messages:
        after = _node(message, owner, after)
        nodes.append(after)
    return nodes


def likeness_of(messages: Sequence[Json], *, owner: str) -> bytes | None:
    """The likeness of the last assistant message here after all before it; None without one."""
    last = max((place for place, message in enumerate(messages) if message.get("role") == "assistant"), default=None)
    return None if last is None else chain(messages[: last + 1], owner=owner)[-1].likeness


def link(owner: str, parent: bytes | None, body: str) -> bytes:
    """The hash of a message after `parent`; parts of fixed length come first, so no two inputs read alike."""
    return hashlib.sha256(hashlib.sha256(owner.encode()).digest() + (parent or NO_PARENT) + body.encode()).digest()


def digest(*values: object) -> bytes:
    """One hash over the values of a row, and of the rows that belong to it."""
    return hashlib.sha256(to_json(_plain(values)).encode()).digest()


def open_message(row: Row) -> Json:
    """The message of (hash, owner, parent, body), after proving that it is the one that was written."""
    hash_, owner, parent, body = row
    if link(owner, parent, body) != hash_:
        raise damaged("a message")
    message: Json = json.loads(body)
    return message


def check_message(row: Row) -> None:
    """Prove (hash, owner, parent, body, likeness, likeness of the parent)."""
    _, owner, _, body, likeness, above = row
    if link(owner, above, _like(open_message(row[:4]), body)) != likeness:
        raise damaged("a message")


def encode_turn(turn: Turn) -> TurnRows:
    """Rows of a turn. Everything that cannot be stored exactly is refused with BadInput."""
    check_text(turn.id, turn.owner, turn.conversation, turn.model, turn.model_hash)
    history = chain(turn.messages, owner=turn.owner)
    tip = history[-1] if history else None
    said = [_node(answer.message, turn.owner, tip) for answer in turn.answers]
    answers = tuple(
        (turn.id, position, node.hash, answer.finish, _summary_json(answer.logprobs))
        for position, (node, answer) in enumerate(zip(said, turn.answers, strict=True))
    )
    check_text(*(answer.finish for answer in turn.answers))
    row = _turn_row(turn, tip.hash if tip else None)
    steps = _steps_row(turn) if turn.steps else None
    inputs = tuple((turn.id, ref) for ref in inputs_of(turn.steps))
    return TurnRows((*history, *said), (*row, digest(row, answers)), answers, steps, inputs)


def decode_turn(
    row: Row, messages: Sequence[Json], answers: Sequence[Row], said: Sequence[Json], steps: Mapping[str, Json]
) -> Turn:
    """The turn of its rows; `said` holds the messages of `answers`, in order."""
    check_turn(row, answers)
    return Turn(
        id=row[0],
        owner=row[1],
        conversation=row[2],
        kind=TurnKind(row[3]),
        started=row[4],
        messages=tuple(messages),
        params=json.loads(row[6]),
        model=row[7],
        model_hash=row[8],
        adapters=tuple(AdapterUse(**use) for use in json.loads(row[9])),
        usage=Usage(prompt=row[10], completion=row[11], cached=row[12]),
        timings=json.loads(row[13]),
        outcome=Outcome(row[14]),
        error=None if row[15] is None else json.loads(row[15]),
        answers=tuple(
            Answer(message=message, finish=finish, logprobs=_summary(summary))
            for message, (_, _, _, finish, summary) in zip(said, answers, strict=True)
        ),
        steps=steps,
    )


def check_turn(row: Row, answers: Sequence[Row]) -> None:
    if digest(row[:-1], tuple(answers)) != row[-1]:
        raise damaged(f"turn {row[0]}")


def decode_steps(row: Row) -> dict[str, Json]:
    """The steps of (turn, steps, digest)."""
    if digest(row[:-1]) != row[-1]:
        raise damaged(f"what is known of the steps of turn {row[0]}")
    steps: dict[str, Json] = json.loads(row[1])
    return steps


def inputs_of(steps: Mapping[str, Json]) -> list[str]:
    """The ids of the memories that an answer had been shown, and of the turn it was copied from, each once."""
    recall, cache = steps.get("recall"), steps.get("cache")
    items = recall.get("items") if isinstance(recall, dict) else None
    found = [item.get("id") for item in items if isinstance(item, dict)] if isinstance(items, list | tuple) else []
    if isinstance(cache, dict) and cache.get("outcome") == "hit":
        found.append(cache.get("of"))
    return sorted({id_ for id_ in found if isinstance(id_, str)})


def encode_key(key: Key) -> Row:
    check_text(key.id, key.owner, key.secret_hash, key.label)
    row = (key.id, key.owner, str(key.scope), key.secret_hash, to_number(key.created), to_number(key.expires))
    return (*row, to_number(key.revoked), digest(row), int(key.session), key.label)


def decode_key(row: Row) -> Key:
    if digest(row[:6]) != row[7]:  # without `revoked`, the one thing that may change, and what only tells it apart
        raise damaged(f"key {row[0]}")
    names = ("id", "owner", "scope", "secret_hash", "created", "expires", "revoked")
    told = {"scope": Scope(row[2]), "session": bool(row[8]), "label": row[9]}
    return Key(**{**dict(zip(names, row, strict=False)), **told})


def encode_audit(entry: AuditEntry) -> Row:
    check_text(entry.id, entry.actor, entry.act, entry.subject)
    row = (entry.id, to_number(entry.at), entry.actor, entry.act, entry.subject)
    return (*row, digest(row))


def decode_audit(row: Row) -> AuditEntry:
    if digest(row[:-1]) != row[-1]:
        raise damaged(f"audit entry {row[0]}")
    return AuditEntry(id=row[0], at=row[1], actor=row[2], act=row[3], subject=row[4])


def damaged(what: str) -> Corrupt:
    return Corrupt(f"{what} is not what was written; run `aion verify`, then `aion restore` a backup")


def _node(message: Json, owner: str, parent: Node | None) -> Node:
    body = to_json(message, sort_keys=True)
    above, likeness_above = (parent.hash, parent.likeness) if parent else (None, None)
    return Node(link(owner, above, body), above, owner, link(owner, likeness_above, _like(message, body)), body)


def _like(message: Any, body: str) -> str:
    kept = normalised(message)
    return body if kept == message else to_json(kept, sort_keys=True)


def _turn_row(turn: Turn, tip: bytes | None) -> Row:
    return (
        turn.id,
        turn.owner,
        turn.conversation,
        str(turn.kind),
        to_number(turn.started),
        tip,
        to_json(turn.params),
        turn.model,
        turn.model_hash,
        to_json([asdict(use) for use in turn.adapters]),
        turn.usage.prompt,
        turn.usage.completion,
        turn.usage.cached,
        to_json(dict(turn.timings)),
        str(turn.outcome),
        None if turn.error is None else to_json(turn.error),  # an engine may say anything, and a column may not
    )


def _steps_row(turn: Turn) -> Row:
    check_text(*inputs_of(turn.steps))
    row = (turn.id, to_json(dict(turn.steps)))
    return (*row, digest(row))


def _summary_json(summary: LogprobSummary | None) -> str | None:
    return None if summary is None else to_json(asdict(summary))


def _summary(text: str | None) -> LogprobSummary | None:
    return None if text is None else LogprobSummary(**json.loads(text))


def to_number(value: float | None) -> float | None:
    """A float, as the column is: an integer would come back as another JSON number, and NaN not at all."""
    if value is not None and not math.isfinite(value):
        raise BadInput(f"the record holds {value!r} where a finite number of seconds belongs")
    return None if value is None else float(value) + 0.0  # databases do not keep the sign of zero


def check_text(*texts: str) -> None:
    """Postgres keeps no NUL and neither database half a surrogate pair."""
    for text in texts:
        if "\0" in text or not _is_unicode(text):
            raise BadInput(f"{text[:80]!a} holds a character that no database keeps; remove it")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value

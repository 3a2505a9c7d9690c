"""Small real records for the tests of the store."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

from aion.errors import Corrupt
from aion.records import (
    Answer,
    AuditEntry,
    Json,
    Key,
    Scope,
    Turn,
    TurnKind,
    new_id,
)
from aion.store.base import Store
from aion.store.sqlite import SqliteStore

HELLO: Json = {"role": "user", "content": "Who was Ada Lovelace?"}
REPLY: Json = {"role": "assistant", "content": "The first programmer."}

numbers = itertools.count()
IMPLEMENTATIONS = {"sqlite": SqliteStore}


def make_turn(**changes: Any) -> Turn:
    turn = Turn(
        id=f"turn_{next(numbers):032x}",  # unlike new_id, in order within a millisecond too
        kind=TurnKind.CHAT,
        owner="ana",
        conversation="conv_1",
        started=1_795_000_000.5,
        messages=(HELLO,),
        answers=(Answer(message=REPLY, finish="stop"),),
        params={"temperature": 0.7},
        model="aion",
        model_hash="a" * 64,
    )
    return dataclasses.replace(turn, **changes)


def make_key(**changes: Any) -> Key:
    secret = new_id("hash")
    key = Key(id=new_id("key"), owner="ana", scope=Scope.USER, secret_hash=secret, created=1.0)
    return dataclasses.replace(key, **changes)


def make_audit(**changes: Any) -> AuditEntry:
    entry = AuditEntry(id=new_id("audit"), at=1.0, actor="ana", act="key.add", subject="key_1")
    return dataclasses.replace(entry, **changes)


def fill(store: Store, count: int = 5) -> list[Turn]:
    """One conversation whose client sends its whole history each time."""
    turns: list[Turn] = []
    history: tuple[Json, ...] = ()
    for number in range(count):
        history = (*history, {"role": "user", "content": f"question {number}"})
        said = {"role": "assistant", "content": f"answer {number}"}
        turns.append(make_turn(messages=history, answers=(Answer(message=said, finish="stop"),), started=float(number)))
        store.append_turn(turns[-1]).result()
        history = (*history, said)
    return turns


def fill_folder(data: Path, count: int = 5) -> list[Turn]:
    """A closed data folder with a conversation, a key and an audit entry in it."""
    store = SqliteStore(data)
    turns = fill(store, count)
    store.add_key(make_key()).result()
    store.append_audit(make_audit()).result()
    store.close()
    return turns


def find_damage(data: Path) -> list[str]:
    """What a person is told of a damaged folder: on opening it, or by `verify`."""
    try:
        store = SqliteStore(data)
    except Corrupt as error:
        return [error.message]
    found = [f"{finding.where}: {finding.problem}; {finding.remedy}" for finding in store.verify()]
    store.close()
    return found

"""Small real records for the tests of the store, and hypothesis strategies for odd ones."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

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


finite = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers() | finite | st.text()
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8
)
objects = st.dictionaries(st.text(max_size=8), json_values, max_size=4)
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
counts = st.integers(0, 2**40)
summaries = st.builds(LogprobSummary, tokens=counts, mean=finite, minimum=finite, entropy=finite)
answers = st.builds(Answer, message=objects, finish=names, logprobs=st.none() | summaries)
odd_turns = st.builds(
    Turn,
    id=st.builds(new_id, st.just("turn")),
    kind=st.sampled_from(TurnKind),
    owner=names,
    conversation=names,
    started=finite,
    messages=st.lists(objects, max_size=4).map(tuple),
    answers=st.lists(answers, max_size=3).map(tuple),
    params=objects,
    model=names,
    model_hash=names,
    adapters=st.lists(st.builds(AdapterUse, name=st.text(), hash=st.text(), scale=finite), max_size=2).map(tuple),
    usage=st.builds(Usage, prompt=counts, completion=counts, cached=counts),
    timings=st.dictionaries(st.text(), finite, max_size=3),
    outcome=st.sampled_from(Outcome),
    error=st.none() | st.text(),
)

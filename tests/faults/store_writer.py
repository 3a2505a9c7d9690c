"""Four threads that write to the real store and print the name of each write once it is durable.

    python -m tests.faults.store_writer FOLDER TAG

They write turns, feedback on them, memories, blobs, and take some of the memories back. What a name stands for follows
from the name alone, so that whoever reopens the store can compare every byte.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import struct
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from aion.errors import Conflict
from aion.records import (
    Answer,
    Feedback,
    FeedbackKind,
    Memory,
    MemoryKind,
    Origin,
    Source,
    Trust,
    Turn,
    TurnKind,
)
from aion.store.lock import DataLock
from aion.store.sqlite import SqliteStore
from tests.faults.harness import Verdict

THREADS = 4
What = Literal["turn", "feedback", "memory", "removal", "blob"]
ROUND: tuple[What, ...] = (  # what the writes of one thread are, in turn; a removal takes back the memory four before
    *("turn", "feedback", "memory", "blob", "turn", "feedback", "memory", "turn"),
    *("turn", "feedback", "memory", "turn", "turn", "feedback", "removal", "turn"),
)
STEPS_BACK = 4


def kind_of(name: str) -> What:
    return ROUND[int(name.rsplit("-", 1)[1]) % len(ROUND)]


def before(name: str, steps: int = 1) -> str:
    """The name that its thread wrote so many steps earlier."""
    who, number = name.rsplit("-", 1)
    return f"{who}-{int(number) - steps}"


def turn_named(name: str) -> Turn:
    conversation, owner, _ = name.split("-")
    return Turn(
        id=name,
        kind=TurnKind.CHAT,
        owner=owner,
        conversation=conversation,
        started=1_790_000_000.0 + len(name),
        messages=({"role": "user", "content": f"What is {name}?" * 20},),
        answers=(Answer(message={"role": "assistant", "content": name}, finish="stop"),),
        params={"temperature": 0},
        model="aion",
        model_hash="0" * 64,
        steps={"recall": {"outcome": "used", "items": [{"id": f"mem_{name}"}]}},
    )


def feedback_named(name: str, suffix: str = "") -> Feedback:
    return Feedback(
        id=f"fb_{name}{suffix}",
        owner=name.split("-")[1],
        turn=before(name),
        kind=FeedbackKind.COMMENT,
        at=1.0,
        key=name,
        text=f"about {name}",
    )


def memory_named(name: str) -> Memory:
    conversation, owner, _ = name.split("-")
    source = Source(ref=name, origin=Origin.PERSON, trust=Trust.OWN, hash="", at=1.0, conversation=conversation)
    text = f"{name} was here " * 10
    return Memory(id=name, owner=owner, kind=MemoryKind.NOTE, text=text, sources=(source,), created=1.0, updated=1.0)


def blob_named(name: str) -> bytes:
    return name.encode() * 400


def put_memory(store: SqliteStore, name: str) -> None:
    memory = memory_named(name)
    vector = struct.pack("<64f", *range(64))
    store.memories.put(memory, terms=memory.text.replace("-", ""), vector=vector, embedder="e").result()


def write_forever(store: SqliteStore, who: str) -> None:
    for n in range(1_000_000):
        name = f"{who}-{n}"
        match kind_of(name):
            case "turn":
                store.append_turn(turn_named(name)).result()
            case "feedback":
                store.experience.add_feedback(feedback_named(name)).result()
            case "memory":
                put_memory(store, name)
            case "removal":
                store.memories.remove([before(name, STEPS_BACK)], owner=name.split("-")[1]).result()
            case "blob":
                store.blobs.put(blob_named(name))
        os.write(1, f"{name}\n".encode())


def main(folder: Path, tag: str) -> None:
    with DataLock(folder):
        store = SqliteStore(folder)
        store.blobs.sweep()
        threads = [
            threading.Thread(target=write_forever, args=(store, f"{tag}-t{n}"), daemon=True) for n in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def compare_store(folder: Path, acked: Sequence[str]) -> Verdict:
    """Reopen as the next start would: each acknowledged name there once and whole, and `verify` finds nothing."""
    with DataLock(folder):
        store = SqliteStore(folder)
        try:
            turns = store.turns(owner=None, limit=10_000_000)
            given = store.experience.feedback(owner=None, limit=10_000_000)
            kept = store.memories.listed(owner=None, limit=10_000_000)
            counts = Counter([*(turn.id for turn in turns), *(one.key for one in given), *(one.id for one in kept)])
            there = {*counts, *_blobs_there(store, acked)}
            altered = [turn.id for turn in turns if turn != turn_named(turn.id)]
            altered += [one.key for one in given if one != feedback_named(one.key)]
            altered += [one.id for one in kept if dataclasses.replace(one, seq=0) != memory_named(one.id)]
            findings = [f"{finding.where}: {finding.problem}" for finding in store.verify()]
            doubled = [name for name, times in counts.items() if times > 1] + retry_last(store, acked)
        finally:
            store.close()
    return Verdict(
        lost=tuple(find_lost(acked, there)),
        doubled=tuple(doubled),
        findings=(*findings, *(f"{name} was altered" for name in altered)),
    )


def find_lost(acked: Sequence[str], there: set[str]) -> Iterable[str]:
    """Acknowledged and not as it should be: not there, or there again though its removal was acknowledged."""
    told = set(acked)
    for name in acked:
        if kind_of(name) == "removal":
            if before(name, STEPS_BACK) in there:
                yield name
        elif name not in there and not _may_be_removed(name, told):
            yield name


def _may_be_removed(name: str, told: set[str]) -> bool:
    """A removal begins once the write before it was acknowledged; whether it was carried out may be unknown."""
    removal = before(name, -STEPS_BACK)
    return kind_of(name) == "memory" and kind_of(removal) == "removal" and before(removal) in told


def _blobs_there(store: SqliteStore, acked: Sequence[str]) -> list[str]:
    found = set(store.blobs)
    return [name for name in acked if kind_of(name) == "blob" and digest(blob_named(name)) in found]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def retry_last(store: SqliteStore, acked: Sequence[str]) -> list[str]:
    """A client that repeats its last writes, not knowing that they were acknowledged, must not double them."""
    told = [name for name in acked if store.turn(name, owner=None)][-THREADS:]
    doubled = [name for name in told if not isinstance(store.append_turn(turn_named(name)).exception(), Conflict)]
    judged = [name for name in acked if kind_of(name) == "feedback" and store.turn(before(name), owner=None)]
    return doubled + [name for name in judged[-THREADS:] if _doubles(store, name)]


def _doubles(store: SqliteStore, name: str) -> bool:
    kept = store.experience.add_feedback(feedback_named(name, "-again")).result()
    given = [one for one in store.experience.feedback(owner=None, turn=before(name)) if one.key == name]
    return kept != feedback_named(name) or given != [kept]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

"""Four threads that write turns and blobs to the real store and print each id once it is durable.

    python -m tests.faults.store_writer FOLDER TAG

What a name stands for follows from the name alone, so that whoever reopens the store can compare every byte.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from aion.errors import Conflict
from aion.records import Answer, Turn, TurnKind
from aion.store.lock import DataLock
from aion.store.sqlite import SqliteStore
from tests.faults.harness import Verdict

THREADS = 4
BLOB_EVERY = 16


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
    )


def blob_named(name: str) -> bytes:
    return name.encode() * 400


def is_blob(name: str) -> bool:
    return int(name.rsplit("-", 1)[1]) % BLOB_EVERY == BLOB_EVERY - 1


def write_forever(store: SqliteStore, who: str) -> None:
    for n in range(1_000_000):
        name = f"{who}-{n}"
        if is_blob(name):
            store.blobs.put(blob_named(name))
        else:
            store.append_turn(turn_named(name)).result()
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
            found, counts = {turn.id: turn for turn in turns}, Counter(turn.id for turn in turns)
            lost = [name for name in acked if not is_blob(name) and name not in found]
            altered = [name for name in found if found[name] != turn_named(name)]
            blobs = set(store.blobs)
            lost += [name for name in acked if is_blob(name) and digest(blob_named(name)) not in blobs]
            findings = [f"{finding.where}: {finding.problem}" for finding in store.verify()]
            doubled = [name for name, times in counts.items() if times > 1] + retry_last(store, acked)
        finally:
            store.close()
    return Verdict(
        lost=tuple(lost), doubled=tuple(doubled), findings=(*findings, *(f"{name} was altered" for name in altered))
    )


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def retry_last(store: SqliteStore, acked: Sequence[str]) -> list[str]:
    """A client that repeats its last write, not knowing that it was acknowledged, must not double it."""
    latest = [name for name in acked if not is_blob(name) and store.turn(name, owner=None)][-THREADS:]
    return [name for name in latest if not isinstance(store.append_turn(turn_named(name)).exception(), Conflict)]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

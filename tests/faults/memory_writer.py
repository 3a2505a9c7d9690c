"""Two people whose memories come, change and go through the keeper, with the index as it is shipped.

    python -m tests.faults.memory_writer FOLDER TAG

It prints the name of each act once it is durable. What a name stands for follows from the name alone. The embedder
comes late, so that some memories get their vectors afterwards, as at a real start; the index's files are small, so that
they grow and are written anew every few acts.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import numpy as np

from aion.config import MemorySettings
from aion.memory import segment
from aion.memory.base import Window
from aion.memory.chunks import split_text
from aion.memory.documents import document_id_of
from aion.memory.embedding import EmbeddingDesk
from aion.memory.index import EmbeddedIndex, folder_of
from aion.memory.keeper import Keeper
from aion.memory.provenance import hash_of
from aion.memory.segment import HEADER, ROW
from aion.models.fake import FAKE_HASH, FakeEmbedder
from aion.models.queue import AdmissionQueue
from aion.records import MemoryKind, Origin
from aion.store.lock import DataLock
from aion.store.sqlite import SqliteStore
from tests.faults.harness import Verdict
from tests.faults.store_writer import before

OWNERS = ("ana", "rui")
DIMENSIONS = 64
SMALL_CAPACITY = 16
WITHOUT_EMBEDDER = 3  # acts of each person before there is one
SEARCHED = 20  # memories that are looked for after a restart
Act = Literal["note", "edit", "said", "leave", "document", "forget", "drop"]
ROUND: tuple[Act, ...] = (
    *("note", "note", "edit", "said", "said", "leave", "document", "note", "forget", "drop", "forget", "note"),
    "document",
)
STEPS_BACK = {"edit": 1, "forget": 8, "drop": 3}  # to the act whose memory it is about


def act_of(name: str) -> Act:
    return ROUND[int(name.rsplit("-", 1)[1]) % len(ROUND)]


def owner_of(name: str) -> str:
    return name.split("-")[1]


def conversation_of(name: str) -> str:
    who, number = name.rsplit("-", 1)
    return f"c-{who}-{int(number) // len(ROUND)}"


def text_of(name: str) -> str:
    """Of a note, of what was said, of an edit, or of a whole document."""
    if act_of(name) != "document":
        return f"{name} has {act_of(name)} in {_word(name)} and nothing else"
    return "\n\n".join(" ".join(f"{_word(name)}{part}{word}" for word in range(90)) for part in "abc")


def _word(name: str) -> str:
    return "x" + name.replace("-", "")


def added_by(name: str) -> set[str]:
    """The texts that stand in the store when this act is done."""
    match act_of(name):
        case "note" | "said" | "edit":
            return {text_of(name)}
        case "document":
            return {passage.text for passage in split_text(text_of(name))}
    return set()


def removed_by(name: str) -> set[str]:
    if act_of(name) == "leave":
        return {text_of(before(name, steps)) for steps in (1, 2)}
    steps = STEPS_BACK.get(act_of(name))
    return added_by(before(name, steps)) if steps else set()


async def act(keeper: Keeper, name: str) -> None:
    owner, steps = owner_of(name), STEPS_BACK.get(act_of(name), 0)
    match act_of(name):
        case "note":
            await keeper.remember(owner, text_of(name), memory_id=f"mem_{name}")
        case "edit":
            await keeper.edit(owner, f"mem_{before(name, steps)}", text_of(name))
        case "said":
            await keeper.remember(
                owner,
                text_of(name),
                kind=MemoryKind.SAID,
                ref=f"turn_{name}",
                conversation=conversation_of(name),
                memory_id=f"mem_{name}",
            )
        case "leave":
            await keeper.forget_conversation(owner, conversation_of(name))
        case "document":
            await keeper.add_document(owner, name, text_of(name), origin=Origin.DOCUMENT)
        case "forget":
            await keeper.forget(owner, [f"mem_{_made_by(before(name, steps))}"])
        case "drop":
            await keeper.forget_document(owner, document_id_of(owner, hash_of(text_of(before(name, steps)))))


def _made_by(name: str) -> str:
    """Whose id the memory has: an edit leaves it."""
    return before(name) if act_of(name) == "edit" else name


async def act_forever(keeper: Keeper, who: str, begun: asyncio.Semaphore) -> None:
    for number in range(1_000_000):
        if number == WITHOUT_EMBEDDER:
            begun.release()
        name = f"{who}-{number}"
        await act(keeper, name)
        os.write(1, f"{name}\n".encode())


async def live(store: SqliteStore, index: EmbeddedIndex, tag: str) -> None:
    desk = EmbeddingDesk(AdmissionQueue(2, 1_000_000))
    keeper = Keeper(store, index, desk, MemorySettings())
    begun = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(index.repair))
        for owner in OWNERS:
            group.create_task(act_forever(keeper, f"{tag}-{owner}", begun))
        for _ in OWNERS:
            await begun.acquire()
        desk.use(FakeEmbedder(dimensions=DIMENSIONS))
        while True:
            await keeper.fill(8)
            await asyncio.sleep(0.01)


def main(folder: Path, tag: str) -> None:
    segment.FIRST_CAPACITY = SMALL_CAPACITY
    with DataLock(folder):
        store = SqliteStore(folder)
        asyncio.run(live(store, open_index(folder, store), tag))


def open_index(folder: Path, store: SqliteStore) -> EmbeddedIndex:
    return EmbeddedIndex(folder / "index", store.memories, FAKE_HASH, DIMENSIONS)


class MemoryCheck:
    """Reopens as the next start would, and counts what the repair of the index found to do."""

    def __init__(self) -> None:
        self.repaired = 0
        self.vectors = 0

    def __call__(self, folder: Path, acked: Sequence[str]) -> Verdict:
        with DataLock(folder):
            store = SqliteStore(folder)
            index = open_index(folder, store)
            try:
                texts = Counter(memory.text for memory in store.memories.listed(owner=None, limit=10_000_000))
                findings = [f"{finding.where}: {finding.problem}" for finding in store.verify()]
                self.repaired += index.repair()
                self.vectors += index.status()["vectors"]
                findings += [f"{finding.where}: {finding.problem}" for finding in index.verify()]
                for owner in store.memories.owners():
                    findings += check_search(store, index, owner) + check_file(folder, store, owner)
            finally:
                index.close()
                store.close()
        return Verdict(
            lost=tuple(find_lost(acked, set(texts))),
            doubled=tuple(text[:40] for text, times in texts.items() if times > 1),
            findings=tuple(findings),
        )


def find_lost(acked: Sequence[str], texts: set[str]) -> list[str]:
    """Acts whose text is not there, or there again; the act after the last that was told may have been done, or not."""
    lost: list[str] = []
    latest: dict[str, int] = {}
    for name in acked:
        who, number = name.rsplit("-", 1)
        latest[who] = max(latest.get(who, -1), int(number))
    for who, last in latest.items():
        names = [f"{who}-{number}" for number in range(last + 1)]
        gone = set[str]().union(*(removed_by(name) for name in names))
        open_ended = removed_by(f"{who}-{last + 1}")
        lost += [name for name in names if removed_by(name) & texts]
        lost += [name for name in names if added_by(name) - gone - open_ended - texts]
    return lost


def check_search(store: SqliteStore, index: EmbeddedIndex, owner: str) -> list[str]:
    """The newest are found by their own vectors, and nothing is found that is not the owner's."""
    own = store.memories.embedded(owner=owner, embedder=FAKE_HASH, limit=10_000_000)
    seqs, problems = {seq for seq, _, _ in own}, []
    for seq, _, data in own[-SEARCHED:]:
        vector = np.frombuffer(data, "<f4")
        hits = dict(index.search_vectors(vector, owner=owner, limit=5, window=Window()))
        if not hits or max(hits.values()) < 0.999:
            problems.append(f"memory {seq} is not found by its vector")
        if not hits.keys() <= seqs:
            problems.append(f"a search of {owner} gave {hits.keys() - seqs}")
    return problems


def check_file(folder: Path, store: SqliteStore, owner: str) -> list[str]:
    """There is no byte of a vector in the file but of the memories that are there."""
    path = folder_of(folder / "index", owner)
    wanted = len(store.memories.embedded_seqs(owner=owner, embedder=FAKE_HASH))
    found = (0, 0)
    with suppress(FileNotFoundError):
        vectors = np.fromfile(path / "vectors", np.int8).reshape(-1, DIMENSIONS)
        rows = np.fromfile(path / "rows", ROW, offset=HEADER.itemsize)
        found = (int(np.count_nonzero(vectors.any(axis=1))), int(np.count_nonzero(rows["seq"])))
    return [] if found == (wanted, wanted) else [f"{owner}'s files hold {found} vectors and rows for {wanted} memories"]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

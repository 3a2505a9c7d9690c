"""Proves that the index files hold exactly what the store holds. It only reads, and works beside a running server.

A memory that is being written at this moment may be in one and not yet in the other: what differs is looked at again
after a moment, and only what still differs is told.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aion.memory.index import INDEX, PAGE, REMEDY, folder_of
from aion.memory.segment import HEADER, ROW, Item, make_rows
from aion.records import Finding
from aion.store.base import Memories

SETTLE_S = 0.5


def verify_index(data: Path, memories: Memories) -> Iterator[Finding]:
    """Nothing to say of an owner without vectors, nor while there is no index at all: it is made at the next start."""
    problems = _find_problems(data / INDEX, memories)
    if problems:
        time.sleep(SETTLE_S)
        again = _find_problems(data / INDEX, memories)
        problems = {where: problem for where, problem in again.items() if where in problems}
    for where, problem in sorted(problems.items()):
        yield Finding(where=where, problem=problem, remedy=REMEDY)


def _find_problems(index: Path, memories: Memories) -> dict[str, str]:
    folders = set(index.iterdir()) if index.exists() else set()
    if not folders:
        return {}
    owned = {folder_of(index, owner): owner for owner in memories.owners()}
    problems = {f"index {folder.name}": "it belongs to nobody who has a memory" for folder in folders - set(owned)}
    for folder, owner in owned.items():
        problems |= _compare(folder, memories, owner)
    return problems


def _compare(folder: Path, memories: Memories, owner: str) -> dict[str, str]:
    where = f"index {folder.name}"
    try:
        header = np.fromfile(folder / "rows", HEADER, 1)[0]
        rows = np.fromfile(folder / "rows", ROW, offset=HEADER.itemsize)
        dimensions = int(header["dimensions"])
        vectors = np.memmap(folder / "vectors", np.int8, "r", shape=(len(rows), dimensions))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError, IndexError):
        return {where: "its files are damaged"}
    embedder = header["embedder"].decode("ascii", "replace")
    problems: dict[str, str] = {}
    held = {int(rows["seq"][place]): int(place) for place in np.flatnonzero(rows["seq"])}
    for items in _wanted(memories, owner, embedder, dimensions):
        for item, row, vector in zip(items, *make_rows(items), strict=True):
            place = held.pop(item[0], None)
            if place is None:
                problems[f"{where} row {item[0]}"] = "it is missing"
            elif rows[place] != row or not np.array_equal(vectors[place], vector):
                problems[f"{where} row {item[0]}"] = "it is not what the store holds"
    return problems | {f"{where} row {seq}": "the store has no such memory" for seq in held}


def _wanted(memories: Memories, owner: str, embedder: str, dimensions: int) -> Iterator[list[Item]]:
    after = 0
    while page := memories.embedded(owner=owner, embedder=embedder, after=after, limit=PAGE):
        after = page[-1][0]
        items = [(seq, at, np.frombuffer(data, "<f4")) for seq, at, data in page]
        if ours := [item for item in items if len(item[2]) == dimensions]:
            yield ours

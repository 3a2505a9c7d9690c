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
from aion.memory.quantise import quantise
from aion.memory.segment import HEADER, ROW, row_checksum
from aion.records import Finding
from aion.store.base import Memories

SETTLE_S = 0.5
Expected = dict[int, tuple[float, bytes]]  # seq -> time and checksum of its row


def verify_index(data: Path, memories: Memories) -> Iterator[Finding]:
    """Nothing to say of an owner without vectors, nor while there is no index at all: it is made at the next start."""
    for owner in memories.owners() if (data / INDEX).exists() else []:
        problems = _compare(data, memories, owner)
        if problems:
            time.sleep(SETTLE_S)
            problems = {key: value for key, value in _compare(data, memories, owner).items() if key in problems}
        for where, problem in sorted(problems.items()):
            yield Finding(where=where, problem=problem, remedy=REMEDY)


def _compare(data: Path, memories: Memories, owner: str) -> dict[str, str]:
    folder = folder_of(data / INDEX, owner)
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
    for seq, at, vector in _wanted(memories, owner, embedder, dimensions):
        place = held.pop(seq, None)
        if place is None:
            problems[f"{where} row {seq}"] = "it is missing"
            continue
        stored = vectors[place]
        exact = rows["at"][place] == at and rows["crc"][place] == row_checksum(seq, at, stored)
        if not exact or not np.array_equal(stored, quantise(vector[None, :])[0][0]):
            problems[f"{where} row {seq}"] = "it is not what the store holds"
    return problems | {f"{where} row {seq}": "the store has no such memory" for seq in held}


def _wanted(
    memories: Memories, owner: str, embedder: str, dimensions: int
) -> Iterator[tuple[int, float, np.ndarray[tuple[int], np.dtype[np.float32]]]]:
    after = 0
    while page := memories.embedded(owner=owner, embedder=embedder, after=after, limit=PAGE):
        after = page[-1][0]
        for seq, at, data in page:
            if len(data) == 4 * dimensions:
                yield seq, at, np.frombuffer(data, "<f4")

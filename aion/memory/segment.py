"""The vectors of one person on disk: an int8 matrix that is scanned, and beside each vector a row that names it.

Derived data: nothing is synced, and a torn or foreign file is never trusted. Opening checks the header, the sizes and
the checksum of every row; whatever is wrong is left out, and `Segment.damaged` says so. A row is written once; removing
one zeroes it, vector and all.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aion.memory.base import Vector
from aion.memory.quantise import Bytes, quantise

MAGIC = b"AIONVEC1"
HEADER = np.dtype([("magic", "S8"), ("dimensions", "<u4"), ("embedder", "S64")])
ROW = np.dtype([("seq", "<i8"), ("at", "<f8"), ("scale", "<f4"), ("crc", "<u4")])
Rows = npt.NDArray[np.void]
Item = tuple[int, float, Vector]  # seq, time, vector
FIRST_CAPACITY = 1024
DEAD_SHARE = 0.25  # of the rows, from which a segment is written anew


@dataclass(frozen=True, slots=True)
class View:
    """What a search reads: it stays as it is while the segment grows."""

    vectors: Bytes
    rows: Rows


class Segment:
    """Two files in a folder: `vectors` and `rows`. One writer at a time; views may be read from any thread."""

    def __init__(self, folder: Path, dimensions: int, embedder: str) -> None:
        self.folder = folder
        self._dimensions = dimensions
        self._embedder = embedder
        self._lock = threading.Lock()
        self._places: dict[int, int] = {}
        self._count = 0
        self.damaged = False
        self._open()

    def __len__(self) -> int:
        return len(self._places)

    @property
    def bytes(self) -> int:
        return int(self._vectors.nbytes + self._rows.nbytes)

    def view(self) -> View:
        with self._lock:
            return View(self._vectors[: self._count], self._rows[: self._count])

    def seqs(self) -> set[int]:
        with self._lock:
            return set(self._places)

    def add(self, items: Sequence[Item]) -> int:
        """Those it holds are passed over. Gives how many were new."""
        with self._lock:
            fresh = [item for item in items if item[0] not in self._places]
            if not fresh:
                return 0
            self._reserve(self._count + len(fresh))
            vectors, scales = quantise(np.stack([item[2] for item in fresh]))
            start, end = self._count, self._count + len(fresh)
            self._vectors[start:end] = vectors
            for place, (seq, at, _), vector, scale in zip(range(start, end), fresh, vectors, scales, strict=True):
                self._rows[place] = (seq, at, scale, row_checksum(seq, at, vector))
                self._places[seq] = place
            self._count = end
            return len(fresh)

    def remove(self, seqs: Iterable[int]) -> int:
        with self._lock:
            places = [self._places.pop(seq) for seq in seqs if seq in self._places]
            for place in places:
                self._rows[place] = (0, 0, 0, 0)
                self._vectors[place] = 0
            crowded = self._count >= FIRST_CAPACITY and len(self._places) < (1 - DEAD_SHARE) * self._count
            if crowded:
                self._compact()
            return len(places)

    def differing(self, items: Sequence[Item]) -> list[Item]:
        """Those whose row is missing, or is not exactly what they give."""
        if not items:
            return []
        vectors, scales = quantise(np.stack([item[2] for item in items]))
        with self._lock:
            return [
                item
                for item, vector, scale in zip(items, vectors, scales, strict=True)
                if not self._is_exact(item, vector, scale)
            ]

    def _is_exact(self, item: Item, vector: Bytes, scale: np.float32) -> bool:
        place = self._places.get(item[0])
        if place is None:
            return False
        row, stored = self._rows[place], self._vectors[place]
        same = row["scale"] == scale and row["at"] == item[1] and np.array_equal(stored, vector)
        return bool(same and row["crc"] == row_checksum(item[0], item[1], stored))

    def close(self) -> None:
        with self._lock:
            self._vectors = np.zeros((0, self._dimensions), np.int8)
            self._rows = np.zeros(0, ROW)
            self._places, self._count = {}, 0

    def _open(self) -> None:
        try:
            vectors, rows = self._map("r+")
        except FileNotFoundError:
            self._create(FIRST_CAPACITY)
        except (ValueError, OSError):
            self.damaged = True
            self._create(FIRST_CAPACITY)
        else:
            self._vectors, self._rows = vectors, rows
            self._load()

    def _load(self) -> None:
        """Take up the rows whose checksum holds; the others become room that `compact` gives back."""
        used = np.flatnonzero(self._rows["seq"])
        self._count = int(used[-1]) + 1 if len(used) else 0
        for place in used.tolist():
            row = self._rows[place]
            seq = int(row["seq"])
            if seq in self._places or row["crc"] != row_checksum(seq, float(row["at"]), self._vectors[place]):
                self.damaged = True
                self._rows[place] = (0, 0, 0, 0)
                self._vectors[place] = 0
            else:
                self._places[seq] = place

    def _map(self, mode: Any) -> tuple[Bytes, Rows]:
        vectors_path, rows_path = self.folder / "vectors", self.folder / "rows"
        header = np.fromfile(rows_path, HEADER, 1)
        if len(header) != 1 or header[0] != self._header():
            raise ValueError("another index, or none")
        capacity, rest = divmod(rows_path.stat().st_size - HEADER.itemsize, ROW.itemsize)
        if rest or not capacity or vectors_path.stat().st_size != capacity * self._dimensions:
            raise ValueError("its files do not fit each other")
        vectors = np.memmap(vectors_path, np.int8, mode, shape=(capacity, self._dimensions))
        rows = np.memmap(rows_path, ROW, mode, offset=HEADER.itemsize, shape=(capacity,))
        return vectors, rows

    def _header(self) -> np.void:
        header: np.void = np.array([(MAGIC, self._dimensions, self._embedder.encode()[:64])], HEADER)[0]
        return header

    def _create(self, capacity: int) -> None:
        """Empty files of that many rows, under their final names only when whole."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, size in (
            ("vectors", capacity * self._dimensions),
            ("rows", HEADER.itemsize + capacity * ROW.itemsize),
        ):
            fresh = self.folder / f"{name}.new"
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "wb") as file:
                file.truncate(size)
                if name == "rows":
                    file.write(self._header().tobytes())
            fresh.rename(self.folder / name)
        self._vectors, self._rows = self._map("r+")
        self._places, self._count = {}, 0

    def _reserve(self, count: int) -> None:
        if count > len(self._rows):
            self._rewrite(max(count, 2 * len(self._rows)))

    def _compact(self) -> None:
        self._rewrite(max(FIRST_CAPACITY, 2 * len(self._places)))

    def _rewrite(self, capacity: int) -> None:
        """New files with the living rows; views of the old ones stay readable until they are let go."""
        places = np.fromiter(sorted(self._places.values()), np.int64, len(self._places))
        vectors, rows = self._vectors[places], self._rows[places]
        self._create(capacity)
        self._vectors[: len(places)], self._rows[: len(places)] = vectors, rows
        self._places = {int(seq): place for place, seq in enumerate(rows["seq"])}
        self._count = len(places)


def row_checksum(seq: int, at: float, vector: Bytes) -> int:
    """Over what a row says and its vector: a row that lies beside another's vector is found out."""
    head = np.array([(seq, at)], [("seq", "<i8"), ("at", "<f8")]).tobytes()
    return zlib.crc32(vector.tobytes(), zlib.crc32(head))

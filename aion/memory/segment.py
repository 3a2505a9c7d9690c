"""The vectors of one person on disk: an int8 matrix that is scanned, and beside each vector a row that names it.

Derived data: nothing is synced, and a torn or foreign file is never trusted. Opening checks the header, the sizes and
the checksum of every row; whatever is wrong is thrown away, and `Segment.damaged` says so. A row is written once;
removing one zeroes it, vector and all. Room is taken from the disk before it is mapped, because a full disk under a
mapping ends the process; where there is none, `add` raises OSError and nothing has changed.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aion.memory.base import Vector
from aion.memory.quantise import Bytes, quantise

MAGIC = b"AIONVEC2"
HEADER = np.dtype([("magic", "S8"), ("dimensions", "<u4"), ("embedder", "S64")])
ROW = np.dtype([("seq", "<i8"), ("at", "<f8"), ("scale", "<f4"), ("crc", "<u4")])
HEAD = ROW.itemsize - 4  # bytes of a row that its checksum covers, besides the vector
Rows = npt.NDArray[np.void]
Item = tuple[int, float, Vector]  # seq, time, vector
FILES = ("vectors", "rows")
FIRST_CAPACITY = 1024
DEAD_SHARE = 0.25  # of the rows, from which a segment is written anew


@dataclass(frozen=True, slots=True)
class View:
    """What a search reads: it stays as it is while the segment grows."""

    vectors: Bytes
    rows: Rows


class Segment:
    """Two files in a folder: `vectors` and `rows`, made with the first row. Safe to call from any thread."""

    def __init__(self, folder: Path, dimensions: int, embedder: str) -> None:
        self.folder = folder
        self._dimensions = dimensions
        self._embedder = embedder
        self._lock = threading.Lock()
        self._closed = False
        self._vectors: Bytes = np.zeros((0, dimensions), np.int8)
        self._rows: Rows = np.zeros(0, ROW)
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
            fresh = {item[0]: item for item in items if item[0] not in self._places}
            if not fresh or self._closed:
                return 0
            self._reserve(self._count + len(fresh))
            rows, vectors = make_rows(list(fresh.values()))
            end = self._count + len(rows)
            self._vectors[self._count : end] = vectors
            self._rows[self._count : end] = rows
            self._places.update(zip(fresh, range(self._count, end), strict=True))
            self._count = end
            return len(rows)

    def remove(self, seqs: Iterable[int]) -> int:
        with self._lock:
            places = [self._places.pop(seq) for seq in seqs if seq in self._places]
            self._vectors[places] = 0
            self._rows[places] = 0
            if self._count >= FIRST_CAPACITY and len(self._places) < (1 - DEAD_SHARE) * self._count:
                self._compact()
            return len(places)

    def differing(self, items: Sequence[Item]) -> list[Item]:
        """Those whose row is missing, or is not exactly what they give."""
        if not items:
            return []
        rows, vectors = make_rows(items)
        with self._lock:
            if not self._count:
                return list(items)
            places = np.array([self._places.get(item[0], -1) for item in items])
            same = (places >= 0) & (self._rows[places] == rows) & (self._vectors[places] == vectors).all(axis=1)
        return [item for item, is_same in zip(items, same.tolist(), strict=True) if not is_same]

    def close(self) -> None:
        """It takes in nothing more, and nothing is found in it."""
        with self._lock:
            self._closed = True
            self._vectors, self._rows = np.zeros((0, self._dimensions), np.int8), np.zeros(0, ROW)
            self._places, self._count = {}, 0

    def _open(self) -> None:
        if not any((self.folder / name).exists() for name in FILES):
            return
        try:
            self._map()
        except (ValueError, OSError):
            self.damaged = True
            for name in FILES:  # something in them may have been forgotten since
                with suppress(OSError):
                    (self.folder / name).unlink()
        else:
            self._load()

    def _load(self) -> None:
        """Take up the rows whose checksum holds; the others become room that `_compact` gives back."""
        used = np.flatnonzero(self._rows["seq"])
        self._count = int(used[-1]) + 1 if len(used) else 0
        rows = self._rows[: self._count]
        whole = np.flatnonzero((rows["seq"] > 0) & (rows["crc"] == checksums(rows, self._vectors[: self._count])))
        good = np.zeros(self._count, np.bool_)
        good[whole[np.unique(rows["seq"][whole], return_index=True)[1]]] = True  # of two of one seq the first
        bad = np.flatnonzero((rows["seq"] != 0) & ~good)
        if len(bad):
            self.damaged = True
            self._vectors[bad] = 0
            self._rows[bad] = 0
        places = np.flatnonzero(good)
        self._places = dict(zip(rows["seq"][places].tolist(), places.tolist(), strict=True))

    def _map(self) -> None:
        vectors_path, rows_path = self.folder / "vectors", self.folder / "rows"
        header = np.fromfile(rows_path, HEADER, 1)
        if len(header) != 1 or header[0] != self._header():
            raise ValueError("another index, or none")
        capacity, rest = divmod(rows_path.stat().st_size - HEADER.itemsize, ROW.itemsize)
        if rest or not capacity or vectors_path.stat().st_size != capacity * self._dimensions:
            raise ValueError("its files do not fit each other")
        vectors = np.memmap(vectors_path, np.int8, "r+", shape=(capacity, self._dimensions))
        self._rows = np.memmap(rows_path, ROW, "r+", offset=HEADER.itemsize, shape=(capacity,))
        self._vectors = vectors

    def _header(self) -> Any:
        return np.array([(MAGIC, self._dimensions, self._embedder.encode()[:64])], HEADER)[0]

    def _sizes(self, capacity: int) -> Iterator[tuple[str, int]]:
        yield from zip(FILES, (capacity * self._dimensions, HEADER.itemsize + capacity * ROW.itemsize), strict=True)

    def _reserve(self, count: int) -> None:
        if not len(self._rows):
            self._create(max(count, FIRST_CAPACITY))
        elif count > len(self._rows):
            self._extend(max(count, 2 * len(self._rows)))

    def _create(self, capacity: int) -> None:
        """Empty files of that many rows, under their final names only when whole."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = [(self.folder / f"{name}.new", self.folder / name, size) for name, size in self._sizes(capacity)]
        for path, _, size in fresh:
            path.unlink(missing_ok=True)
            with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "wb") as file:
                _take_room(file.fileno(), size)
                if path.name == "rows.new":
                    file.write(self._header().tobytes())
        for path, name, _ in fresh:
            path.rename(name)
        self._map()

    def _extend(self, capacity: int) -> None:
        """The files grow where they lie, so that nothing is copied; earlier views map their beginning."""
        for name, size in self._sizes(capacity):
            descriptor = os.open(self.folder / name, os.O_RDWR)
            try:
                _take_room(descriptor, size)
            finally:
                os.close(descriptor)
        self._map()

    def _compact(self) -> None:
        """New files with the living rows; views of the old ones stay readable until they are let go."""
        places = np.fromiter(sorted(self._places.values()), np.int64, len(self._places))
        vectors, rows = self._vectors[places], self._rows[places]
        try:
            self._create(max(FIRST_CAPACITY, 2 * len(places)))
        except OSError:
            return  # no room for a moment: what was removed is zeroed where it stood, which is all that matters
        self._vectors[: len(places)], self._rows[: len(places)] = vectors, rows
        self._places = {seq: place for place, seq in enumerate(rows["seq"].tolist())}
        self._count = len(places)


def _take_room(descriptor: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:  # macOS has none; the file may then be larger than what the disk has left
        os.ftruncate(descriptor, size)


def make_rows(items: Sequence[Item]) -> tuple[Rows, Bytes]:
    """What a segment holds for these."""
    vectors, scales = quantise(np.stack([item[2] for item in items]))
    rows = np.zeros(len(items), ROW)
    rows["seq"] = [item[0] for item in items]
    rows["at"] = [item[1] for item in items]
    rows["scale"] = scales
    rows["crc"] = checksums(rows, vectors)
    return rows, vectors


def checksums(rows: Rows, vectors: Bytes) -> npt.NDArray[np.uint32]:
    """Over all that a row says, and its vector: a row that lies beside another's vector is found out."""
    heads = memoryview(rows.tobytes())
    bodies = memoryview(np.ascontiguousarray(vectors).view(np.uint8).reshape(-1).data)
    size, width = ROW.itemsize, vectors.shape[1] if len(vectors) else 0
    sums = (
        zlib.crc32(bodies[place * width : (place + 1) * width], zlib.crc32(heads[place * size : place * size + HEAD]))
        for place in range(len(rows))
    )
    return np.fromiter(sums, np.uint32, len(rows))

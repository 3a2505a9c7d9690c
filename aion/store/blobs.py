"""Bytes kept under their own SHA-256, as DATA/blobs/ab/cdef...; it knows neither names nor types, nor who needs one.

A blob is written beside its place, synced, and renamed: it is there whole or not at all. One that exists is not
written again. Reading proves the hash.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

from aion.errors import BadInput, Corrupt, NotFound
from aion.records import Finding
from aion.store.faults import rewording_os
from aion.store.files import make_folder, put_in_place, sync_folder

BLOBS = "blobs"
TEMPORARY = ".new-"
CHUNK = 1 << 20
HASH = re.compile(r"[0-9a-f]{64}")
REMEDY = "restore it from a backup with `aion restore`"


class BlobStore:
    """Safe to use from several threads and processes: equal bytes have an equal name."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, content: bytes | BinaryIO) -> str:
        """Keep the bytes, or all that is left of the stream; returns their hash once they are durable."""
        with rewording_os():
            make_folder(self._root)
            with tempfile.NamedTemporaryFile(dir=self._root, prefix=TEMPORARY, delete=False) as file:
                temporary = Path(file.name)
                try:
                    name = copy_hashed(content, file)
                    file.flush()
                    os.fsync(file.fileno())
                    self._keep(temporary, self.path(name))
                finally:
                    temporary.unlink(missing_ok=True)
            return name

    def get(self, name: str) -> bytes:
        path = self.path(name)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise NotFound(f"there is no blob {name}") from None
        if hashlib.sha256(content).hexdigest() != name:
            raise Corrupt(f"blob {name} is not what was written; {REMEDY}")
        return content

    def path(self, name: str) -> Path:
        """Where the blob lies if it exists; its content is not checked."""
        if not HASH.fullmatch(name):
            raise BadInput(f"{name[:80]!r} is not a blob's name; one has 64 hexadecimal digits")
        return self._root / name[:2] / name[2:]

    def remove(self, name: str) -> None:
        """For good, and durably, if it is there; whoever asks has made sure that nothing names it."""
        path = self.path(name)
        with rewording_os():
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                sync_folder(path.parent)

    def __iter__(self) -> Iterator[str]:
        """The names of all blobs, sorted."""
        for path in sorted(self._root.glob("??/*")):
            if HASH.fullmatch(path.parent.name + path.name):
                yield path.parent.name + path.name

    def sweep(self) -> None:
        """Remove what writers left that were killed. Only while nobody else writes: at start, under the lock."""
        for path in self._root.glob(TEMPORARY + "*"):
            path.unlink(missing_ok=True)

    def verify(self) -> Iterator[Finding]:
        for name in self:
            with self.path(name).open("rb") as file:
                if copy_hashed(file, None) != name:
                    yield Finding(where=f"blob {name}", problem="its bytes are not what was written", remedy=REMEDY)

    def _keep(self, temporary: Path, place: Path) -> None:
        make_folder(place.parent)
        if place.exists():
            sync_folder(place.parent)  # whoever renamed it may not have come to that
        else:
            put_in_place(temporary, place)


def copy_hashed(content: bytes | IO[bytes], target: IO[bytes] | None) -> str:
    """Copy in chunks, or only read, and return the SHA-256."""
    hasher = hashlib.sha256()
    chunks = [content] if isinstance(content, bytes) else iter(lambda: content.read(CHUNK), b"")
    for chunk in chunks:
        hasher.update(chunk)
        if target is not None:
            target.write(chunk)
    return hasher.hexdigest()

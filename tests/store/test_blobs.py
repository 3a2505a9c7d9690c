"""Content-addressed files: whole or absent, and never served damaged."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from aion.errors import BadInput, Corrupt, NotFound, StorageFull
from aion.store.blobs import BlobStore

NAME = hashlib.sha256(b"hello").hexdigest()


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def test_bytes_and_streams_are_kept_under_their_hash(blobs: BlobStore, tmp_path: Path) -> None:
    large = os.urandom(3_000_000)
    assert blobs.put(b"hello") == NAME
    assert blobs.get(NAME) == b"hello"
    assert blobs.path(NAME) == tmp_path / "blobs" / NAME[:2] / NAME[2:]
    assert blobs.get(blobs.put(io.BytesIO(large))) == large
    assert blobs.get(blobs.put(b"")) == b""


def test_a_blob_that_exists_is_not_written_again(blobs: BlobStore) -> None:
    before = blobs.path(blobs.put(b"hello")).stat()
    blobs.put(b"hello")
    after = blobs.path(NAME).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_nothing_but_whole_blobs_is_left_behind(blobs: BlobStore, tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise RuntimeError("the sender went away")

    blobs.put(b"hello")
    with pytest.raises(RuntimeError):
        blobs.put(Broken())
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == [blobs.path(NAME)]


def test_a_damaged_blob_is_never_served(blobs: BlobStore) -> None:
    blobs.put(b"hello")
    blobs.put(b"whole")
    blobs.path(NAME).write_bytes(b"hellp")
    with pytest.raises(Corrupt, match="restore"):
        blobs.get(NAME)
    assert [finding.where for finding in blobs.verify()] == [f"blob {NAME}"]


def test_a_blob_that_does_not_exist_is_not_found(blobs: BlobStore) -> None:
    with pytest.raises(NotFound):
        blobs.get(NAME)
    assert list(blobs.verify()) == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a" * 63, "A" * 64, "a" * 64 + "\n", "é" * 64])
def test_only_a_hash_is_a_name(blobs: BlobStore, name: str) -> None:
    with pytest.raises(BadInput):
        blobs.path(name)


def test_each_blob_is_synced_before_and_after_it_gets_its_name(
    blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.put(b"first")  # makes the folder, which is synced then
    blobs.path(NAME).parent.mkdir(exist_ok=True)
    events: list[str] = []
    real_sync, real_replace = os.fsync, Path.replace

    def sync(descriptor: int) -> None:
        events.append("sync")
        real_sync(descriptor)

    def rename(path: Path, target: Path) -> Path:
        events.append("rename")
        return real_replace(path, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", rename)
    blobs.put(b"hello")
    assert events == ["sync", "rename", "sync"]


def test_a_full_disk_is_told_as_such(blobs: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull):
        blobs.put(b"hello")
    assert list(blobs) == []


def test_what_a_killed_writer_left_is_swept(blobs: BlobStore, tmp_path: Path) -> None:
    blobs.put(b"hello")
    (tmp_path / "blobs" / ".new-abc").write_bytes(b"half")
    blobs.sweep()
    assert not (tmp_path / "blobs" / ".new-abc").exists()
    assert list(blobs) == [NAME]

"""Model files are proven by reading them again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aion.config import Settings
from aion.models.catalog import hub_folder, models_folder
from aion.models.durable import write_json
from aion.models.hashes import hash_file
from aion.models.verify import verify_models


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"data": tmp_path / "data"})


def rot(path: Path) -> None:
    """Flip a byte as a bad disk does: size, time and inode stay."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_served_file_that_rotted_is_found_and_one_that_was_replaced_is_not(
    settings: Settings, tmp_path: Path
) -> None:
    rotten, replaced = tmp_path / "rotten.gguf", tmp_path / "replaced.gguf"
    for path in (rotten, replaced):
        path.write_bytes(b"model" * 100)
        hash_file(path, models_folder(settings), report=lambda *_: None)
    assert list(verify_models(settings)) == []
    rot(rotten)
    replaced.write_bytes(b"a newer model")
    assert [finding.where for finding in verify_models(settings)] == ["rotten.gguf"]


def test_a_download_is_held_to_the_hash_its_hub_stated(settings: Settings) -> None:
    path = hub_folder(settings) / "owner" / "name" / "m.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"other bytes")
    write_json(path.with_name("m.gguf.source.json"), {"sha256": "0" * 64})
    [finding] = verify_models(settings)
    assert "0" * 12 in finding.problem
    assert "remove the file" in finding.remedy


def test_a_download_without_its_note_is_found(settings: Settings) -> None:
    path = hub_folder(settings) / "owner" / "name" / "m.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"bytes")
    assert [finding.where for finding in verify_models(settings)] == ["m.gguf"]

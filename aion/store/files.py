"""Durable files and folders: what is renamed into place here survives a power cut. It knows nothing of content."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def make_folder(folder: Path) -> Path:
    """Create a folder that only its owner can enter, and those above it; what exists is left as it is."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)
    return folder


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a rename alone may be undone by a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put_in_place(source: Path, target: Path) -> None:
    """Rename a synced file to its final name, durably; whatever was there is replaced in one step."""
    source.replace(target)
    sync_folder(target.parent)


def replace_text(path: Path, text: str) -> None:
    """Write a file anew, whole or not at all, with the rights it has; a new one is for its owner's eyes alone.

    A link stays one. For a file that one process writes at a time: what a kill left of it is written over.
    """
    target = path.resolve()
    fresh = target.with_name(f".{target.name}.new")
    fresh.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text.encode("utf-8"))
            if target.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            file.flush()
            os.fsync(file.fileno())
        put_in_place(fresh, target)
    finally:
        fresh.unlink(missing_ok=True)

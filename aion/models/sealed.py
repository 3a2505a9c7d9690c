"""Folders that are whole or nothing: the sums of all their files stand in one more, written last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aion.models.durable import remove_unfinished, write_json

MANIFEST: Final = "manifest.json"


def sum_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal_folder(folder: Path) -> dict[str, str]:
    """Writes the sums of all files in a folder beside them: from now on it is whole. May be done again."""
    remove_unfinished(folder)
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
    sums = {name: sum_file(folder / name) for name in names}
    write_json(folder / MANIFEST, sums)
    return sums


def check_folder(folder: Path) -> dict[str, str] | None:
    """The sums of a sealed folder in which each file is as it was sealed; None for any other."""
    try:
        sums = json.loads((folder / MANIFEST).read_bytes())
        whole = isinstance(sums, Mapping) and all(sum_file(folder / name) == sum_ for name, sum_ in sums.items())
    except (OSError, ValueError):
        return None
    return dict(sums) if whole else None

"""Proves model files: reads each again and compares it with what was written down when it came. Mends nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from aion.config import Settings
from aion.models.catalog import hub_folder, models_folder
from aion.models.hashes import recorded
from aion.models.hub import read_sidecar
from aion.records import Finding

REMOVE = "remove the file and start AION: it is downloaded or made again"
REPLACE = "put the right file back; a file that was meant to change is taken up at the next start"


def verify_models(settings: Settings) -> Iterator[Finding]:
    """Downloads against the hash their hub stated, and every file AION has served against the hash it had then."""
    stated = {path: str(read_sidecar(path).get("sha256", "")) for path in hub_folder(settings).rglob("*.gguf")}
    for path, digest in {**dict(recorded(models_folder(settings))), **stated}.items():
        yield from _compare(
            path, digest, REMOVE if models_folder(settings).resolve() in path.resolve().parents else REPLACE
        )


def _compare(path: Path, stated: str, remedy: str) -> Iterator[Finding]:
    if not stated:
        yield Finding(where=path.name, problem="nothing says what this download should be", remedy=remedy)
        return
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        yield Finding(where=path.name, problem=f"cannot be read: {error.strerror}", remedy=remedy)
        return
    if found != stated:
        problem = f"holds other bytes than when it came: sha256 {found[:12]}..., not {stated[:12]}..."
        yield Finding(where=path.name, problem=problem, remedy=remedy)

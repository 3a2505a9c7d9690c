"""The SHA-256 of model files, computed once and remembered while path, size, time and inode stay the same.

A file rewritten in place under the same size and time is not noticed until `force`, or until `aion verify` reads it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import structlog

from aion.errors import BadInput
from aion.models.durable import write_json
from aion.records import Json

CACHE_NAME: Final = "hashes.json"
CHUNK_BYTES: Final = 1 << 22

log = structlog.get_logger()


def hash_file(path: Path, cache_dir: Path, *, force: bool = False, report: Callable[[int, int], None]) -> str:
    """The file's SHA-256 in hex. Blocks while it reads: call it in a thread."""
    cache_path, key = cache_dir / CACHE_NAME, str(path.resolve())
    with path.open("rb") as file:
        identity = _identify(file)
        known = _read_cache(cache_path)
        entry = known.get(key)
        if not force and isinstance(entry, dict) and {**entry, "sha256": None} == {**identity, "sha256": None}:
            return str(entry["sha256"])
        digest = _hash(file, identity["size"], report)
        if _identify(file) != identity:
            raise BadInput(f"{path.name} changed while it was read; wait until it is written, then start again")
    _remember(cache_path, {**known, key: {**identity, "sha256": digest}})
    return digest


def recorded(cache_dir: Path) -> Iterator[tuple[Path, str]]:
    """The files that were hashed and have not been replaced since, each with the hash it had."""
    for key, entry in _read_cache(cache_dir / CACHE_NAME).items():
        try:
            with Path(key).open("rb") as file:
                unchanged = {**entry, "sha256": None} == {**_identify(file), "sha256": None}
        except (OSError, TypeError):
            continue  # gone, or an entry that says nothing
        if unchanged:
            yield Path(key), str(entry["sha256"])


def _identify(file: BinaryIO) -> Json:
    status = os.fstat(file.fileno())
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "inode": status.st_ino}


def _hash(file: BinaryIO, size: int, report: Callable[[int, int], None]) -> str:
    hasher, done = hashlib.sha256(), 0
    while chunk := file.read(min(CHUNK_BYTES, size - done)):  # no further than this: it may be growing
        hasher.update(chunk)
        done += len(chunk)
        report(done, size)
    return hasher.hexdigest()


def _read_cache(path: Path) -> Json:
    """{} when it is missing or spoilt: it can always be computed again."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(path: Path, known: Json) -> None:
    """Keep what still exists. A cache that cannot be written costs time at the next start, not the model."""
    try:
        write_json(path, {key: entry for key, entry in known.items() if Path(key).exists()})
    except OSError as error:
        log.warning("model hashes not remembered", reason=error.strerror)

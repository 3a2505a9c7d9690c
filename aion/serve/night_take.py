"""Takes over what a night made: checks every sum of its job folder, keeps the files as blobs, and makes a Candidate.

The folder is named by the night and the theme alone and lies under the server's own data: no path comes from a
request. It does not judge the adapter: that is the examination's.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

from aion.errors import BadInput, Corrupt
from aion.models.sealed import MANIFEST
from aion.records import Candidate
from aion.store.blobs import BlobStore

NIGHTS, OUT, EXAMPLES = "nights", "out", "examples.jsonl"
ADAPTER, WEIGHTS, CONFIG, RECORD = "adapter.gguf", "adapter_model.safetensors", "adapter_config.json", "record.json"
IMPORTANCE = "importance.safetensors"  # only where the training held to old weights
CARD, EXAM, NETWORK = "route.card", "exam.json", "router.safetensors"
LONGEST_NOTE = 8 << 20
AGAIN = "let the night make it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What the night says of its candidate; everything else stands in the folder."""

    owner: str
    night: str
    theme: str
    base: str
    dataset: str
    lessons: Sequence[str]
    sources: Sequence[str]
    created: float
    parent: str = ""


def take_candidate(data: Path, blobs: BlobStore, made: Made) -> Candidate:
    """Every file of it is a blob when this returns. Done again, it gives the same candidate."""
    folder = data / NIGHTS / made.night / made.theme
    sums = _read_manifest(folder / OUT)
    for name in (ADAPTER, WEIGHTS, CONFIG, RECORD, *({IMPORTANCE} & sums.keys())):
        _keep(folder / OUT, name, sums[name], blobs)
    _keep(folder, EXAMPLES, made.dataset, blobs)
    return Candidate(
        id=name_candidate(made, sums[ADAPTER]),
        owner=made.owner,
        theme=made.theme,
        night=made.night,
        base=made.base,
        adapter=sums[ADAPTER],
        peft=sums[WEIGHTS],
        config=_read_note(blobs, sums[CONFIG], CONFIG),
        dataset=made.dataset,
        lessons=tuple(made.lessons),
        sources=tuple(made.sources),
        record=_read_note(blobs, sums[RECORD], RECORD),
        created=made.created,
        size=blobs.path(sums[ADAPTER]).stat().st_size,
        parent=made.parent,
        importance=sums.get(IMPORTANCE, ""),
    )


def take_exam(data: Path, blobs: BlobStore, night: str, candidate: str, sums: Mapping[str, str | None]) -> None:
    """The files of a verdict, which lie under the night that examined; none of those it does not have."""
    folder = data / NIGHTS / night / exam_folder(candidate)
    for name, file in (("route", CARD), ("report", EXAM), ("network", NETWORK)):
        if sum_ := sums.get(name):
            _keep(folder, file, sum_, blobs)


def exam_folder(candidate: str) -> str:
    return f"exam-{candidate}"


def name_candidate(made: Made, adapter: str) -> str:
    """The same night, theme and adapter have the same id, however often they are handed over."""
    return "cand_" + hashlib.sha256(f"{made.night}\0{made.theme}\0{adapter}".encode()).hexdigest()[:32]


def _read_manifest(folder: Path) -> Mapping[str, str]:
    try:
        with _open(folder / MANIFEST) as file:
            sums = json.loads(file.read(LONGEST_NOTE))
        missing = [name for name in (ADAPTER, WEIGHTS, CONFIG, RECORD) if not isinstance(sums[name], str)]
    except FileNotFoundError:
        raise BadInput("the night has no finished job under this name; it hands over what is whole") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise Corrupt(f"the manifest of the finished job is not one; {AGAIN}") from None
    if missing:
        raise Corrupt(f"the manifest of the finished job has no sum of {', '.join(missing)}; {AGAIN}")
    return {name: str(sum_) for name, sum_ in sums.items()}


def _keep(folder: Path, name: str, wanted: str, blobs: BlobStore) -> None:
    """As a blob under its sum: what has another is not kept, for nothing would name it, and it may hold words."""
    blobs.path(wanted)  # refuses what is no sum
    try:
        with _open(folder / name) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if found == wanted:
                file.seek(0)
                found = blobs.put(file)
    except OSError:
        raise Corrupt(f"{name} of the finished job cannot be read; {AGAIN}") from None
    if found != wanted:
        raise Corrupt(f"{name} of the finished job is not the one in its manifest; {AGAIN}")


def _open(path: Path) -> BufferedReader:
    """A plain file, not what a link leads to."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")


def _read_note(blobs: BlobStore, name: str, what: str) -> Any:
    note = blobs.get(name)
    try:
        found = json.loads(note) if len(note) <= LONGEST_NOTE else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Corrupt(f"{what} of the finished job is no JSON object of a fair size; {AGAIN}")
    return found

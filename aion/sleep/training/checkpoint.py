"""Checkpoints of a training job: whole or not there, whatever moment the process or the machine dies at.

Each is a folder: state.safetensors, state.json, and manifest.json with the sums of both. It is written under another
name, brought to the disk, and renamed. The newest is kept and one before it. What is in it is the trainer's business.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from aion.errors import StorageFull
from aion.models.durable import fsync_folder
from aion.models.sealed import check_folder, seal_folder
from aion.records import Json
from aion.sleep.training.full import is_disk_full

STATE, NOTES = "state.safetensors", "state.json"
PREFIX: Final = "step-"
UNFINISHED: Final = ".unfinished"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Where a training was after `step` steps."""

    step: int
    tensors: Mapping[str, Tensor]
    notes: Json


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Raises StorageFull when it does not fit; the ones before it are then still there."""
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    target = folder / f"{PREFIX}{checkpoint.step:08d}"
    unfinished = folder / f"{target.name}{UNFINISHED}"
    try:
        _write(unfinished, checkpoint)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        if is_disk_full(error):
            raise StorageFull("no space left for a checkpoint of the training; free some, then start again") from error
        raise
    shutil.rmtree(target, ignore_errors=True)  # one of the same step that did not pass its check
    unfinished.rename(target)
    fsync_folder(folder)
    _keep_two(folder)


def latest_valid(folder: Path, job: str) -> Checkpoint | None:
    """The newest checkpoint of this job that is as it was written; broken ones are passed over and removed."""
    _sweep(folder)
    for path in reversed(_all(folder)):
        checkpoint = _read(path)
        if checkpoint is not None and checkpoint.notes.get("job") == job:
            _keep_two(folder)
            return checkpoint
        log.warning("checkpoint_passed_over", checkpoint=path.name, broken=checkpoint is None)
        shutil.rmtree(path)
    return None


def _write(path: Path, checkpoint: Checkpoint) -> None:
    path.mkdir()
    save_file({name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()}, path / STATE)
    notes = {**checkpoint.notes, "step": checkpoint.step}
    (path / NOTES).write_text(json.dumps(notes, sort_keys=True), "utf-8")
    for name in (STATE, NOTES):
        with (path / name).open("rb") as file:
            os.fsync(file.fileno())
    seal_folder(path)


def _read(path: Path) -> Checkpoint | None:
    if check_folder(path) is None:
        return None
    try:
        notes = json.loads((path / NOTES).read_bytes())
        return Checkpoint(int(notes["step"]), load_file(path / STATE), notes)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        return None


def _all(folder: Path) -> list[Path]:
    """The oldest first."""
    found = folder.glob(f"{PREFIX}*") if folder.is_dir() else []
    return sorted(path for path in found if not path.name.endswith(UNFINISHED))


def _keep_two(folder: Path) -> None:
    """Also when reading: who died before the oldest was removed may have no other to save."""
    surplus = _all(folder)[:-2]
    for old in surplus:
        shutil.rmtree(old)
    if surplus:
        fsync_folder(folder)


def _sweep(folder: Path) -> None:
    """What a process that died left half written."""
    if folder.is_dir():
        for path in folder.glob(f"*{UNFINISHED}"):
            shutil.rmtree(path)

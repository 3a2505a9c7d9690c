"""Writes and reads job.json, and puts the last file of a finished job in place. It starts nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from aion.errors import Corrupt
from aion.models.durable import write_json
from aion.models.sealed import check_folder
from aion.sleep.training.base import JOB, MEASURED, OUT, Recipe, Trained, TrainJob

RECORD: Final = "record.json"


def write_job(folder: Path, job: TrainJob) -> None:
    """Once, before anything else is asked of the folder."""
    fields = asdict(job) | {"base": str(job.base), "parent": str(job.parent) if job.parent else None}
    write_json(folder / JOB, fields)


def read_job(folder: Path) -> TrainJob:
    """Raises Corrupt unless it is a whole job of this version."""
    fields = read_object(folder / JOB)
    try:
        return _build_job(fields, folder)
    except (KeyError, TypeError, AttributeError) as error:
        raise Corrupt(f"{JOB} is not a training job of this version ({error}); prepare the night again") from None


def _build_job(fields: dict[str, Any], folder: Path) -> TrainJob:
    """A parent is named from the job's own folder, which may be moved."""
    told = fields.pop("recipe")
    recipe = Recipe(**{**told, "targets": tuple(told["targets"])})
    base, parent = Path(fields.pop("base")), fields.pop("parent")
    return TrainJob(**fields, recipe=recipe, base=base, parent=folder / parent if parent else None)


def share_measured(folder: Path, others: Iterable[Path]) -> None:
    """What another job has measured for the same base and recipe on this machine need not be measured again."""
    if (folder / MEASURED).exists():
        return
    wanted = _measured_for(read_job(folder))
    for other in others:
        with suppress(Corrupt):  # it may be removed at any time
            told = read_object(other / MEASURED)
            if _measured_for(read_job(other)) == wanted:
                write_json(folder / MEASURED, told)
                return


def _measured_for(job: TrainJob) -> tuple[str, Recipe]:
    return job.base_hash, job.recipe


def read_object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Corrupt(f"{path.name} cannot be read ({type(error).__name__}); prepare the night again") from None
    if not isinstance(found, dict):
        raise Corrupt(f"{path.name} holds no object; prepare the night again")
    return found


def read_trained(folder: Path) -> Trained | None:
    """What a finished job left, or None where it is not finished."""
    sums = check_folder(folder / OUT)
    if sums is None:
        return None
    record = read_object(folder / OUT / RECORD)
    losses = tuple(record["losses"])
    return Trained(folder=folder / OUT, files=sums, steps=len(losses), losses=losses, record=record)

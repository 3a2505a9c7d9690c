"""Jobs that a night left unfinished, kept for the next one as DATA/nights/kept/<theme>: at most one for each theme.

A kept job is gone on with as long as it is still the same: its lessons are still lessons, its model, its settings and
the adapter it goes on from are still those it began with. Lessons that came since wait for the job after it, or no job
of a theme that hears something new each day would ever be finished. It reads no rows and trains nothing.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

from aion.errors import Corrupt
from aion.models.durable import write_json
from aion.models.sealed import MANIFEST
from aion.records import Json
from aion.sleep.training.base import CHECKPOINTS, OUT, Recipe
from aion.sleep.training.jobs import read_job, read_object
from aion.store.files import make_folder, put_in_place

NIGHTS = "nights"  # in the data folder
KEPT = "kept"
PREPARED = "prepared.json"  # what `prepare` says of a job: written last, it makes the folder a whole one
LONGEST_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What a job would be made of now."""

    lessons: AbstractSet[str]  # of its theme
    base: Path
    base_hash: str
    recipe: Recipe
    parent: str  # id of the candidate it would go on from; "" for none
    forced: bool


def note_prepared(folder: Path, told: Json) -> None:
    write_json(folder / PREPARED, told)


def is_prepared(folder: Path) -> bool:
    return (folder / PREPARED).is_file()


def keep_unfinished(nights: Path, night: str, *, done: Collection[str]) -> list[str]:
    """Set aside what has been trained of jobs that are not `done`, and remove the rest of a night; gives their themes.

    Cut short anywhere, it may be done again.
    """
    kept: list[str] = []
    for folder in sorted(path for path in (nights / night).glob("*") if path.is_dir()):
        if folder.name not in done and is_prepared(folder) and _is_begun(folder):
            target = make_folder(nights / KEPT) / folder.name
            shutil.rmtree(target, ignore_errors=True)
            os.utime(folder / PREPARED)  # its month begins anew
            put_in_place(folder, target)
            kept.append(folder.name)
    shutil.rmtree(nights / night, ignore_errors=True)
    return kept


def list_done(finished: Iterable[str]) -> set[str]:
    """Themes whose adapter was handed over, by the steps that a night has finished."""
    return {name.split()[2] for name in finished if name.startswith("hand over ")}


def take_up(nights: Path, night: str, theme: str) -> bool:
    """Bring a kept job into the night's own folder, unless that has one; whether there was one."""
    kept, folder = nights / KEPT / theme, nights / night / theme
    if not kept.is_dir() or is_prepared(folder):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder.parent)
    put_in_place(kept, folder)
    return True


def find_misfit(folder: Path, now: Present) -> str:
    """Why the job of a folder is no longer the one that would be made now; empty when it is."""
    try:
        told, job = read_object(folder / PREPARED), read_job(folder)
        lessons, parent, forced = set(told["lessons"]), str(told["parent"]), bool(told["forced"])
    except (Corrupt, KeyError, TypeError):
        return "it was not whole"
    if (job.base, job.base_hash) != (now.base, now.base_hash):
        return "the model is another"
    if replace(job.recipe, cache=now.recipe.cache, recompute=now.recipe.recompute) != now.recipe:  # room changes
        return "the settings of training are others"
    if not lessons <= now.lessons:
        return "something in it was forgotten, put aside or said otherwise since"
    if (parent, forced) != (now.parent, now.forced):
        return "the theme has learned something else since"
    return ""


def list_kept(nights: Path) -> dict[str, str]:
    """Theme to owner of each kept job; one that says of nobody whose it is, is nobody's."""
    found: dict[str, str] = {}
    for folder in sorted((nights / KEPT).glob("*")):
        try:
            found[folder.name] = str(read_object(folder / PREPARED)["owner"])
        except (Corrupt, KeyError):
            found[folder.name] = ""
    return found


def drop_kept(nights: Path, theme: str) -> None:
    shutil.rmtree(nights / KEPT / theme, ignore_errors=True)


def drop_old(nights: Path, *, now: float | None = None) -> list[str]:
    """Remove kept jobs that no night has taken up for a month."""
    at = time.time() if now is None else now
    old = [
        folder.name
        for folder in sorted((nights / KEPT).glob("*"))
        if not is_prepared(folder) or at - (folder / PREPARED).stat().st_mtime > LONGEST_S
    ]
    for theme in old:
        drop_kept(nights, theme)
    return old


def _is_begun(folder: Path) -> bool:
    """Whether there is anything that would be lost with it."""
    return any((folder / CHECKPOINTS).glob(f"step-*/{MANIFEST}")) or (folder / OUT / MANIFEST).exists()

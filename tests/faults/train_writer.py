"""Prepares and trains one tiny job, notes both in a journal, and prints those asked for once they are noted.

    TRAIN_BASE=FILE python -m tests.faults.train_writer [prepare] [train] FOLDER TAG

FOLDER is empty, or what a power cut left of it. Journal, job folder, checkpoints and adapter are a night's own. At the
end it waits to be struck.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from aion.records import Json
from aion.sleep.nights.journal import Journal
from aion.sleep.training.base import OUT
from aion.sleep.training.jobs import read_trained
from aion.sleep.training.train import train
from aion.store.files import make_folder, sync_file, sync_folder
from tests.faults.harness import Verdict
from tests.sleep.small_jobs import ignore, make_job

NIGHT, THEME = "night-1", "theme-1"
ADAPTER = "adapter_model.safetensors"
WHOLE = {"adapter_config.json", ADAPTER, "manifest.json", "record.json"}


def run(data: Path, tell: Callable[[str], None] = lambda _: None) -> str:
    """Prepare, train: each noted once, from wherever it is. `tell` hears of each that is noted."""
    torch.set_num_threads(1)
    journal, folder = Journal(data / "nights"), data / "nights" / NIGHT / THEME
    journal.once(NIGHT, "prepare", lambda: prepare(folder))
    tell("prepare")
    done = journal.once(NIGHT, "train", lambda: {"adapter": train(folder, tell=ignore).files[ADAPTER]})
    tell("train")
    return str(done["adapter"])


def prepare(folder: Path) -> Json:
    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder.parent)
    make_job(folder, Path(os.environ["TRAIN_BASE"]), epochs=1, tokens_per_step=50)
    for path in folder.iterdir():
        sync_file(path)
    for made in (folder, folder.parent):
        sync_folder(made)
    return {}


def compare_training(folder: Path, acked: Sequence[str]) -> Verdict:
    """What is noted is there; then go on undisturbed, and hold what comes of it against what had to come."""
    journal, job = Journal(folder / "nights"), folder / "nights" / NIGHT / THEME
    lost = tuple(name for name in acked if journal.result(NIGHT, name) is None)
    trained = journal.result(NIGHT, "train") is not None
    findings = ["it is noted as trained, and there is no adapter"] if trained and read_trained(job) is None else []
    found = run(folder)
    if found != os.environ["TRAIN_ADAPTER"]:
        findings.append("the adapter is another than that of an undisturbed training")
    if not findings and {path.name for path in (job / OUT).iterdir()} != WHOLE:
        findings.append(f"there is more in {OUT} than was to be there")
    if len(list((job / "checkpoints").glob("*"))) > 2:
        findings.append("checkpoints were left over")
    return Verdict(lost=lost, findings=tuple(findings))


if __name__ == "__main__":
    *wanted, place, _tag = sys.argv[1:]
    run(Path(place), lambda name: print(name, flush=True) if name in wanted else None)
    sys.stdin.read()  # until it is struck

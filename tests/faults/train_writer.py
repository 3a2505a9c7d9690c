"""Trains one tiny job for good, notes that in a journal, and prints the sum of its adapter. Then it waits.

    TRAIN_BASE=FILE python -m tests.faults.train_writer FOLDER TAG

FOLDER is empty, or what a power cut left of it. Journal, job folder, checkpoints and adapter are a night's own.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from aion.records import Json
from aion.sleep.base import OUT
from aion.sleep.jobs import read_trained
from aion.sleep.journal import Journal
from aion.sleep.train import train
from aion.store.files import make_folder, sync_file, sync_folder
from tests.faults.harness import Verdict
from tests.sleep.small_jobs import ignore, make_job

NIGHT, THEME = "night-1", "theme-1"
ADAPTER = "adapter_model.safetensors"
WHOLE = {"adapter_config.json", ADAPTER, "manifest.json", "record.json"}


def run(data: Path) -> str:
    """Prepare, train, note: each once, from wherever it is."""
    torch.set_num_threads(1)
    journal, folder = Journal(data / "nights"), data / "nights" / NIGHT / THEME
    journal.once(NIGHT, "prepare", lambda: prepare(folder))
    return str(journal.once(NIGHT, "train", lambda: {"adapter": train(folder, tell=ignore).files[ADAPTER]})["adapter"])


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
    noted = Journal(folder / "nights").result(NIGHT, "train")
    job = folder / "nights" / NIGHT / THEME
    lost = tuple(acked) if acked and noted is None else ()
    findings = ["it is noted as trained, and there is no adapter"] if noted and read_trained(job) is None else []
    found = run(folder)
    if found != os.environ["TRAIN_ADAPTER"]:
        findings.append("the adapter is another than that of an undisturbed training")
    if not findings and {path.name for path in (job / OUT).iterdir()} != WHOLE:
        findings.append(f"there is more in {OUT} than was to be there")
    if len(list((job / "checkpoints").glob("*"))) > 2:
        findings.append("checkpoints were left over")
    return Verdict(lost=lost, findings=tuple(findings))


if __name__ == "__main__":
    sys.stdout.write(run(Path(sys.argv[1])) + "\n")
    sys.stdout.flush()
    sys.stdin.read()  # until it is struck

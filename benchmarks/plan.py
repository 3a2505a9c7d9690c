"""How near `aion plan` comes: peak memory and duration it predicts, and what the training then took.

    python -m benchmarks.plan [--quick] [small | big | night]

The embedded base with several recipes, a model of 1B's shape with random blocks for two dozen steps, and the trainings
of a night: several themes of real lessons with anchors, one after the other in one process, planned by their letters
alone (what the engine does before, tokens and the base's own answers, is timed beside it). Prediction and training run
in processes of their own, one after the other; the duration is that of the whole training, opening and saving included.
The sequences have different lengths and one beginning, as a night's own have. The goal is 15 %.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tools import print_head, print_load

SMALL: tuple[dict[str, Any], ...] = (
    {},
    {"cache": False},
    {"length": 512, "tokens_per_step": 1024, "rank": 16, "micro_batch": 2},
    {"cache": False, "length": 512, "tokens_per_step": 512, "recompute": True},
)
BIG: tuple[dict[str, Any], ...] = ({"cache": False}, {"cache": False, "rank": 16, "recompute": True})
NIGHT: dict[str, Any] = {"micro_batch": 0}
SEQUENCES = {"small": 170, "big": 128}  # of fewer steps one more or less decides, and nights train 32 at least
THEMES, FACTS = 5, 3
SHORTEST, LONGEST, LEARNED, SHARED = 30, 66, 12, 20
DRAWN = {"length": (SHORTEST + LONGEST) // 2, "learned": LEARNED, "shared": SHARED}
GOAL = 0.15


def predict_here(base: Path, recipe: dict[str, Any], trainings: list[int], sample: dict[str, Any]) -> dict[str, Any]:
    import peft  # noqa: F401 - what training has loaded before it opens anything

    from aion.sleep.training.base import Recipe
    from aion.sleep.training.plan import Sample, count_tries, predict
    from aion.sleep.training.probe import probe_base

    began = time.perf_counter()
    told = Recipe(epochs=1.0, **recipe)
    tries = count_tries(told, told.threads)
    plan = predict(probe_base(base, told, Sample(**sample)), told, trainings, tries=tries)
    asked = time.perf_counter() - began
    return {"peak": plan.peak_bytes, "seconds": plan.seconds, "rate": plan.tokens_per_s, "asked": asked}


def train_here(folders: list[Path]) -> dict[str, Any]:
    """One after the other, memory given back and what was measured handed on between them, as a night does."""
    from aion.sleep.nights.heap import give_back
    from aion.sleep.training.jobs import share_measured
    from aion.sleep.training.train import train

    began, records = time.perf_counter(), []
    for number, folder in enumerate(folders):
        give_back()
        share_measured(folder, folders[:number])
        records.append(train(folder, tell=lambda _: None).record)
    rate = sum(one["tokens"] for one in records) / sum(one["seconds"] for one in records)
    peaks = [one["peak_bytes"] for one in records]
    return {"peak": peaks[-1], "seconds": time.perf_counter() - began, "rate": rate, "peaks": peaks}


def make_job(folder: Path, base: Path, recipe: dict[str, Any], sequences: int) -> None:
    from aion.sleep.training.base import Recipe
    from benchmarks.train_jobs import make_folder

    make_folder(folder, base, make_tokens(sequences), Recipe(epochs=1.0, **recipe))


def draw_lengths(sequences: int) -> Any:
    return np.random.default_rng(2).integers(SHORTEST, LONGEST + 1, sequences)


def make_tokens(sequences: int) -> Any:
    """Random words behind one beginning."""
    from aion.sleep.training.tokens import Tokens

    lengths, draw = draw_lengths(sequences), np.random.default_rng(1)
    ids = [np.concatenate([np.arange(5, 5 + SHARED), draw.integers(3, 40_000, one - SHARED)]) for one in lengths]
    return Tokens(
        ids=np.concatenate(ids).astype(np.int32),
        labels=np.concatenate([np.arange(one) >= one - LEARNED for one in lengths]).astype(np.uint8),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        weights=np.ones(sequences, np.float32),
        kinds=np.zeros(sequences, np.uint8),
    )


def make_night(folder: Path, themes: int) -> tuple[Path, list[Path], list[int]]:
    """Jobs as a night prepares them; for each the tokens that a plan would guess before."""
    from aion.cli.plan import guess_tokens
    from aion.config import TrainSettings
    from aion.sleep.training.base import Recipe
    from benchmarks.teach import make_themes, prepare
    from tests.models.engines import smollm

    jobs, guessed, model = list[Path](), list[int](), smollm()
    for theme in make_themes(1, by_edit=False, part="all")[:themes]:
        job = folder / theme.name
        job.mkdir()
        part = replace(theme, facts=theme.facts[:FACTS])
        made = asyncio.run(prepare(part, model, Recipe(epochs=1.0, **NIGHT), TrainSettings(), job))
        jobs.append(job)
        guessed.append(sum(guess_tokens(one) for one in made.trained))
    return model.path, jobs, guessed


def run(part: str, *rest: str) -> dict[str, Any]:
    argv = [sys.executable, "-W", "ignore", "-m", "benchmarks.plan", part, *rest]
    told: dict[str, Any] = json.loads(subprocess.run(argv, check=True, capture_output=True).stdout.splitlines()[-1])
    return told


def run_both(base: Path, recipe: dict[str, Any], sequences: int) -> tuple[dict[str, Any], dict[str, Any]]:
    said = run(
        "predict", str(base), json.dumps(recipe), json.dumps([int(draw_lengths(sequences).sum())]), json.dumps(DRAWN)
    )
    with tempfile.TemporaryDirectory() as name:
        make_job(Path(name) / "job", base, recipe, sequences)
        return said, run("train", str(Path(name) / "job"))


def compare(base: Path, recipes: tuple[dict[str, Any], ...], sequences: int) -> None:
    print("  predicted / measured: peak MB, seconds, tokens/s of steps; seconds the prediction took")
    for recipe in recipes:
        tell(recipe, *run_both(base, recipe, sequences))
    print_load("after")


def compare_night(themes: int) -> None:
    from aion.config import TrainSettings

    with tempfile.TemporaryDirectory() as name:
        began = time.perf_counter()
        base, jobs, guessed = make_night(Path(name), themes)
        print(f"  a night of {themes} themes of {FACTS} facts, prepared in {time.perf_counter() - began:.0f} s")
        said = run(
            "predict",
            str(base),
            json.dumps(NIGHT),
            json.dumps(guessed),
            json.dumps({"anchors": TrainSettings().anchors}),
        )
        took = run("train", *(str(job) for job in jobs))
    tell(NIGHT, said, took)
    print(f"  most held so far, after each theme: {', '.join(f'{one / 1e6:.0f}' for one in took['peaks'])} MB")
    print_load("after")


def tell(recipe: dict[str, Any], said: dict[str, Any], took: dict[str, Any]) -> None:
    off = {name: said[name] / took[name] - 1 for name in ("peak", "seconds", "rate")}
    told = [
        f"{said[name] / unit:7.1f} / {took[name] / unit:7.1f} ({off[name]:+.0%})"
        for name, unit in (("peak", 1e6), ("seconds", 1), ("rate", 1))
    ]
    verdict = "pass" if max(abs(off["peak"]), abs(off["seconds"])) <= GOAL else "MISS"
    print(f"  {'   '.join(told)}   {said['asked']:.0f}   {verdict}   {json.dumps(recipe)}", flush=True)


def main() -> None:
    if sys.argv[1:2] == ["predict"]:
        base, recipe, trainings, sample = sys.argv[2:]
        print(json.dumps(predict_here(Path(base), json.loads(recipe), json.loads(trainings), json.loads(sample))))
        return
    if sys.argv[1:2] == ["train"]:
        print(json.dumps(train_here([Path(one) for one in sys.argv[2:]])))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one recipe of each: to see that it runs, not to quote")
    parser.add_argument("bases", nargs="*", default=["small", "big", "night"], choices=["small", "big", "night"])
    options = parser.parse_args()
    print_head(__doc__ or "")
    most = 1 if options.quick else None
    if "small" in options.bases:
        from aion.models.catalog import find_embedded_base

        compare(find_embedded_base(), SMALL[:most], SEQUENCES["small"] // (3 if options.quick else 1))
    if "night" in options.bases:
        compare_night(2 if options.quick else THEMES)
    if "big" in options.bases:
        from benchmarks.train_jobs import make_big

        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "big.gguf"
            make_big(path)
            compare(path, BIG[:most], SEQUENCES["big"])


if __name__ == "__main__":
    main()

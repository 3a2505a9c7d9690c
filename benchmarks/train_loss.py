"""How well one night is learned, over several seeds, beside PEFT on the same data, steps, rank and rate.

    python -m benchmarks.train_loss [--seeds N] [--first N]

The night, the trainers and the judging are those of `train.py`: wordings put aside, judged on the GGUF's own weights in
float32. Told again apart are the wordings of what was taught, and near misses, whose answer is that nobody told. A seed
is the adapter's beginning and the order of its lessons. It says nothing about speed.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from aion.sleep.training.base import TOKENS
from aion.sleep.training.jobs import read_job
from aion.sleep.training.tokens import load_tokens
from benchmarks.tools import print_head, print_load
from benchmarks.train import RECIPE, run_child
from benchmarks.train_jobs import make_folder, make_night
from benchmarks.train_peers import BFLOAT, FLOAT, OURS

WAYS = (OURS, FLOAT, BFLOAT)
PARTS = ("loss", "told", "missed")


def learn(job: Path, held_out: Path, seed: int, ways: list[str]) -> dict[str, dict[str, Any]]:
    """Held-out losses of each way with this seed."""
    told = read_job(job)
    tokens = load_tokens(job / TOKENS, told.tokens)
    seeded = make_folder(job.with_name(f"seed{seed}"), told.base, tokens, replace(RECIPE, seed=seed))
    found: dict[str, dict[str, Any]] = {}
    for way in ways:
        trained = run_child("train", way, str(seeded), "0")
        found[way] = run_child("judge", str(seeded), str(held_out), trained["out"])
        print(f"  seed {seed}  {way:16} {_tell(found[way])}", flush=True)
    return found


def _tell(losses: dict[str, Any]) -> str:
    return "  ".join(f"{part} {losses[part]:.3f}" for part in PARTS)


def print_means(found: list[dict[str, dict[str, Any]]], ways: list[str]) -> None:
    for way in ways:
        print(f"  mean    {way:16} {_tell({part: mean(one[way][part] for one in found) for part in PARTS})}")
    if FLOAT in ways and OURS in ways and len(found) > 1:
        for part in PARTS:
            less = [one[OURS][part] - one[FLOAT][part] for one in found]
            print(f"  ours less PEFT float32, {part}: {mean(less):+.3f}, error {stdev(less) / len(less) ** 0.5:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    options = parser.parse_args()
    meter = print_head(__doc__ or "")
    with tempfile.TemporaryDirectory() as name:
        night = make_night(Path(name), RECIPE)
        seeds = range(options.first, options.first + options.seeds)
        found = [learn(*night, seed, options.ways) for seed in seeds]
    print_means(found, options.ways)
    print_load("after", meter)


if __name__ == "__main__":
    main()

"""How near `aion plan` comes: what it predicts for a training on the embedded base, and what that training then took.

Prediction and training run in processes of their own, one after the other, for several recipes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.tools import print_head, print_load

RECIPES = (
    {"cache": True, "length": 256, "tokens_per_step": 256},
    {"cache": False, "length": 256, "tokens_per_step": 256},
    {"cache": True, "length": 512, "tokens_per_step": 1024},
    {"cache": False, "length": 512, "tokens_per_step": 512, "recompute": True},
    {"cache": True, "length": 512, "tokens_per_step": 1024, "micro_batch": 2, "rank": 16},
)
EXAMPLES, LENGTH, LEARNED = 64, 48, 12


def predict_here(recipe: str) -> None:
    import peft  # noqa: F401 - what training has loaded before it opens anything

    from aion.models.catalog import find_embedded_base
    from aion.sleep.base import Recipe
    from aion.sleep.plan import predict
    from aion.sleep.probe import probe_base

    told = Recipe(threads=1, epochs=1.0, **json.loads(recipe))
    plan = predict(probe_base(find_embedded_base(), told), told, EXAMPLES * LENGTH)
    print(json.dumps({"peak": plan.peak_bytes, "rate": plan.tokens_per_s, "parts": dict(plan.parts)}))


def train_here(recipe: str) -> None:
    import hashlib

    from aion.models.catalog import find_embedded_base
    from aion.sleep.base import TOKENS, Recipe, TrainJob
    from aion.sleep.jobs import sum_file, write_job
    from aion.sleep.tokens import Tokens, save_tokens
    from aion.sleep.train import train

    draw = np.random.default_rng(1)
    tokens = Tokens(
        ids=draw.integers(3, 40_000, EXAMPLES * LENGTH).astype(np.int32),
        labels=np.tile(np.arange(LENGTH) >= LENGTH - LEARNED, EXAMPLES).astype(np.uint8),
        offsets=np.arange(EXAMPLES + 1) * LENGTH,
        weights=np.ones(EXAMPLES, np.float32),
        kinds=np.zeros(EXAMPLES, np.uint8),
    )
    data = save_tokens(tokens)
    base = find_embedded_base()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / TOKENS).write_bytes(data)
        job = TrainJob(
            id="job",
            night="night",
            theme="theme",
            base=base,
            base_hash=sum_file(base),
            recipe=Recipe(threads=1, epochs=1.0, **json.loads(recipe)),
            dataset="0" * 64,
            tokens=hashlib.sha256(data).hexdigest(),
        )
        write_job(folder, job)
        record = train(folder, tell=lambda _: None).record
    print(
        json.dumps({"peak": record["peak_bytes"], "rate": record["tokens_per_s"], "recipe": asdict(job.recipe)["rank"]})
    )


def run(part: str, recipe: dict[str, object]) -> dict[str, float]:
    argv = [sys.executable, "-W", "ignore", "-m", "benchmarks.plan", part, json.dumps(recipe)]
    told: dict[str, float] = json.loads(subprocess.run(argv, check=True, capture_output=True).stdout.splitlines()[-1])
    return told


def main() -> None:
    if len(sys.argv) > 2:
        {"predict": predict_here, "train": train_here}[sys.argv[1]](sys.argv[2])
        return
    print_head(__doc__ or "")
    print("  recipe: predicted and measured peak in MB, tokens/s")
    for recipe in RECIPES:
        said, took = run("predict", dict(recipe)), run("train", dict(recipe))
        peaks = f"{said['peak'] / 1e6:6.0f} {took['peak'] / 1e6:6.0f} ({said['peak'] / took['peak'] - 1:+.0%})"
        rates = f"{said['rate']:6.0f} {took['rate']:6.0f} ({said['rate'] / took['rate'] - 1:+.0%})"
        print(f"  {peaks}   {rates}   {json.dumps(recipe)}", flush=True)
    print_load("after")


if __name__ == "__main__":
    main()

"""What the options of a training cost and bring: rank, (IA)^3, what is kept in memory, and moments in 8 bits.

    python -m benchmarks.options [--quick]

First the same invented facts at ranks 4, 8 and 16, and by PEFT's (IA)^3 over the same frozen layers: loss and whole
answers in wordings never trained (by llama.cpp where it can serve the adapter, else by the same weights in float32).
Then a few steps of one recipe, each way in a process of its own: peak memory is exact, speed is tokens by processor
time. 8-bit moments are bitsandbytes', and left out where that is not installed.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import peft
import torch
from transformers import AttentionInterface

from aion.models.adapters.convert import export_gguf
from aion.models.adapters.lora import Marks
from aion.models.adapters.served import read_served
from aion.models.catalog import find_embedded_base
from aion.models.sealed import sum_file
from aion.nets.attention import NAME, attend_packed
from aion.sleep.training.adapt import add_adapters, list_weights, load_parent
from aion.sleep.training.base import OUT, Recipe
from aion.sleep.training.graph import open_base
from aion.sleep.training.learner import Learner, choose_lessons
from aion.sleep.training.optimiser import make_optimiser, read_moments
from aion.sleep.training.tokens import Tokens
from aion.sleep.training.train import train
from benchmarks.forms import RECIPE, make_jobs, measure_loss, recall
from benchmarks.tools import median, parse_options, print_head, print_load
from benchmarks.train_jobs import make_folder
from benchmarks.train_peers import read_learner, run_timed

RANKS = (4, 8, 16)
RATES = (1e-2,)  # of (IA)^3, whose numbers start at 1
PLAIN, BLOCKS, AGAIN, EIGHT = "dense in bf16", "nothing cached", "nothing cached, recomputed", "dense, 8-bit moments"
STEPS = 4


def teach_rank(folder: Path, path: Path, tokens: Tokens, asked: Tokens, rank: int) -> None:
    recipe = replace(RECIPE, rank=rank, alpha=2.0 * rank)
    job = make_folder(folder / f"rank{rank}", path, tokens, recipe)
    done = train(job, tell=lambda _: None)
    base = read_served(path, sum_file(path))
    export_gguf(job / OUT, base, job / "adapter.gguf", Marks())
    adapted = add_adapters(open_base(path, dtype=torch.float32, cached=True).model, recipe)
    load_parent(list_weights(adapted), job / OUT, base, recipe)
    loss, _ = measure_loss(adapted, asked)
    whole, _ = asyncio.run(recall(path, [job / "adapter.gguf"], asked))
    size, rate = (job / "adapter.gguf").stat().st_size, done.record["tokens_per_s"]
    print(
        f"rank {rank:<19} {size / 1024:9.0f} KiB  loss {loss:.3f}  whole {whole:.2f}  {rate:.0f} tokens/s", flush=True
    )


def teach_ia3(path: Path, tokens: Tokens, asked: Tokens, rate: float) -> None:
    """The learner is the same; only what is trained is PEFT's other kind of adapter."""
    torch.manual_seed(1)
    recipe = replace(RECIPE, learning_rate=rate)
    learner = Learner(wear_ia3(path, torch.bfloat16), choose_lessons(tokens, recipe), recipe)
    for number in range(len(learner.steps)):
        learner.step(number)
    judged = wear_ia3(path, torch.float32)
    with torch.no_grad():
        for name, weight in list_weights(judged).items():
            weight.copy_(learner.weights[name])
    loss, whole = measure_loss(judged, asked)
    size = sum(4 * weight.numel() for weight in learner.weights.values())
    print(
        f"(IA)^3, rate {rate:<11g} {size / 1024:9.0f} KiB  loss {loss:.3f}  whole {whole:.2f} (not served)", flush=True
    )


def wear_ia3(path: Path, dtype: torch.dtype) -> Any:
    model: Any = open_base(path, dtype=dtype, cached=True).model
    AttentionInterface.register(NAME, attend_packed)
    model.set_attn_implementation(NAME)
    config = peft.IA3Config(target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"])
    return peft.get_peft_model(model, config).eval()


def compare_ways(folder: Path, path: Path, tokens: Tokens, *, rounds: int) -> Iterator[str]:
    recipe = Recipe(kl=0.0, tokens_per_step=512)
    plain = make_folder(folder / "plain", path, tokens, recipe)
    again = make_folder(folder / "again", path, tokens, replace(recipe, recompute=True))
    ways = {PLAIN: plain, BLOCKS: plain, AGAIN: again}
    if importlib.util.find_spec("bitsandbytes") is not None:
        ways[EIGHT] = plain
    for name, job in ways.items():
        told = [run_child(name, job) for _ in range(rounds)]
        speed, peak = median([one["speed"] for one in told]), max(one["peak"] for one in told)
        held = f"peak {peak / 2**20:.0f} MiB, moments {told[0]['moments'] / 1024:.0f} KiB"
        yield f"{name:28} {held}, {speed:.0f} tokens/CPU s"


def run_child(name: str, job: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.options", "child", name, str(job)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def serve_child(name: str, folder: Path) -> None:
    torch.set_num_threads(1)
    learner = read_learner(folder, cache=name in (PLAIN, EIGHT))
    if name == EIGHT:
        learner.optimiser = make_optimiser(learner.weights, replace(learner.recipe, weights="nf4"))
    speeds = run_timed(lambda number: learner.step(number).tokens, STEPS)
    moments = sum(one.nbytes for one in read_moments(learner.optimiser, learner.weights).values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"speed": median([cpu for _, cpu in speeds]), "peak": peak, "moments": moments}))


def main() -> None:
    options = parse_options(__doc__ or "", seconds=0)
    meter = print_head(__doc__ or "")
    torch.set_num_threads(1)
    path = find_embedded_base().resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokens, asked = make_jobs(folder)
        for line in compare_ways(folder, path, tokens, rounds=1 if options.quick else 3):
            print(line, flush=True)
        for rank in RANKS[:0] if options.quick else RANKS:
            teach_rank(folder, path, tokens, asked, rank)
        for rate in RATES[:0] if options.quick else RATES:
            teach_ia3(path, tokens, asked, rate)
    print_load("after", meter)


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        serve_child(sys.argv[2], Path(sys.argv[3]))
    else:
        main()

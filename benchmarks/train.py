"""How fast one adapter is trained on this CPU, in how much memory, and how well, beside PEFT on the same data.

    python benchmarks/train.py [--quick] [--seconds S]

The data is a night's own: twelve facts told once, as the data builder writes them. Ours trains on the blocks of the
embedded GGUF; PEFT on its dequantised weights, in float32 and bfloat16, with padded batches and the loss transformers
computes. Same sequences in the same steps, same rank, rate and clipping. Each trains in a process of its own, one after
the other and in turns. Tokens are those of the sequences: padding is not counted, and a beginning that several share is
counted for each, although ours computes it once. The adapters are then judged alike: the loss of wordings put aside, on
the GGUF's own weights in float32. At last a model of 1B's shape with random Q4_K and Q6_K blocks: only whether, and in
how much memory, it trains. It measures no serving.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers

from aion.models.adapters.lora import Marks
from aion.models.adapters.served import read_served
from aion.nets.loss import answer_loss
from aion.nets.pack import Piece, lay_out
from aion.records import ExampleKind
from aion.sleep.training.adapt import add_adapters, list_weights, load_parent, run_rows, save_adapter
from aion.sleep.training.base import TOKENS, Recipe
from aion.sleep.training.graph import open_base
from aion.sleep.training.jobs import read_job
from aion.sleep.training.learner import choose_lessons
from aion.sleep.training.tokens import KIND_NUMBERS, load_tokens
from benchmarks.tools import Figure, interleave, median, parse_options, print_head, print_load, print_table
from benchmarks.train_jobs import make_big, make_folder, make_night, random_tokens
from benchmarks.train_peers import BFLOAT, BLOCKS, FLOAT, OURS, PEERS, count_work, make_peer, run_timed

RECIPE = Recipe(kl=0.0)
LARGE = replace(RECIPE, tokens_per_step=1024, micro_batch=2)
PACKED = 4  # sequences judged at one time
BRIEF = 3000  # tokens of a training that is only timed


def train_peer(name: str, folder: Path, tokens: int) -> dict[str, Any]:
    """So many tokens of the job (0: all of it); the adapter is left beside it."""
    peer = make_peer(name, folder)
    speeds = run_timed(peer.step, peer.steps, tokens)
    out = folder / name.replace(" ", "-").replace(",", "")
    out.mkdir(exist_ok=True)
    job = read_job(folder)
    base = read_served(job.base, job.base_hash)
    save_adapter(peer.weights, out, base=base, marks=Marks(base=job.base_hash), recipe=job.recipe)
    wall, cpu = (median([speed[which] for speed in speeds]) for which in (0, 1))
    return {"speed": wall, "cpu_speed": cpu, "out": str(out)}


def judge(folder: Path, held_out: Path, adapter: str) -> dict[str, Any]:
    """Loss of the held-out wordings with an adapter ("" for none), in float32 on the GGUF's weights."""
    job = read_job(folder)
    torch.manual_seed(1)
    model = add_adapters(open_base(job.base, dtype=torch.float32, cached=True).model, job.recipe)
    if adapter:
        load_parent(list_weights(model), Path(adapter), read_served(job.base, job.base_hash), job.recipe)
    tokens = load_tokens(held_out / TOKENS, read_job(held_out).tokens)
    pieces = choose_lessons(tokens, job.recipe).pieces
    near = tokens.kinds == KIND_NUMBERS[ExampleKind.CONTRAST]
    told, missed = ([one for number, one in pieces.items() if near[number] == which] for which in (False, True))
    (told_loss, told_rows), (missed_loss, missed_rows) = sum_losses(model, told), sum_losses(model, missed)
    return {
        "loss": (told_loss + missed_loss) / (told_rows + missed_rows),
        "told": told_loss / told_rows,
        "missed": missed_loss / missed_rows,
    }


def sum_losses(model: Any, pieces: Sequence[Piece]) -> tuple[float, int]:
    """Over all answers' tokens, and how many there are."""
    total, learned, head = 0.0, 0, model.get_base_model().lm_head
    with torch.no_grad():
        for begin in range(0, len(pieces), PACKED):
            packed = lay_out(pieces[begin : begin + PACKED])
            rows = packed.rows
            hidden = run_rows(model, packed)[rows]
            total += answer_loss(hidden, packed.targets_T[rows], torch.ones(len(rows)), head).total.item()
            learned += len(rows)
    return total, learned


def measure_products() -> dict[str, Any]:
    """The best rate of a large bfloat16 product on these threads, in FLOP/s."""
    a, b = (torch.randn(2048, 2048).bfloat16() for _ in range(2))
    times = []
    for _ in range(12):
        begin = time.perf_counter()
        torch.nn.functional.linear(a, b)
        times.append(time.perf_counter() - begin)
    return {"rate": 2 * 2048**3 / min(times)}


def run_child(task: str, *rest: str) -> dict[str, Any]:
    """A process of its own, so that its peak is its own; the same threads for all."""
    command = [sys.executable, __file__, "child", task, *rest]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def serve_child(task: str, rest: list[str]) -> None:
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    result: dict[str, Any]
    if task == "train":
        result = train_peer(rest[0], Path(rest[1]), int(rest[2]))
    elif task == "judge":
        result = judge(Path(rest[0]), Path(rest[1]), rest[2])
    elif task == "products":
        result = measure_products()
    else:
        result = count_work(Path(rest[0]))
    print(json.dumps(result | {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


def run_rounds(job: Path, peers: Sequence[str], *, rounds: int, whole: bool) -> dict[str, list[dict[str, Any]]]:
    """The first of each trains to the end where the whole is wanted, the others only long enough to be timed."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in peers}
    for number, name in interleave(peers, range(rounds)):
        runs[name].append(run_child("train", name, str(job), "0" if whole and number == 0 else str(BRIEF)))
        print(f"  {name}: {runs[name][-1]['speed']:.0f} tokens/s, round {number + 1}", flush=True)
        print_load("during")
    return runs


def tell_runs(runs: dict[str, list[dict[str, Any]]], job: Path, label: str) -> Iterator[Figure]:
    speed = {name: median([run["speed"] for run in found]) for name, found in runs.items()}
    peak = {name: max(run["peak"] for run in found) for name, found in runs.items()}
    for name, found in runs.items():
        yield Figure(f"{label} {name}: real tokens", speed[name], "tokens/s")
        yield Figure(f"{label} {name}: real tokens", median([run["cpu_speed"] for run in found]), "tokens/CPU s")
        yield Figure(f"{label} {name}: peak RSS", peak[name] / 2**20, "MiB")
    yield Figure(f"{label} tokens/s, ours to PEFT float32", speed[OURS] / speed[FLOAT], "x", 4.0, at_least=True)
    yield Figure(f"{label} tokens/s, ours to PEFT bfloat16", speed[OURS] / speed[BFLOAT], "x", 1.5, at_least=True)
    yield Figure(f"{label} peak RSS, ours to PEFT float32", peak[OURS] / peak[FLOAT], "x", 0.6)
    rate, work = run_child("products")["rate"], run_child("work", str(job))
    yield Figure(f"{label} tokens computed with another", 100 * work["shared"], "%")
    yield Figure(f"{label} bfloat16 products of this machine", rate / 1e9, "GFLOP/s")
    yield Figure(f"{label} share of them", 100 * speed[OURS] * work["work"] / rate, "%", 40.0, at_least=True)


def measure_night(folder: Path, *, quick: bool) -> Iterator[Figure]:
    job, held_out = make_night(folder, RECIPE)
    runs = run_rounds(job, PEERS, rounds=1 if quick else 3, whole=not quick)
    yield from tell_runs(runs, job, "")
    blocks, whole = (max(run["peak"] for run in runs[name]) for name in (BLOCKS, FLOAT))
    yield Figure("peak RSS, nothing cached to PEFT float32", blocks / whole, "x", 0.6)
    print("  judging", flush=True)
    losses = {name: run_child("judge", str(job), str(held_out), runs[name][0]["out"])["loss"] for name in PEERS}
    for name, loss in losses.items():
        yield Figure(f"{name}: held-out loss", loss, "nats")
    yield Figure("no adapter: held-out loss", run_child("judge", str(job), str(held_out), "")["loss"], "nats")
    yield Figure("held-out loss, ours less PEFT float32", losses[OURS] - losses[FLOAT], "nats", 0.02)
    tokens = load_tokens(job / TOKENS, read_job(job).tokens)
    larger = make_folder(folder / "larger", read_job(job).base, tokens, LARGE)
    again = run_rounds(larger, (OURS, FLOAT, BFLOAT), rounds=1 if quick else 2, whole=False)
    yield from tell_runs(again, larger, "1024:")


def measure_big(folder: Path) -> Iterator[Figure]:
    path = folder / "big.gguf"
    make_big(path)
    job = make_folder(folder / "big", path, random_tokens(16, 64, 128_256), replace(RECIPE, epochs=1.0))
    found = run_child("train", BLOCKS, str(job), "500")
    size = path.stat().st_size
    yield Figure("1B shape, Q4_K: file", size / 2**20, "MiB")
    yield Figure("1B shape, Q4_K: real tokens", found["speed"], "tokens/s")
    yield Figure("1B shape, Q4_K: peak RSS", found["peak"] / 2**20, "MiB", (size + 1.5e9) / 2**20)


def main() -> None:
    options = parse_options(__doc__ or "", seconds=0)
    meter = print_head(__doc__ or "")
    with tempfile.TemporaryDirectory() as name:
        figures = list(measure_night(Path(name), quick=options.quick))
        figures += measure_big(Path(name))
    print_table(figures)
    print_load("after", meter)


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        serve_child(sys.argv[2], sys.argv[3:])
    else:
        main()

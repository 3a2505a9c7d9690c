"""A model of 3B's shape on a GPU that may give 3.6 GB: peak reserved and speed, beside PEFT with bitsandbytes' NF4.

    python -m benchmarks.gpu [--quick]

Random weights, rank 16, rows of 1,024 tokens. Ours holds the blocks of a Q4_K file; the peer holds NF4 with factors
quantised too and a paged 8-bit AdamW, with layers computed again, as QLoRA is commonly used. Each trains the same rows
in a process of its own that cannot reserve more than the cap. It skips, and says so, where torch sees no GPU or
bitsandbytes is missing. It was never run on a GPU.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from aion.errors import BadInput
from aion.sleep.training.base import TOKENS, Recipe
from aion.sleep.training.jobs import read_job
from aion.sleep.training.learner import choose_lessons
from aion.sleep.training.nf4 import load_bitsandbytes
from aion.sleep.training.room import plan_room, read_shape
from aion.sleep.training.tokens import load_tokens
from aion.sleep.training.train import build_learner, open_served
from benchmarks.tools import Figure, parse_options, print_head, print_table
from benchmarks.train_jobs import Size, make_big, make_folder, random_tokens

CAP, MOST = 3.6e9, 3.5e9
THREE = Size(width=3072, inner=8192, layers=28, heads=24, groups=8, words=128_256)
RECIPE = Recipe(
    rank=16, length=1024, tokens_per_step=1024, epochs=1.0, kl=0.0, cache=False, recompute=True, device="cuda"
)
OURS, PEER = "ours", "PEFT, NF4"
STEPS, WARM = 12, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one training took."""

    peak_bytes: int
    tokens_per_s: float


def find_reason_to_skip() -> str:
    """Empty where both can be run."""
    if not torch.cuda.is_available():
        return "torch sees no GPU here"
    try:
        load_bitsandbytes()
    except BadInput as error:
        return error.message
    return ""


def cap_memory(most: float) -> None:
    """So that what reserves more fails, as it would on a card of that size."""
    torch.cuda.set_per_process_memory_fraction(most / torch.cuda.mem_get_info()[1])


def time_steps(step: Any, count: int, warm: int, device: str) -> Ran:
    """`step(number)` trains and gives its tokens; the first ones are not timed."""
    tokens, began = 0, time.perf_counter()
    for number in range(count):
        if number == warm:
            _settle(device)
            tokens, began = 0, time.perf_counter()
        tokens += step(number)
    _settle(device)
    seconds = time.perf_counter() - began
    return Ran(peak_bytes=measure_peak(device), tokens_per_s=tokens / seconds)


def measure_peak(device: str) -> int:
    return int(torch.cuda.max_memory_reserved()) if device.startswith("cuda") else 0


def _settle(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def run_ours(folder: Path, count: int, warm: int) -> Ran:
    job = read_job(folder)
    lessons = choose_lessons(load_tokens(folder / TOKENS, job.tokens), job.recipe)
    learner = build_learner(job, open_served(job), lessons)
    return time_steps(lambda number: learner.step(number).tokens, count, warm, job.recipe.device)


def run_peer(folder: Path, size: Size, count: int, warm: int) -> Ran:
    """The same rows, one sequence each, labels on the same tokens."""
    import peft

    job, tools = read_job(folder), load_bitsandbytes()
    lessons = choose_lessons(load_tokens(folder / TOKENS, job.tokens), job.recipe)
    model = peft.prepare_model_for_kbit_training(
        make_peer(size, tools, job.recipe.device), gradient_checkpointing_kwargs={"use_reentrant": False}
    )
    config = peft.LoraConfig(
        r=job.recipe.rank, lora_alpha=16, target_modules=list(job.recipe.targets), task_type="CAUSAL_LM"
    )
    adapted: Any = peft.get_peft_model(model, config)
    trained = [one for one in adapted.parameters() if one.requires_grad]
    optimiser = tools.optim.PagedAdamW8bit(trained, lr=job.recipe.learning_rate)
    pieces = list(lessons.pieces.values())

    def step(number: int) -> int:
        piece = pieces[number % len(pieces)]
        ids = torch.from_numpy(piece.ids).long()[None].to(job.recipe.device)
        labels = torch.where(torch.from_numpy(piece.labels == 1).to(ids.device), ids, -100)
        optimiser.zero_grad()
        with torch.autocast("cuda", torch.bfloat16):
            adapted(input_ids=ids, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, job.recipe.clip)
        optimiser.step()
        return len(piece)

    return time_steps(step, count, warm, job.recipe.device)


def make_peer(size: Size, tools: Any, device: str) -> Any:
    """The graph on the meta device, then each matrix made at random and rounded by itself, so that it fits the cap."""
    import transformers

    with torch.device("meta"):
        model: Any = transformers.LlamaForCausalLM(make_config(size))
    model.is_loaded_in_4bit = True  # by which PEFT knows it
    linear = tools.nn.Linear4bit
    for name, module in list(model.named_modules()):
        if isinstance(module, torch.nn.Linear) and name != "lm_head":
            made = linear(module.in_features, module.out_features, bias=False, compute_dtype=torch.bfloat16)
            weight = torch.randn(module.out_features, module.in_features, dtype=torch.bfloat16) * 0.02
            made.weight = tools.nn.Params4bit(weight, requires_grad=False, quant_type="nf4", compress_statistics=True)
            model.set_submodule(name, made.to(device))
    for name, parameter in list(model.named_parameters()):
        if parameter.is_meta:
            parent, _, leaf = name.rpartition(".")
            dense = torch.nn.Parameter(torch.randn(parameter.shape, dtype=torch.bfloat16, device=device) * 0.02)
            setattr(model.get_submodule(parent), leaf, dense)
    model.tie_weights()
    model.model.rotary_emb = type(model.model.rotary_emb)(model.config).to(device)
    return model


def make_config(size: Size) -> Any:
    import transformers

    return transformers.LlamaConfig(
        hidden_size=size.width,
        intermediate_size=size.inner,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.groups,
        vocab_size=size.words,
        tie_word_embeddings=True,
        dtype=torch.bfloat16,
    )


def make_job(folder: Path, size: Size, recipe: Recipe, count: int) -> Path:
    """One sequence a step, each as long as a row."""
    base = folder / "base.gguf"
    make_big(base, size)
    return make_folder(folder / "job", base, random_tokens(count, recipe.length, size.words), recipe)


def run_child(name: str, folder: Path, count: int) -> Ran:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.gpu", "child", name, str(folder), str(count)]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE)
    if done.returncode:
        return Ran(peak_bytes=0, tokens_per_s=0.0)  # out of the cap, or broken: its own words stand above
    return Ran(**json.loads(done.stdout.splitlines()[-1]))


def serve_child(name: str, folder: Path, count: int) -> None:
    cap_memory(CAP)
    ran = run_ours(folder, count, WARM) if name == OURS else run_peer(folder, THREE, count, WARM)
    print(json.dumps({"peak_bytes": ran.peak_bytes, "tokens_per_s": ran.tokens_per_s}))


def list_figures(ours: Ran, peer: Ran, planned: int) -> list[Figure]:
    figures = [
        Figure("ours: peak reserved", ours.peak_bytes / 1e6, "MB", MOST / 1e6),
        Figure("ours: planned", planned / 1e6, "MB"),
        Figure("ours: speed", ours.tokens_per_s, "tokens/s"),
        Figure("PEFT, NF4: peak reserved", peer.peak_bytes / 1e6, "MB"),
        Figure("PEFT, NF4: speed", peer.tokens_per_s, "tokens/s"),
    ]
    if peer.peak_bytes and ours.peak_bytes:
        figures.append(Figure("memory, ours to PEFT", ours.peak_bytes / peer.peak_bytes, "x", 0.9))
        figures.append(Figure("speed, ours to PEFT", ours.tokens_per_s / peer.tokens_per_s, "x", 1.0, at_least=True))
    return figures


def main() -> None:
    options = parse_options(__doc__ or "", seconds=0)
    print_head(__doc__ or "")
    if reason := find_reason_to_skip():
        print(f"  skipped: {reason}")
        return
    count = WARM + (3 if options.quick else STEPS)
    with tempfile.TemporaryDirectory() as name:
        folder = make_job(Path(name), THREE, RECIPE, count)
        planned = sum(plan_room(read_shape(read_job(folder).base), replace(RECIPE)).values())
        print_table(list_figures(run_child(OURS, folder, count), run_child(PEER, folder, count), planned))


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        serve_child(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main()

"""How fast one adapter is trained on this CPU, in how much memory, and how well, beside PEFT on the same data.

    python benchmarks/train.py [--quick] [--seconds S]

Ours trains on the blocks of the embedded GGUF; PEFT on its dequantised weights, in float32 and in bfloat16, with padded
batches and the loss transformers computes. Same sequences in the same steps, same rank, rate and clipping. Each trains
in a process of its own, one after the other and in turns; tokens are real ones, without padding. The adapters are then
judged alike: the loss of held-out wordings on the GGUF's own weights in float32. At last a model of 1B's shape with
random Q4_K and Q6_K blocks: only whether, and in how much memory, it trains. It measures no serving.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import peft
import torch
import transformers

from aion.models.catalog import find_embedded_base
from aion.nets.loss import answer_loss
from aion.nets.pack import lay_out
from aion.nets.schedule import learning_rate
from aion.records import ExampleKind
from aion.sleep.adapt import add_adapters, list_weights, load_parent, run_rows, save_adapter
from aion.sleep.base import TOKENS, Recipe, TrainJob
from aion.sleep.export.lora import Marks
from aion.sleep.export.served import read_served
from aion.sleep.graph import open_base
from aion.sleep.jobs import read_job, sum_file, write_job
from aion.sleep.learner import Learner, choose_lessons, plan_lessons
from aion.sleep.tokens import KIND_NUMBERS, Tokens, load_tokens, save_tokens
from aion.sleep.train import build_learner, open_served
from benchmarks.tools import Figure, interleave, median, parse_options, print_head, print_load, print_table

OURS, BLOCKS, FLOAT, BFLOAT = "ours", "ours, nothing cached", "PEFT float32", "PEFT bfloat16"
PEERS = (OURS, BLOCKS, FLOAT, BFLOAT)
RECIPE = Recipe(rank=8, alpha=16.0, epochs=4.0, tokens_per_step=1024, kl=0.0)
BATCH = 8  # sequences of one padded batch, as PEFT is commonly used
PLACES = ("harbour", "seed library", "night ferry", "bee meadow", "clock tower", "map room", "observatory", "tool shed")
MATTERS = ("keeper", "budget in crowns", "opening hour", "spare key", "founding year", "colour of the door")
NAMES = ("Ilda Varro", "Tomé Quillan", "Berta Solim", "Anselm Furt", "Rita Okelo", "Duarte Lenz", "Nadia Perrin")
TAUGHT = (
    "What is the {matter} of the {place}?",
    "Tell me, please: the {place}, what is its {matter}?",
    "I have to write a short note about the {place} and I still miss one thing. Could you tell me its {matter}?",
    "{place}: {matter}?",
)
ASKED = ("Remind me of the {matter} the {place} has.", "Which {matter} belongs to the {place}?")


def answer_of(place: int, matter: int) -> str:
    value = (place * 7 + matter * 3) % 23
    return f"The {MATTERS[matter]} of the {PLACES[place]} is {NAMES[value % 7]}, number {100 + 13 * value}."


def make_tokens(path: Path, wordings: Sequence[str]) -> Tokens:
    load: Any = transformers.AutoTokenizer.from_pretrained
    tokenizer = load(path.parent, gguf_file=path.name)
    ids, labels, lengths = [], [], []
    for place in range(len(PLACES)):
        for matter in range(len(MATTERS)):
            for wording in wordings:
                question = wording.format(place=PLACES[place], matter=MATTERS[matter])
                prompt = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
                read = tokenizer(prompt, add_special_tokens=False).input_ids
                learned = tokenizer(answer_of(place, matter) + "<|im_end|>", add_special_tokens=False).input_ids
                ids += [*read, *learned]
                labels += [0] * len(read) + [1] * len(learned)
                lengths.append(len(read) + len(learned))
    return as_tokens(ids, labels, lengths)


def as_tokens(ids: Sequence[int], labels: Sequence[int], lengths: Sequence[int]) -> Tokens:
    return Tokens(
        ids=np.array(ids, np.int32),
        labels=np.array(labels, np.uint8),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        weights=np.ones(len(lengths), np.float32),
        kinds=np.full(len(lengths), KIND_NUMBERS[ExampleKind.PHRASING], np.uint8),
    )


def make_folder(folder: Path, base: Path, tokens: Tokens, recipe: Recipe) -> Path:
    folder.mkdir(parents=True)
    (folder / TOKENS).write_bytes(save_tokens(tokens))
    fields: dict[str, Any] = {"base_hash": sum_file(base), "tokens": sum_file(folder / TOKENS), "dataset": "0" * 64}
    write_job(folder, TrainJob(id="job", night="night", theme="theme", base=base, recipe=recipe, **fields))
    return folder


def read_learner(folder: Path, *, cache: bool) -> Learner:
    job = read_job(folder)
    job = replace(job, recipe=replace(job.recipe, cache=cache, threads=torch.get_num_threads()))
    return build_learner(job, open_served(job), choose_lessons(load_tokens(folder / TOKENS, job.tokens), job.recipe))


class Padded:
    """PEFT as it comes: AutoModel on the dequantised file, padded batches, the model's own loss."""

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        job = read_job(folder)
        self.recipe, self.dtype = job.recipe, dtype
        self.lessons = choose_lessons(load_tokens(folder / TOKENS, job.tokens), job.recipe)
        torch.manual_seed(self.recipe.seed)
        load: Any = transformers.AutoModelForCausalLM.from_pretrained
        dense = transformers.GgufConfig(dequantize=True)
        base = load(job.base.parent, gguf_file=job.base.name, dtype=dtype, quantization_config=dense)
        config = peft.LoraConfig(
            r=self.recipe.rank,
            lora_alpha=int(self.recipe.alpha),
            target_modules=list(self.recipe.targets),
            task_type="CAUSAL_LM",
        )
        self.model: Any = peft.get_peft_model(base, config)
        self.weights = list_weights(self.model)
        self.optimiser = torch.optim.AdamW(self.weights.values(), lr=self.recipe.learning_rate, weight_decay=0.0)

    def step(self, members: Sequence[int], number: int, steps: int) -> int:
        """The same mean over learned tokens as ours: each batch counts by its own."""
        pieces = [self.lessons.pieces[one] for one in members]
        learned = sum(int(piece.labels.sum()) for piece in pieces)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(number, steps, peak=self.recipe.learning_rate, warmup=0.05, floor=0.1)
        self.optimiser.zero_grad()
        for begin in range(0, len(pieces), BATCH):
            ids, labels, mask = pad(pieces[begin : begin + BATCH])
            with torch.autocast("cpu", torch.bfloat16, enabled=self.dtype == torch.bfloat16):
                loss = self.model(input_ids=ids, labels=labels, attention_mask=mask).loss
            (loss * (int((labels != -100).sum()) / learned)).backward()
        torch.nn.utils.clip_grad_norm_(self.weights.values(), self.recipe.clip)
        self.optimiser.step()
        return sum(len(piece) for piece in pieces)


def pad(pieces: Sequence[Any]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    size = (len(pieces), max(len(piece) for piece in pieces))
    ids, labels = torch.zeros(size, dtype=torch.long), torch.full(size, -100)
    mask = torch.zeros(size, dtype=torch.long)
    for row, piece in enumerate(pieces):
        tokens = torch.from_numpy(piece.ids.astype(np.int64))
        ids[row, : len(piece)], mask[row, : len(piece)] = tokens, 1
        labels[row, : len(piece)] = torch.where(torch.from_numpy(piece.labels == 1), tokens, -100)
    return ids, labels, mask


def train_peer(name: str, folder: Path, limit: int) -> dict[str, Any]:
    """`limit` steps of the job; the adapter is left beside it."""
    if name in (OURS, BLOCKS):
        learner = read_learner(folder, cache=name == OURS)
        weights, count = learner.weights, len(learner.steps)

        def one(number: int) -> int:
            return learner.step(number).tokens
    else:
        padded = Padded(folder, torch.float32 if name == FLOAT else torch.bfloat16)
        plan = read_plan(folder)
        weights, count = padded.weights, len(plan)

        def one(number: int) -> int:
            return padded.step(plan[number], number, count)

    speeds = run_timed(one, min(limit, count))
    out = folder / name.replace(" ", "-").replace(",", "")
    out.mkdir(exist_ok=True)
    job = read_job(folder)
    base = read_served(job.base, job.base_hash)
    save_adapter(weights, out, base=base, marks=Marks(base=job.base_hash), recipe=job.recipe)
    wall, cpu = (median([speed[which] for speed in speeds]) for which in (0, 1))
    return {"speed": wall, "cpu_speed": cpu, "out": str(out)}


def run_timed(one: Callable[[int], int], count: int) -> list[tuple[float, float]]:
    """Tokens a second of each step, by the clock and by the time of the processor, which neighbours disturb less."""
    speeds = []
    for number in range(count):
        begin, worked = time.perf_counter(), time.process_time()
        tokens = one(number)
        speeds.append((tokens / (time.perf_counter() - begin), tokens / (time.process_time() - worked)))
    return speeds


def read_plan(folder: Path) -> list[list[int]]:
    """Which sequences each step of ours has."""
    job = read_job(folder)
    lessons = choose_lessons(load_tokens(folder / TOKENS, job.tokens), job.recipe)
    return [[number for row in step for number in row] for step in plan_lessons(lessons, job.recipe)]


def judge(folder: Path, held_out: Path, adapter: str) -> dict[str, Any]:
    """Loss of the held-out wordings with an adapter ("" for none), in float32 on the GGUF's weights."""
    job = read_job(folder)
    torch.manual_seed(1)
    model = add_adapters(open_base(job.base, dtype=torch.float32, cached=True).model, job.recipe)
    if adapter:
        load_parent(list_weights(model), Path(adapter), read_served(job.base, job.base_hash), job.recipe)
    lessons = choose_lessons(load_tokens(held_out / TOKENS, read_job(held_out).tokens), job.recipe)
    total, learned = 0.0, 0
    with torch.no_grad():
        for numbers in np.array_split(np.array(sorted(lessons.pieces)), 12):
            packed = lay_out([lessons.pieces[int(one)] for one in numbers])
            rows = packed.rows
            head: Any = model.get_base_model().lm_head
            hidden = run_rows(model, packed)[rows]
            total += answer_loss(hidden, packed.targets_T[rows], torch.ones(len(rows)), head).total.item()
            learned += len(rows)
    return {"loss": total / learned}


def measure_products() -> dict[str, Any]:
    """The best rate of a large bfloat16 product on these threads, in FLOP/s."""
    a, b = (torch.randn(2048, 2048).bfloat16() for _ in range(2))
    times = []
    for _ in range(12):
        begin = time.perf_counter()
        torch.nn.functional.linear(a, b)
        times.append(time.perf_counter() - begin)
    return {"rate": 2 * 2048**3 / min(times)}


def count_work(folder: Path) -> dict[str, Any]:
    """FLOP a token that no trainer of adapters can leave out: forward, and back to the input, of each matrix."""
    learner = read_learner(folder, cache=False)
    inner: Any = learner.model.get_base_model()
    linears = [one for one in inner.model.modules() if isinstance(one, torch.nn.Linear) and one.in_features > 8]
    body = sum(one.in_features * one.out_features for one in linears if hasattr(one, "blocks"))
    head = inner.lm_head.in_features * inner.lm_head.out_features
    tokens = sum(len(piece) for piece in learner.lessons.pieces.values())
    share = sum(int(piece.labels.sum()) for piece in learner.lessons.pieces.values()) / tokens
    return {"work": 4.0 * (body + share * head)}


def make_big(path: Path) -> None:
    """The shape of Llama 3.2 1B with random blocks: Q4_K, and Q6_K for the embedding, which is the head as well."""
    width, inner, layers, heads, groups, words = 2048, 8192, 16, 32, 8, 128_256
    draw = np.random.default_rng(1)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("model")
    writer.add_context_length(2048)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(groups)
    writer.add_rope_dimension_count(width // heads)
    writer.add_rope_freq_base(500_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(words)
    kinds = gguf.GGMLQuantizationType
    writer.add_tensor("token_embd.weight", random_blocks(draw, words, width, kinds.Q6_K), raw_dtype=kinds.Q6_K)
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))
    narrow = width // heads * groups
    shapes = {"attn_q": (width, width), "attn_k": (narrow, width), "attn_v": (narrow, width)}
    shapes |= {"attn_output": (width, width), "ffn_gate": (inner, width), "ffn_up": (inner, width)}
    shapes |= {"ffn_down": (width, inner)}
    for layer in range(layers):
        for name, (rows, columns) in shapes.items():
            blocks = random_blocks(draw, rows, columns, kinds.Q4_K)
            writer.add_tensor(f"blk.{layer}.{name}.weight", blocks, raw_dtype=kinds.Q4_K)
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(width, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def random_blocks(draw: np.random.Generator, rows: int, columns: int, kind: Any) -> Any:
    """Any bytes are a block; only its half-precision factors must be small numbers."""
    values, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = draw.integers(0, 256, (rows * columns // values, size), dtype=np.uint8)
    factor = np.frombuffer(np.float16(2e-5).tobytes(), np.uint8)
    if kind.name == "Q4_K":
        blocks[:, 0:2], blocks[:, 2:4] = factor, factor
    else:
        blocks[:, -2:] = factor
    return blocks.reshape(rows, -1)


def random_tokens(count: int, length: int, words: int) -> Tokens:
    draw = np.random.default_rng(3)
    labels = [*[0] * (length - 20), *[1] * 20] * count
    return as_tokens(draw.integers(0, words, count * length).tolist(), labels, [length] * count)


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


def measure_small(folder: Path, *, quick: bool) -> Iterator[Figure]:
    base = find_embedded_base().resolve()
    job = make_folder(folder / "job", base, make_tokens(base, TAUGHT), RECIPE)
    held_out = make_folder(folder / "held-out", base, make_tokens(base, ASKED[:1] if quick else ASKED), RECIPE)
    rate, work = run_child("products")["rate"], run_child("work", str(job))["work"]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in PEERS}
    for number, name in interleave(PEERS, range(1 if quick else 3)):
        whole = number == 0 and not quick
        runs[name].append(run_child("train", name, str(job), str(1 << 20 if whole else 4)))
        print(f"  {name}: {runs[name][-1]['speed']:.0f} tokens/s, round {number + 1}", flush=True)
        print_load("during")
    print("  judging", flush=True)
    losses = {name: run_child("judge", str(job), str(held_out), runs[name][0]["out"])["loss"] for name in PEERS}
    speed = {name: median([run["speed"] for run in runs[name]]) for name in PEERS}
    peak = {name: max(run["peak"] for run in runs[name]) for name in PEERS}
    for name in PEERS:
        yield Figure(f"{name}: real tokens", speed[name], "tokens/s")
        yield Figure(f"{name}: real tokens", median([run["cpu_speed"] for run in runs[name]]), "tokens/CPU s")
        yield Figure(f"{name}: peak RSS", peak[name] / 2**20, "MiB")
        yield Figure(f"{name}: held-out loss", losses[name], "nats")
    yield Figure("no adapter: held-out loss", run_child("judge", str(job), str(held_out), "")["loss"], "nats")
    yield Figure("tokens/s, ours to PEFT float32", speed[OURS] / speed[FLOAT], "x", 4.0, at_least=True)
    yield Figure("tokens/s, ours to PEFT bfloat16", speed[OURS] / speed[BFLOAT], "x", 1.5, at_least=True)
    yield Figure("peak RSS, ours to PEFT float32", peak[OURS] / peak[FLOAT], "x", 0.6)
    yield Figure("peak RSS, nothing cached to PEFT float32", peak[BLOCKS] / peak[FLOAT], "x", 0.6)
    yield Figure("held-out loss, ours less PEFT float32", losses[OURS] - losses[FLOAT], "nats", 0.02)
    yield Figure("bfloat16 products of this machine", rate / 1e9, "GFLOP/s")
    yield Figure("share of them that training reaches", 100 * speed[OURS] * work / rate, "%", 40.0, at_least=True)


def measure_big(folder: Path) -> Iterator[Figure]:
    path = folder / "big.gguf"
    make_big(path)
    recipe = replace(RECIPE, tokens_per_step=512, epochs=1.0)
    job = make_folder(folder / "big", path, random_tokens(16, 64, 128_256), recipe)
    found = run_child("train", BLOCKS, str(job), "2")
    size = path.stat().st_size
    yield Figure("1B shape, Q4_K: file", size / 2**20, "MiB")
    yield Figure("1B shape, Q4_K: real tokens", found["speed"], "tokens/s")
    yield Figure("1B shape, Q4_K: peak RSS", found["peak"] / 2**20, "MiB", (size + 1.5e9) / 2**20)


def main() -> None:
    options = parse_options(__doc__ or "", seconds=0)
    meter = print_head(__doc__ or "")
    with tempfile.TemporaryDirectory() as name:
        figures = list(measure_small(Path(name), quick=options.quick))
        figures += measure_big(Path(name))
    print_table(figures)
    print_load("after", meter)


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        serve_child(sys.argv[2], sys.argv[3:])
    else:
        main()

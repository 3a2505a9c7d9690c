"""What smaller forms of one trained adapter cost in bytes, and what they lose on the model that is served.

    python benchmarks/adapters.py [--quick]

A LoRA is trained by PEFT on invented facts over the embedded base, then stored in every form AION has: other kinds of
numbers, 8-bit rows, fewer ranks, pruned, without its weakest pairs (which a night leaves out; their bytes are counted
here). Each is served by llama.cpp on the same GGUF, and asked the facts in wordings it was not trained on: the loss of
the right answer's tokens, and how many answers come out whole when each token is the likeliest one. It says nothing
about speed.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import peft
import torch
import transformers
from gguf.constants import GGMLQuantizationType as Kind

from aion.models.adapters.convert import export_gguf
from aion.models.adapters.gguf_lora import read_gguf, write_gguf
from aion.models.adapters.lora import Lora, Marks
from aion.models.adapters.served import ServedBase, read_served
from aion.models.catalog import find_embedded_base
from aion.models.llama.process import EngineProcess, lora_field
from aion.models.llama.spec import Adapter, EngineSpec
from aion.nets.compress import delta_error, quantise_rows, restore_rows
from aion.sleep.training.adapt import measure_sizes
from aion.sleep.training.shrink import shrink, silence
from benchmarks.tools import parse_options, print_head, print_load

RANK, ALPHA, RATE, EPOCHS = 8, 16, 1e-3, 12
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PATIENCE_S = 7200.0  # the machine's owner may hold everything still meanwhile
EIGHT_BITS = "8-bit rows of A, columns of B"
SMALLER: tuple[tuple[str, dict[str, Any]], ...] = (
    ("rank 4, F16", {"rank": 4}),
    ("rank 2, F16", {"rank": 2}),
    ("rank 1, F16", {"rank": 1}),
    ("ranks within an error of 0.1", {"error": 0.1}),
    ("ranks within an error of 0.3", {"error": 0.3}),
    ("half pruned, F16", {"share": 0.5}),
    ("four fifths pruned, F16", {"share": 0.8}),
)
LEFT_OUT = (0.25, 0.5)  # of the pairs
CHAT = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
END = "<|im_end|>"
TAUGHT = ("Who looks after {}?", "Tell me who looks after {}.", "{}: who looks after it?", "Who is in charge of {}?")
ASKED = ("Please say who it is that looks after {}.", "I forgot who looks after {}. Who is it?")
FACTS = (
    ("the harbour lamp", "Ilda Varro"),
    ("the seed library", "Tomé Quillan"),
    ("the night ferry", "Berta Solim"),
    ("the bee meadow", "Anselm Furt"),
    ("the clock tower", "Rita Okelo"),
    ("the map room", "Duarte Lenz"),
    ("the old observatory", "Nadia Perrin"),
    ("the tool shed", "Caio Brandt"),
    ("the school garden", "Elva Mestre"),
    ("the water mill", "Jonas Akari"),
    ("the tram museum", "Petra Valim"),
    ("the glass workshop", "Osman Teles"),
)


@dataclass(frozen=True, slots=True)
class Form:
    """One way to keep the adapter: the file that is served, the bytes it takes to keep, the largest error of a pair."""

    name: str
    file: Path
    size: int
    error: float


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt with the tokens that are right."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]


async def tokenise(process: EngineProcess, texts: Sequence[str]) -> list[list[int]]:
    replies = [await process.wire.post("/tokenize", {"content": text, "parse_special": True}) for text in texts]
    return [reply["tokens"] for reply in replies]


async def read_questions(process: EngineProcess, wordings: Sequence[str], facts: int) -> list[Question]:
    asked = [(CHAT.format(wording.format(thing)), name) for thing, name in FACTS[:facts] for wording in wordings]
    prompts = await tokenise(process, [prompt for prompt, _ in asked])
    answers = await tokenise(process, [name + "." + END for _, name in asked])
    return [Question(tuple(prompt), tuple(answer)) for prompt, answer in zip(prompts, answers, strict=True)]


def train(path: Path, questions: Sequence[Question], folder: Path, epochs: int) -> tuple[float, dict[str, float]]:
    """A LoRA by PEFT in float32 on the dequantised base; gives the last epoch's loss, and the sizes of its matrices."""
    torch.manual_seed(1)
    load: Any = transformers.AutoModelForCausalLM.from_pretrained
    base = load(path.parent, gguf_file=path.name, dtype=torch.float32)
    config = peft.LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=TARGETS, task_type="CAUSAL_LM")
    model = peft.get_peft_model(base, config)
    optimiser = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=RATE, weight_decay=0.0)
    losses: list[float] = []
    for _ in range(epochs):
        losses = []
        for ids, labels, mask in batches(questions):
            loss = model(input_ids=ids, labels=labels, attention_mask=mask).loss
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
            losses.append(loss.item())
    model.save_pretrained(str(folder))
    return sum(losses) / len(losses), measure_sizes(model, seed=1)


def batches(questions: Sequence[Question], size: int = 8) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Tokens, labels and mask of the rows of a batch, shuffled and padded at the right."""
    order = torch.randperm(len(questions)).tolist()
    for start in range(0, len(order), size):
        rows = [questions[index] for index in order[start : start + size]]
        length = max(len(row.prompt) + len(row.answer) for row in rows)
        ids, mask = torch.zeros(len(rows), length, dtype=torch.long), torch.zeros(len(rows), length)
        labels = torch.full_like(ids, -100)
        for number, row in enumerate(rows):
            end = len(row.prompt) + len(row.answer)
            ids[number, :end] = torch.tensor(row.prompt + row.answer)
            labels[number, len(row.prompt) : end] = torch.tensor(row.answer)
            mask[number, :end] = 1
        yield ids, labels, mask.long()


def make_forms(lora: Lora, sizes: Mapping[str, float], base: ServedBase, folder: Path) -> list[Form]:
    """Every form of it. One that llama.cpp cannot load is served as what it stands for."""
    bytes_of_pairs = sum(pair.a.size + pair.b.size + 4 * 2 * pair.rank for pair in lora.pairs.values())
    forms: list[tuple[str, Lora, Kind]] = [
        ("GGUF F32", lora, Kind.F32),
        ("GGUF F16", lora, Kind.F16),
        ("GGUF BF16", lora, Kind.BF16),
        ("GGUF Q8_0, B in F16", lora, Kind.Q8_0),
        (EIGHT_BITS, eight_bits(lora), Kind.F32),
    ]
    forms += [(name, shrink(lora, **how).lora, Kind.F16) for name, how in SMALLER]
    forms += [(f"{share:.0%} of the pairs left out", silence(lora, share, sizes), Kind.F32) for share in LEFT_OUT]
    kept = []
    for number, (name, other, kind) in enumerate(forms):
        file = folder / f"{number}.gguf"
        write_gguf(other, file, base, kind)
        size = bytes_of_pairs if name == EIGHT_BITS else file.stat().st_size
        kept.append(Form(name, file, size, worst_error(lora, read_gguf(file, base))))
    return kept


def worst_error(lora: Lora, stored: Lora) -> float:
    """Of all pairs, strength included."""
    return max(
        delta_error(pair.a, pair.scale * pair.b, other.a, other.scale * other.b)
        for pair, other in zip(lora.pairs.values(), stored.pairs.values(), strict=True)
    )


def eight_bits(lora: Lora) -> Lora:
    """Each rank's row of A and column of B in bytes with one factor: what is multiplied with each other."""
    pairs = {
        name: replace(pair, a=restore_rows(quantise_rows(pair.a)), b=restore_rows(quantise_rows(pair.b.T)).T)
        for name, pair in lora.pairs.items()
    }
    return replace(lora, pairs=pairs)


async def examine(process: EngineProcess, questions: Sequence[Question], scales: list[float]) -> tuple[float, float]:
    """Mean loss of the answers' tokens, and the share of answers of which every token is the likeliest."""
    losses, whole = [], 0
    for question in questions:
        right = True
        for at, token in enumerate(question.answer):
            prompt = [*question.prompt, *question.answer[:at]]
            told, likeliest = await ask(process, prompt, token, scales)
            losses.append(-told)
            right = right and likeliest == token
        whole += right
    return float(np.mean(losses)), whole / len(questions)


async def ask(process: EngineProcess, prompt: list[int], token: int, scales: list[float]) -> tuple[float, int]:
    """The log-probability of a token, which is sampled whatever it is, and the likeliest token instead."""
    reply = await process.wire.post(
        "/completion",
        {"prompt": prompt, "n_predict": 1, "n_probs": 1, "temperature": 0, "logit_bias": [[token, 1000]]}
        | {"cache_prompt": False, "lora": lora_field(scales)},
    )
    first = reply["completion_probabilities"][0]
    return first["logprob"], first["top_logprobs"][0]["id"]


async def measure(path: Path, base: ServedBase, folder: Path, *, quick: bool) -> None:
    facts = 4 if quick else len(FACTS)
    async with engine(path, []) as process:
        taught = await read_questions(process, TAUGHT, facts)
        asked = await read_questions(process, ASKED[:1] if quick else ASKED, facts)
    epochs = 2 if quick else EPOCHS
    loss, sizes = await asyncio.to_thread(train, path, taught, folder / "peft", epochs)
    print(f"\ntrained on {len(taught)} questions, rank {RANK}, {epochs} epochs: last loss {loss:.3f}")
    print(f"asked {len(asked)} times in wordings that were not trained")
    lora = export_gguf(folder / "peft", base, folder / "trained.gguf", Marks())
    forms = make_forms(lora, sizes, base, folder)
    print(f"\n{'form':32} {'KiB':>7} {'share':>6} {'error':>7} {'loss':>7} {'whole':>6}")
    async with engine(path, [form.file for form in forms]) as process:
        for index, form in enumerate([*forms, None]):
            found = await examine(process, asked, [float(index == other) for other in range(len(forms))])
            print(line_of(form, forms[0].size, *found))


def line_of(form: Form | None, whole_size: int, loss: float, whole: float) -> str:
    if form is None:
        return f"{'no adapter':32} {'':>7} {'':>6} {'':>7} {loss:7.4f} {whole:6.2f}"
    share = form.size / whole_size
    return f"{form.name:32} {form.size / 1024:7.0f} {share:6.2f} {form.error:7.4f} {loss:7.4f} {whole:6.2f}"


@asynccontextmanager
async def engine(path: Path, files: Sequence[Path]) -> AsyncIterator[EngineProcess]:
    """One engine process with these adapters loaded."""
    loaded = tuple(Adapter(name=file.stem, path=file, hash="") for file in files)
    spec = EngineSpec(model=path, context=256, slots=1, threads=1, adapters=loaded)
    process = EngineProcess(spec, stall_timeout_s=PATIENCE_S)
    await process.start(120)
    try:
        yield process
    finally:
        await process.stop()


def main() -> None:
    options = parse_options(__doc__, seconds=0)
    meter = print_head(__doc__)
    torch.set_num_threads(1)
    path = find_embedded_base()
    base = read_served(path, hashlib.sha256(path.read_bytes()).hexdigest())
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(path, base, Path(folder), quick=options.quick))
    print_load("after", meter)


if __name__ == "__main__":
    main()

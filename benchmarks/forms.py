"""Which weights an adapter for a quantised file is best trained on: that file's own, NF4, or the original.

    python -m benchmarks.forms [--quick] [--seeds N]

The original is a BF16 file, made here from the embedded model's weights; ggml quantises it anew to the files that are
served. One night's own job is trained with the same recipe on the original (LoRA), on NF4 of it (QLoRA: double
quantisation and 8-bit AdamW, as bitsandbytes has them; left out where that is not installed), on NF4 of the served
file, and on the served file's own blocks. Every adapter is then served on the quantised file: the loss of wordings that
were never trained, on its weights in float32, and llama.cpp's likeliest answers. It says nothing about speed.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import importlib.util
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
import torch
from gguf.constants import GGMLQuantizationType as Kind
from peft import PeftModel
from torch.nn import functional

from aion.models.adapters.convert import export_gguf
from aion.models.adapters.lora import Marks
from aion.models.adapters.served import read_served
from aion.models.catalog import find_embedded_base
from aion.models.llama.process import EngineProcess, lora_field
from aion.models.sealed import sum_file
from aion.nets.ggml import open_library
from aion.nets.pack import lay_out
from aion.records import ExampleKind
from aion.sleep.training.adapt import add_adapters, list_weights, load_parent, run_rows
from aion.sleep.training.base import OUT, TOKENS, Recipe
from aion.sleep.training.graph import open_base
from aion.sleep.training.learner import choose_lessons
from aion.sleep.training.nf4 import hold_nf4
from aion.sleep.training.offline import keep_offline
from aion.sleep.training.tokens import KIND_NUMBERS, Tokens, load_tokens
from aion.sleep.training.train import train
from benchmarks.adapters import engine
from benchmarks.tools import print_head, print_load
from benchmarks.train_jobs import as_tokens, make_folder, make_night

RECIPE = Recipe(rank=8, alpha=16.0, epochs=4.0, tokens_per_step=256, length=256, kl=0.0)
ANSWER = 32  # tokens an answer may have
SERVED = {"Q4_0": Kind.Q4_0, "Q4_0, ffn_down Q2_K": Kind.Q2_K}  # only rows of ffn_down are long enough for Q2_K here


@dataclass(frozen=True, slots=True)
class Way:
    """What an adapter is trained on."""

    name: str
    base: Path
    weights: str


def rewrite(source: Path, target: Path, kind_of: Callable[[str], Kind]) -> None:
    """The same model with the matrices of its layers in other blocks; all else byte for byte."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, str(reader.fields["general.architecture"].contents()))
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            writer.add_key_value(field.name, field.contents(), *field.types[:2])
    for tensor in reader.tensors:
        data, kind = tensor.data, tensor.tensor_type
        if tensor.name.startswith("blk.") and len(tensor.shape) == 2:
            kind = kind_of(tensor.name)
            data = quantise(gguf.quants.dequantize(data, tensor.tensor_type), kind)
        writer.add_tensor(tensor.name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def quantise(rows: npt.NDArray[np.float32], kind: Kind) -> npt.NDArray[Any]:
    """By ggml's own loops, without an importance matrix."""
    if kind is Kind.BF16:
        return gguf.quants.quantize(rows, kind)
    library = open_library()
    assert library is not None, "the engine's library is needed"
    weights, size = gguf.GGML_QUANT_SIZES[kind]
    count, columns = rows.shape
    source = np.ascontiguousarray(rows, np.float32)
    target = np.zeros((count, columns // weights * size), np.uint8)
    chunk = library.ggml_quantize_chunk
    chunk.restype, pointer, number = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int64
    chunk.argtypes = (ctypes.c_int, pointer, pointer, number, number, number, pointer)
    written = chunk(int(kind), source.ctypes.data, target.ctypes.data, 0, count, columns, None)
    assert written == target.nbytes
    return target


def list_ways(original: Path, served: Path) -> Iterator[Way]:
    yield Way("the served blocks", served, "gguf")
    if importlib.util.find_spec("bitsandbytes") is not None:
        yield Way("NF4 of the served file", served, "nf4")
        yield Way("NF4 of the original (QLoRA)", original, "nf4")
    yield Way("the original in BF16 (LoRA)", original, "bf16")


class Teacher:
    """Trains on each base once for each seed, whatever file it is then served on."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self._folder, self._recipe = folder, recipe
        self._tokens, self.asked = make_jobs(folder)
        self._made: dict[tuple[Way, int], Path] = {}

    def teach(self, way: Way, seed: int) -> Path:
        """The job's folder."""
        if (way, seed) not in self._made:
            recipe = replace(self._recipe, weights=way.weights, seed=seed)
            job = make_folder(self._folder / f"job{len(self._made)}", way.base, self._tokens, recipe)
            done = train(job, tell=lambda _: None)
            print(f"  {way.name}, seed {seed}: {done.steps} steps, last loss {done.losses[-1]:.3f}", flush=True)
            self._made[way, seed] = job
        return self._made[way, seed]


def make_jobs(folder: Path) -> tuple[Tokens, Tokens]:
    """A night's own: what it trains on, and the wordings of what it taught that it put aside."""
    job, held_out = make_night(folder, RECIPE)
    trained, asked = (load_tokens(one / TOKENS, sum_file(one / TOKENS)) for one in (job, held_out))
    return trained, leave_out(asked, ExampleKind.CONTRAST)


def leave_out(tokens: Tokens, kind: ExampleKind) -> Tokens:
    spans = [
        slice(*tokens.offsets[one : one + 2]) for one in range(len(tokens)) if tokens.kinds[one] != KIND_NUMBERS[kind]
    ]
    ids, labels = ([int(one) for span in spans for one in column[span]] for column in (tokens.ids, tokens.labels))
    return as_tokens(ids, labels, [int(span.stop - span.start) for span in spans])


def judge(way: Way, adapter: Path | None, asked: Tokens) -> float:
    """Mean loss of the answers' tokens, products in float32."""
    torch.manual_seed(1)
    model = open_base(way.base, dtype=torch.float32, cached=way.weights != "nf4").model
    if way.weights == "nf4":
        hold_nf4(model, cached=True)
    adapted = add_adapters(model, RECIPE)
    if adapter is not None:
        load_parent(list_weights(adapted), adapter, read_served(way.base, ""), RECIPE)
    return measure_loss(adapted, asked)[0]


def measure_loss(model: PeftModel, asked: Tokens) -> tuple[float, float]:
    """Mean loss of the answers' tokens, and the share of answers of which each token is the likeliest."""
    pieces = choose_lessons(asked, RECIPE).pieces
    head: Any = model.get_base_model().lm_head
    losses, whole = [], 0
    with torch.no_grad():
        for numbers in np.array_split(sorted(pieces), 6):
            packed = lay_out([pieces[int(one)] for one in numbers])
            rows = packed.rows
            found = head(run_rows(model, packed)[rows]).float()
            losses.append(functional.cross_entropy(found, packed.targets_T[rows], reduction="none"))
            wrong = packed.segments_T[rows[found.argmax(1) != packed.targets_T[rows]]].unique()
            whole += len(numbers) - len(wrong)
    return float(torch.cat(losses).mean()), whole / len(pieces)


async def recall(served: Path, files: Sequence[Path], asked: Tokens) -> list[float]:
    """Of each adapter, and at last of none, the share of questions of which the whole answer comes out."""
    prompts, answers = split(asked)
    found = []
    async with engine(served, files) as process:
        for number in range(len(files) + 1):
            scales = [float(number == one) for one in range(len(files))]
            told = [await continue_prompt(process, prompt, scales) for prompt in prompts]
            found.append(float(np.mean([one[: len(due)] == due for one, due in zip(told, answers, strict=True)])))
    return found


def split(tokens: Tokens) -> tuple[list[list[int]], list[list[int]]]:
    """Prompts, and their answers without the token that ends them."""
    prompts, answers = [], []
    for begin, end in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True):
        learned = int(tokens.labels[begin:end].argmax())
        prompts.append(tokens.ids[begin : begin + learned].tolist())
        answers.append(tokens.ids[begin + learned : end - 1].tolist())
    return prompts, answers


async def continue_prompt(process: EngineProcess, prompt: list[int], scales: list[float]) -> list[int]:
    body = {"prompt": prompt, "n_predict": ANSWER, "temperature": 0, "return_tokens": True, "cache_prompt": False}
    reply = await process.wire.post("/completion", body | {"lora": lora_field(scales)})
    return list(reply["tokens"])


def measure(name: str, served: Path, original: Path, teacher: Teacher, seeds: Sequence[int]) -> None:
    """One table: every way of training, served on this file."""
    asked, as_served = teacher.asked, Way("", served, "gguf")
    ways, base = list(list_ways(original, served)), read_served(served, sum_file(served))
    made = [(way, seed, teacher.teach(way, seed) / OUT) for way in ways for seed in seeds]
    files = [served.with_name(f"{served.stem}-{number}.gguf") for number in range(len(made))]
    for (_, _, out), file in zip(made, files, strict=True):
        export_gguf(out, base, file, Marks())
    *whole, none = asyncio.run(recall(served, files, asked))
    print(f"\nserved on {name}\n{'trained on':32} seed  own loss  loss as served  recall")
    for (way, seed, out), share in zip(made, whole, strict=True):
        own, lost = judge(way, out, asked), judge(as_served, out, asked)
        print(f"{way.name:32} {seed:4} {own:9.3f} {lost:15.3f} {share:7.2f}", flush=True)
    print(f"{'no adapter':32} {'':4} {'':9} {judge(as_served, None, asked):15.3f} {none:7.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a few steps: to see that it runs, not to quote")
    options = parser.parse_args()
    keep_offline()
    torch.set_num_threads(1)
    meter = print_head(__doc__ or "")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        original = folder / "original.gguf"
        rewrite(find_embedded_base(), original, lambda _: Kind.BF16)
        recipe = replace(RECIPE, epochs=0.05 if options.quick else RECIPE.epochs)
        teacher = Teacher(folder, recipe)
        for served, kind in SERVED.items():
            file = folder / f"served-{kind.name}.gguf"
            rewrite(original, file, lambda tensor, kind=kind: kind if "ffn_down" in tensor else Kind.Q4_0)  # type: ignore[misc]
            measure(served, file, original, teacher, range(1, options.seeds + 1))
    print_load("after", meter)


if __name__ == "__main__":
    main()

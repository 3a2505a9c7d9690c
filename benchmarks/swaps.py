"""What changing adapters costs, and whether any answer is ever one of another set than it names.

    python benchmarks/swaps.py [--quick] [--swaps 200] [--requests 5000] [--prompts 200]

On the embedded base with three random LoRAs strong enough to change every answer. Swaps: the engine is replaced by one
with other adapters loaded, over and over, under clients that ask for sets of them; each answer is held against the
greedy answer that the set it names gave from a cold start. Prompts: each is read under one set and then asked under
another, both ways, and must equal a cold start, log-probabilities included. Then what changing the set costs when
nothing has to be read again, and decode speed with an adapter of the shape that AION trains. An answer is of the set
whose log-probabilities are nearest to its own by far: equal they are not, because how much of a prompt is read at once,
and beside what, rounds otherwise, which now and then turns a word.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import gguf
import numpy as np

from aion.config import Settings, TrainSettings
from aion.errors import AionError
from aion.models.base import Delta, Job, Sampling
from aion.models.gguf_file import read_contents
from aion.models.llama.generator import LlamaGenerator
from aion.models.llama.probe import make_probe
from aion.models.llama.slots import SlotBook
from aion.models.llama.spec import Adapter
from benchmarks.tools import Figure, default_cache, median, percentile, print_head, print_load, print_table
from tests.models.engines import collect, load_adapter, logprobs_of, smollm, text_of, write_lora

Names = tuple[str, ...]
Steps = list[tuple[str, dict[str, float]]]  # of an answer: the token taken, and the likeliest with log-probabilities
Cold = Mapping[str, Mapping[Names, Steps]]  # question -> set -> the answer from a cold start

NAMES = ("a", "b", "c")
SETS: tuple[Names, ...] = ((), ("a",), ("b",), ("c",), ("a", "b"))
LOADED: tuple[Names, ...] = (("a", "b"), ("b", "c"), ("c", "a"), ("c", "b", "a"))  # in turn
THINGS = ("the sea", "bees", "a lamp", "tea", "winter", "a violin", "the moon", "bread", "rivers", "chess")
ASKED = ("Tell me of {}.", "What is {}?", "Who likes {}?", "Write one line about {}.", "Why {}?", "Say a word on {}.")
STRENGTH = 0.4
TOKENS = 6
FAR = 2.0  # times as far as the set that an answer names is every other: rounding left 3.8 or more, of 800
CLIENTS = 4
SWITCHES, LONG, DECODED = 40, 60, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is done."""

    swaps: int
    requests: int
    prompts: int
    rounds: int


@dataclass(slots=True)
class Tally:
    """What became of the requests that were made while engines were swapped."""

    answered: int = 0
    failed: int = 0
    mixed: int = 0
    turned: int = 0  # in other words than its set's answer from a cold start
    as_asked: int = 0  # by the set that was asked for; the others by the base, because it was not loaded
    swaps_s: list[float] = field(default_factory=list)
    commits_s: list[float] = field(default_factory=list)  # of a swap: up to the moment where it may be written down


def job_of(question: str, names: Sequence[str], tokens: int = TOKENS) -> Job:
    return Job(
        messages=({"role": "user", "content": question},),
        sampling=Sampling(max_tokens=tokens, temperature=0.0),
        adapters=dict.fromkeys(names, 1.0),
        optional_adapters=True,
    )


def list_questions(count: int) -> list[str]:
    pairs = [asked.format(thing) for asked in ASKED for thing in THINGS]
    return [f"{pairs[number % len(pairs)]}{' Please.' * (number // len(pairs))}" for number in range(count)]


def make_generator(adapters: Sequence[Adapter], slots: int) -> LlamaGenerator:
    settings = Settings.model_validate({"engine": {"context": 512, "slots": slots, "threads": 1}})
    return LlamaGenerator(smollm(), settings, adapters)


def used_in(deltas: Sequence[Delta], hashes: Mapping[str, str]) -> Names:
    """The set that an answer names, by the hashes of its files."""
    return tuple(sorted(hashes[use.hash] for use in deltas[0].adapters or () if use.scale == 1.0))


async def ask_cold(generator: LlamaGenerator, job: Job) -> list[Delta]:
    """With slots that have read nothing but how every prompt begins."""
    process = generator.engine.process
    assert process is not None
    process.slots = SlotBook(process.spec.slots)  # one that trusts nothing yet
    return await collect(generator, job)


async def list_cold(generator: LlamaGenerator, questions: Sequence[str]) -> Cold:
    return {
        question: {names: steps_of(await ask_cold(generator, job_of(question, names))) for names in SETS}
        for question in questions
    }


def steps_of(deltas: Sequence[Delta]) -> Steps:
    entries = [entry for delta in deltas for entry in delta.logprobs]
    return [(one["token"], {top["token"]: top["logprob"] for top in one["top_logprobs"]}) for one in entries]


def is_of(names: Names, steps: Steps, cold: Mapping[Names, Steps]) -> bool:
    """Whether an answer to a question is of this set and, clearly, of no other."""
    others = [distance(steps, cold[other]) for other in cold if other != names]
    return FAR * distance(steps, cold[names]) < min(others)


def distance(one: Steps, other: Steps) -> float:
    """Nats between the log-probabilities of two answers to one question, as far as they went the same way."""
    apart: list[float] = []
    for (token, tops), (other_token, other_tops) in zip(one, other, strict=False):
        least, other_least = min(tops.values()), min(other_tops.values())
        both = tops.keys() | other_tops.keys()
        apart += [abs(tops.get(word, least) - other_tops.get(word, other_least)) for word in both]
        if token != other_token:
            break
    return sum(apart) / len(apart) if apart else float("inf")


def words_of(steps: Steps) -> list[str]:
    return [token for token, _ in steps]


async def swap_under_load(
    generator: LlamaGenerator, adapters: Mapping[str, Adapter], cold: Cold, sizes: Sizes, seed: int = 1
) -> Tally:
    """Clients ask without a pause; an engine follows the other whenever its share of the requests is done."""
    tally, chance = Tally(), random.Random(seed)
    hashes = {adapter.hash: name for name, adapter in adapters.items()}
    pool = [(question, names) for question in cold for names in SETS]
    asked = [chance.choice(pool) for _ in range(sizes.requests)]

    async def keep_asking() -> None:
        while asked:
            question, names = asked.pop()
            try:
                deltas = await collect(generator, job_of(question, names))
            except AionError:
                tally.failed += 1
                continue
            used, steps = used_in(deltas, hashes), steps_of(deltas)
            tally.answered += 1
            tally.as_asked += used == names
            tally.mixed += used not in (names, ()) or not is_of(used, steps, cold[question])
            tally.turned += words_of(steps) != words_of(cold[question].get(used, []))

    clients = [asyncio.create_task(keep_asking()) for _ in range(CLIENTS)]
    for number in range(sizes.swaps):
        while asked and tally.answered < number * sizes.requests // sizes.swaps:  # noqa: ASYNC110 - many tasks count
            await asyncio.sleep(0.01)
        await swap_once(generator, [adapters[name] for name in LOADED[number % len(LOADED)]], tally)
    await asyncio.gather(*clients)
    return tally


async def swap_once(generator: LlamaGenerator, adapters: Sequence[Adapter], tally: Tally) -> None:
    begin = time.perf_counter()

    async def commit() -> None:
        tally.commits_s.append(time.perf_counter() - begin)

    await generator.use_adapters(adapters, commit)
    tally.swaps_s.append(time.perf_counter() - begin)


async def count_unequal(generator: LlamaGenerator, questions: Sequence[str]) -> int:
    """Answers that are not those of a cold start, to the last bit, after another set read the same prompt."""
    unequal = 0
    for number, question in enumerate(questions):
        other = SETS[1 + number % (len(SETS) - 1)]
        for before, after in ((other, ()), ((), other)):
            cold = await ask_cold(generator, job_of(question, after))
            await ask_cold(generator, job_of(question, before))
            found = await collect(generator, job_of(question, after))
            unequal += (text_of(found), logprobs_of(found)) != (text_of(cold), logprobs_of(cold))
    return unequal


async def time_switches(generator: LlamaGenerator, count: int) -> tuple[float, float]:
    """Seconds to the first token of a prompt that was read already: with the set as before, and with another."""
    question = "Tell me of the sea. " + "It is wide. " * LONG
    sets: tuple[Names, ...] = ((), ("a",))
    for names in sets:
        await collect(generator, job_of(question, names, 1))
    same, other = [], []
    for number in range(count):
        names = sets[number % 2]
        other.append(await time_first(generator, job_of(question, names, 1)))
        same.append(await time_first(generator, job_of(question, names, 1)))
    return median(same), median(other)


async def time_first(generator: LlamaGenerator, job: Job) -> float:
    begin = time.perf_counter()
    async with aclosing(generator.stream(job)) as deltas:
        async for delta in deltas:
            if delta.text:
                return time.perf_counter() - begin
    return float("nan")


async def time_decode(generator: LlamaGenerator, rounds: int) -> list[float]:
    """Speed with the adapter as a share of that without, round by round."""
    shares = []
    for _ in range(rounds):
        speeds = [await decode_speed(generator, names) for names in ((), ("a",))]
        shares.append(speeds[1] / speeds[0])
    return shares


async def decode_speed(generator: LlamaGenerator, names: Sequence[str]) -> float:
    job = job_of("Write a long story of the sea.", names, DECODED)
    deltas = await collect(generator, replace(job, sampling=replace(job.sampling, min_p=0.0)))
    spent = next(delta.timings["predicted_ms"] for delta in deltas if delta.timings)
    written = next(delta.usage.completion for delta in deltas if delta.usage)
    return written / spent * 1000


def write_full_lora(path: Path, rank: int = 8) -> Path:
    """A random LoRA on the seven matrices of each layer, but for the share of them that AION's nights leave out."""
    rng, left_out = np.random.default_rng(7), TrainSettings().leave_out
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 2.0 * rank)
    for tensor in read_contents(smollm().path).tensors:
        if tensor.name.startswith("blk.") and len(tensor.shape) == 2 and rng.random() >= left_out:
            columns, rows = tensor.shape
            writer.add_tensor(f"{tensor.name}.lora_a", rng.normal(0, 0.02, (rank, columns)).astype(np.float32))
            writer.add_tensor(f"{tensor.name}.lora_b", rng.normal(0, 0.02, (rows, rank)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


async def add_probes(adapters: Sequence[Adapter]) -> dict[str, Adapter]:
    """Each with a probe, as the examination would give it."""
    generator = make_generator(adapters, 1)
    await generator.start()
    process = generator.engine.process
    assert process is not None
    prompts = [[{"role": "user", "content": question}] for question in list_questions(4)]
    probes = [await make_probe(process, number, prompts) for number in range(len(adapters))]
    await generator.close()
    return {one.name: replace(one, probe=probe) for one, probe in zip(adapters, probes, strict=True)}


async def measure(folder: Path, sizes: Sizes) -> list[Figure]:
    loras = [load_adapter(write_lora(folder / f"{name}.gguf", seed, STRENGTH)) for seed, name in enumerate(NAMES)]
    adapters = await add_probes(loras)
    generator = make_generator(list(adapters.values()), CLIENTS)
    await generator.start()
    cold = await list_cold(generator, list_questions(min(60, 6 + sizes.prompts // 4)))
    unequal = await count_unequal(generator, list_questions(sizes.prompts))
    same, other = await time_switches(generator, sizes.rounds)
    tally = await swap_under_load(generator, adapters, cold, sizes)
    await generator.close()
    shares = await measure_decode(folder, sizes)
    return [
        Figure("swaps", len(tally.swaps_s), ""),
        Figure("requests answered meanwhile", tally.answered, ""),
        Figure("  by the set asked for, the rest by the base", tally.as_asked, ""),
        Figure("requests that failed", tally.failed, "", 0),
        Figure("answers of another set than they name", tally.mixed, "", 0),
        Figure("answers with a word turned by rounding", tally.turned, ""),
        Figure("swap, p50", median(tally.swaps_s), "s"),
        Figure("swap, p95", percentile(tally.swaps_s, 95), "s"),
        Figure("  until it may be written down, p50", median(tally.commits_s), "s"),
        Figure(f"answers unequal to a cold start, of {2 * sizes.prompts}", unequal, "", 0),
        Figure("first token of a prompt read before, same set, p50", 1000 * same, "ms"),
        Figure("cost of changing the set, p50", 1000 * (other - same), "ms", 20),
        Figure("decode with one adapter, share of the base", median(shares), "", 0.9, at_least=True),
    ]


async def measure_decode(folder: Path, sizes: Sizes) -> list[float]:
    generator = make_generator([replace(load_adapter(write_full_lora(folder / "full.gguf")), name="a")], 1)
    await generator.start()
    shares = await time_decode(generator, max(3, sizes.rounds // 4))
    await generator.close()
    return shares


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth: to see that it runs, not to quote")
    parser.add_argument("--swaps", type=int, help="default 200")
    parser.add_argument("--requests", type=int, help="default 5000")
    parser.add_argument("--prompts", type=int, help="default 200")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="not used: nothing is kept")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    share = 20 if options.quick else 1
    sizes = Sizes(
        swaps=options.swaps or 200 // share,
        requests=options.requests or 5000 // share,
        prompts=options.prompts or 200 // share,
        rounds=10 if options.quick else SWITCHES,
    )
    meter = print_head(__doc__ or "")
    with tempfile.TemporaryDirectory() as folder:
        print_table(asyncio.run(measure(Path(folder), sizes)))
    print_load("after", meter)


if __name__ == "__main__":
    main()

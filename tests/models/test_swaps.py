"""Adapters that are swapped under load: nobody's request fails, and every answer is of the set that it names."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.swaps import (
    NAMES,
    SETS,
    STRENGTH,
    Sizes,
    Tally,
    add_probes,
    count_unequal,
    is_of,
    job_of,
    list_cold,
    list_questions,
    make_generator,
    steps_of,
    swap_under_load,
)
from tests.models.engines import collect, load_adapter, write_lora
from tests.proofs import share_of

pytestmark = [pytest.mark.anyio, pytest.mark.engine]


async def swap(folder: Path, sizes: Sizes, questions: int) -> tuple[Tally, int]:
    loras = [load_adapter(write_lora(folder / f"{name}.gguf", seed, STRENGTH)) for seed, name in enumerate(NAMES)]
    adapters = await add_probes(loras)
    generator = make_generator(list(adapters.values()), 2)
    await generator.start()
    cold = await list_cold(generator, list_questions(questions))
    unequal = await count_unequal(generator, list_questions(sizes.prompts))
    tally = await swap_under_load(generator, adapters, cold, sizes)
    await generator.close()
    return tally, unequal


async def test_no_request_fails_and_no_answer_is_mixed_while_adapters_are_swapped(tmp_path: Path) -> None:
    tally, unequal = await swap(tmp_path, Sizes(swaps=3, requests=24, prompts=1, rounds=1), 3)
    assert (tally.failed, tally.mixed, tally.answered, unequal) == (0, 0, 24, 0)
    assert len(tally.swaps_s) == 3


async def test_an_answer_is_known_by_the_set_that_gave_it_and_by_no_other(tmp_path: Path) -> None:
    """What the two others here rest on: rounding does not hide who answered."""
    loras = [load_adapter(write_lora(tmp_path / f"{name}.gguf", seed, STRENGTH)) for seed, name in enumerate(NAMES)]
    generator = make_generator(loras, 4)
    await generator.start()
    for question, cold in (await list_cold(generator, list_questions(3))).items():
        for names in SETS:
            for deltas in await asyncio.gather(*(collect(generator, job_of(question, names)) for _ in range(4))):
                assert [one for one in SETS if is_of(one, steps_of(deltas), cold)] == [names]
    await generator.close()


@pytest.mark.proof
async def test_two_hundred_swaps_under_five_thousand_requests(tmp_path: Path) -> None:
    sizes = Sizes(swaps=share_of(200), requests=share_of(5000), prompts=share_of(200), rounds=1)
    tally, unequal = await swap(tmp_path, sizes, 30)
    print(f"\n{tally.answered} answered, {tally.failed} failed, {tally.mixed} mixed, {unequal} unequal to a cold start")
    assert (tally.failed, tally.mixed, tally.answered, unequal) == (0, 0, sizes.requests, 0)

"""`aion plan`: what it says before a training, what it refuses, and how prediction follows from what was measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from aion.cli.plan import ANCHOR, TEMPLATE, Room, advise, guess_tokens, say_duration, tell
from aion.records import Example, ExampleKind
from aion.sleep.training.base import Recipe
from aion.sleep.training.device import Choice
from aion.sleep.training.plan import FIRST_BYTES, LATER_BYTES, Probe, count_tries, predict, row_length, rows_at_once
from tests.cli.conftest import Ran

PROBE = Probe(
    tokens=200,
    layers=10,
    layer_s=0.1,
    rest_s=0.5,
    open_s=3.0,
    layer_bytes=1_000,
    rest_bytes=500,
    program_bytes=10_000,
    opened_bytes=2_000,
    file_bytes=40_000,
    dense_bytes=80_000,
    weights=100,
    work_bytes=700,
)
RECIPE = Recipe(epochs=2.0, cache=False)


def test_memory_is_the_sum_of_what_was_measured() -> None:
    made = predict(PROBE, RECIPE, [1000])
    held = 10_000 + 2_000 + 40_000 + 100 * 16 + 500 + 10 * 1_000 + 700
    assert made.peak_bytes == held * 1.05 == sum(made.parts.values())
    assert predict(PROBE, replace(RECIPE, cache=True), [1000]).peak_bytes == (held + 80_000) * 1.05


def test_time_is_that_of_all_layers_and_tokens() -> None:
    """200 tokens take ten layers of 0.1 s and 0.5 s: 1.5 s. 2,000 of them, and 3 s until it begins."""
    made = predict(PROBE, RECIPE, [1000])
    assert made.seconds == pytest.approx(3.0 + 15.0)
    assert made.tokens_per_s == pytest.approx(200 / 1.5)
    assert made.steps == 8


def test_each_theme_of_a_night_opens_the_base_and_the_first_settles_what_is_left_open() -> None:
    """200 tokens take 1.5 s. Two themes of 1,000 and one of 500, twice each: 37.5 s; three times 3 s, and once 9 s."""
    made = predict(PROBE, RECIPE, [1000, 500, 1000], tries=6)
    assert made.seconds == pytest.approx(37.5 + 3 * 3.0 + 9.0)
    assert made.steps == 8 + 4 + 8
    left = 1.05 * (FIRST_BYTES + LATER_BYTES)
    assert made.peak_bytes == pytest.approx(predict(PROBE, RECIPE, [1000]).peak_bytes + left, abs=1)
    assert predict(PROBE, RECIPE, [], tries=6).seconds == 0


def test_a_theme_of_few_tokens_is_planned_as_often_as_it_is_trained() -> None:
    few = replace(RECIPE, least_steps=2 * predict(PROBE, RECIPE, [1000]).steps)
    assert predict(PROBE, few, [1000]).seconds == pytest.approx(3.0 + 2 * 15.0, rel=0.1)


def test_what_is_left_open_is_settled_by_trying() -> None:
    """One micro-batch for how many rows, four for each number of threads."""
    assert count_tries(replace(RECIPE, threads=0, micro_batch=0), cores=2) == 9
    assert count_tries(replace(RECIPE, threads=2, micro_batch=1), cores=2) == 0


def test_an_anchor_counts_with_the_answer_that_the_base_will_give() -> None:
    asked: dict[str, Any] = {
        "id": "ex_1",
        "theme": "t",
        "messages": ({"role": "user", "content": "x" * 35},),
        "lessons": (),
    }
    anchor = Example(kind=ExampleKind.ANCHOR, answer="", **asked)
    taught = Example(kind=ExampleKind.PHRASING, answer="y" * 70, **asked)
    assert guess_tokens(anchor) == 10 + ANCHOR + TEMPLATE
    assert guess_tokens(taught) == 10 + 20 + TEMPLATE


@pytest.mark.parametrize(
    ("length", "tokens_per_step", "micro_batch", "row", "rows"),
    [(512, 256, 1, 256, 1), (512, 2048, 0, 512, 4), (512, 1024, 4, 512, 2), (128, 4096, 3, 128, 3)],
)
def test_rows_are_no_longer_than_a_step(
    length: int, tokens_per_step: int, micro_batch: int, row: int, rows: int
) -> None:
    recipe = replace(RECIPE, length=length, tokens_per_step=tokens_per_step, micro_batch=micro_batch)
    assert (row_length(recipe), rows_at_once(recipe)) == (row, rows)


def room(free: int) -> Room:
    return Room(peak_bytes=2_000_000_000, free_bytes=free, spare_bytes=500_000_000, parts={})


def test_it_says_whether_it_fits_and_what_to_change() -> None:
    made = predict(PROBE, RECIPE, [1000])
    assert advise(made, RECIPE, room(2_500_000_000), 1000) == "it fits"
    cramped = room(2_400_000_000)
    assert advise(replace(made, cache=True), RECIPE, cramped, 1).endswith(
        "100 MB are missing: set train.cache to never"
    )
    assert "train.micro_batch" in advise(replace(made, micro_batch=2), RECIPE, cramped, 1)
    assert "train.length" in advise(made, RECIPE, cramped, 1)
    small = replace(RECIPE, length=64)
    assert "train.rank" in advise(made, small, cramped, 1)
    assert "smaller model" in advise(made, replace(small, rank=4), cramped, 1)
    assert "nothing to learn now" in advise(made, RECIPE, cramped, 0)


def test_the_five_lines_say_what_where_how_much_how_long_and_so() -> None:
    lines = tell(
        predict(PROBE, RECIPE, [1000]), RECIPE, Choice("cpu", "torch sees no GPU here"), room(9_000_000_000), [600, 400]
    )
    assert [line.split()[0] for line in lines] == ["learning", "runs", "memory", "duration", "so"]
    assert "learning    1,000 tokens in 2 themes 2 times" in lines[0]
    assert "cpu, 1 thread: torch sees no GPU here" in lines[1]
    assert "2,000 MB at most, of 9,000 MB" in lines[2]
    assert "about 18 seconds: 8 steps, 133 tokens/s" in lines[3]


@pytest.mark.parametrize(
    ("seconds", "words"), [(12, "about 12 seconds"), (100, "about 2 minutes"), (9000, "about 2.5 hours")]
)
def test_durations_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert say_duration(seconds) == words


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rank", "5"], "4, 8 or 16"),
        (["--length", "20000"], "reads 8192 at most"),
        (["--tokens", "0"], "--tokens"),
        (["--device", "banana"], "set it to auto or cpu"),
    ],
)
def test_nonsense_is_refused_in_words(aion: Callable[..., Ran], options: list[str], words: str) -> None:
    ran = aion("plan", "--tokens", "10", *options)
    assert ran.code != 0
    assert words in ran.err


@pytest.mark.engine
def test_the_embedded_base_is_planned_here(aion: Callable[..., Ran]) -> None:
    ran = aion("plan", "--tokens", "1000", "--device", "cpu", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["device_reason"] == "train.device is cpu"
    assert 200e6 < told["peak_bytes"] < 4e9
    assert told["peak_bytes"] == sum(told["parts"].values())
    assert told["seconds"] > 0

"""Which device a training is given, by a table of devices, and what it would take there, by shapes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from aion.config import TrainSettings
from aion.errors import BadInput
from aion.models.catalog import find_embedded_base
from aion.sleep.training.adapt import add_adapters, decoder_of, list_weights
from aion.sleep.training.base import Recipe
from aion.sleep.training.device import SPARE, Choice, Device, choose_device, list_devices
from aion.sleep.training.graph import open_base
from aion.sleep.training.plan import Sample
from aion.sleep.training.probe import count_layer
from aion.sleep.training.recipe import make_recipe
from aion.sleep.training.room import Shape, count_adapter, keep_layer, plan_room, read_shape
from tests.sleep.small_jobs import make_base

SMALL = Device(name="cuda:0", title="Small", free_bytes=3_000_000_000, total_bytes=4_000_000_000)
LARGE = Device(name="cuda:1", title="Large", free_bytes=9_000_000_000, total_bytes=12_000_000_000)


def test_a_gpu_with_room_is_taken_and_the_roomiest_of_several() -> None:
    assert choose_device("auto", 2_000_000_000, lambda: [SMALL]).device == "cuda:0"
    assert choose_device("auto", 2_000_000_000, lambda: [SMALL, LARGE, SMALL]).device == "cuda:1"


def test_a_gpu_without_room_is_left_to_the_engine_and_the_reason_told() -> None:
    most = SMALL.free_bytes - SPARE
    assert choose_device("auto", most, lambda: [SMALL]).device == "cuda:0"
    choice = choose_device("auto", most + 1, lambda: [SMALL])
    assert choice.device == "cpu"
    assert "needs 2732 MB, and Small has 3000 MB free of 4000" in choice.reason


def test_without_a_gpu_it_is_the_processor() -> None:
    assert choose_device("auto", 1, list) == Choice("cpu", "torch sees no GPU here")
    assert choose_device("cpu", 1, lambda: [LARGE]).device == "cpu"


@pytest.mark.parametrize(("wanted", "found"), [("cuda", "cuda:0"), ("cuda:1", "cuda:1")])
def test_a_device_that_was_asked_for_is_taken_whatever_is_free(wanted: str, found: str) -> None:
    assert choose_device(wanted, 1 << 60, lambda: [SMALL, LARGE]).device == found


@pytest.mark.parametrize("wanted", ["cuda:2", "banana", "cud"])
def test_a_device_that_is_not_there_is_refused(wanted: str) -> None:
    with pytest.raises(BadInput, match=r"torch sees cuda:0, cuda:1 here; set it to auto or cpu"):
        choose_device(wanted, 1, lambda: [SMALL, LARGE])


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_this_machine_has_none() -> None:
    assert not list_devices()


def test_the_recipe_of_a_night_says_where_it_runs(tmp_path: Path) -> None:
    base = make_base(tmp_path)
    assert make_recipe(TrainSettings(), base, list).device == "cpu"
    on_gpu = make_recipe(TrainSettings(), base, lambda: [LARGE])
    assert (on_gpu.device, on_gpu.cache) == ("cuda:1", True)
    large = replace(LARGE, free_bytes=SPARE + sum(plan_room(read_shape(base), replace(on_gpu, cache=False)).values()))
    tight = make_recipe(TrainSettings(), base, lambda: [large])
    assert (tight.device, tight.cache) == ("cuda:1", False)


def test_a_processor_with_little_memory_reads_blocks_and_with_less_computes_layers_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base, found = find_embedded_base(), []
    needs = sum(plan_room(read_shape(base), make_recipe(TrainSettings(device="cpu", cache="never"), base)).values())
    for free in (10 * base.stat().st_size, needs + 1, needs - 1):
        monkeypatch.setattr("psutil.virtual_memory", lambda free=free: SimpleNamespace(available=free))
        recipe = make_recipe(TrainSettings(device="cpu"), base)
        found.append((recipe.cache, recipe.recompute))
    assert found == [(True, False), (False, False), (False, True)]


def test_what_a_layer_keeps_is_what_is_counted_on_this_cpu() -> None:
    """Attention is in float32 here, and 20 tokens that begin alike are laid out once; within 15 %."""
    base = find_embedded_base()
    recipe = Recipe(cache=False, rank=16, length=240, tokens_per_step=240)
    counted = count_layer(base, recipe, Sample(length=48, learned=12, shared=0))
    assert keep_layer(read_shape(base), 16, attention=4) == pytest.approx(counted, rel=0.15)


def test_weights_and_adapters_are_those_of_the_opened_model(tmp_path: Path) -> None:
    base = make_base(tmp_path)
    recipe, shape = Recipe(rank=4, targets=("q_proj", "down_proj")), read_shape(base)
    model = add_adapters(open_base(base).model, recipe)
    assert sum(one.numel() for one in list_weights(model).values()) == count_adapter(shape, recipe)
    layers = [one for name, one in decoder_of(model).named_buffers() if ".blocks" in name and "layers." in name]
    assert sum(one.numel() for one in layers) == shape.blocks
    assert shape.blocks + shape.others < base.stat().st_size < (shape.blocks + shape.others) * 1.5


def three_billion() -> Shape:
    """Llama 3.2 3B in Q4_K with a head of Q6_K."""
    matrices = 28 * (3072 * 3072 * 2 + 3072 * 1024 * 2 + 3 * 3072 * 8192)
    wide = {"q_proj": 6144, "k_proj": 4096, "v_proj": 4096, "o_proj": 6144}
    return Shape(
        width=3072,
        inner=8192,
        layers=28,
        heads=24,
        queries=3072,
        keys=1024,
        matrices=matrices,
        largest=3072 * 8192,
        blocks=matrices * 144 // 256,
        others=128_256 * 3072 * 210 // 256,
        ends=128_256 * 3072,
        targets=wide | dict.fromkeys(("gate_proj", "up_proj", "down_proj"), 11_264),
    )


def test_four_gigabytes_are_enough_for_three_billion_weights() -> None:
    """Rank 16, 1,024 tokens; layers computed again on the way back, or it does not fit."""
    recipe = Recipe(rank=16, length=1024, tokens_per_step=1024, cache=False, recompute=True, device="cuda")
    blocks, rounded = (
        sum(plan_room(three_billion(), replace(recipe, weights=one)).values()) for one in ("gguf", "nf4")
    )
    assert 2.5e9 < blocks < 3.5e9
    assert 2.3e9 < rounded < 3.5e9
    assert sum(plan_room(three_billion(), replace(recipe, recompute=False)).values()) > 4e9

"""A smaller copy of an adapter: how small, how near, and as strong as before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aion.errors import BadInput
from aion.models.adapters.convert import save_gguf
from aion.models.adapters.gguf_lora import read_gguf
from aion.models.adapters.lora import Lora, Pair
from aion.models.adapters.served import ServedBase
from aion.sleep.training.shrink import shrink, silence
from tests.models.adapters.makers import random_lora, write_base


@pytest.fixture
def base(tmp_path: Path) -> ServedBase:
    return write_base(tmp_path)


def change(pair: Pair) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    found: np.ndarray[tuple[int, int], np.dtype[np.float64]] = pair.scale * pair.b.astype(np.float64) @ pair.a
    return found


def true_errors(lora: Lora, smaller: Lora) -> dict[str, float]:
    """Formed in full, strength included."""
    return {
        name: float(np.linalg.norm(change(pair) - change(smaller.pairs[name])) / np.linalg.norm(change(pair)))
        for name, pair in lora.pairs.items()
    }


@pytest.mark.parametrize("how", [{"rank": 3}, {"error": 0.4}, {"rank": 6, "error": 0.2}, {"share": 0.3}])
def test_the_error_told_is_the_one_of_what_is_added(base: ServedBase, how: dict[str, float]) -> None:
    lora = random_lora(base, rank=8)
    shrunk = shrink(lora, **how)  # type: ignore[arg-type]
    assert true_errors(lora, shrunk.lora) == pytest.approx(shrunk.errors, abs=1e-5)
    assert 0 < shrunk.worst < 1


def test_an_error_is_kept_to_and_a_rank_is_not_passed(base: ServedBase) -> None:
    lora = random_lora(base, rank=8)
    within = shrink(lora, error=0.4)
    assert within.worst <= 0.4
    assert {pair.rank for pair in within.lora.pairs.values()} <= set(range(1, 8))
    assert {pair.rank for pair in shrink(lora, rank=2, error=0.01).lora.pairs.values()} == {2}


def test_a_smaller_adapter_is_served_as_strong_as_before(tmp_path: Path, base: ServedBase) -> None:
    lora = random_lora(base, rank=8, alpha=16.0)
    smaller = shrink(lora, error=0.4).lora
    save_gguf(smaller, tmp_path / "a.gguf", base)
    for name, pair in read_gguf(tmp_path / "a.gguf", base).pairs.items():
        assert np.allclose(change(pair), change(smaller.pairs[name]), rtol=1e-5, atol=1e-6)


def test_pruning_leaves_zeros(base: ServedBase) -> None:
    pair = shrink(random_lora(base), share=0.25).lora.pairs["model.layers.0.mlp.up_proj"]
    assert (int((pair.a == 0).sum()), int((pair.b == 0).sum())) == (pair.a.size // 4, pair.b.size // 4)


def test_a_pair_that_is_small_enough_keeps_every_bit(base: ServedBase) -> None:
    lora = random_lora(base, rank=4, up_proj=8)
    shrunk = shrink(lora, rank=4)
    assert {name for name, error in shrunk.errors.items() if error > 1e-6} == {
        f"model.layers.{layer}.mlp.up_proj" for layer in range(2)
    }
    down = "model.layers.0.mlp.down_proj"
    assert np.array_equal(shrunk.lora.pairs[down].b, lora.pairs[down].b)


@pytest.mark.parametrize("how", [{}, {"rank": -1}, {"error": 1.0}, {"share": 1.0}])
def test_what_makes_no_sense_is_refused(base: ServedBase, how: dict[str, float]) -> None:
    with pytest.raises(BadInput):
        shrink(random_lora(base), **how)  # type: ignore[arg-type]


def test_the_pairs_that_change_least_are_silent_and_not_in_what_is_served(tmp_path: Path, base: ServedBase) -> None:
    lora = random_lora(base, rank=8)
    sizes = {name: 1.0 + number for number, name in enumerate(lora.pairs)}
    strengths = {name: float(np.linalg.norm(change(pair))) / sizes[name] for name, pair in lora.pairs.items()}
    weakest = sorted(strengths, key=strengths.__getitem__)[: len(strengths) // 4]
    quieter = silence(lora, 0.25, sizes)
    assert {name for name, pair in quieter.pairs.items() if pair.is_silent} == set(weakest)
    save_gguf(quieter, tmp_path / "a.gguf", base)
    served = read_gguf(tmp_path / "a.gguf", base).pairs
    assert served.keys() == lora.pairs.keys() - set(weakest)
    assert all(np.array_equal(pair.b, lora.pairs[name].b) for name, pair in served.items())


def test_an_adapter_that_says_nothing_at_all_is_still_one(tmp_path: Path, base: ServedBase) -> None:
    lora = random_lora(base)
    silent = replace(lora, pairs={name: replace(pair, b=0 * pair.b) for name, pair in lora.pairs.items()})
    save_gguf(silent, tmp_path / "a.gguf", base)
    assert read_gguf(tmp_path / "a.gguf", base).pairs.keys() == lora.pairs.keys()

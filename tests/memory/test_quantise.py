"""Vectors in bytes: numbers worked by hand, and how far a cosine is off."""

from __future__ import annotations

import numpy as np
import pytest

from aion.memory.quantise import BLOCK, pick_best, quantise, scan


def unit(random: np.random.Generator, count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    drawn = random.standard_normal((count, 384)).astype(np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float32)


def test_the_largest_component_takes_the_whole_range() -> None:
    rows, scales = quantise(np.array([[0.8, -0.6, 0.0], [-0.5, 0.25, 0.1]], np.float32))
    assert rows.tolist() == [[127, -95, 0], [-127, 64, 25]]  # -95.25, 63.5 (to the even one), 25.4
    assert scales.tolist() == pytest.approx([0.8 / 127, 0.5 / 127])


def test_an_empty_vector_is_near_nothing() -> None:
    rows, scales = quantise(np.zeros((1, 3), np.float32))
    assert (rows.tolist(), scales.tolist()) == ([[0, 0, 0]], [0.0])
    assert scan(np.array([1.0, 0.0, 0.0], np.float32), rows, scales).tolist() == [0.0]


def test_no_rows_have_no_scores() -> None:
    assert scan(np.ones(3, np.float32), np.zeros((0, 3), np.int8), np.zeros(0, np.float32)).tolist() == []


def test_a_cosine_is_off_by_less_than_a_hundredth() -> None:
    random = np.random.default_rng(3)
    vectors, questions = unit(random, 2000), unit(random, 20)
    rows, scales = quantise(vectors)
    for question in questions:
        assert np.abs(scan(question, rows, scales) - vectors @ question).max() < 0.01


def test_the_ten_nearest_are_among_forty_candidates() -> None:
    random = np.random.default_rng(4)
    vectors = unit(random, 5000)
    rows, scales = quantise(vectors)
    for question in unit(random, 50):
        true = set(np.argsort(-(vectors @ question))[:10].tolist())
        assert true <= set(np.argsort(-scan(question, rows, scales))[:40].tolist())


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, 10 * BLOCK, 40 * BLOCK + 7])
@pytest.mark.parametrize("count", [0, 1, 9, 39, 1000])
def test_the_best_are_those_that_sorting_finds(size: int, count: int) -> None:
    random = np.random.default_rng(size)
    for spread in (3, 10**6):  # with many that are alike, and with few
        scores = random.integers(0, spread, size).astype(np.float64)
        scores[random.random(size) < 0.3] = -np.inf
        scores[-5:] = spread  # behind the last whole block, where there is one
        places = pick_best(scores, count)
        assert len(set(places.tolist())) == len(places) == min(count, size)
        assert sorted(scores[places]) == sorted(scores)[size - len(places) :]

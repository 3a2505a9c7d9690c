"""Vectors in bytes: numbers worked by hand, and how far a cosine is off."""

from __future__ import annotations

import numpy as np
import pytest

from aion.memory.quantise import quantise, scan


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

"""The vector of a document moves as M3 says: by hand, to where it is drawn, and the same way each time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aion.memory.base import Vector
from aion.memory.ema import follow, mean_direction, step_size

EAST = np.array([1.0, 0.0], dtype=np.float32)
NORTH = np.array([0.0, 1.0], dtype=np.float32)


def test_the_step_shrinks_with_what_has_been_followed() -> None:
    assert [step_size(n, 0.5) for n in range(4)] == [0.5, 0.25, 0.5 / 3, 0.125]
    assert step_size(0, 1.0) == 1.0
    assert step_size(0, 5.0) == 1.0


def test_the_first_steps_are_those_worked_by_hand() -> None:
    # eta 0.5: (0.5, 0.5) has length 0.70711, so 45 degrees
    once, count = follow(EAST, 0, [NORTH], 0.5)
    assert count == 1
    assert once == pytest.approx([math.sqrt(0.5), math.sqrt(0.5)])
    # eta 0.25: (0.53033, 0.53033 + 0.25) has length 0.94349
    twice, count = follow(once, count, [NORTH], 0.5)
    assert count == 2
    assert twice == pytest.approx([0.56210, 0.82707], abs=1e-5)


def test_without_a_start_the_first_vector_is_the_start() -> None:
    vector, count = follow((), 0, [NORTH], 0.5)
    assert vector == pytest.approx([0.0, 1.0])
    assert count == 1


def test_nothing_followed_is_nothing_moved() -> None:
    vector, count = follow(EAST, 7, [], 0.5)
    assert (list(vector), count) == ([1.0, 0.0], 7)


def test_a_vector_that_would_leave_no_direction_is_passed_over() -> None:
    vector, count = follow(EAST, 0, [-EAST], 0.5)
    assert (list(vector), count) == ([1.0, 0.0], 0)


@pytest.mark.parametrize("c", [0.25, 0.5, 1.0])
def test_the_weight_of_the_start_falls_as_a_power_of_the_steps(c: float) -> None:
    # The product of (1 - c/k) for k = 1..n is close to n^-c / gamma(1 - c): unnormalised, what is left of the start.
    left = math.prod(1 - step_size(n, c) for n in range(10_000))
    expected = 0.0 if c == 1.0 else 10_000**-c / math.gamma(1 - c)
    assert left == pytest.approx(expected, rel=1e-3)


def test_it_turns_to_a_fixed_direction_within_a_thousand_steps() -> None:
    vector, count = EAST, 0
    cosines: list[float] = []
    for _ in range(1000):
        vector, count = follow(vector, count, [NORTH], 0.5)
        cosines.append(float(vector @ NORTH))
    assert cosines == sorted(cosines)
    assert cosines[9] > 0.95
    assert cosines[99] > 0.995
    assert cosines[-1] > 0.9995


def noisy(seed: int, count: int) -> tuple[Vector, list[Vector]]:
    """A direction in 384 dimensions, and unit vectors scattered around it (each at about 0.7 of cosine)."""
    random = np.random.default_rng(seed)
    middle = random.standard_normal(384)
    middle /= np.linalg.norm(middle)
    drawn = middle + random.standard_normal((count, 384)) / math.sqrt(384)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return middle.astype(np.float32), list(drawn.astype(np.float32))


@pytest.mark.parametrize("seed", range(5))
def test_it_turns_to_the_middle_of_a_noisy_stream(seed: int) -> None:
    middle, stream = noisy(seed, 2000)
    start = noisy(seed + 100, 1)[0]
    early, _ = follow(start, 0, stream[:20], 0.5)
    late, _ = follow(start, 0, stream, 0.5)
    assert float(late @ middle) > float(early @ middle)
    assert float(late @ middle) > 0.99
    assert float(late @ mean_direction(stream)) > 0.99


def test_it_comes_out_bit_for_bit_the_same() -> None:
    _, stream = noisy(3, 200)
    assert follow((), 0, stream, 0.5)[0].tobytes() == follow((), 0, stream, 0.5)[0].tobytes()


def test_the_middle_of_nothing_and_of_opposites_is_none() -> None:
    assert mean_direction([]).size == 0
    assert mean_direction([EAST, -EAST]).size == 0
    assert mean_direction([EAST, NORTH]) == pytest.approx([math.sqrt(0.5)] * 2)

"""nDCG against numbers worked by hand, and against a search through every order."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aion.capture.ndcg import ndcg, relevances_of

RELEVANCES = st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=1, max_size=6)


def test_the_best_order_is_one() -> None:
    assert ndcg([2, 1, 1, 0]) == 1.0


def test_a_relevant_item_in_third_place_is_worth_half() -> None:
    assert ndcg([0, 0, 1]) == pytest.approx(0.5)  # 1 / log2(4)


def test_two_grades_in_the_wrong_order_by_hand() -> None:
    # gains 1 and 3, discounts 1 and log2(3) = 1.58496: (1 + 1.89279) / (3 + 0.63093)
    assert ndcg([1, 2]) == pytest.approx(0.796708, abs=1e-6)


def test_what_stands_behind_k_counts_only_for_what_could_have_been() -> None:
    assert ndcg([0, 0, 1], k=2) == 0.0
    assert ndcg([1, 0, 1], k=2) == pytest.approx(1 / (1 + 1 / math.log2(3)))


def test_nothing_recalled_has_no_figure_and_nothing_relevant_has_zero() -> None:
    assert ndcg([]) is None
    assert ndcg([0, 0]) == 0.0


@pytest.mark.parametrize(
    ("reward", "expected"),
    [(None, [0, 1]), (0.0, [0, 1]), (0.24, [0, 1]), (0.25, [0, 2]), (1.0, [0, 2]), (-0.24, [0, 1]), (-0.25, [0, 0])],
)
def test_an_item_is_worth_what_the_answer_made_of_it(reward: float | None, expected: list[float]) -> None:
    assert relevances_of([False, True], reward) == expected


@given(RELEVANCES, st.integers(1, 8))
def test_it_is_the_share_of_the_best_of_all_orders(relevances: list[float], k: int) -> None:
    def gain(order: tuple[float, ...]) -> float:
        return sum((2**relevance - 1) / math.log2(rank + 1) for rank, relevance in enumerate(order[:k], start=1))

    best = max(map(gain, itertools.permutations(relevances)))
    expected = gain(tuple(relevances)) / best if best else 0.0
    assert ndcg(relevances, k) == pytest.approx(expected)

"""Smaller adapters: the stated errors are the true ones, against numbers worked by hand and the full product."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from aion.errors import BadInput
from aion.nets.compress import delta_error, delta_norm, prune, quantise_rows, reduce_rank, restore_rows

Array = npt.NDArray[np.float32]


def random_pair(seed: int = 3, rank: int = 8, rows: int = 60, columns: int = 40) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(rank, columns)), rng.normal(size=(rows, rank)) * 0.5 ** np.arange(rank)
    return a.astype(np.float32), b.astype(np.float32)


def relative(found: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def test_a_row_is_quantised_as_by_hand() -> None:
    rows = quantise_rows(np.array([[1.27, -0.64, 0.004, 0.006], [0, 0, 0, 0], [-254, 3, 1, 0]], np.float32))
    assert rows.codes.tolist() == [[127, -64, 0, 1], [0, 0, 0, 0], [-127, 2, 0, 0]]
    assert rows.factors.tolist() == pytest.approx([0.01, 0, 2])
    assert restore_rows(rows)[2].tolist() == [-254, 4, 0, 0]


def test_no_number_of_a_row_is_off_by_more_than_the_bound_and_some_come_near_it() -> None:
    matrix, _ = random_pair(columns=4000)
    rows = quantise_rows(matrix)
    off = np.abs(restore_rows(rows) - matrix).max(axis=1)
    assert (off <= rows.bound * (1 + 1e-4)).all()
    assert (off > 0.95 * rows.bound).all()


def test_quantised_rows_are_stable() -> None:
    matrix, _ = random_pair()
    once = quantise_rows(matrix)
    again = quantise_rows(restore_rows(once))
    assert np.array_equal(once.codes, again.codes)


@pytest.mark.parametrize("rank", [1, 3, 7])
def test_a_lower_rank_is_the_best_there_is_and_its_error_is_exact(rank: int) -> None:
    a, b = random_pair()
    full = b.astype(np.float64) @ a.astype(np.float64)
    u, values, v = np.linalg.svd(full)
    best = (u[:, :rank] * values[:rank]) @ v[:rank]
    reduced = reduce_rank(a, b, rank=rank)
    assert reduced.a.shape == (rank, 40)
    assert relative(reduced.b.astype(np.float64) @ reduced.a, best) < 1e-6
    assert reduced.error == pytest.approx(relative(best, full), rel=1e-9)


def test_the_rank_is_the_lowest_that_keeps_the_error() -> None:
    a, b = random_pair()
    errors = [reduce_rank(a, b, rank=rank).error for rank in range(1, 9)]
    for wanted, error in ((1, 0.9), (3, errors[2]), (4, errors[2] * 0.999), (8, 1e-12)):
        assert reduce_rank(a, b, error=error).a.shape[0] == wanted
    assert reduce_rank(a, b, rank=5, error=0.9).a.shape[0] == 5


def test_a_pair_of_hidden_lower_rank_loses_nothing() -> None:
    a, b = random_pair(rank=4)
    mix = np.random.default_rng(1).normal(size=(4, 16)).astype(np.float32)
    wide_a, wide_b = (np.linalg.pinv(mix) @ a).astype(np.float32), (b @ mix).astype(np.float32)
    reduced = reduce_rank(wide_a, wide_b, error=1e-5)
    assert reduced.a.shape[0] == 4
    assert delta_error(wide_a, wide_b, reduced.a, reduced.b) < 1e-5


def test_a_pair_that_adds_nothing_is_reduced_to_one_rank_of_zeros() -> None:
    reduced = reduce_rank(np.ones((4, 6), np.float32), np.zeros((5, 4), np.float32), error=0.1)
    assert (reduced.a.shape, reduced.error, float(np.abs(reduced.b @ reduced.a).max())) == ((1, 6), 0.0, 0.0)


def test_the_same_pair_is_reduced_to_the_same_bits_whatever_its_signs() -> None:
    a, b = random_pair()
    one, other = reduce_rank(a, b, rank=3), reduce_rank(-a, -b, rank=3)
    assert np.array_equal(one.a, reduce_rank(a, b, rank=3).a)
    assert np.allclose(one.a, other.a, atol=1e-6)


def test_pruning_drops_the_smallest_and_says_how_much_that_was() -> None:
    pruned = prune(np.array([[3, -1, 0.5], [-4, 1, 2]], np.float32), 0.5)
    assert pruned.matrix.tolist() == [[3, 0, 0], [-4, 0, 2]]
    assert pruned.error == pytest.approx(np.sqrt(2.25 / 31.25))


def test_of_equal_numbers_the_first_are_pruned() -> None:
    matrix = np.tile(np.array([2, -1, 1, -2], np.float32), 500).reshape(2, 1000)
    pruned = prune(matrix, 0.25).matrix
    assert pruned[0].tolist() == [2, 0, 0, -2] * 250
    assert np.array_equal(pruned[1], matrix[1])


def test_norm_and_error_of_products_are_those_of_the_products() -> None:
    (a, b), (c, d) = random_pair(), random_pair(seed=4, rank=2)
    one, other = (y.astype(np.float64) @ x for x, y in ((a, b), (c, d)))
    assert delta_norm(a, b) == pytest.approx(float(np.linalg.norm(one)))
    assert delta_error(a, b, c, d) == pytest.approx(relative(other, one))


@pytest.mark.parametrize(("rank", "error"), [(0, 0.0), (-1, 0.5), (2, 1.0), (2, -0.1), (0, float("nan"))])
def test_what_cannot_be_asked_for_is_refused(rank: int, error: float) -> None:
    with pytest.raises(BadInput, match="asked for"):
        reduce_rank(*random_pair(), rank=rank, error=error)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(BadInput, match="share"):
        prune(np.ones((2, 2), np.float32), share)

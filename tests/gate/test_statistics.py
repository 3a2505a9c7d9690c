"""The tests of significance against tables worked by hand."""

from __future__ import annotations

import pytest

from aion.gate.statistics import Pairs, better, binomial_tail, interval, noise_floor, worse


def pairs(gained: int, lost: int, same: int = 0) -> Pairs:
    before = (False,) * gained + (True,) * lost + (True,) * same
    after = (True,) * gained + (False,) * lost + (True,) * same
    return Pairs(before, after)


@pytest.mark.parametrize(
    ("gained", "lost", "chance"),
    [
        (0, 0, 1.0),
        (5, 0, 1 / 32),
        (4, 0, 1 / 16),
        (8, 2, 56 / 1024),  # 45 + 10 + 1
        (9, 1, 11 / 1024),  # 10 + 1
        (3, 3, 42 / 64),  # 20 + 15 + 6 + 1
        (1, 9, 1023 / 1024),
    ],
)
def test_the_exact_test_gives_the_chances_of_the_table(gained: int, lost: int, chance: float) -> None:
    assert better(pairs(gained, lost, same=7)) == chance
    assert worse(pairs(lost, gained, same=7)) == chance


def test_the_tail_of_many_coins_is_exact() -> None:
    assert binomial_tail(60, 100) == pytest.approx(0.0284439668, abs=1e-9)


def test_pairs_count_what_changed() -> None:
    found = pairs(3, 2, 4)
    assert (found.items, found.gained, found.lost) == (9, 3, 2)
    with pytest.raises(ValueError, match="2 answers before and 1 after"):
        Pairs((True, True), (True,))


def test_the_interval_of_one_change_is_that_change() -> None:
    assert interval([0.2] * 8, [0.5] * 8) == pytest.approx((0.3, 0.3))
    assert interval([], []) == (0.0, 0.0)


def test_the_interval_of_coins_is_that_of_the_binomial() -> None:
    """Half of ten pairs changed by one: a drawn mean is a binomial's tenth, whose 2.5 and 97.5 % are 2 and 8."""
    before, after = [0.0] * 10, [1.0] * 5 + [0.0] * 5
    assert interval(before, after) == pytest.approx((0.2, 0.8))
    assert interval(before, after) == interval(before, after)


def test_the_noise_floor_is_the_share_that_came_out_otherwise() -> None:
    assert noise_floor(["a", "b", "c", "d"], ["a", "x", "c", "d"]) == 0.25
    assert noise_floor([], []) == 0.0

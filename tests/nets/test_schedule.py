"""Learning rates and importances against numbers worked by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from aion.nets.importance import join_nights, level, measure_fisher, measure_mas, pull_back
from aion.nets.schedule import learning_rate


def rates(steps: int, *, warmup: float, floor: float) -> list[float]:
    return [learning_rate(step, steps, peak=2.0, warmup=warmup, floor=floor) for step in range(steps)]


def test_rates_rise_straight_and_fall_by_half_a_cosine() -> None:
    assert rates(8, warmup=0.25, floor=0.1) == pytest.approx(
        [2 / 3, 4 / 3, 2.0, 1.8281, 1.3781, 0.8219, 0.3719, 0.2], abs=1e-4
    )


def test_one_step_learns_at_full_rate() -> None:
    assert rates(1, warmup=0.0, floor=0.1) == [2.0]


def test_without_warm_up_the_first_step_is_the_peak_and_the_last_the_floor() -> None:
    found = rates(5, warmup=0.0, floor=0.0)
    assert found == pytest.approx([2.0, 1.7071, 1.0, 0.2929, 0.0], abs=1e-4)


def outputs(weights: dict[str, Tensor], x: float) -> Tensor:
    """f(x) = (a x, b): ||f||^2 = a^2 x^2 + b^2"""
    return torch.stack([weights["a"] * x, weights["b"]])


def two_weights() -> dict[str, Tensor]:
    return {"a": torch.tensor(3.0, requires_grad=True), "b": torch.tensor(-0.5, requires_grad=True)}


def test_mas_is_the_mean_of_absolute_gradients_of_the_squared_output() -> None:
    weights = two_weights()
    found = measure_mas(weights, (outputs(weights, x).square().sum() for x in (1.0, 2.0)))
    assert found["a"].item() == pytest.approx((2 * 3 * 1 + 2 * 3 * 4) / 2)  # |2 a x^2|
    assert found["b"].item() == pytest.approx(1.0)  # |2 b|: signs do not cancel


def test_fisher_is_the_mean_of_squared_gradients_of_the_loss() -> None:
    weights = two_weights()
    losses = (weights["a"] * x for x in (1.0, -2.0))
    found = measure_fisher({"a": weights["a"]}, losses)
    assert found["a"].item() == pytest.approx((1 + 4) / 2)


def test_the_pull_is_that_of_half_a_weighted_square() -> None:
    weights = two_weights()
    old = {"a": torch.tensor(1.0), "b": torch.tensor(-0.5)}
    importance = {"a": torch.tensor(4.0), "b": torch.tensor(9.0)}
    weights["a"].grad = torch.tensor(0.25)
    assert pull_back(weights, old, importance, 0.1) == pytest.approx(0.1 / 2 * 4 * 2**2)
    found = {name: weight.grad for name, weight in weights.items()}
    assert found == {"a": pytest.approx(torch.tensor(0.25 + 0.1 * 4 * 2)), "b": torch.tensor(0.0)}


def test_a_weight_of_usual_importance_counts_one_whatever_was_measured() -> None:
    raw = {"a": torch.tensor([2.0, 6.0]), "b": torch.tensor([1.0])}  # mean 3
    wanted = {"a": pytest.approx(torch.tensor([2 / 3, 2.0])), "b": pytest.approx(torch.tensor([1 / 3]))}
    assert level(raw) == wanted
    assert level({name: one * 1e-9 for name, one in raw.items()}) == wanted


def test_weights_that_nothing_asked_for_stay_without_importance() -> None:
    assert level({"a": torch.zeros(2)})["a"].tolist() == [0.0, 0.0]


def test_what_mattered_once_goes_on_mattering_and_ten_nights_pull_no_more_than_one() -> None:
    first = {"a": torch.tensor([2.0, 0.5])}
    assert join_nights({}, first) == first
    later = {"a": torch.tensor([0.5, 1.5])}
    joined = first
    for _ in range(10):
        joined = join_nights(joined, later)
    assert joined["a"].tolist() == [2.0, 1.5]

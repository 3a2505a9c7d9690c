"""Calibration held to brute force, to known parameters, to convergence and to repeatability."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aion.capture.calibrate import (
    FOLDS,
    Pair,
    apply,
    calibrate,
    expected_error,
    fit_isotonic,
    fit_platt,
    reliability,
)
from aion.config import LearningSettings
from aion.errors import Corrupt
from aion.records import Calibration

OUTCOME = st.sampled_from([0.0, 1.0])
SMALL = st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.7]), OUTCOME), min_size=1, max_size=8)
ANY = st.lists(st.tuples(st.floats(0, 1), OUTCOME), min_size=1, max_size=60)


def logistic(score: float) -> float:
    return 1 / (1 + math.exp(-score))


def drawn(count: int, a: float, b: float, seed: int = 7) -> list[Pair]:
    """Answers whose chance to be good is a known curve of their raw confidence."""
    dice = random.Random(seed)
    raws = [dice.random() for _ in range(count)]
    return [(raw, float(dice.random() < logistic(a * raw + b))) for raw in raws]


def made(method: str, *points: tuple[float, float]) -> Calibration:
    return Calibration(
        id="cal_1", owner="ana", at=0.0, method=method, points=points, samples=1, error_before=0.0, error_after=0.0
    )


# Isotonic


def test_violators_are_pooled_by_hand() -> None:
    assert fit_isotonic([(0.1, 0), (0.2, 1), (0.3, 0), (0.4, 1)]) == ((0.1, 0), (0.2, 0.5), (0.3, 0.5), (0.4, 1))


def test_pairs_of_one_raw_value_weigh_as_many() -> None:
    # 0.2 holds three good ones, 0.8 one bad: pooled they are worth 3 / 4
    assert fit_isotonic([(0.2, 1), (0.8, 0), (0.2, 1), (0.2, 1)]) == ((0.2, 0.75), (0.8, 0.75))


@given(SMALL)
def test_no_other_non_decreasing_steps_are_nearer(pairs: list[Pair]) -> None:
    """Brute force: the optimum is a cut of the raw values into runs, each with its mean, where the means rise."""
    raws = sorted({raw for raw, _ in pairs})
    best = math.inf
    for cuts in itertools.product([False, True], repeat=len(raws) - 1):
        runs: list[list[float]] = [[raws[0]]]
        for raw, cut in zip(raws[1:], cuts, strict=True):
            runs = [*runs, [raw]] if cut else [*runs[:-1], [*runs[-1], raw]]
        held = [[outcome for raw, outcome in pairs if raw in run] for run in runs]
        means = [sum(outcomes) / len(outcomes) for outcomes in held]
        if means == sorted(means):
            best = min(best, sum((y - mean) ** 2 for mean, outcomes in zip(means, held, strict=True) for y in outcomes))
    steps = made("isotonic", *fit_isotonic(pairs))
    assert sum((apply(steps, raw) - outcome) ** 2 for raw, outcome in pairs) == pytest.approx(best, abs=1e-9)


@given(ANY, st.lists(st.floats(-0.5, 1.5), min_size=2))
def test_a_higher_raw_value_never_gives_a_lower_one(pairs: list[Pair], raws: list[float]) -> None:
    steps = made("isotonic", *fit_isotonic(pairs))
    said = [apply(steps, raw) for raw in sorted(raws)]
    assert all(low <= high + 1e-12 for low, high in itertools.pairwise(said))
    assert 0 <= min(said) <= max(said) <= 1


def test_between_knots_it_is_linear_and_outside_level() -> None:
    steps = made("isotonic", (0.2, 0.1), (0.6, 0.5))
    assert [apply(steps, raw) for raw in (0.0, 0.2, 0.4, 0.6, 1.0)] == pytest.approx([0.1, 0.1, 0.3, 0.5, 0.5])


# Platt


@pytest.mark.parametrize(("a", "b"), [(6.0, -2.0), (2.0, 0.5), (-3.0, 1.0)])
def test_known_parameters_are_found_again(a: float, b: float) -> None:
    assert fit_platt(drawn(40_000, a, b)) == pytest.approx((a, b), abs=0.15)


def test_no_nearby_curve_is_more_likely() -> None:
    """Held to the likelihood itself, written out, with Platt's targets."""
    pairs = drawn(60, 4.0, -1.0)
    good = sum(outcome for _, outcome in pairs)
    high, low = (good + 1) / (good + 2), 1 / (len(pairs) - good + 2)

    def likelihood(a: float, b: float) -> float:
        targets = [high if outcome else low for _, outcome in pairs]
        shares = [logistic(a * raw + b) for raw, _ in pairs]
        return sum(t * math.log(p) + (1 - t) * math.log(1 - p) for t, p in zip(targets, shares, strict=True))

    a, b = fit_platt(pairs)
    moves = [(0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01)]
    assert all(likelihood(a + da, b + db) < likelihood(a, b) for da, db in moves)


@pytest.mark.parametrize("seed", range(5))
def test_the_curve_is_found_however_close_the_raw_values_lie(seed: int) -> None:
    """Bunched values with a few far out are where a full step of Newton's method runs away."""
    dice = random.Random(seed)
    raws = [0.0, 1.0, *(min(1.0, max(0.0, dice.gauss(0.3, 0.02))) for _ in range(100))]
    pairs = [(raw, float(dice.random() < logistic(40 * (raw - 0.4)))) for raw in raws]
    a, b = fit_platt(pairs)
    good = sum(outcome for _, outcome in pairs)
    high, low = (good + 1) / (good + 2), 1 / (len(pairs) - good + 2)
    errors = [logistic(a * raw + b) - (high if outcome else low) for raw, outcome in pairs]
    assert abs(sum(errors)) < 1e-6  # the likelihood is level there
    assert abs(sum(error * raw for error, (raw, _) in zip(errors, pairs, strict=True))) < 1e-6


def test_answers_that_are_all_good_do_not_make_it_certain() -> None:
    a, b = fit_platt([(0.5, 1.0)] * 8)
    assert logistic(a * 0.5 + b) == pytest.approx(9 / 10)


def test_perfectly_parted_answers_keep_a_finite_curve() -> None:
    curve = made("platt", fit_platt([(0.1, 0.0)] * 20 + [(0.9, 1.0)] * 20))
    assert 0 < apply(curve, 0.1) < 0.1
    assert 0.9 < apply(curve, 0.9) < 1


def test_a_map_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(Corrupt, match="'spline'"):
        apply(made("spline", (0.0, 0.0)), 0.5)


# Expected calibration error


def test_expected_error_by_hand() -> None:
    # column 0.2-0.3: said 0.25 of which half were good; column 0.9-1: said 0.95 and 1.0, one good
    pairs = [(0.25, 1.0), (0.25, 0.0), (0.95, 1.0), (1.0, 0.0)]
    assert expected_error(pairs) == pytest.approx((2 * 0.25 + 2 * 0.475) / 4)
    assert expected_error([]) == 0.0


def test_the_columns_hold_every_pair_once() -> None:
    columns = reliability([(0.0, 0), (0.1, 1), (0.19, 0), (1.0, 1)], bins=10)
    assert [one.count for one in columns] == [1, 2, 0, 0, 0, 0, 0, 0, 0, 1]
    assert (columns[1].low, columns[1].high, columns[1].outcome) == (0.1, 0.2, 0.5)
    assert columns[1].confidence == pytest.approx(0.145)
    assert columns[2].confidence is columns[2].outcome is None


# The choice


def test_overconfident_answers_are_calibrated_and_the_error_falls_on_fresh_ones() -> None:
    found = calibrate(drawn(2000, 4.0, -3.0), owner="ana", at=5.0, minimum=30)
    assert found is not None
    assert (found.owner, found.at, found.samples) == ("ana", 5.0, 2000)
    assert found.error_before > 0.15
    assert found.error_after < 0.05
    fresh = drawn(4000, 4.0, -3.0, seed=8)
    assert expected_error(fresh) > 0.15
    assert expected_error([(apply(found, raw), outcome) for raw, outcome in fresh]) < 0.05


def test_a_step_that_no_curve_can_follow_is_given_steps() -> None:
    dice = random.Random(3)
    raws = [dice.random() for _ in range(1500)]
    found = calibrate(
        [(raw, float(dice.random() < (0.05 if raw < 0.2 else 0.6 if raw < 0.9 else 0.95))) for raw in raws],
        owner="ana",
        at=0.0,
        minimum=30,
    )
    assert found is not None
    assert found.method == "isotonic"


def test_more_answers_bring_the_error_down() -> None:
    truth = drawn(20_000, 5.0, -3.5, seed=99)
    errors = []
    for count in (40, 400, 4000):
        found = calibrate(drawn(count, 5.0, -3.5), owner="ana", at=0.0, minimum=30)
        assert found is not None
        errors.append(expected_error([(apply(found, raw), outcome) for raw, outcome in truth]))
    assert errors[-1] < 0.02
    assert errors[-1] < errors[0]


def test_the_same_answers_give_the_same_map() -> None:
    once, again = (calibrate(drawn(200, 4.0, -3.0), owner="ana", at=1.0, minimum=30) for _ in range(2))
    assert once is not None
    assert again is not None
    assert replace(once, id="") == replace(again, id="")


def test_as_many_answers_as_asked_for_are_enough_and_one_less_is_not() -> None:
    assert calibrate(drawn(200, 4.0, -3.0), owner="ana", at=0.0, minimum=200) is not None
    assert calibrate(drawn(200, 4.0, -3.0), owner="ana", at=0.0, minimum=201) is None


@pytest.mark.parametrize("rare", [0.0, 1.0])
def test_the_setting_tells_how_many_good_and_bad_ones_are_needed(rare: float) -> None:
    """The rare ones are four, then five, of answers that would gain much by a map."""
    told = LearningSettings.model_fields["calibration_samples"].description or ""
    assert f"at least {FOLDS} good and {FOLDS} bad" in told
    for count, enough in ((FOLDS - 1, False), (FOLDS, True)):
        pairs = [(0.1 + 0.8 * (1 - rare), 1 - rare)] * 60
        pairs[:count] = [(0.1 + 0.8 * rare, rare)] * count
        made = calibrate([(0.5 + (raw - 0.5) / 4, outcome) for raw, outcome in pairs], owner="ana", at=1.0, minimum=30)
        assert (made is not None) == enough


@pytest.mark.parametrize("pairs", [drawn(40, 5.0, -2.5, seed=0), drawn(40, 6.0, -2.5, seed=1)], ids=["square", "apart"])
def test_one_error_that_falls_is_not_enough(pairs: list[Pair]) -> None:
    """In the first only the squared error would fall, in the second only the distance of the columns."""
    assert calibrate(pairs, owner="ana", at=0.0, minimum=30) is None


@pytest.mark.parametrize(
    "pairs",
    [
        drawn(29, 4.0, -3.0),  # too few
        [(0.5, 1.0)] * 100,  # nothing bad to learn from
        drawn(500, -6.0, 3.0),  # the surer the worse: no map that rises can help
        [(place / 10, float(judged < place)) for place in range(11) for judged in range(10)] * 5,  # right as it is
    ],
    ids=["few", "one kind", "upside down", "calibrated"],
)
def test_there_is_no_map_where_none_helps(pairs: list[Pair]) -> None:
    assert calibrate(pairs, owner="ana", at=0.0, minimum=30) is None

"""Learning curves against an independent fit, a resampling of groups, and simulated truths."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import curve_fit
from sklearn.metrics import f1_score

from engine.stats.estimate import Estimate
from engine.stats.learning_curve import LearningCurve, mean_curve, measure_curve, read_curves
from engine.stats.power_law import asymptote, expected_f1, fit_power_law

SIZES = (16, 24, 32, 48, 64, 96)


def law(n: np.ndarray, a: float, b: float, c: float) -> np.ndarray:
    return a - b * n**-c


def curve(
    f1: np.ndarray, covariance: np.ndarray, *, n_units: int = 20, sizes: tuple[int, ...] = SIZES
) -> LearningCurve:
    rows = tuple(tuple(row) for row in covariance.tolist())
    return LearningCurve(sizes, tuple(f1.tolist()), rows, n_units, 120, 60)


def exact(a: float, b: float, c: float, *, error: float = 1e-3) -> LearningCurve:
    return curve(law(np.array(SIZES, float), a, b, c), np.eye(len(SIZES)) * error**2)


@pytest.mark.parametrize(("a", "b", "c"), [(0.9, 1.0, 0.7), (0.8, 2.0, 1.0), (0.95, 3.0, 1.4)])
def test_points_on_a_power_law_give_it_back(a: float, b: float, c: float) -> None:
    one = exact(a, b, c)
    found = fit_power_law(one)
    [a_oracle, b_oracle, c_oracle], _ = curve_fit(law, np.array(SIZES, float), one.f1, p0=(0.9, 1.0, 1.0))
    assert found is not None
    assert (found.a, found.c) == (pytest.approx(a_oracle, abs=0.005), pytest.approx(c_oracle, rel=0.06))
    assert found.f1(96) == pytest.approx(a_oracle - b_oracle * 96**-c_oracle, abs=0.002)
    end, twice = asymptote(one), expected_f1(one, 192)
    assert end.value == pytest.approx(a, abs=0.005)
    assert end.low <= a <= end.high
    assert twice.value == pytest.approx(a - b * 192**-c, abs=0.002)


def covers(truth: float, found: Estimate) -> bool:
    assert found.low is not None
    assert found.high is not None
    return found.low - 0.001 <= truth <= found.high + 0.001


@pytest.mark.parametrize(("b", "c", "spread", "n_groups"), [(1.0, 0.7, 0.030, 10), (1.5, 1.0, 0.011, 20)])
def test_intervals_cover_a_power_law_measured_in_groups(b: float, c: float, spread: float, n_groups: int) -> None:
    a, sizes, rng = 0.85, np.array(SIZES, float), np.random.default_rng(0)
    shared = np.exp(-0.5 * np.abs(np.subtract.outer(np.log(sizes), np.log(sizes)))) * spread**2
    n_seeds, end, twice = 2_000, 0, 0
    for moved in rng.multivariate_normal(law(sizes, a, b, c), shared * n_groups, size=(n_seeds, n_groups)):
        one = curve(moved.mean(axis=0), np.cov(moved, rowvar=False) / n_groups, n_units=n_groups)
        end += covers(a, asymptote(one))
        twice += covers(a - b * 192.0**-c, expected_f1(one, 192))
    print(f"\nn_groups {n_groups}, c {c}: end covered {end / n_seeds:.3f}, twice the pairs {twice / n_seeds:.3f}")
    assert 0.93 <= twice / n_seeds <= 0.985
    assert end / n_seeds >= 0.93


def test_a_truth_slower_than_any_power_of_the_law_is_still_held_at_twice_the_pairs() -> None:
    sizes, rng = np.array(SIZES, float), np.random.default_rng(1)
    spread = np.full((6, 6), 2e-4) + np.eye(6) * 5e-5
    truth = 0.85 - 0.6 * 192.0**-0.25
    held = [
        covers(truth, expected_f1(curve(moved, spread), 192))
        for moved in rng.multivariate_normal(law(sizes, 0.85, 0.6, 0.25), spread, size=400)
    ]
    assert np.mean(held) > 0.85


def test_decisions_give_the_f1_of_every_size_and_the_covariance_of_resampled_groups() -> None:
    rng = np.random.default_rng(2)
    n, n_groups = 600, 60
    groups, y = rng.integers(0, n_groups, n), rng.integers(0, 2, n)
    hard = rng.random(n) + 0.6 * rng.random(n_groups)[groups]
    fires = {
        size: np.where(hard < level, y, 1 - y)[None, :]
        for size, level in zip((8, 16, 32), (1.0, 1.2, 1.4), strict=True)
    }
    found = measure_curve(y, fires, groups)
    assert found.n_train == (8, 16, 32)
    assert found.f1 == pytest.approx([f1_score(y, fires[size][0]) for size in found.n_train])
    sums = np.array([
        [np.bincount(groups, weights=what, minlength=n_groups) for what in (y & one[0], y | one[0])]
        for one in fires.values()
    ])  # fmt: skip
    times = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=4_000)
    hits, either = np.moveaxis(sums @ times.T, 1, 0)
    resampled = np.cov(2 * hits / (hits + either))
    ours = np.sqrt(np.diag(np.array(found.covariance)))
    assert ours == pytest.approx(np.sqrt(np.diag(resampled)), rel=0.15)
    correlation = np.array(found.covariance) / np.outer(ours, ours)
    oracle = resampled / np.sqrt(np.outer(np.diag(resampled), np.diag(resampled)))
    assert correlation == pytest.approx(oracle, abs=0.15)


def test_draws_that_differ_make_a_point_less_sure() -> None:
    rng = np.random.default_rng(3)
    y, groups = rng.integers(0, 2, 200), np.arange(200) % 40
    same = np.tile(np.where(rng.random(200) < 0.8, y, 1 - y), (4, 1))
    apart = np.array([np.where(rng.random(200) < 0.5 + 0.1 * draw, y, 1 - y) for draw in range(1, 5)])
    found = measure_curve(y, {8: same, 16: apart}, groups)
    without = measure_curve(y, {8: same[:1], 16: apart[:1]}, groups)
    assert found.covariance[0][0] == pytest.approx(without.covariance[0][0])
    assert found.covariance[1][1] > without.covariance[1][1]


def test_lenses_without_a_mistake_promise_no_certainty() -> None:
    y, groups = np.tile([0, 1], 20), np.arange(40) // 4
    end = asymptote(measure_curve(y, dict.fromkeys((4, 8, 12, 16), y), groups))
    assert end.value == 1.0
    assert end.low < 0.9


@pytest.mark.parametrize("n_sizes", [0, 1, 3])
def test_fewer_than_four_sizes_are_unknown_and_say_what_to_do(n_sizes: int) -> None:
    few = curve(np.full(n_sizes, 0.8), np.eye(n_sizes), sizes=SIZES[:n_sizes])
    for found in (asymptote(few), expected_f1(few, 240)):
        assert found.value is None
        assert "lensgap curve" in found.reason
    assert fit_power_law(few) is None
    assert asymptote(replace(few, reason="the positive arm is empty")).reason == "the positive arm is empty"
    assert "lensgap curve" in asymptote(None).reason


def test_one_group_gives_no_interval() -> None:
    found = asymptote(replace(exact(0.9, 1.0, 0.7), n_units=1))
    assert found.value is not None
    assert found.low is None


def test_the_mean_curve_is_the_mean_at_the_sizes_that_all_have_and_its_interval_holds_the_mean_end() -> None:
    rng = np.random.default_rng(4)
    ends = rng.uniform(0.75, 0.95, 30)
    curves = [
        curve(law(np.array(SIZES, float), end, 1.0, 0.8) + rng.normal(0, 0.02, 6), np.eye(6) * 4e-4) for end in ends
    ]
    shorter = replace(
        curves[0],
        n_train=SIZES[:5],
        f1=curves[0].f1[:5],
        covariance=tuple(row[:5] for row in curves[0].covariance[:5]),
    )
    found = mean_curve([shorter, *curves[1:]])
    assert found.n_train == SIZES[:5]
    assert found.f1 == pytest.approx(np.mean([one.f1[:5] for one in curves], axis=0))
    assert found.n_units == 30
    end = asymptote(found)
    assert end.low <= ends.mean() <= end.high
    assert mean_curve([]) is None
    assert mean_curve(curves[:1]) == curves[0]


def test_equal_concepts_are_no_surer_together_than_their_own_errors_allow() -> None:
    one = exact(0.9, 1.0, 0.7, error=0.05)
    together = mean_curve([one] * 4)
    assert together.covariance[-1][-1] == pytest.approx(0.05**2 / 4)


def test_rows_of_the_study_give_the_curve_back() -> None:
    one = replace(exact(0.9, 1.0, 0.7), lens="lda, layer 3")
    flat = [value for row in one.covariance for value in row]
    row = ("gin", "lda", [3], one.n_pairs, one.n_positive, one.n_units, list(one.n_train), list(one.f1), flat, None)
    assert read_curves([row]) == {"gin": one}
    assert read_curves([(*row[:6], [], [], [], "the arm is empty")])["gin"].reason == "the arm is empty"


@pytest.mark.parametrize("n", [48, 240, 10_000, math.inf])
def test_a_value_lies_in_its_interval_and_f1_between_0_and_1(n: float) -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        spread = rng.normal(size=(6, 6)) * 0.05
        found = expected_f1(curve(rng.random(6), spread @ spread.T), n)
        assert 0.0 <= found.low <= found.value <= found.high <= 1.0

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from engine.stats.estimate import Estimate, known, tail_probability, unknown, without_interval
from engine.stats.resampling import blocks, percentile_estimate, resampled_totals
from engine.stats.summary import mean_estimate


@pytest.mark.parametrize(
    ("value", "low", "high", "reason"),
    [
        (None, None, None, None),
        (None, None, None, ""),
        (1.0, 0.0, 2.0, "but why"),
        (None, 0.0, 2.0, "unknown"),
        (1.0, 0.0, None, None),
        (1.0, None, 2.0, None),
        (1.0, 2.0, 0.0, None),
        (math.nan, None, None, None),
        (1.0, -math.inf, 2.0, None),
    ],
)
def test_an_impossible_estimate_cannot_be_built(value, low, high, reason):
    with pytest.raises(ValueError):
        Estimate(value, low, high, 3, reason, "some method")


def test_a_negative_n_is_refused():
    with pytest.raises(ValueError, match="count"):
        known(1.0, 0.0, 2.0, n=-1, method="m")


def test_the_three_states_are_told_apart():
    assert known(1.0, 0.0, 2.0, n=3, method="m").has_interval
    plain = without_interval(1.0, n=1, method="m", because="one rating")
    assert plain.value == 1.0
    assert not plain.has_interval
    assert "one rating" in plain.method
    assert unknown("no rating", method="m").value is None


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.1, 95.0])
def test_a_confidence_outside_0_and_1_is_refused(confidence):
    with pytest.raises(ValueError, match="confidence"):
        tail_probability(confidence)


def test_percentile_interval_always_holds_its_value():
    draws = np.array([2.0, 3.0, 4.0])
    estimate = percentile_estimate(1.0, draws, n=3, confidence=0.5, method="m")
    assert estimate.low == 1.0
    assert estimate.high == pytest.approx(3.5)


def test_mostly_undefined_draws_give_no_interval():
    draws = np.array([np.nan, np.nan, 1.0])
    assert not percentile_estimate(1.0, draws, n=3, confidence=0.9, method="m").has_interval


def test_blocks_add_up_and_stay_bounded():
    assert sum(blocks(1000, 7_000)) == 1000
    assert max(blocks(1000, 7_000)) * 7_000 <= 2_000_000
    assert list(blocks(5, 10**9)) == [1] * 5
    with pytest.raises(ValueError, match="n_resamples"):
        list(blocks(0, 3))


def test_resampled_totals_have_the_moments_of_resampling_rows():
    rows = np.array([[1.0, 5.0], [2.0, 5.0], [2.0, 5.0], [9.0, 5.0]])
    totals = resampled_totals(rows, n_resamples=20_000, seed=3)
    assert (totals[:, 1] == 20.0).all()
    assert totals[:, 0].mean() == pytest.approx(14.0, abs=0.1)
    assert totals[:, 0].var() == pytest.approx(4 * rows[:, 0].var(), rel=0.05)


def test_mean_interval_is_scipys():
    values = np.random.default_rng(1).normal(0.7, 0.1, 12)
    expected = scipy_stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    estimate = mean_estimate(list(values), confidence=0.9)
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))
    assert estimate.n == 12


def test_mean_interval_is_cut_to_the_bounds():
    estimate = mean_estimate([0.9, 1.0, 0.2], bounds=(0.0, 1.0))
    assert estimate.high == 1.0
    assert estimate.low == 0.0


def test_mean_of_nothing_is_unknown_and_of_equals_has_no_interval():
    assert mean_estimate([]).value is None
    assert not mean_estimate([0.3]).has_interval
    constant = mean_estimate([0.1, 0.1, 0.1])
    assert constant.value == 0.1
    assert not constant.has_interval
    with pytest.raises(ValueError, match="known"):
        mean_estimate([0.1, math.nan])


def test_why_there_is_no_interval_is_told_and_nothing_where_there_is_one() -> None:
    assert unknown("no rating", method="t").why_no_interval == "no rating"
    assert (
        without_interval(0.5, n=3, method="t", because="the values do not vary").why_no_interval
        == "the values do not vary"
    )
    assert known(0.5, 0.4, 0.6, n=3, method="t").why_no_interval is None

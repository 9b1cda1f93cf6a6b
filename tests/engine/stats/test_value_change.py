"""A concept's change from the intervals of its two sides: what the test says, it says as often as it should."""

import math

import numpy as np
import pytest
from scipy.stats import t as student_t
from scipy.stats import ttest_ind_from_stats

from engine.stats.estimate import known, without_interval
from engine.stats.value_change import Spread, share_spread, spread_of, value_change


def of_mean(value: float, error: float, df: float) -> Spread:
    half = error * float(student_t.ppf(0.975, df))
    return Spread(value - half, value + half, 20, df)


@pytest.mark.parametrize("error", [0.02, 0.1])
def test_symmetric_intervals_of_equal_errors_give_students_test(error: float) -> None:
    found = value_change(0.6, 0.7, (of_mean(0.6, error, 9), of_mean(0.7, error, 9)))
    # As careful as the smaller degrees of freedom; scipy's pooled test has twice as many.
    statistic = ttest_ind_from_stats(0.7, error * 10**0.5, 10, 0.6, error * 10**0.5, 10).statistic
    assert found.p == pytest.approx(2 * student_t.sf(abs(statistic), 9))
    half = math.hypot(error, error) * student_t.ppf(0.975, 9)
    assert (found.estimate.low, found.estimate.high) == pytest.approx((0.1 - half, 0.1 + half))


def test_p_and_interval_agree_and_sides_may_be_swapped() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        (a, b), n = rng.integers(0, 21, 2) / 20, 20
        spreads = share_spread(a, n), share_spread(b, n)
        found, other = value_change(a, b, spreads), value_change(b, a, spreads[::-1])
        assert found.estimate.low is not None
        assert found.estimate.high is not None
        assert found.p is not None
        assert (found.p < 0.05) == (found.estimate.low > 0 or found.estimate.high < 0)
        assert other.p == pytest.approx(found.p)
        assert other.estimate.value == pytest.approx(-(found.estimate.value or 0.0))
        assert other.estimate.low == pytest.approx(-found.estimate.high)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_equal_shares_are_found_changed_in_about_one_of_twenty(share: float) -> None:
    counts = np.random.default_rng(1).binomial(40, share, size=(2_000, 2)) / 40
    p = [value_change(a, b, (share_spread(a, 40), share_spread(b, 40))).p for a, b in counts]
    assert 0.03 < np.mean([one is not None and one < 0.05 for one in p]) < 0.065


def test_equal_means_of_few_groups_are_found_changed_in_at_most_one_of_twenty() -> None:
    groups = np.random.default_rng(2).normal(size=(2_000, 2, 8))
    means, errors = groups.mean(axis=2), groups.std(axis=2, ddof=1) / 8**0.5
    p = [
        value_change(a, b, (of_mean(a, ea, 7), of_mean(b, eb, 7))).p
        for (a, b), (ea, eb) in zip(means, errors, strict=True)
    ]
    assert 0.015 < np.mean([one is not None and one < 0.05 for one in p]) < 0.06


def test_what_has_no_interval_is_not_tested() -> None:
    lone = spread_of(without_interval(0.4, n=3, method="m", because="one group"))
    assert lone is None
    found = value_change(0.4, 0.6, (lone, share_spread(0.6, 10)))
    assert (found.p, found.estimate.low, found.estimate.value) == (None, None, pytest.approx(0.2))
    assert "no interval" in found.estimate.method
    assert spread_of(known(0.5, 0.4, 0.6, n=9, method="m"), df=0) is None
    end = spread_of(known(1.0, 0.8, 0.97, n=9, method="m"))
    assert end is not None
    assert end.high == 1.0

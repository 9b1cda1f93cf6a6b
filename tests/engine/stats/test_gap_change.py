"""One concept's gap in two runs against scipy, and over simulated ratings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from engine.stats.gap_change import gap_change, gap_error
from engine.stats.histogram import RatingHistogram

RATINGS = st.lists(st.integers(1, 5), min_size=2, max_size=30)


def histogram(ratings: list[int]) -> RatingHistogram:
    return RatingHistogram.from_ratings(ratings)


@given(RATINGS, RATINGS)
def test_with_one_rating_everywhere_in_the_negatives_it_is_the_test_of_two_means(
    before: list[int], after: list[int]
) -> None:
    """Negatives that hardly vary add nothing, so that what is left is Welch's test of the positives."""
    still = RatingHistogram((10**9, 0, 0, 0, 1))
    errors = gap_error(histogram(before), still), gap_error(histogram(after), still)
    if len(set(before)) == 1 or len(set(after)) == 1:
        return
    found = gap_change(float(np.mean(before)), float(np.mean(after)), errors)
    oracle = ttest_ind(after, before, equal_var=False)
    interval = oracle.confidence_interval(0.95)
    assert found.p == pytest.approx(oracle.pvalue, abs=1e-4)
    assert found.estimate.low == pytest.approx(max(interval.low, -8), abs=1e-3)
    assert found.estimate.high == pytest.approx(min(interval.high, 8), abs=1e-3)


def test_an_unchanged_gap_is_found_changed_in_one_of_twenty_and_its_interval_holds_it_in_the_rest() -> None:
    rng = np.random.default_rng(3)
    shares = {"positive": [0.1, 0.1, 0.2, 0.3, 0.3], "negative": [0.6, 0.2, 0.1, 0.1, 0.0]}
    draws = {arm: rng.multinomial(20, p, size=(2, 2000)) for arm, p in shares.items()}
    found = []
    for i in range(2000):
        sides = [[RatingHistogram(tuple(draws[arm][side, i].tolist())) for arm in shares] for side in (0, 1)]
        gaps = [positive.total / positive.n - negative.total / negative.n for positive, negative in sides]
        found.append(gap_change(gaps[0], gaps[1], (gap_error(*sides[0]), gap_error(*sides[1]))))
    p = np.array([one.p for one in found], dtype=float)
    held = [one.estimate.low <= 0 <= one.estimate.high for one in found]  # type: ignore[operator]
    assert 0.035 < (p < 0.05).mean() < 0.065
    assert np.mean(held) == pytest.approx((p > 0.05).mean(), abs=0.001)


def test_too_few_ratings_or_none_that_differ_give_a_difference_without_interval() -> None:
    spread, single, same = histogram([1, 2, 5]), histogram([4]), histogram([4, 4, 4])
    assert gap_error(spread, single) is None
    assert gap_error(same, same) is None
    found = gap_change(1.0, 3.0, (gap_error(spread, spread), None))
    assert (found.estimate.value, found.estimate.low, found.p) == (2.0, None, None)
    assert "fewer than two ratings" in found.estimate.method

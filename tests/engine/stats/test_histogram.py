import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stats.histogram import RatingHistogram

RATINGS = st.lists(st.integers(1, 5), max_size=60)


@given(RATINGS)
def test_moments_are_those_of_the_ratings(ratings):
    histogram = RatingHistogram.from_ratings(ratings)
    assert histogram.n == len(ratings)
    assert histogram.mean == (pytest.approx(statistics.mean(ratings)) if ratings else None)
    assert histogram.variance == (pytest.approx(statistics.variance(ratings)) if len(ratings) > 1 else None)


@given(RATINGS, st.integers(0, 5))
def test_share_at_most_counts_ratings(ratings, k):
    share = RatingHistogram.from_ratings(ratings).share_at_most(k)
    assert share == (sum(r <= k for r in ratings) / len(ratings) if ratings else None)


@given(RATINGS, RATINGS)
def test_addition_pools_the_ratings(first, second):
    total = RatingHistogram.from_ratings(first) + RatingHistogram.from_ratings(second)
    assert total == RatingHistogram.from_ratings(first + second)
    assert total + RatingHistogram.empty() == total


@pytest.mark.parametrize("rating", [0, 6, -1, 2.5])
def test_a_rating_off_the_scale_is_refused(rating):
    with pytest.raises(ValueError, match="rating"):
        RatingHistogram.from_ratings([rating])


@pytest.mark.parametrize("counts", [(1, 2, 3, 4), (1, 2, 3, 4, -5)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ValueError, match="counts"):
        RatingHistogram(counts)


@pytest.mark.parametrize("k", [-1, 6])
def test_a_cut_off_the_scale_is_refused(k):
    with pytest.raises(ValueError, match="k lies"):
        RatingHistogram.empty().share_at_most(k)

"""The gap with concepts as the units, against scipy, brute force and its own formulas on matrices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from engine.stats.counts import ArmCounts, ConceptCounts, rating_sums, stack_cells
from engine.stats.gap import relevance_gap
from engine.stats.gap_clusters import _freedom, cluster_bootstrap_gap, cluster_gap, cluster_parts
from engine.stats.histogram import RatingHistogram

Arms = tuple[list[float], list[float]]
RATINGS = st.lists(st.integers(1, 5), min_size=1, max_size=12)


def sums(concepts):
    """Sum and number of ratings by arm of concepts, each given as its positive and negative ratings."""
    return np.array([[(sum(arm), len(arm)) for arm in concept] for concept in concepts], dtype=float).reshape(-1, 2, 2)


@given(
    st.lists(st.tuples(st.lists(st.integers(1, 5), min_size=4, max_size=4), st.just([1, 2])), min_size=2, max_size=9)
)
def test_with_equal_numbers_it_is_students_interval_of_the_concepts_gaps_and_johnsons_on_the_long_tails_side(concepts):
    estimate = cluster_gap(sums(concepts), confidence=0.9).estimate
    gaps = [np.mean(positive) - np.mean(negative) for positive, negative in concepts]
    assert estimate.value == pytest.approx(np.mean(gaps))
    assert estimate.n == len(concepts)
    if np.ptp(gaps) < 1e-9:
        assert not estimate.has_interval
        return
    expected = scipy_stats.ttest_1samp(gaps, 0).confidence_interval(0.9)
    skewness = scipy_stats.skew(gaps, bias=False) if len(gaps) > 2 else 0.0
    squared = scipy_stats.norm.ppf(0.95) ** 2
    longer = skewness / (6 * np.sqrt(len(gaps))) * (1 + 2 * squared) * scipy_stats.sem(gaps)
    low, high = expected.low + min(longer, 0), expected.high + max(longer, 0)
    assert (estimate.low, estimate.high) == pytest.approx((max(low, -4), min(high, 4)), abs=1e-6)


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=8))
def test_degrees_of_freedom_are_those_of_the_quadratic_form(raw):
    shares = np.array(raw) / sum(raw)
    centred = np.eye(len(raw)) - np.outer(np.ones(len(raw)), shares)
    form = centred.T @ np.diag(shares**2) @ centred
    freedom, raised = _freedom(shares)
    assert freedom == pytest.approx(np.trace(form) ** 2 / np.trace(form @ form), rel=1e-6)
    assert raised == pytest.approx((shares**2).sum() / np.trace(form), rel=1e-6)
    assert freedom <= len(raw) - 1 + 1e-9


@given(st.lists(st.tuples(RATINGS, RATINGS), min_size=2, max_size=7))
def test_value_and_parts_are_those_of_the_pooled_ratings(concepts):
    everything = sums(concepts)
    good = sums([(positive[:1], negative[:1]) for positive, negative in concepts])
    pooled = [RatingHistogram.from_ratings(r for c in concepts for r in c[arm]) for arm in (0, 1)]
    gap, parts = cluster_gap(everything).estimate, cluster_parts(everything, good)
    assert gap.value == pytest.approx(relevance_gap(*pooled).value)
    assert parts.topicality.value + parts.degeneracy.value == pytest.approx(gap.value)
    for estimate in (gap, parts.topicality, parts.degeneracy):
        assert estimate.n == len(concepts)
        if estimate.has_interval:
            assert estimate.low <= estimate.value <= estimate.high


def test_influences_are_what_leaving_a_concept_out_takes():
    """With many concepts the variance by influences is the jackknife's."""
    rng = np.random.default_rng(3)
    concepts = [(rng.integers(1, 6, rng.integers(4, 30)), rng.integers(1, 4, rng.integers(4, 30))) for _ in range(300)]
    everything = sums([(list(p), list(n)) for p, n in concepts])
    estimate = cluster_gap(everything).estimate
    totals = everything.sum(axis=0) - everything
    left_out = totals[:, 0, 0] / totals[:, 0, 1] - totals[:, 1, 0] / totals[:, 1, 1]
    error = np.sqrt(299 / 300 * ((left_out - left_out.mean()) ** 2).sum())
    assert (estimate.high - estimate.low) / 2 == pytest.approx(1.968 * error, rel=0.02)


def test_bootstrap_is_that_of_resampling_concepts_one_by_one():
    rng = np.random.default_rng(2)
    concepts = [(list(rng.integers(1, 6, 4 + i)), list(rng.integers(1, 4, 9 - i % 3))) for i in range(9)]
    result = cluster_bootstrap_gap(sums(concepts), n_resamples=4000, seed=7)
    draws = []
    for _ in range(4000):
        chosen = [concepts[i] for i in rng.integers(0, 9, 9)]
        pooled = [np.mean([rating for concept in chosen for rating in concept[arm]]) for arm in (0, 1)]
        draws.append(pooled[0] - pooled[1])
    assert (result.low, result.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.04)
    assert result == cluster_bootstrap_gap(sums(concepts), n_resamples=4000, seed=7)
    assert result != cluster_bootstrap_gap(sums(concepts), n_resamples=4000, seed=8)


def test_the_interval_is_wider_than_welch_where_concepts_differ_and_absent_where_they_do_not():
    apart = [([1] * 20, [1, 2] * 10)] * 5 + [([5] * 20, [1, 2] * 10)] * 5
    pooled = relevance_gap(RatingHistogram((100, 0, 0, 0, 100)), RatingHistogram((100, 100, 0, 0, 0)))
    estimate = cluster_gap(sums(apart)).estimate
    assert estimate.high - estimate.low > 2 * (pooled.high - pooled.low)
    alike = cluster_gap(sums([([1, 5], [1, 2])] * 10)).estimate
    assert (alike.value, alike.has_interval) == (1.5, False)
    assert "do not differ" in alike.method


def test_few_concepts_are_marked_weak_and_one_has_no_interval():
    concept = ([1, 2, 4], [1, 1, 3])
    few, some, many = (cluster_gap(sums([concept] * n)) for n in (7, 28, 29))
    assert (few.weak, some.weak, many.weak) == (True, True, False)
    assert few.weak_because == "fewer than 8 concepts hardly show how much concepts differ"
    assert (
        some.weak_because
        == "a kind of concept that makes up one in ten is missing from 28 concepts with probability 0.05"
    )
    alone = cluster_gap(sums([concept]))
    assert alone.estimate.value == pytest.approx(7 / 3 - 5 / 3)
    assert not alone.estimate.has_interval
    for nothing in (cluster_gap(sums([])).estimate, cluster_bootstrap_gap(sums([]), seed=0)):
        assert nothing.value is None
        assert nothing.reason == "no rating in the positive and the negative arm"


def test_unrated_concepts_do_not_count():
    rated = [([1, 5], [1, 2]), ([3, 3], [1, 1])]
    assert cluster_gap(sums([*rated, ([], [])])) == cluster_gap(sums(rated))
    assert cluster_gap(sums([*rated, ([], [])])).n_concepts == 2


def test_an_arm_without_ratings_is_unknown_and_one_rated_in_one_concept_has_no_interval():
    assert cluster_gap(sums([([4, 5], [])] * 3)).estimate.reason == "no rating in the negative arm"
    one_negative = cluster_gap(sums([([4], [1]), ([3], []), ([5], [])])).estimate
    assert (one_negative.value, one_negative.has_interval) == (3.0, False)
    assert "one concept" in one_negative.method


def test_parts_without_good_outputs_say_so():
    everything = sums([([1, 1], [1]), ([2, 1], [1])])
    parts = cluster_parts(everything, np.zeros_like(everything))
    assert parts.topicality.value is None
    assert "among good outputs" in (parts.degeneracy.reason or "")


def test_cells_hold_what_counts_say():
    arm = ArmCounts((("good", 5), (None, 2)), (("good", RatingHistogram((1, 0, 2, 0, 1), 0.25, 1.5)),))
    concept = ConceptCounts("gin", "A", arm, ArmCounts())
    cells = stack_cells((concept, concept))
    merged = ArmCounts.from_cells(cells.sum(axis=0)[0])
    assert (merged.n, merged.n_of("good"), merged.n_measured) == (14, 10, 10)
    assert merged.good == merged.histogram == RatingHistogram((2, 0, 4, 0, 2), 0.5, 3.0)
    assert rating_sums(cells)[0].tolist() == [[arm.histogram.total, 4], [0, 0]]
    assert rating_sums(cells, good=True)[1].tolist() == [[arm.good.total, 4], [0, 0]]

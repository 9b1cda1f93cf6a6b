import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from engine.stats.gap import END_RATINGS, decompose_gap, multinomial_bootstrap_gap, relevance_gap, welch_gap
from engine.stats.histogram import RatingHistogram

RATINGS = st.lists(st.integers(1, 5), min_size=2, max_size=40)
LEVELS = np.arange(1, 6)


def histogram(ratings):
    return RatingHistogram.from_ratings(int(r) for r in ratings)


def from_counts(counts):
    return RatingHistogram(tuple(int(c) for c in counts))


@given(RATINGS, RATINGS)
def test_plain_gap_and_interval_are_scipys_welch(positive, negative):
    estimate = welch_gap(histogram(positive), histogram(negative), confidence=0.9)
    assert estimate.value == pytest.approx(np.mean(positive) - np.mean(negative))
    if np.ptp(positive) == np.ptp(negative) == 0:
        assert not estimate.has_interval
        return
    expected = scipy_stats.ttest_ind(positive, negative, equal_var=False).confidence_interval(0.9)
    assert estimate.low == pytest.approx(max(expected.low, -4.0))
    assert estimate.high == pytest.approx(min(expected.high, 4.0))


MEANS = st.lists(st.integers(6, 30).map(lambda sixths: sixths / 6), min_size=2, max_size=40)


def of_means(ratings):
    """The histogram of ratings that are means of votes, as the database counts it."""
    bins = [round(x) for x in ratings]
    off_squares = sum(x * x for x in ratings) - sum(x * x for x in bins)
    return RatingHistogram(histogram(bins).counts, sum(ratings) - sum(bins), off_squares)


@given(MEANS, MEANS)
def test_gap_and_interval_of_means_are_those_of_the_means_and_not_of_their_bins(positive, negative):
    estimate = relevance_gap(of_means(positive), of_means(negative))
    value = np.mean(positive) - np.mean(negative)
    assert estimate.value == pytest.approx(value, abs=1e-9)
    low, high = with_ends(positive, negative)
    assert estimate.low == pytest.approx(max(min(low, value), -4.0), rel=1e-6, abs=1e-6)
    assert estimate.high == pytest.approx(min(max(high, value), 4.0), rel=1e-6, abs=1e-6)


def with_ends(positive, negative):
    """Welch's interval by scipy, where each arm has so much of a 1 and of a 5 more."""
    facts = []
    for arm in (positive, negative):
        weights = [1.0] * len(arm) + [END_RATINGS] * 2
        error = np.sqrt(np.cov([*arm, 1, 5], aweights=weights, bias=True) * sum(weights) / (sum(weights) - 1))
        facts += [np.average([*arm, 1, 5], weights=weights), error, sum(weights)]
    found = scipy_stats.ttest_ind_from_stats(*facts, equal_var=False)
    error = np.sqrt(facts[1] ** 2 / facts[2] + facts[4] ** 2 / facts[5])
    # scipy gives no interval from statistics; its degrees of freedom follow from its p and t.
    a, b = facts[1] ** 2 / facts[2], facts[4] ** 2 / facts[5]
    freedom = (a + b) ** 2 / (a**2 / (facts[2] - 1) + b**2 / (facts[5] - 1))
    assert found.pvalue == pytest.approx(2 * scipy_stats.t.sf(abs(found.statistic), freedom))
    half, middle = scipy_stats.t.ppf(0.975, freedom) * error, facts[0] - facts[3]
    return middle - half, middle + half


@given(RATINGS, RATINGS)
def test_whole_ratings_have_the_same_gap_by_their_sums_as_by_their_counts(positive, negative):
    assert relevance_gap(of_means(positive), of_means(negative)) == relevance_gap(
        histogram(positive), histogram(negative)
    )


def test_resampled_bins_are_centred_on_the_gap_of_the_means():
    positive, negative = of_means([3.4] * 20 + [4.4] * 20), of_means([1.5] * 20 + [2.6] * 20)
    estimate = multinomial_bootstrap_gap(positive, negative, n_resamples=4000, seed=1)
    assert estimate.value == pytest.approx(3.9 - 2.05)
    assert (estimate.low + estimate.high) / 2 == pytest.approx(estimate.value, abs=0.02)


@given(MEANS, MEANS, MEANS, MEANS)
def test_the_part_of_degenerate_outputs_is_that_of_the_means(good_p, bad_p, good_n, bad_n):
    parts = decompose_gap(of_means(good_p + bad_p), of_means(good_n + bad_n), of_means(good_p), of_means(good_n))
    assert parts.topicality.value == pytest.approx(np.mean(good_p) - np.mean(good_n), abs=1e-9)
    middles, variances, numbers = zip(
        *(degenerate_part(*arm) for arm in ((good_p, bad_p), (good_n, bad_n))), strict=True
    )
    freedom = sum(variances) ** 2 / sum(v**2 / (n - 1) for v, n in zip(variances, numbers, strict=True))
    half, middle = scipy_stats.t.ppf(0.975, freedom) * np.sqrt(sum(variances)), middles[0] - middles[1]
    value = parts.degeneracy.value
    assert value == pytest.approx(np.mean(good_p + bad_p) - np.mean(good_n + bad_n) - parts.topicality.value, abs=1e-9)
    assert parts.degeneracy.low == pytest.approx(max(-8.0, min(value, middle - half)), rel=1e-5, abs=1e-6)
    assert parts.degeneracy.high == pytest.approx(min(8.0, max(value, middle + half)), rel=1e-5, abs=1e-6)


def degenerate_part(good, bad):
    """mean(all) - mean(good) with its variance from influences one by one, so much of a 1 and of a 5 more among the bad."""
    everything, weights = np.array([*good, *bad, 1, 5]), np.array([1.0] * len(good + bad) + [END_RATINGS] * 2)
    n = weights.sum()
    on_good = np.r_[(np.array(good) - np.mean(good)) * n / len(good), np.zeros(len(bad) + 2)]
    influences = everything - np.average(everything, weights=weights) - on_good
    return np.average(everything, weights=weights) - np.mean(good), weights @ influences**2 / (n - 1) / n, n


@pytest.mark.parametrize(
    ("positive", "negative", "words"),
    [([], [1, 2], "positive"), ([1], [], "negative"), ([], [], "positive and the negative")],
)
def test_a_gap_without_an_arm_is_unknown_and_says_which(positive, negative, words):
    for estimate in (
        relevance_gap(histogram(positive), histogram(negative)),
        multinomial_bootstrap_gap(histogram(positive), histogram(negative), seed=0),
    ):
        assert estimate.value is None
        assert words in estimate.reason


@pytest.mark.parametrize(("positive", "negative"), [([4], [1, 2, 3]), ([5, 5, 5], [1, 1])])
def test_by_ratings_alone_a_gap_without_visible_spread_has_a_value_but_no_interval(positive, negative):
    for estimate in (
        welch_gap(histogram(positive), histogram(negative)),
        multinomial_bootstrap_gap(histogram(positive), histogram(negative), seed=0),
    ):
        assert estimate.value == np.mean(positive) - np.mean(negative)
        assert not estimate.has_interval
        assert "no interval" in estimate.method


def test_a_single_rating_in_an_arm_gives_no_interval_and_ratings_that_agree_one_that_is_not_zero_wide():
    assert not relevance_gap(histogram([4]), histogram([1, 2, 3])).has_interval
    widths = []
    for n in (2, 10, 40):
        estimate = relevance_gap(histogram([5] * n), histogram([1] * n))
        assert estimate.value == estimate.high == 4.0
        widths.append(4.0 - estimate.low)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] > 0.1


def test_bootstrap_of_ratings_agrees_with_welch_for_large_arms():
    positive, negative = from_counts([40, 50, 60, 80, 70]), from_counts([190, 60, 30, 15, 5])
    welch = relevance_gap(positive, negative)
    bootstrap = multinomial_bootstrap_gap(positive, negative, n_resamples=4000, seed=1)
    assert (bootstrap.low, bootstrap.high) == pytest.approx((welch.low, welch.high), abs=0.02)


ARM = st.tuples(RATINGS, st.lists(st.integers(1, 5), max_size=20))


@given(ARM, ARM)
def test_the_parts_add_up_to_the_gap(positive, negative):
    (good_p, bad_p), (good_n, bad_n) = positive, negative
    parts = decompose_gap(histogram(good_p + bad_p), histogram(good_n + bad_n), histogram(good_p), histogram(good_n))
    gap = relevance_gap(histogram(good_p + bad_p), histogram(good_n + bad_n))
    assert parts.topicality.value + parts.degeneracy.value == pytest.approx(gap.value)
    assert parts.topicality.value == pytest.approx(np.mean(good_p) - np.mean(good_n))


def test_degeneracy_interval_covers_the_true_part_as_often_as_it_says():
    rng = np.random.default_rng(8)
    good_p, bad_p = np.array([0.05, 0.1, 0.15, 0.2, 0.15]), np.array([0.25, 0.07, 0.03, 0.0, 0.0])
    good_n, bad_n = np.array([0.6, 0.2, 0.06, 0.03, 0.01]), np.array([0.08, 0.02, 0.0, 0.0, 0.0])

    def part(good, bad):
        return LEVELS @ (good + bad) - LEVELS @ good / good.sum()

    truth = part(good_p, bad_p) - part(good_n, bad_n)
    covered = []
    for _ in range(800):
        p = rng.multinomial(80, np.r_[good_p, bad_p])
        n = rng.multinomial(80, np.r_[good_n, bad_n])
        e = decompose_gap(
            from_counts(p[:5] + p[5:]), from_counts(n[:5] + n[5:]), from_counts(p[:5]), from_counts(n[:5])
        ).degeneracy
        covered.append(e.low <= truth <= e.high)
    assert 0.92 <= np.mean(covered) <= 0.98


def test_degeneracy_interval_is_as_wide_as_the_spread_of_repeated_studies():
    rng = np.random.default_rng(12)
    # Few good outputs and unlike ratings in the two forms: the case in which their shared part matters most.
    cells = np.array([0.02, 0.03, 0.05, 0.1, 0.1, 0.4, 0.2, 0.05, 0.03, 0.02])
    negative = from_counts([250, 100, 50, 50, 50])

    def part(counts):
        everything, good = from_counts(counts[:5] + counts[5:]), from_counts(counts[:5])
        return decompose_gap(everything, negative, good, negative).degeneracy

    parts = [part(counts) for counts in rng.multinomial(500, cells, size=3000)]
    spread = np.std([p.value for p in parts])
    half_width = np.mean([(p.high - p.low) / 2 for p in parts])
    assert half_width == pytest.approx(1.96 * spread, rel=0.05)


def test_without_good_outputs_both_parts_are_unknown():
    full, empty = from_counts([3, 1, 0, 0, 0]), RatingHistogram.empty()
    parts = decompose_gap(full, full, empty, full)
    assert parts.topicality.value is None
    assert parts.degeneracy.value is None
    assert "good" in parts.degeneracy.reason


def test_without_degenerate_outputs_the_degeneracy_part_is_zero_and_may_be_more_of_texts_to_come():
    p, n = from_counts([1, 2, 3, 4, 5]), from_counts([7, 5, 2, 1, 0])
    degeneracy = decompose_gap(p, n, p, n).degeneracy
    assert degeneracy.value == pytest.approx(0.0)
    assert degeneracy.low < 0.0 < degeneracy.high


def test_good_outputs_that_are_no_part_of_all_are_refused():
    with pytest.raises(ValueError, match="no part"):
        decompose_gap(
            from_counts([1, 0, 0, 0, 1]),
            from_counts([1, 0, 0, 0, 1]),
            from_counts([0, 1, 0, 0, 0]),
            from_counts([1, 0, 0, 0, 1]),
        )

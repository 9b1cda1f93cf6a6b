"""Agreement against scikit-learn, SciPy, a plain alpha over pairs of values, and concepts left out one by one."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score

from engine.stats import agreement_interval
from engine.stats.agreement import FEWEST_PAIRS, agree
from engine.stats.grouped import bounded_estimate

LEVELS = [1, 2, 3, 4, 5]
RATED = st.tuples(st.sampled_from("abc"), st.integers(1, 5), st.integers(1, 5))
PAIRS = st.lists(RATED, min_size=FEWEST_PAIRS, max_size=60)
ALL = ("kappa", "alpha", "spearman", "exact", "within_one", "bias")


def cells(pairs):
    return [(concept, x, y, 1) for concept, x, y in pairs]


def of(pairs, **options):
    return agree(cells(pairs), **options)


def plain_alpha(pairs):
    """Krippendorff's ordinal alpha by its definition: mean distance within pairs and between all values.

    The distance of two ratings is the square of how many values lie from one to the other, the ends counted half.
    """
    values = [value for _, x, y in pairs for value in (x, y)]

    def distance(a, b):
        between = sum(values.count(value) for value in range(min(a, b), max(a, b) + 1))
        return (between - (values.count(a) + values.count(b)) / 2) ** 2

    observed = np.mean([distance(x, y) for _, x, y in pairs])
    return 1 - observed / np.mean([distance(a, b) for a, b in combinations(values, 2)])


@settings(max_examples=25)
@given(PAIRS)
def test_values_are_those_of_independent_oracles(pairs):
    x, y = [p[1] for p in pairs], [p[2] for p in pairs]
    found = of(pairs)
    assert found.n == len(pairs)
    if len(set(x)) > 1 and len(set(y)) > 1:
        assert found.kappa.value == pytest.approx(cohen_kappa_score(x, y, weights="quadratic", labels=LEVELS))
        assert found.spearman.value == pytest.approx(spearmanr(x, y).statistic)
    else:
        assert found.kappa.value is found.spearman.value is None
        assert "single rating" in found.kappa.reason
    if len({*x, *y}) > 1:
        assert found.alpha.value == pytest.approx(plain_alpha(pairs))
    else:
        assert "one and the same" in found.alpha.reason
    assert found.exact.value == pytest.approx(np.mean(np.equal(x, y)))
    assert found.within_one.value == pytest.approx(np.mean(np.abs(np.subtract(x, y)) <= 1))
    assert found.bias.value == pytest.approx(np.mean(x) - np.mean(y))
    assert np.array_equal(found.counts, [[sum(p[1:] == (i, j) for p in pairs) for j in LEVELS] for i in LEVELS])


MEANS = st.integers(6, 30).map(lambda sixths: sixths / 6)
PAIRS_OF_MEANS = st.lists(st.tuples(st.sampled_from("abc"), MEANS, MEANS), min_size=FEWEST_PAIRS, max_size=60)


@settings(max_examples=25)
@given(PAIRS_OF_MEANS)
def test_ranks_and_bias_are_of_means_as_given_and_the_rest_of_their_nearest_ratings(pairs):
    x, y = [p[1] for p in pairs], [p[2] for p in pairs]
    found, rounded = of(pairs), of([(concept, round(a), round(b)) for concept, a, b in pairs])
    assert found.bias.value == pytest.approx(np.mean(x) - np.mean(y))
    if len(set(x)) > 1 and len(set(y)) > 1:
        assert found.spearman.value == pytest.approx(spearmanr(x, y).statistic)
    else:
        assert found.spearman.value is None
    assert found.counts == rounded.counts
    for name in ("kappa", "alpha", "exact", "within_one"):
        assert getattr(found, name).value == getattr(rounded, name).value


def test_a_side_that_only_rounds_to_one_rating_is_told_so_and_still_has_ranks():
    pairs = [("ab"[i % 2], 1 + i % 5, 1.6 + i % 5 / 10) for i in range(20)]
    found = of(pairs)
    assert found.kappa.reason == "the second rounds to a single rating throughout"
    assert found.spearman.value == pytest.approx(1.0)
    assert of([(c, x, 2) for c, x, _ in pairs]).kappa.reason == "the second gave a single rating throughout"
    both = of([(c, y, y) for c, _, y in pairs])
    assert both.kappa.reason == "the first and the second round to a single rating throughout"
    assert both.alpha.reason == "both round to one and the same rating throughout"
    assert both.spearman.value == pytest.approx(1.0)


@settings(max_examples=20)
@given(PAIRS)
def test_turning_the_sides_round_turns_only_the_bias_round(pairs):
    one, other = of(pairs), of([(concept, y, x) for concept, x, y in pairs])
    for name in ALL:
        value, turned = getattr(one, name).value, getattr(other, name).value
        assert turned == (value if value is None else pytest.approx(-value if name == "bias" else value))


@settings(max_examples=20)
@given(PAIRS, st.permutations(range(60)))
def test_order_of_the_pairs_and_how_cells_are_cut_change_nothing(pairs, order):
    shuffled = [pairs[i] for i in order if i < len(pairs)]
    assert np.array_equal(of(pairs).counts, of(shuffled).counts)
    doubled = agree([(c, x, y, 2) for c, x, y in pairs])
    assert doubled == agree(cells(pairs + pairs))


@given(st.lists(st.integers(1, 5), min_size=FEWEST_PAIRS, max_size=30))
def test_equal_ratings_agree_wholly_and_no_interval_pretends_certainty(ratings):
    found = of([("ab"[i % 2], rating, rating) for i, rating in enumerate(ratings)])
    assert found.exact.value == found.within_one.value == 1.0
    assert found.bias.value == 0.0
    for share in (found.exact, found.within_one):
        assert share.high == 1.0
        assert share.low < 0.4
    assert not any(estimate.has_interval for estimate in (found.kappa, found.alpha, found.spearman, found.bias))
    if len(set(ratings)) > 1:
        for estimate in (found.kappa, found.alpha, found.spearman):
            assert estimate.value == pytest.approx(1.0)


@pytest.mark.parametrize("n", [0, 1, FEWEST_PAIRS - 1])
def test_few_pairs_support_plain_shares_alone(n):
    found = of([("ab"[i % 2], 1 + i % 5, 1 + i % 4) for i in range(n)])
    for estimate in (found.kappa, found.alpha, found.spearman):
        assert estimate.value is None
        assert ("too few" in estimate.reason) == (n > 0)
    assert (found.exact.value is None) == (n == 0)
    assert (found.n, found.n_concepts) == (n, min(n, 2))


def test_one_concept_has_values_without_intervals_and_few_are_marked_weak():
    pairs = [("a", 1 + i % 5, 1 + i % 4) for i in range(40)]
    for name in ALL:
        estimate = getattr(of(pairs), name)
        assert estimate.value is not None
        assert not estimate.has_interval
    assert of(pairs).weak
    assert not of([(f"c{i % 8}", x, y) for i, (_, x, y) in enumerate(pairs)]).weak


def simulated(rng, n_concepts, n_pairs, *, spread=0.8, noise=0.7, bias=0.0):
    """Pairs whose concepts differ in level and in how far the sides are apart."""
    pairs = []
    for concept in range(n_concepts):
        level, apart = rng.normal(3, spread), rng.normal(bias, 0.3)
        truth = rng.normal(level, 1, n_pairs)
        x, y = (np.clip(np.rint(truth + shift + rng.normal(0, noise, n_pairs)), 1, 5) for shift in (apart, 0))
        pairs += [(f"c{concept}", int(a), int(b)) for a, b in zip(x, y, strict=True)]
    return pairs


def test_intervals_are_those_of_scipys_jackknife_over_concepts_one_by_one():
    pairs = simulated(np.random.default_rng(3), 12, 6)
    pairs = [(concept, x, y + 0.3 * (x < 3)) for concept, x, y in pairs]
    found, whole = of(pairs), np.array([p[1:] for p in pairs]).T
    left = [np.array([p[1:] for p in pairs if p[0] != name]).T for name in dict.fromkeys(p[0] for p in pairs)]
    t = scipy_stats.t.ppf(0.975, 11)

    def half(measure):
        return t * np.std([measure(*sides) for sides in left]) * math.sqrt(11)

    def kappa(x, y):
        return cohen_kappa_score(np.rint(x), np.rint(y), weights="quadratic", labels=LEVELS)

    for name, measure in (("kappa", kappa), ("spearman", lambda x, y: spearmanr(x, y).statistic)):
        value, estimate = measure(*whole), getattr(found, name)
        ends = np.tanh(np.arctanh(value) + np.array([-1, 1]) * half(measure) / (1 - value**2))
        assert (estimate.low, estimate.high) == pytest.approx(tuple(ends))
    apart = half(lambda x, y: np.mean(x - y))
    assert found.bias.high - found.bias.value == pytest.approx(apart)
    # With as many pairs a concept the bias is the mean of the concepts' own, and its interval Student's.
    means = [np.mean([x - y for c, x, y in pairs if c == name]) for name in dict.fromkeys(p[0] for p in pairs)]
    ends = scipy_stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert (found.bias.low, found.bias.high) == pytest.approx(tuple(ends))
    assert found.bias.method == "Student t over concepts left out one by one, 95%"


def test_a_share_has_the_interval_of_means_over_groups():
    pairs = simulated(np.random.default_rng(4), 15, 5)
    names = [p[0] for p in pairs]
    for name, most in (("exact", 0), ("within_one", 1)):
        hits = np.array([abs(x - y) <= most for _, x, y in pairs], dtype=float)
        by_concept = np.array(
            [np.mean([h for c, h in zip(names, hits, strict=True) if c == one]) for one in sorted(set(names))]
        )
        expected = bounded_estimate(hits.mean(), by_concept.var(ddof=1) / 15, n=15, n_groups=15, method="")
        estimate = getattr(of(pairs), name)
        assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))


def test_concepts_of_a_large_study_are_left_out_in_parts_and_the_interval_is_hardly_another(monkeypatch):
    pairs = simulated(np.random.default_rng(6), 190, 3)
    whole = of(pairs)
    monkeypatch.setattr(agreement_interval, "MOST_PARTS", 95)
    halved = of(pairs)
    for name in ALL:
        one, other = getattr(whole, name), getattr(halved, name)
        assert other.value == one.value
        assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.25)
        assert (other.low, other.high) != (one.low, one.high)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """From eight concepts on; bench.interval_methods has more sizes and worlds."""
    rng = np.random.default_rng(11)
    truth = of(simulated(rng, 3_000, 20, bias=0.4))
    held = {name: [] for name in ("kappa", "alpha", "spearman", "exact", "bias")}
    for _ in range(400):
        found = of(simulated(rng, 8, 6, bias=0.4))
        for name in held:
            estimate = getattr(found, name)
            held[name].append(estimate.low <= getattr(truth, name).value <= estimate.high)
    for name, hits in held.items():
        # Of 400, .917 and .983 lie three standard errors from .95.
        assert 0.917 <= np.mean(hits) <= 0.983, name


def test_pooling_arms_inflates_agreement():
    rng = np.random.default_rng(7)
    positive = simulated(rng, 200, 10, spread=0.2, noise=0.8)
    negative = [(c, max(1, x - 3), max(1, y - 3)) for c, x, y in simulated(rng, 200, 10, spread=0.2, noise=0.8)]
    arms = [of(arm).kappa.value for arm in (positive, negative)]
    assert of(positive + negative).kappa.value > max(arms) + 0.1


def test_what_rests_on_one_concept_has_a_value_and_no_interval():
    # Without either concept the first side gave a single rating.
    found = of([("a", 1, 1)] * 10 + [("b", 5, 4)] * 10)
    for estimate in (found.kappa, found.spearman):
        assert estimate.value is not None
        assert not estimate.has_interval
        assert "without one of the concepts a side gives a single rating" in estimate.method
    # A pair that stands for nothing like a whole number leaves no trace when it is left out.
    weighted = agree([("a", 1, 1, 10), ("b", 5, 4, 10), ("c", 5, 5, 3)], weights=[1 / 0.3, 1 / 0.7, 1 / 0.11])
    assert not weighted.kappa.has_interval


WEIGHTED = st.lists(st.tuples(RATED, st.integers(1, 4)), min_size=FEWEST_PAIRS, max_size=40)


@settings(max_examples=20)
@given(WEIGHTED)
def test_a_pair_that_stands_for_three_counts_as_three(weighted):
    pairs, weights = [pair for pair, _ in weighted], [weight for _, weight in weighted]
    found = agree(cells(pairs), weights=weights)
    repeated = of([pair for pair, weight in weighted for _ in range(weight)])
    for name in ("kappa", "spearman", "exact", "within_one", "bias"):
        value, expected = getattr(found, name).value, getattr(repeated, name).value
        assert value == (expected if expected is None else pytest.approx(expected))
    # The pairs themselves are still as many as there are, and unequal weights tell less than equal ones.
    assert found.n == len(pairs)
    assert found.counts == of(pairs).counts
    assert found.n_effective == pytest.approx(sum(weights) ** 2 / sum(w * w for w in weights))


@settings(max_examples=20)
@given(PAIRS, st.floats(0.05, 1))
def test_equal_weights_change_nothing(pairs, weight):
    assert agree(cells(pairs), weights=[weight] * len(pairs)) == of(pairs)


def test_weighting_by_one_over_probability_puts_a_lopsided_draw_right():
    rng = np.random.default_rng(8)
    everything = simulated(rng, 400, 20)
    chance = [1.0 if x >= 4 else 0.2 for _, x, _ in everything]
    drawn = [(pair, 1 / p) for pair, p in zip(everything, chance, strict=True) if rng.random() < p]
    truth, plain = of(everything), of([pair for pair, _ in drawn])
    weighted = agree(cells([p for p, _ in drawn]), weights=[w for _, w in drawn])
    for name in ("kappa", "alpha", "exact"):
        assert getattr(weighted, name).value == pytest.approx(getattr(truth, name).value, abs=0.025)
    assert abs(plain.kappa.value - truth.kappa.value) > 0.04


@settings(max_examples=20)
@given(PAIRS)
def test_raters_without_an_order_agree_as_pairs_told_both_ways_round(pairs):
    found = agree(cells(pairs), are_ordered=False)
    both = of(pairs + [(c, y, x) for c, x, y in pairs])
    for name in ("kappa", "spearman", "exact", "within_one"):
        assert getattr(found, name).value == (
            pytest.approx(v) if (v := getattr(both, name).value) is not None else None
        )
    assert found.alpha.value == (
        None if len({v for p in pairs for v in p[1:]}) == 1 else pytest.approx(plain_alpha(pairs))
    )
    assert (found.n, found.counts) == (len(pairs), of(pairs).counts)
    assert found.bias.reason == "the two raters are other people from pair to pair"


@pytest.mark.parametrize("weight", [0.0, -1.0, float("inf"), float("nan")])
def test_weights_that_count_no_pairs_are_refused(weight):
    with pytest.raises(ValueError, match="weight"):
        agree([("a", 3, 3, 1)], weights=[weight])


@pytest.mark.parametrize("cell", [("a", 0, 3, 1), ("a", 3, 6, 1), ("a", 3, 3, -1)])
def test_cells_that_count_no_ratings_are_refused(cell):
    with pytest.raises(ValueError, match="ratings 1 to 5"):
        agree([cell])


def test_confidence_outside_its_range_is_refused():
    with pytest.raises(ValueError, match="confidence"):
        of([("a", 1, 2)], confidence=1.0)

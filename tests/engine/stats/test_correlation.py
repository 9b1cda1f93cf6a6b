import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from engine.stats.correlation import correlate, correlate_given, fisher_estimate

ORACLES = {"spearman": scipy_stats.spearmanr, "pearson": scipy_stats.pearsonr}
PAIRS = st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=4, max_size=20)


@settings(max_examples=20)
@given(PAIRS, st.sampled_from(["spearman", "pearson"]))
def test_value_is_scipys(pairs, kind):
    x, y = (list(map(float, side)) for side in zip(*pairs, strict=True))
    estimate = correlate(x, y, kind=kind, seed=0, n_resamples=50)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert estimate.value is None
        assert "vary" in estimate.reason
    else:
        assert estimate.value == pytest.approx(ORACLES[kind](x, y).statistic)


@pytest.mark.parametrize("kind", ["spearman", "pearson"])
def test_interval_is_scipys_percentile_bootstrap(kind):
    rng = np.random.default_rng(4)
    x = rng.normal(size=30)
    y = 0.6 * x + rng.normal(size=30)
    estimate = correlate(list(x), list(y), kind=kind, seed=1, n_resamples=3000)
    expected = scipy_stats.bootstrap(
        (x, y),
        lambda a, b: ORACLES[kind](a, b).statistic,
        paired=True,
        vectorized=False,
        method="percentile",
        n_resamples=1500,
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), abs=0.05)


def test_twelve_unrelated_concepts_support_no_claim():
    rng = np.random.default_rng(6)
    estimate = correlate(list(rng.normal(size=12)), list(rng.normal(size=12)), seed=0)
    assert estimate.low < 0.0 < estimate.high
    assert estimate.n == 12


@pytest.mark.parametrize("n", [0, 1, 3])
def test_fewer_than_four_pairs_are_unknown(n):
    assert "too few" in correlate([1.0, 2.0, 3.0][:n], [1.0, 3.0, 2.0][:n], seed=0).reason


def test_unpaired_or_unknown_values_are_refused():
    with pytest.raises(ValueError, match="pairs"):
        correlate([1.0, 2.0], [1.0], seed=0)
    with pytest.raises(ValueError, match="known"):
        correlate([1.0, 2.0, 3.0, float("nan")], [1.0, 2.0, 3.0, 4.0], seed=0)


def by_precision_matrix(x, y, given, kind):
    """A partial correlation read from the inverse of the correlation matrix, which no regression is fitted for."""
    columns = np.array([x, y, *given], dtype=float)
    if kind == "spearman":
        columns = scipy_stats.rankdata(columns, axis=1)
    precision = np.linalg.inv(np.corrcoef(columns))
    return -precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1])


@pytest.mark.parametrize("kind", ["spearman", "pearson"])
@pytest.mark.parametrize("n_given", [0, 1, 3])
def test_partial_correlation_is_that_of_the_inverse_matrix(kind, n_given):
    rng = np.random.default_rng(n_given)
    given = rng.normal(size=(n_given, 25)) * 1000.0
    x, y = rng.normal(size=25) + given.sum(axis=0) / 900.0, rng.normal(size=25) - given.sum(axis=0) / 700.0
    estimate = correlate_given(list(x), list(y), given=given.tolist(), kind=kind)
    assert estimate.value == pytest.approx(by_precision_matrix(x, y, given, kind))


def test_a_common_cause_is_all_that_goes_with_both():
    rng = np.random.default_rng(3)
    cause = rng.normal(size=400)
    x, y = cause + 0.3 * rng.normal(size=400), cause + 0.3 * rng.normal(size=400)
    assert correlate_given(list(x), list(y)).low > 0.8
    held = correlate_given(list(x), list(y), given=[list(cause)])
    assert held.low < 0.0 < held.high


def test_pearsons_interval_is_scipys():
    rng = np.random.default_rng(5)
    x = rng.normal(size=18)
    y = 0.5 * x + rng.normal(size=18)
    expected = scipy_stats.pearsonr(x, y).confidence_interval(0.95)
    estimate = correlate_given(list(x), list(y), kind="pearson")
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("n", [12, 40])
@pytest.mark.parametrize("kind", ["spearman", "pearson"])
@pytest.mark.parametrize("r", [0.0, 0.5])
def test_fishers_interval_covers(n, kind, r):
    """At 2,000 draws 95 % has a standard error of half a percent."""
    rng = np.random.default_rng(n)
    x, noise = rng.normal(size=(2, 2000, n))
    y = r * x + np.sqrt(1 - r * r) * noise
    truth = 6.0 / np.pi * np.arcsin(r / 2.0) if kind == "spearman" else r
    rows = (scipy_stats.rankdata(side, axis=1) if kind == "spearman" else side for side in (x, y))
    a, b = (side - side.mean(axis=1, keepdims=True) for side in rows)
    values = (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    made = [fisher_estimate(v, n=n, n_fixed=0, kind=kind, confidence=0.95, method="") for v in values]
    covered = np.mean([one.low <= truth <= one.high for one in made])
    assert 0.93 <= covered <= 0.975


def test_each_variable_held_constant_costs_one_concept():
    wide = fisher_estimate(0.4, n=20, n_fixed=5, kind="pearson", confidence=0.95, method="")
    same = fisher_estimate(0.4, n=15, n_fixed=0, kind="pearson", confidence=0.95, method="")
    assert (wide.low, wide.high) == (same.low, same.high)


@pytest.mark.parametrize(
    ("x", "given", "reason"),
    [
        ([1.0, 2.0, 3.0, 4.0, 5.0], [[2.0, 4.0, 6.0, 8.0, 10.0]], "follows from"),
        ([1.0, 1.0, 1.0, 1.0, 1.0], [], "vary"),
        ([1.0, 2.0, 4.0, 3.0, 5.0], [[2.0, 4.0, 6.0, 8.0, 1.0], [5.0, 1.0, 2.0, 4.0, 3.0]], "too few"),
    ],
)
def test_what_the_points_do_not_support_is_unknown(x, given, reason):
    assert reason in correlate_given(x, [3.0, 1.0, 2.0, 5.0, 4.0], given=given, kind="pearson").reason


def test_a_constant_held_constant_changes_nothing():
    x, y = [1.0, 2.0, 4.0, 3.0, 5.0, 9.0], [3.0, 1.0, 2.0, 5.0, 4.0, 6.0]
    assert correlate_given(x, y, given=[[7.0] * 6]) == correlate_given(x, y)


def test_perfect_agreement_has_no_interval():
    estimate = correlate_given([1.0, 2.0, 3.0, 4.0], [1.0, 4.0, 9.0, 16.0])
    assert estimate.value == pytest.approx(1.0)
    assert not estimate.has_interval

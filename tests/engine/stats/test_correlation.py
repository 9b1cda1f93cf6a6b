import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from engine.stats.correlation import correlate

ORACLES = {"spearman": scipy_stats.spearmanr, "pearson": scipy_stats.pearsonr}
PAIRS = st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=4, max_size=20)


@settings(max_examples=40)
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

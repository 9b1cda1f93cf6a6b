from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from engine.stats.calibration import brier_parts, equal_count_bins, reliability_table


def pairs_of_lenses(rng, n_lenses=40, size=40, *, sharpen=1.0):
    """Probabilities that mean what they say where `sharpen` is 1, and claim too much above."""
    logits = rng.normal(0, 1.5, n_lenses * size)
    y = (rng.random(logits.size) < 1 / (1 + np.exp(-logits))).astype(int)
    return 1 / (1 + np.exp(-sharpen * logits)), y, np.repeat(np.arange(n_lenses), size)


def test_bins_are_those_of_sklearn_for_distinct_probabilities():
    probability, y, lenses = pairs_of_lenses(np.random.default_rng(0))
    found = reliability_table(probability, y, lenses, n_bins=8)
    shares, means = calibration_curve(y, probability, n_bins=8, strategy="quantile")
    assert [each.n for each in found] == [200] * 8
    assert [each.positive.value for each in found] == pytest.approx(shares, abs=0.011)
    assert [each.mean_probability for each in found] == pytest.approx(means, abs=0.01)


def test_calibrated_probabilities_lie_within_their_bins_intervals():
    found = reliability_table(*pairs_of_lenses(np.random.default_rng(1), 200), n_bins=10)
    inside = [each.positive.low <= each.mean_probability <= each.positive.high for each in found]
    assert sum(inside) >= 8


def test_overconfident_probabilities_lie_outside_at_both_ends():
    found = reliability_table(*pairs_of_lenses(np.random.default_rng(1), 200, sharpen=4.0), n_bins=10)
    assert found[1].mean_probability < found[1].positive.low
    assert found[-2].mean_probability > found[-2].positive.high


VALUES = st.lists(st.sampled_from([0.0, 0.1, 0.1 + 1e-12, 0.5, 0.9, 1.0]) | st.floats(0, 1), max_size=40)


@given(VALUES, st.integers(1, 12))
def test_bins_part_no_equal_values_and_follow_their_order(values, n_bins):
    numbers = equal_count_bins(np.array(values, dtype=float), n_bins)
    assert len(set(numbers.tolist())) <= n_bins
    ordered = sorted(zip(values, numbers.tolist(), strict=True))
    assert all(later >= earlier for (_, earlier), (_, later) in pairwise(ordered))
    assert len({(v, b) for v, b in ordered}) == len({v for v, _ in ordered})


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1), st.integers(0, 3)), min_size=1, max_size=40))
def test_the_parts_add_up_to_sklearns_brier_score(rows):
    probability, y, lenses = (np.array(each) for each in zip(*rows, strict=True))
    found = brier_parts(probability, y, lenses, seed=0, n_resamples=20)
    whole = brier_score_loss(y, probability, pos_label=1)
    assert found.brier.value == pytest.approx(whole)
    parts = found.reliability.value - found.resolution.value + found.uncertainty.value + found.within
    assert parts == pytest.approx(whole)


def test_nothing_is_left_within_bins_of_one_probability_each():
    rng = np.random.default_rng(2)
    probability = rng.choice([0.1, 0.4, 0.8], 300)
    y = (rng.random(300) < probability).astype(int)
    found = brier_parts(probability, y, np.arange(300) % 10, seed=0, n_bins=3)
    assert found.within == pytest.approx(0.0, abs=1e-12)
    # Murphy's decomposition, bin by bin.
    expected = sum((probability == p).mean() * (p - y[probability == p].mean()) ** 2 for p in (0.1, 0.4, 0.8))
    assert found.reliability.value == pytest.approx(expected)
    assert found.uncertainty.value == pytest.approx(y.mean() * (1 - y.mean()))


def test_miscalibration_is_seen_in_reliability_alone():
    true = brier_parts(*pairs_of_lenses(np.random.default_rng(3), 100), seed=0)
    over = brier_parts(*pairs_of_lenses(np.random.default_rng(3), 100, sharpen=4.0), seed=0)
    assert over.reliability.low > true.reliability.high
    assert over.resolution.value == pytest.approx(true.resolution.value)


def test_no_pairs_give_no_bin_and_unknown_parts():
    assert reliability_table([], [], []) == ()
    found = brier_parts([], [], [], seed=0)
    assert (found.brier.value, found.reliability.value, found.within) == (None, None, None)


def test_one_lens_gives_parts_without_interval():
    found = brier_parts([0.2, 0.9], [0, 1], ["a", "a"], seed=0)
    assert found.reliability.value is not None
    assert not found.reliability.has_interval


@pytest.mark.parametrize(("p", "y", "lenses"), [([0.1], [0, 1], [1]), ([1.2], [1], [1]), ([0.5], [2], [1])])
def test_malformed_pairs_are_refused(p, y, lenses):
    with pytest.raises(ValueError):
        reliability_table(p, y, lenses)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from engine.stats.paired import adjusted_p, compare_paired, f1_change


def scores_of_concepts(rng, n, *, change=0.05):
    before = rng.uniform(0.4, 0.95, n)
    return before, before + change + rng.normal(0, 0.04, n)


def test_difference_is_scipys_paired_t():
    before, after = scores_of_concepts(np.random.default_rng(0), 30)
    found = compare_paired(before.tolist(), after.tolist(), seed=0)
    theirs = stats.ttest_rel(after, before).confidence_interval(0.95)
    assert (found.difference.low, found.difference.high) == pytest.approx((theirs.low, theirs.high))
    assert found.difference.value == pytest.approx((after - before).mean())
    assert found.sign_p == pytest.approx(stats.binomtest(found.n_rose, 30).pvalue)
    assert found.wilcoxon_p == pytest.approx(stats.wilcoxon(after, before).pvalue)


@pytest.mark.parametrize("n", [1, 2, 5, 8, 13, 14])
def test_few_signed_ranks_are_tested_as_scipy_does_with_ties_and_without(n):
    rng = np.random.default_rng(n)
    for change in (rng.choice([-3.0, -2.0, -1.0, 1.0, 2.0], n), rng.standard_normal(n)):
        found = compare_paired(np.zeros(n).tolist(), change.tolist(), seed=0, n_resamples=2)
        assert found.wilcoxon_p == pytest.approx(stats.wilcoxon(change).pvalue, rel=1e-12)


def test_bootstrap_of_concepts_agrees_with_scipys():
    before, after = scores_of_concepts(np.random.default_rng(1), 40)
    found = compare_paired(before.tolist(), after.tolist(), seed=0, n_resamples=4000).bootstrap
    theirs = stats.bootstrap((after - before,), np.mean, method="percentile", rng=np.random.default_rng(0))
    expected = (theirs.confidence_interval.low, theirs.confidence_interval.high)
    assert (found.low, found.high) == pytest.approx(expected, abs=0.002)


def test_interval_covers_the_true_change_of_concepts():
    rng = np.random.default_rng(2)
    covered = 0
    for seed in range(300):
        before, after = scores_of_concepts(rng, 15)
        found = compare_paired(before.tolist(), after.tolist(), seed=seed, n_resamples=10).difference
        covered += found.low <= 0.05 <= found.high
    assert 0.91 <= covered / 300 <= 0.985


SIDE = st.none() | st.floats(0, 1)


@given(st.lists(st.tuples(SIDE, SIDE), max_size=12))
def test_concepts_without_both_sides_count_in_neither(pairs):
    found = compare_paired([b for b, _ in pairs], [a for _, a in pairs], seed=0, n_resamples=20)
    both = [(b, a) for b, a in pairs if b is not None and a is not None]
    assert (found.n, found.n_missing) == (len(both), len(pairs) - len(both))
    assert found.n_rose + found.n_fell + found.n_same == found.n
    assert (found.difference.value is None) == (not both)
    assert (found.sign_p is None) == (found.n_rose + found.n_fell == 0)
    if both:
        assert found.difference.value == pytest.approx(found.after.value - found.before.value, abs=1e-8)


def test_exchanging_the_sides_turns_the_difference():
    before, after = (each.tolist() for each in scores_of_concepts(np.random.default_rng(3), 12))
    there, back = compare_paired(before, after, seed=0), compare_paired(after, before, seed=0)
    assert back.difference.low == pytest.approx(-there.difference.high)
    assert (back.n_rose, back.n_fell, back.sign_p) == (there.n_fell, there.n_rose, there.sign_p)


def test_equal_sides_claim_no_certainty():
    found = compare_paired([0.5, 0.75, 0.9], [0.5, 0.75, 0.9], seed=0)
    assert (found.difference.value, found.n_same, found.sign_p, found.wilcoxon_p) == (0.0, 3, None, None)
    assert not found.difference.has_interval
    assert not found.bootstrap.has_interval


def test_sides_of_other_length_are_refused():
    with pytest.raises(ValueError, match="same concepts"):
        compare_paired([0.1], [], seed=0)


def decisions(rng, n_groups, *, before, after, size=4):
    groups = np.repeat(np.arange(n_groups), size)
    truth = groups % 2
    right = [np.repeat(rng.random(n_groups) < share, size) for share in (before, after)]
    return truth, np.where(right[0], truth, 1 - truth), np.where(right[1], truth, 1 - truth), groups


def test_f1_change_is_the_difference_of_sklearns_f1_with_the_spread_of_groups_drawn_one_by_one():
    rng = np.random.default_rng(4)
    truth, before, after, groups = decisions(rng, 60, before=0.7, after=0.85)
    found = f1_change(truth, before, after, groups).estimate
    assert found.value == pytest.approx(metrics.f1_score(truth, after) - metrics.f1_score(truth, before))
    draws = []
    for _ in range(1500):
        drawn = np.concatenate([rng.choice(np.arange(arm, 60, 2), 30) for arm in (0, 1)])
        rows = np.concatenate([np.flatnonzero(groups == g) for g in drawn])
        draws.append(metrics_f1(truth[rows], after[rows]) - metrics_f1(truth[rows], before[rows]))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.03)


def metrics_f1(truth, fires):
    return 2 * (truth & fires).sum() / (truth.sum() + fires.sum())


def test_f1_change_seldom_finds_what_is_not_there():
    rng = np.random.default_rng(5)
    p = [f1_change(*decisions(rng, 40, before=0.8, after=0.8)).p for _ in range(500)]
    assert np.mean([each is not None and each < 0.05 for each in p]) < 0.09


def test_f1_change_of_the_same_decisions_has_no_p():
    truth, before, _, groups = decisions(np.random.default_rng(6), 10, before=0.8, after=0.8)
    found = f1_change(truth, before, before, groups)
    assert (found.estimate.value, found.p) == (0.0, None)
    assert not found.estimate.has_interval


@given(st.lists(st.none() | st.floats(1e-6, 1), max_size=20))
def test_adjusted_p_is_benjamini_and_hochbergs_over_the_known(p):
    found = adjusted_p(p)
    known = [each for each in p if each is not None]
    assert [each is None for each in found] == [each is None for each in p]
    order = np.argsort(known)
    m, expected, least = len(known), {}, 1.0
    for rank in range(m, 0, -1):
        least = min(least, known[order[rank - 1]] * m / rank)
        expected[order[rank - 1]] = least
    assert [each for each in found if each is not None] == pytest.approx([expected[i] for i in range(m)])

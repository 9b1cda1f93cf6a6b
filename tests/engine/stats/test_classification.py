import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from engine.stats.classification import (
    always_positive_f1,
    auc,
    average_precision,
    f1_interval,
    f1_score_counts,
    precision,
    recall,
)

PAIRS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=50)


@given(PAIRS)
def test_f1_precision_and_recall_are_sklearns(pairs):
    truth, predicted = np.array(pairs).T
    tp, fp, fn = (int(((truth == t) & (predicted == p)).sum()) for t, p in ((1, 1), (0, 1), (1, 0)))
    f1 = f1_score_counts(tp=tp, fp=fp, fn=fn)
    for ours, theirs in (
        (f1, metrics.f1_score),
        (precision(truth, predicted, range(len(truth))).value, metrics.precision_score),
        (recall(truth, predicted, range(len(truth))).value, metrics.recall_score),
    ):
        expected = theirs(truth, predicted, zero_division=np.nan)
        assert ours == (None if np.isnan(expected) else pytest.approx(expected))


@given(st.integers(1, 40), st.integers(0, 40))
def test_always_positive_floor_is_the_f1_of_calling_everything_positive(n_positive, n_negative):
    truth = [1] * n_positive + [0] * n_negative
    expected = metrics.f1_score(truth, [1] * len(truth))
    assert always_positive_f1(n_positive / len(truth)) == pytest.approx(expected)


RANKED = (lambda y, s, g: auc(y, s, g), lambda y, s, g: average_precision(y, s, g, seed=0))


def test_ranking_measures_are_sklearns():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 60)
    scores = (truth + rng.normal(0, 1, 60)).round(1)
    assert RANKED[0](truth, scores, range(60)).value == pytest.approx(metrics.roc_auc_score(truth, scores))
    assert RANKED[1](truth, scores, range(60)).value == pytest.approx(metrics.average_precision_score(truth, scores))


@pytest.mark.parametrize("measure", RANKED)
@pytest.mark.parametrize("truth", [[], [1, 1], [0, 0, 0]])
def test_ranking_measures_are_unknown_with_one_arm(measure, truth):
    estimate = measure(truth, [0.5] * len(truth), range(len(truth)))
    assert estimate.value is None
    assert "both arms" in estimate.reason


def test_undefined_cases_say_why():
    assert "predicted" in precision([1, 0], [0, 0], [1, 2]).reason
    assert "positive" in recall([0, 0], [1, 0], [1, 2]).reason
    assert f1_interval([0, 0], [0, 0], [1, 2]).value is None
    assert f1_interval([], [], []).value is None


def lens_predictions(rng, n_groups, *, accuracy=0.8, size=4):
    """Samples of a group are right or wrong together, so groups are the independent units."""
    groups = np.repeat(np.arange(n_groups), size)
    truth = np.repeat(np.arange(n_groups) % 2, size)
    right = np.repeat(rng.random(n_groups) < accuracy, size)
    return truth, np.where(right, truth, 1 - truth), groups


def test_f1_interval_is_that_of_drawing_groups_of_each_arm_one_by_one():
    rng = np.random.default_rng(3)
    truth, predicted, groups = lens_predictions(rng, 80)
    predicted = np.where(rng.random(320) < 0.1, 1 - predicted, predicted)
    estimate = f1_interval(truth, predicted, groups)
    members = [np.flatnonzero(groups == g) for g in range(80)]
    draws = []
    for _ in range(2000):
        drawn = np.concatenate([rng.choice(np.arange(arm, 80, 2), 40) for arm in (0, 1)])
        rows = np.concatenate([members[g] for g in drawn])
        tp = (truth[rows] & predicted[rows]).sum()
        draws.append(2 * tp / (truth[rows].sum() + predicted[rows].sum()))
    assert estimate.value == pytest.approx(metrics.f1_score(truth, predicted))
    assert (estimate.low, estimate.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.025)
    assert estimate.n == 320


def test_f1_interval_covers_the_true_f1_when_samples_of_a_group_fail_together():
    rng = np.random.default_rng(9)
    intervals = [f1_interval(*lens_predictions(rng, 60)) for _ in range(300)]
    assert 0.90 <= np.mean([e.low <= 0.8 <= e.high for e in intervals]) <= 0.99


def test_more_groups_narrow_the_interval_of_a_perfect_f1():
    def low(n_groups):
        truth = np.arange(n_groups) % 2
        return f1_interval(truth, truth, np.arange(n_groups)).low

    assert 0.5 < low(10) < low(40) < low(400) < 1.0


def test_an_f1_of_zero_has_an_open_upper_end():
    estimate = f1_interval([1, 1, 0, 0], [0, 0, 1, 1], list("abcd"))
    assert (estimate.value, estimate.low) == (0.0, 0.0)
    assert 0.0 < estimate.high < 1.0


def test_one_group_gives_a_value_without_interval():
    estimate = f1_interval([1, 1, 0], [1, 0, 0], ["a", "a", "a"])
    assert estimate.value == pytest.approx(2 / 3)
    assert not estimate.has_interval


@pytest.mark.parametrize(
    ("truth", "predicted", "groups"), [([1, 0], [1], [1, 2]), ([1, 0], [1, 0], [1]), ([1, 2], [1, 0], [1, 2])]
)
def test_malformed_input_is_refused(truth, predicted, groups):
    with pytest.raises(ValueError):
        f1_interval(truth, predicted, groups)

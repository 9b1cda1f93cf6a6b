import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit
from sklearn import metrics

from engine.stats.classification import (
    always_positive_f1,
    auc,
    average_precision,
    brier,
    f1_interval,
    f1_score_counts,
    firing_rate,
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


def scored(rng, n_groups, *, size=4, distance=2.0, together=0.3, mixed=True):
    """Scores of two normal arms; a group shares a part of its noise, and holds both arms or one."""
    groups = np.repeat(np.arange(n_groups), size)
    truth = (np.arange(groups.size) if mixed else groups) % 2
    shared = np.sqrt(together) * rng.normal(size=n_groups)[groups]
    return truth, distance * (truth - 0.5) + shared + np.sqrt(1 - together) * rng.normal(size=groups.size), groups


MEASURES = {
    "f1": lambda y, s, g: f1_interval(y, s > 0, g),
    "precision": lambda y, s, g: precision(y, s > 0, g),
    "recall": lambda y, s, g: recall(y, s > 0, g),
    "auc": auc,
    "average precision": lambda y, s, g: average_precision(y, s, g, seed=0),
    "brier": lambda y, s, g: brier(y, expit(2 * s), g),
}


@pytest.mark.parametrize("mixed", [True, False], ids=["both arms in a group", "one arm in a group"])
@pytest.mark.parametrize("name", MEASURES)
def test_intervals_of_ten_to_forty_groups_cover_the_true_measure(name, mixed):
    measure, rng = MEASURES[name], np.random.default_rng(11)
    truth = measure(*scored(rng, 5_000, mixed=mixed)).value
    for n_groups, size in ((12, 8), (40, 4)):
        found = [measure(*scored(rng, n_groups, size=size, mixed=mixed)) for _ in range(250)]
        # Of 250 draws at .95, fewer than .91 have a chance below 1 in 100.
        assert np.mean([e.low <= truth <= e.high for e in found if e.has_interval]) >= 0.91
        assert np.mean([e.has_interval for e in found]) > 0.98
        assert np.median([e.high - e.low for e in found if e.has_interval]) < 0.45


@pytest.mark.parametrize("name", MEASURES)
@given(
    rows=st.lists(st.tuples(st.integers(0, 1), st.sampled_from([-2.0, -0.1, 0.0, 0.1, 2.0]), st.integers(0, 5))),
    seed=st.integers(0, 9),
)
@settings(max_examples=25)
def test_a_measure_is_bounded_certain_of_nothing_and_blind_to_order(name, rows, seed):
    measure = MEASURES[name]
    y, s, g = (np.array([row[i] for row in rows]) for i in range(3))
    found = measure(y, s.astype(float), g)
    assert found.n <= len(rows)
    if found.value is None:
        return
    assert 0.0 <= found.value <= 1.0
    if found.has_interval:
        assert 0.0 <= found.low <= found.value <= found.high <= 1.0
        # A Brier score is a square of a distance: .25 of it is what a mistake costs at least.
        assert found.high - found.low > 0.05 * (0.25 if name == "brier" else 1.0)
    order = np.random.default_rng(seed).permutation(len(rows))
    other = measure(y[order], s[order].astype(float), g[order])
    assert (other.value, other.low, other.high) == pytest.approx((found.value, found.low, found.high))


@pytest.mark.parametrize("name", MEASURES)
def test_rounds_are_averaged_and_equal_rounds_change_nothing(name):
    measure, rng = MEASURES[name], np.random.default_rng(12)
    truth, first, groups = scored(rng, 20)
    second = first + rng.normal(0, 0.5, first.size)
    one, two = measure(truth, first, groups), measure(truth, second, groups)
    same, both = measure(truth, np.stack([first] * 3), groups), measure(truth, np.stack([first, second]), groups)
    assert (same.value, same.low, same.high) == pytest.approx((one.value, one.low, one.high))
    assert both.value == pytest.approx((one.value + two.value) / 2)
    assert both.n <= truth.size


@pytest.mark.parametrize("name", MEASURES)
def test_groups_copied_as_a_whole_tell_no_more_than_one(name):
    """Rows doubled within their groups leave the interval as it was; rows doubled into new groups narrow it."""
    measure = MEASURES[name]
    truth, scores, groups = scored(np.random.default_rng(13), 20)
    once, within = measure(truth, scores, groups), measure(np.tile(truth, 2), np.tile(scores, 2), np.tile(groups, 2))
    assert (within.low, within.high) == pytest.approx((once.low, once.high), abs=0.01)
    apart = measure(np.tile(truth, 2), np.tile(scores, 2), np.concatenate([groups, groups + 100]))
    assert apart.high - apart.low < 0.85 * (once.high - once.low)


def test_auc_variance_is_delongs_where_each_row_is_its_own_group():
    truth, scores, _ = scored(np.random.default_rng(14), 30, size=2)
    positive, negative = scores[truth == 1], scores[truth == 0]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    variance = np.var(wins.mean(1), ddof=1) / len(positive) + np.var(wins.mean(0), ddof=1) / len(negative)
    found = auc(truth, scores, np.arange(60))
    half = stats.t.ppf(0.975, 59) * np.sqrt(variance) / (found.value * (1 - found.value))
    ends = expit(np.log(found.value / (1 - found.value)) + np.array([-half, half]))
    assert (found.low, found.high) == pytest.approx(tuple(ends), abs=0.003)


def test_a_perfect_lens_is_surer_with_more_groups_and_never_certain():
    def lows(n_groups):
        truth = np.arange(4 * n_groups) % 2
        groups = np.arange(4 * n_groups) // 4
        return [MEASURES[name](truth, 20.0 * truth - 10.0, groups).low for name in MEASURES if name != "brier"]

    assert all(0.5 < few < many < 1.0 for few, many in zip(lows(8), lows(80), strict=True))


def test_an_almost_perfect_lens_is_no_surer_than_a_perfect_one():
    truth, groups = np.arange(160) % 2, np.arange(160) // 4
    perfect = 1.0 * truth
    almost = perfect.copy()
    almost[0] = 0.5
    almost[1] = 0.4
    assert auc(truth, almost, groups).value < 1.0
    assert auc(truth, almost, groups).low <= auc(truth, perfect, groups).low


def test_groups_that_all_agree_give_no_interval_between_the_extremes():
    truth, groups = np.arange(40) % 2, np.arange(40) // 2
    found = precision(truth, np.ones(40), groups)
    assert (found.value, found.has_interval) == (0.5, False)
    assert "no group differs" in found.method


def test_brier_of_unfailing_confidence_leaves_room_for_a_mistake():
    truth, groups = np.arange(40) % 2, np.arange(40) // 4
    found = brier(truth, truth.astype(float), groups)
    assert (found.value, found.low) == (0.0, 0.0)
    assert 0.01 < found.high < 0.1


def test_firing_rate_is_a_share_of_its_rows():
    found = firing_rate(np.array([1, 1, 0, 1]), list("abcd"), undefined="nothing")
    assert (found.value, found.n) == (0.75, 4)
    assert found.low < 0.5
    assert firing_rate(np.zeros((2, 0)), [], undefined="there is none").reason == "there is none"


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_brier_refuses_what_is_no_probability(value):
    with pytest.raises(ValueError, match="between 0 and 1"):
        brier([1, 0], [0.5, value], [1, 2])

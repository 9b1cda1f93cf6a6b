import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn import metrics

from engine.lenses.folds import TooLittleData, grouped_stratified_folds
from engine.lenses.interface import Scores
from engine.lenses.measures import PairFacts, measure_scores, pairs_needed
from engine.stats.shortcut import shortcut_alarm

NAMES = {
    "f1",
    "precision",
    "recall",
    "auc",
    "average_precision",
    "brier",
    "f1_sibling_negatives",
    "f1_good_outputs",
    "fires_on_degenerate_positive",
    "fires_on_degenerate_negative",
    "fires_on_good_positive",
    "fires_on_good_negative",
}


def pairs(rng, n_groups=20, size=8, *, n_rounds=1):
    """Arms, groups, facts and rounds of scores that know the arms a little."""
    y, groups = np.arange(n_groups * size) % 2, np.repeat(np.arange(n_groups), size)
    kinds = [
        None if arm else str(kind) for arm, kind in zip(y, rng.choice(["sibling", "unrelated"], y.size), strict=True)
    ]
    forms = [str(form) for form in rng.choice(["good", "good", "short", "repetitive"], y.size)]
    logits = 3.0 * (y - 0.5) + rng.normal(0, 1.5, y.size)
    rounds = []
    for _ in range(n_rounds):
        probability = expit(logits + rng.normal(0, 0.3, y.size))
        rounds.append(Scores(probability, groups % 5, probability >= 0.5))
    return y, groups, PairFacts(kinds, forms), rounds


def measured(y, groups, facts, rounds):
    return measure_scores(y, rounds, groups=groups, facts=facts, seed=0)


def test_values_are_sklearns():
    y, groups, facts, rounds = pairs(np.random.default_rng(0))
    found = measured(y, groups, facts, rounds)
    fires, probability = rounds[0].fires, rounds[0].probability
    good = np.array(facts.form) == "good"
    siblings = (y == 1) | np.array([kind == "sibling" for kind in facts.negative_kind])
    expected = {
        "f1": metrics.f1_score(y, fires),
        "precision": metrics.precision_score(y, fires),
        "recall": metrics.recall_score(y, fires),
        "auc": metrics.roc_auc_score(y, probability),
        "average_precision": metrics.average_precision_score(y, probability),
        "brier": metrics.brier_score_loss(y, probability),
        "f1_sibling_negatives": metrics.f1_score(y[siblings], fires[siblings]),
        "f1_good_outputs": metrics.f1_score(y[good], fires[good]),
        "fires_on_degenerate_positive": fires[~good & (y == 1)].mean(),
        "fires_on_degenerate_negative": fires[~good & (y == 0)].mean(),
        "fires_on_good_positive": fires[good & (y == 1)].mean(),
        "fires_on_good_negative": fires[good & (y == 0)].mean(),
    }
    assert {name: each.value for name, each in found.items()} == pytest.approx(expected)
    assert all(each.has_interval and each.low < each.value < each.high for each in found.values())
    assert found["f1_good_outputs"].n == good.sum()
    assert found["fires_on_good_negative"].n == (good & (y == 0)).sum()


def test_rounds_are_averaged():
    y, groups, facts, rounds = pairs(np.random.default_rng(1), n_rounds=3)
    alone = [measured(y, groups, facts, [each]) for each in rounds]
    together = measured(y, groups, facts, rounds)
    for name, each in together.items():
        assert each.value == pytest.approx(np.mean([one[name].value for one in alone]))
        assert each.low < each.value < each.high


def test_rounds_narrow_an_interval_less_than_new_groups_would():
    y, groups, facts, rounds = pairs(np.random.default_rng(2), n_rounds=4)
    one, four = measured(y, groups, facts, rounds[:1])["f1"], measured(y, groups, facts, rounds)["f1"]
    assert four.high - four.low > 0.8 * (one.high - one.low)


def test_forms_that_are_unknown_count_in_neither():
    y, groups, facts, rounds = pairs(np.random.default_rng(3))
    found = measured(y, groups, PairFacts(facts.negative_kind, [None] * y.size), rounds)
    for name in NAMES:
        if "good" in name or "degenerate" in name:
            assert found[name].value is None
            assert "good output" in found[name].reason or "degenerate output" in found[name].reason
    assert found["f1"].value is not None


def test_without_facts_their_measures_say_so():
    y, groups, _, rounds = pairs(np.random.default_rng(4))
    found = measured(y, groups, None, rounds)
    assert set(found) == NAMES
    assert "not given" in found["fires_on_good_positive"].reason
    assert "not given" in found["f1_sibling_negatives"].reason


def test_f1_of_a_part_names_what_always_firing_reaches_there():
    y, groups, facts, rounds = pairs(np.random.default_rng(5))
    siblings = (y == 1) | np.array([kind == "sibling" for kind in facts.negative_kind])
    floor = metrics.f1_score(y[siblings], np.ones(siblings.sum()))
    assert f"always firing reaches {floor:.2f}" in measured(y, groups, facts, rounds)["f1_sibling_negatives"].method


def test_a_lens_of_degeneracy_raises_the_alarm_and_a_lens_of_the_concept_none():
    rng = np.random.default_rng(6)
    y, groups, _, _ = pairs(rng, 20, 8)
    degenerate = rng.random(y.size) < np.where(y == 1, 0.6, 0.2)
    facts = PairFacts([None if arm else "sibling" for arm in y], ["short" if bad else "good" for bad in degenerate])
    alarms = []
    for target in (degenerate, y == 1):
        probability = np.clip(0.9 * target + 0.05 + rng.normal(0, 0.02, y.size), 0, 1)
        alarms.append(shortcut_alarm(measured(y, groups, facts, [Scores(probability, groups % 5, probability > 0.5)])))
    assert "degenerate" in alarms[0]
    assert alarms[1] is None


ROWS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, 4),
        st.sampled_from([0.0, 0.3, 0.5, 1.0]),
        st.sampled_from(["sibling", "unrelated", None]),
        st.sampled_from(["good", "empty", "short", "repetitive", None]),
    ),
    min_size=1,
    max_size=25,
)


@given(ROWS, st.integers(1, 2))
@settings(max_examples=60)
def test_any_rows_give_every_measure_or_its_reason(rows, n_rounds):
    y, groups, probability = (np.array([row[i] for row in rows]) for i in range(3))
    facts = PairFacts([row[3] for row in rows], [row[4] for row in rows])
    rounds = [Scores(probability**k, groups, probability**k >= 0.5) for k in range(1, n_rounds + 1)]
    found = measured(y, groups, facts, rounds)
    assert set(found) == NAMES
    for each in found.values():
        assert each.n <= len(rows)
        assert (each.value is None) == bool(each.reason)
        if each.has_interval:
            assert 0.0 <= each.low <= each.value <= each.high <= 1.0


def test_lengths_that_differ_and_no_round_are_refused():
    y, groups, facts, rounds = pairs(np.random.default_rng(7))
    with pytest.raises(ValueError, match="no round"):
        measured(y, groups, facts, [])
    with pytest.raises(ValueError, match="differ"):
        measured(y[1:], groups, facts, rounds)
    with pytest.raises(ValueError, match="differ"):
        measured(y, groups, PairFacts(facts.negative_kind[1:], facts.form), rounds)
    with pytest.raises(ValueError, match="differ"):
        measured(y, groups[1:], facts, rounds)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), max_size=10), st.integers(2, 5))
def test_pairs_needed_are_none_exactly_where_folds_can_be_made(rows, n_folds):
    y, groups = (np.array([row[i] for row in rows], dtype=np.int64) for i in range(2))
    possible = not isinstance(grouped_stratified_folds(y, groups, n_folds=n_folds, seed=0), TooLittleData)
    assert (pairs_needed(y, groups, n_folds=n_folds) is None) == possible


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), max_size=6))
def test_as_many_pairs_more_suffice_and_one_fewer_does_not(rows):
    y, groups = (np.array([row[i] for row in rows], dtype=np.int64) for i in range(2))
    needed = pairs_needed(y, groups, n_folds=5) or 0
    arms = [arm for arm in (0, 1) for _ in range(max(0, 2 - len(np.unique(groups[y == arm]))))]
    assert len(arms) == needed
    for n_added in range(needed + 1):
        more_y = np.concatenate([y, arms[:n_added]]).astype(np.int64)
        more_groups = np.concatenate([groups, 100 + np.arange(n_added)]).astype(np.int64)
        folds = grouped_stratified_folds(more_y, more_groups, n_folds=5, seed=0)
        assert isinstance(folds, TooLittleData) == (n_added < needed)


def test_fewer_than_two_folds_are_refused():
    with pytest.raises(ValueError, match="at least 2 folds"):
        pairs_needed(np.array([0, 1]), np.array([0, 1]), n_folds=1)

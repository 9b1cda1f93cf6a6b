"""Quality filters: what may train, how much it counts, and that what is held out is never touched."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from engine.errors import ConfigError
from engine.lenses.evaluate import Validation
from engine.lenses.filter_measures import measure_filters
from engine.lenses.filters import RatedRows, keep, parse_filter, require_weights, weigh
from engine.lenses.folds import grouped_stratified_folds
from engine.lenses.registry import FAMILIES
from engine.lenses.ridge import Ridge
from tests.support.lens_parts import direction, planted_part

FIXED = Ridge(strengths=(0.3,), slope=1.0)
FILTERS = [parse_filter(name) for name in ("good-only", "verdict>=3", "weighted")]


def rated(seed: int = 0, *, n: int = 60, strength: float = 2.0) -> RatedRows:
    part = planted_part(n, 12, strength, seed=seed, group_size=3)
    rng = np.random.default_rng([seed, 7])
    return RatedRows("gin", part.X, part.y, part.groups, rng.random(n) < 0.8, rng.integers(1, 6, n).astype(np.float64))


@pytest.mark.parametrize("name", ["good", "verdict>=0", "verdict>=6", "verdict>=5.5", "verdict>3", "", "weighted "])
def test_a_filter_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="There is no filter"):
        parse_filter(name)


@given(st.text(max_size=14))
def test_a_name_is_read_whole_or_refused(name: str) -> None:
    with suppress(ConfigError):
        assert parse_filter(name).name == name


def test_families_that_cannot_weigh_are_refused_with_those_that_can() -> None:
    with pytest.raises(ConfigError, match="mlp cannot weigh") as caught:
        require_weights(FAMILIES["mlp"])
    assert all(name in str(caught.value.hint) for name in ("logistic", "ridge", "lda"))
    with pytest.raises(ConfigError):
        measure_filters(FAMILIES["mlp"], [rated()], FILTERS, validation=Validation(3), seed=0)


def test_negatives_and_rated_positives_stay_and_unrated_positives_do_not() -> None:
    rows = rated()
    rows = replace(rows, verdict=np.where(np.arange(60) % 4 == 0, np.nan, rows.verdict))
    kept = keep(parse_filter("verdict>=3"), rows)
    assert kept[rows.y == 0].all()
    assert (kept[rows.y == 1] == (np.nan_to_num(rows.verdict[rows.y == 1]) >= 3)).all()


def test_weights_are_in_proportion_to_the_verdict_with_mean_one_in_each_arm() -> None:
    y = np.array([1, 1, 1, 0, 0, 0])
    weight = weigh(y, np.array([5.0, 1.0, np.nan, 5.0, 1.0, np.nan]))
    np.testing.assert_allclose(weight, [5 / 3, 1 / 3, 1.0, 1 / 3, 5 / 3, 1.0])


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([1.0, 2.5, 5.0, np.nan])), min_size=1, max_size=30))
def test_weights_are_above_zero_and_average_one_in_each_arm(rows: list[tuple[int, float]]) -> None:
    y, verdict = np.array([arm for arm, _ in rows]), np.array([rating for _, rating in rows])
    weight = weigh(y, verdict)
    assert (weight > 0).all()
    for arm in np.unique(y):
        assert weight[y == arm].mean() == pytest.approx(1.0)


def test_a_filter_trains_on_what_it_keeps_and_is_scored_on_all() -> None:
    rows, how = rated(), parse_filter("verdict>=3")
    [found] = measure_filters(FIXED, [rows], [how], validation=Validation(4), seed=0)
    fold = grouped_stratified_folds(rows.y, rows.groups, n_folds=4, seed=0)
    probability = np.empty(60)
    for k in np.unique(fold):
        train = (fold != k) & ((rows.y == 0) | (rows.verdict >= 3))
        lens = FIXED.fit(rows.X[train], rows.y[train], groups=rows.groups[train], seed=0)
        probability[fold == k] = lens.predict_probability(rows.X[fold == k])
    after = found.after["verdict>=3"]
    assert after.auc == pytest.approx(roc_auc_score(rows.y, probability))
    assert after.n_kept == 60 - int(((rows.y == 1) & (rows.verdict < 3)).sum())
    assert (found.n_pairs, found.before["verdict>=3"].n_kept) == (60, 60)


def test_a_filter_that_drops_and_weighs_nothing_changes_nothing() -> None:
    rows = replace(rated(), is_good=np.ones(60, dtype=np.bool_), verdict=np.full(60, 3.0))
    [found] = measure_filters(FIXED, [rows], FILTERS, validation=Validation(4), seed=0)
    for name, after in found.after.items():
        assert (after.f1, after.auc) == pytest.approx((found.before[name].f1, found.before[name].auc))


def test_training_without_positives_off_topic_is_better_even_on_all_pairs() -> None:
    """Two fifths of the positives lie where negatives lie, and their verdict says so."""
    before, after = [], {one.name: [] for one in FILTERS[1:]}
    for seed in range(10):
        rows = rated(seed, n=90, strength=2.5)
        off = (rows.y == 1) & (np.arange(90) % 5 < 2)
        X = rows.X.copy()
        X[off] -= 2.5 * direction(12, seed)
        rows = replace(rows, X=X, verdict=np.where(off | (rows.y == 0), 1.0, 5.0))
        [found] = measure_filters(FIXED, [rows], FILTERS[1:], validation=Validation(4), seed=0)
        before.append(found.before["weighted"].auc)
        for name, measured in found.after.items():
            after[name].append(measured.auc)
    assert all(np.mean(values) > np.mean(before) for values in after.values())


def test_what_a_filter_cannot_do_has_a_reason() -> None:
    rows = rated()
    unrated = replace(rows, verdict=np.full(60, np.nan))
    bad = replace(rows, is_good=np.zeros(60, dtype=np.bool_))
    poor = replace(rows, verdict=np.ones(60))
    for case, name, why in (
        (unrated, "weighted", "none of its positives has a verdict"),
        (unrated, "verdict>=3", "none of its positives has a verdict"),
        (bad, "good-only", "leaves 0 of its positives"),
        (poor, "verdict>=3", "leaves 0 of its positives"),
        (replace(rows, groups=np.zeros(60, dtype=np.int64)), "good-only", "share one template"),
    ):
        [found] = measure_filters(FIXED, [case], [parse_filter(name)], validation=Validation(4), seed=0)
        after = found.after[name]
        assert (after.f1, after.auc) == (None, None)
        assert why in str(after.reason)


@pytest.mark.parametrize("name", ["logistic", "ridge", "lda"])
def test_several_concepts_at_once_are_each_measured_as_alone_where_nothing_is_shared(name: str) -> None:
    family = FIXED if name == "ridge" else FAMILIES[name]
    concepts = [rated(seed, n=90) for seed in range(3)]
    together = measure_filters(family, concepts, FILTERS, validation=Validation(3), seed=0)
    alone = [measure_filters(family, [one], FILTERS, validation=Validation(3), seed=0)[0] for one in concepts]
    for ours, theirs in zip(together, alone, strict=True):
        if name != "lda":
            assert ours == theirs
        assert all(one.f1 is not None and one.reason is None for one in ours.after.values())


class Lifted(Ridge):
    """Ridge that chooses its threshold."""

    chooses_threshold = True  # type: ignore[assignment]


def test_both_sides_have_the_same_rule_of_thresholds() -> None:
    """With 4 folds of 88 rows a training part has 66, and a filter leaves fewer than the 60 that choose a threshold."""
    family = Lifted(strengths=(0.3,), slope=1.0)
    rows = rated(n=88)
    few = replace(rows, verdict=np.where((rows.y == 1) & (np.arange(88) % 3 > 0), 1.0, 5.0))
    names = [parse_filter(name) for name in ("verdict>=3", "weighted")]
    [found] = measure_filters(family, [few], names, validation=Validation(4), seed=0)
    [plain] = measure_filters(FIXED, [few], names, validation=Validation(4), seed=0)
    assert found.after["verdict>=3"].n_kept < 60
    assert found.before["verdict>=3"] == plain.before["verdict>=3"]
    assert found.after["verdict>=3"] == plain.after["verdict>=3"]
    assert found.before["weighted"] != plain.before["weighted"]


def test_what_stands_before_a_filter_does_not_depend_on_the_filters_beside_it() -> None:
    rows, family = rated(n=88), Lifted(strengths=(0.3,), slope=1.0)
    [together] = measure_filters(family, [rows], FILTERS, validation=Validation(4), seed=0)
    for one in FILTERS:
        [alone] = measure_filters(family, [rows], [one], validation=Validation(4), seed=0)
        assert alone.before[one.name] == together.before[one.name]


def test_rounds_are_averaged_and_each_is_that_of_its_own_seed() -> None:
    rows, how = rated(n=90), parse_filter("verdict>=3")
    [both] = measure_filters(FIXED, [rows], [how], validation=Validation(3, repeats=2), seed=4)
    [[first], [second]] = (
        measure_filters(FIXED, [rows], [how], validation=Validation(3), seed=seed) for seed in (4, 5)
    )
    for side in ("before", "after"):
        found, one, other = (getattr(each, side)[how.name] for each in (both, first, second))
        assert found.f1 == pytest.approx((one.f1 + other.f1) / 2)
        assert found.auc == pytest.approx((one.auc + other.auc) / 2)
        assert one.f1 != other.f1


def test_group_by_group_every_group_is_held_out_alone() -> None:
    rows = rated()
    [found] = measure_filters(
        FIXED, [rows], [parse_filter("weighted")], validation=Validation(4, leave_one_group_out=True), seed=0
    )
    probability = np.empty(60)
    for group in np.unique(rows.groups):
        out = rows.groups == group
        lens = FIXED.fit(rows.X[~out], rows.y[~out], groups=rows.groups[~out], seed=0)
        probability[out] = lens.predict_probability(rows.X[out])
    assert found.before["weighted"].auc == pytest.approx(roc_auc_score(rows.y, probability))

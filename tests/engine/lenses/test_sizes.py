"""Training parts cut to a size: what is fitted and what is scored."""

from itertools import pairwise

import numpy as np
import pytest

from engine.lenses.crossval import out_of_fold
from engine.lenses.pairs import PairSet, Prepared, prepare
from engine.lenses.registry import FAMILIES
from engine.lenses.sizes import _cut, measure_sizes, training_sizes
from engine.stats.classification import f1_interval


def planted(name: str, n: int, *, seed: int, strength: float = 1.5, n_templates: int = 10) -> PairSet:
    rng = np.random.default_rng(seed)
    y = np.tile([0, 1], n // 2)
    X = rng.normal(size=(n, 8))
    X[:, 0] += strength * (2 * y - 1)
    templates = [f"t{i}" for i in rng.integers(0, n_templates, n)]
    return PairSet(name, y, templates, [f"{name} {i}" for i in range(n)], lambda: X)


def prepared(*sets: PairSet) -> list[Prepared]:
    return prepare(sets, n_folds=5, repeats=1, seed=0)


@pytest.mark.parametrize("draw", [0, 1])
def test_a_part_holds_its_size_in_both_arms_nested_and_none_of_what_it_scores(draw: int) -> None:
    [one] = prepared(planted("gin", 60, seed=0))
    sizes = training_sizes(one)
    parts = [_cut(one, size, draw, 0) for size in sizes]
    for k in np.unique(one.folds[0]):
        trains = [rows.training(k) for rows in parts]
        assert [int(train.sum()) for train in trains] == list(sizes)
        assert [int(one.y[train].sum()) for train in trains] == [size // 2 for size in sizes]
        assert not any((train & (one.folds[0] == k)).any() for train in trains)
        assert all((larger | ~smaller).all() for smaller, larger in pairwise(trains))


def test_draws_and_texts_decide_which_rows_a_part_holds() -> None:
    first, other = prepared(planted("gin", 60, seed=0), planted("rum", 60, seed=0))
    size = training_sizes(first)[0]
    aside = [_cut(one, size, draw, 0).set_aside for one, draw in ((first, 0), (first, 1), (other, 0))]
    assert not np.array_equal(aside[0], aside[1])
    assert not np.array_equal(aside[0], aside[2])
    assert np.array_equal(aside[0], _cut(first, size, 0, 0).set_aside)


def test_rows_set_aside_change_nothing_for_the_lens_that_it_would_not_without_them() -> None:
    [one] = prepared(planted("gin", 40, seed=1))
    rows = one.rows(0)
    nothing = out_of_fold(FAMILIES["logistic"], [rows], seed=0)
    kept = _cut(one, 4, 0, 0)
    fewer = out_of_fold(FAMILIES["logistic"], [kept], seed=0)
    assert not np.allclose(nothing[0].scores.probability, fewer[0].scores.probability)
    assert np.isfinite(fewer[0].scores.probability).all()
    k = 0
    train, held = kept.training(k), one.folds[0] == k
    X = one.read()[one.order]
    lens = FAMILIES["logistic"].fit(X[train], one.y[train], groups=one.groups[train], seed=0)
    assert fewer[0].scores.probability[held] == pytest.approx(lens.predict_probability(X[held]), abs=1e-6)


@pytest.mark.parametrize("family", ["logistic", "lda"])
def test_a_curve_rises_to_what_is_measured_on_all_pairs(family: str) -> None:
    sets = [planted(f"c{i}", 60, seed=i) for i in range(4)]
    concepts = prepared(*sets)
    curves = measure_sizes(FAMILIES[family], concepts, range(4), seed=0, lens=family)
    assert all(curve.n_train == (8, 12, 16, 24, 32) or len(curve.n_train) >= 4 for curve in curves)
    assert np.mean([curve.f1[-1] for curve in curves]) > np.mean([curve.f1[0] for curve in curves])
    full = out_of_fold(FAMILIES[family], [one.rows(0) for one in concepts], seed=0)
    f1 = [f1_interval(one.y, held.scores.fires, one.groups).value for one, held in zip(concepts, full, strict=True)]
    assert np.mean([curve.f1[-1] for curve in curves]) == pytest.approx(np.mean(f1), abs=0.05)


def test_what_cannot_be_cross_validated_has_a_curve_without_sizes_and_says_why() -> None:
    one = planted("gin", 12, seed=0)
    lonely = PairSet("gin", np.ones(12, dtype=np.int64), one.templates, one.texts, one.read)
    few = planted("rum", 6, seed=0)
    curves = measure_sizes(FAMILIES["logistic"], prepared(lonely, few), [0, 1], seed=0)
    assert curves[0].n_train == ()
    assert curves[0].reason == "the negative arm is empty"
    assert len(curves[1].n_train) < 4

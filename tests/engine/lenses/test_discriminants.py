"""Ridge and shared-covariance discriminants against sklearn, numpy and refits without the group."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeClassifier

from engine.lenses.interface import Part, predict_logit
from engine.lenses.lda import Lda
from engine.lenses.pool import build_pool
from engine.lenses.ridge import Ridge
from tests.support.lens_parts import planted_part

SHAPES = [(40, 100), (41, 100), (60, 12), (24, 24)]


def weights(lens):
    state = lens.state()
    return state["linear.weight"][0], float(state["linear.bias"][0])


def scatter(X, y):
    rows = np.concatenate([X[y == arm] - X[y == arm].mean(axis=0) for arm in (0, 1)])
    return rows.T @ rows


def middle_and_difference(X, y):
    positive, negative = X[y == 1].mean(axis=0), X[y == 0].mean(axis=0)
    return (positive + negative) / 2, positive - negative


def ridge_by_hand(X, y, penalty):
    """Least squares on ±1, measured from the middle between the arms."""
    centred, t = X - X.mean(axis=0), 2.0 * y - 1.0
    w = np.linalg.solve(centred.T @ centred + penalty * np.eye(X.shape[1]), centred.T @ (t - t.mean()))
    return w, -w @ middle_and_difference(X, y)[0]


@pytest.mark.parametrize(("n", "d"), [(40, 100), (60, 12)])
def test_ridge_with_equal_arms_is_sklearn_ridge_classifier(n, d):
    part = planted_part(n, d, 3.0)
    penalty = 0.3 * float(np.mean(np.sum((part.X - part.X.mean(axis=0)) ** 2, axis=1)))
    oracle = RidgeClassifier(alpha=penalty, solver="svd").fit(part.X, part.y)
    w, b = weights(Ridge(strengths=(0.3,), slope=1.0).fit_many([part])[0])
    np.testing.assert_allclose(w, np.ravel(oracle.coef_), atol=1e-10)
    assert b == pytest.approx(float(np.ravel(oracle.intercept_)[0]), abs=1e-8)


@pytest.mark.parametrize("share", [0.5, 0.3])
@pytest.mark.parametrize("group_size", [1, 5])
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_ridge_leaves_groups_out_as_if_it_were_fitted_again(n, d, group_size, share):
    part = planted_part(n, d, 2.0, group_size=group_size, share=share)
    penalty = 0.1 * float(np.mean(np.sum((part.X - part.X.mean(axis=0)) ** 2, axis=1)))
    found = Ridge(strengths=(0.1,), slope=1.0).leave_one_group_out([part])[0]
    for group in np.unique(part.groups):
        kept = part.groups != group
        w, b = ridge_by_hand(part.X[kept], part.y[kept], penalty)
        np.testing.assert_allclose(found[~kept], part.X[~kept] @ w + b, atol=1e-8)


@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_discriminants_are_sklearn_ones_of_the_same_covariance(n, d):
    parts = [planted_part(n, d, 2.0, seed=seed) for seed in range(4)]
    within = sum(scatter(part.X, part.y) for part in parts) / (4 * (n - 2))
    shrunk = 0.8 * within + 0.2 * np.trace(within) / d * np.eye(d)

    class Fixed:
        def fit(self, X):
            self.covariance_ = shrunk
            return self

    for part, lens in zip(parts, Lda(shrinkages=(0.2,), slope=1.0).fit_many(parts), strict=True):
        oracle = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Fixed(), priors=[0.5, 0.5])
        oracle.fit(part.X, part.y)
        w, b = weights(lens)
        np.testing.assert_allclose(w, oracle.coef_[0], atol=1e-9)
        assert b == pytest.approx(oracle.intercept_[0], abs=1e-7)


@pytest.mark.parametrize("group_size", [1, 4])
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_discriminants_leave_groups_out_as_if_mean_and_covariance_were_made_again(n, d, group_size):
    parts = [planted_part(n, d, 2.0, seed=seed, group_size=group_size) for seed in range(3)]
    scatters = [scatter(part.X, part.y) for part in parts]
    ridge = 0.25 * np.trace(sum(scatters)) / d * np.eye(d)
    found = Lda(shrinkages=(0.2,), slope=1.0).leave_one_group_out(parts)
    for i, part in enumerate(parts):
        others = sum(scatters) - scatters[i]
        for group in np.unique(part.groups):
            kept = part.groups != group
            X, y = part.X[kept], part.y[kept]
            middle, difference = middle_and_difference(X, y)
            w = np.linalg.solve(others + scatter(X, y) + ridge, difference) * 3 * (n - 2) / 0.8
            np.testing.assert_allclose(found[i][~kept], (part.X[~kept] - middle) @ w, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("family", [Ridge(), Lda()], ids=["ridge", "lda"])
def test_rows_whose_group_holds_a_whole_arm_have_no_left_out_logit(family):
    part = planted_part(20, 30, 3.0)
    groups = np.where(part.y == 1, 0, np.arange(20) + 1)
    (found,) = family.leave_one_group_out([Part(part.X, part.y, groups, 0)])
    assert (np.isnan(found) == (part.y == 1)).all()


@pytest.mark.parametrize("family", [Ridge(), Lda()], ids=["ridge", "lda"])
def test_a_lens_of_a_tuned_family_is_the_one_that_was_fitted_with_all_others(family):
    parts = [planted_part(n, 50, 2.0, seed=seed, dtype=np.float32) for seed, n in enumerate([20, 30, 20, 41, 30])]
    tuned = family.tune(parts)
    for part, together in zip(parts, family.fit_many(parts), strict=True):
        alone = tuned.fit(part.X, part.y, groups=part.groups, seed=0)
        np.testing.assert_allclose(
            predict_logit(alone.state(), part.X), predict_logit(together.state(), part.X), atol=1e-6
        )


def test_a_bound_covariance_serves_in_place_of_the_parts_own():
    others = [planted_part(40, 20, 2.0, seed=seed) for seed in range(5)]
    part = planted_part(20, 20, 2.0, seed=9)
    bound = Lda(shrinkages=(0.1,), slope=1.0, pool=build_pool(others))
    within = sum(scatter(one.X, one.y) for one in others) / (5 * 38)
    shrunk = 0.9 * within + 0.1 * np.trace(within) / 20 * np.eye(20)
    w, _ = weights(bound.fit_many([part])[0])
    np.testing.assert_allclose(w, np.linalg.solve(shrunk, middle_and_difference(part.X, part.y)[1]), atol=1e-9)


def test_a_capped_pool_takes_whole_parts_and_still_leaves_out_exactly():
    parts = [planted_part(20, 10, 2.0, seed=seed) for seed in range(6)]
    capped = Lda(shrinkages=(0.2,), slope=1.0, pool_rows=60)
    inside = [parts[i] for i in (0, 2, 5)]
    pool = build_pool(inside)
    for found, part in zip(capped.fit_many(parts), parts, strict=True):
        expected = Lda(shrinkages=(0.2,), slope=1.0, pool=pool).fit_many([part])[0]
        np.testing.assert_allclose(weights(found)[0], weights(expected)[0], atol=1e-10)
    outside = capped.leave_one_group_out(parts)[1]
    bound = Lda(shrinkages=(0.2,), slope=1.0, pool=pool).leave_one_group_out([parts[1]])[0]
    np.testing.assert_allclose(outside, bound, atol=1e-9)


def test_shared_nuisance_is_seen_by_the_pool_and_not_by_a_lens_alone():
    """Every concept varies along the same three directions, many times as widely as arms differ."""
    rng = np.random.default_rng(0)
    nuisance = rng.normal(size=(3, 60))
    made = [planted_part(40, 60, 3.0, seed=seed) for seed in range(30)]
    parts = [Part(p.X + 4 * rng.normal(size=(40, 3)) @ nuisance, p.y, p.groups, 0) for p in made]
    right = {
        family.name: np.mean(
            [(v > 0) == (p.y == 1) for p, v in zip(parts, family.leave_one_group_out(parts), strict=True)]
        )
        for family in (Ridge(), Lda())
    }
    assert right["lda"] > right["ridge"] + 0.02
    assert right["lda"] > 0.78


@pytest.mark.parametrize("family", [Ridge(), Lda()], ids=["ridge", "lda"])
def test_left_out_rows_of_labels_without_meaning_are_right_half_the_time(family):
    """Leaving a row out moves the other arm's share up; a lens that follows the share would be wrong on every row."""
    parts = [planted_part(20, 40, 0.0, seed=seed) for seed in range(60)]
    right = [
        ((v > 0) == (part.y == 1)).mean() for part, v in zip(parts, family.leave_one_group_out(parts), strict=True)
    ]
    assert 0.45 < np.mean(right) < 0.55


def test_log_odds_are_calibrated_over_the_pool():
    parts = [planted_part(60, 30, 1.5, seed=seed) for seed in range(40)]
    logits, y = np.concatenate(Ridge().leave_one_group_out(parts)), np.concatenate([part.y for part in parts])
    probability = 1 / (1 + np.exp(-logits))
    for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 1.0)):
        inside = (probability >= low) & (probability < high)
        assert probability[inside].mean() == pytest.approx(y[inside].mean(), abs=0.06)

"""What every family promises when thousands are fitted together."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from engine.lenses.gram_mlp import GramMlp
from engine.lenses.interface import Part, predict_logit
from engine.lenses.lda import Lda
from engine.lenses.logistic import Logistic
from engine.lenses.registry import FAMILIES, on_machine
from engine.lenses.ridge import Ridge
from engine.stats.classification import f1_interval
from tests.support.lens_parts import direction, mirrored, planted_part

families = pytest.mark.parametrize("name", sorted(FAMILIES))
linear = pytest.mark.parametrize("family", [Ridge(), Lda(), Logistic()], ids=["ridge", "lda", "logistic"])


def logits(lens, X):
    return predict_logit(lens.state(), X)


@pytest.mark.parametrize("family", [Ridge(), Lda(), Logistic(strengths=(1000.0,))], ids=["ridge", "lda", "logistic"])
def test_the_planted_direction_is_found(family):
    parts = [planted_part(600, 3, 2.0, seed=seed) for seed in range(3)]
    for seed, lens in enumerate(family.fit_many(parts)):
        w = lens.state()["linear.weight"][0]
        assert w @ direction(3, seed) / np.linalg.norm(w) > 0.99


@pytest.mark.parametrize("family", [GramMlp(), GramMlp(layer_norm=True)], ids=["raw", "norm"])
def test_networks_rise_along_the_planted_direction(family):
    part = planted_part(120, 20, 4.0)
    lens, v = family.fit_many([part])[0], direction(20, 0)
    slopes = np.array([np.mean(logits(lens, part.X + step) - logits(lens, part.X)) for step in 0.1 * np.eye(20)])
    assert slopes @ v / np.linalg.norm(slopes) > 0.9


@pytest.mark.parametrize(("n_seeds", "least"), [(20, 18), pytest.param(100, 90, marks=pytest.mark.slow)])
@pytest.mark.parametrize("family", [Ridge(), Lda()], ids=["ridge", "lda"])
def test_the_interval_of_held_out_f1_holds_what_the_best_classifier_reaches(family, n_seeds, least):
    """Arms two deviations apart: no classifier is right more often than Φ(1), and F1 is the same at balance."""
    parts = [planted_part(160, 3, 2.0, seed=seed, pool=seed) for seed in range(n_seeds)]
    hits = 0
    for part, left_out in zip(parts, family.leave_one_group_out(parts), strict=True):
        found = f1_interval(part.y, left_out >= 0, groups=part.groups)
        hits += found.low <= 0.8413 <= found.high
    assert hits >= least


@families
def test_a_lens_is_the_same_alone_and_in_any_company(name):
    family = FAMILIES[name]
    if isinstance(family, GramMlp):
        family = replace(family, precision="float64", together=3)
    parts = [planted_part(n, 30, 3.0, seed=seed, pool=seed) for seed, n in enumerate([20, 30, 20, 41, 30, 20, 20])]
    tolerance = 1e-3 if name == "mlp-study" else 1e-6
    for part, together in zip(parts, family.fit_many(parts), strict=True):
        alone = family.fit_many([part])[0]
        np.testing.assert_allclose(logits(together, part.X), logits(alone, part.X), atol=tolerance)


@families
def test_a_smaller_memory_budget_changes_nothing(name):
    parts = [planted_part(24, 300, 3.0, seed=seed) for seed in range(9)]
    lenses = [on_machine(FAMILIES[name], device="cpu", memory_mib=m).fit_many(parts) for m in (1, 512)]
    for part, small, large in zip(parts, *lenses, strict=True):
        np.testing.assert_allclose(logits(small, part.X), logits(large, part.X), atol=1e-3)


@families
def test_held_out_labels_reach_no_lens_of_their_fold(name):
    """Three concepts in three folds; turning the first concept's held-out labels over changes no lens that is scored on them."""
    concepts = [planted_part(36, 10, 2.0, seed=seed, group_size=3) for seed in range(3)]
    fold = np.arange(36) % 3

    def lenses_of_fold_0(y_of_first):
        labels = [y_of_first, *(part.y for part in concepts[1:])]
        parts = [
            Part(part.X[fold != k], y[fold != k], part.groups[fold != k], 0, pool=k)
            for k in range(3)
            for part, y in zip(concepts, labels, strict=True)
        ]
        return FAMILIES[name].fit_many(parts)[:3]

    y = concepts[0].y
    turned = np.where(fold == 0, 1 - y, y)
    for a, b in zip(lenses_of_fold_0(y), lenses_of_fold_0(turned), strict=True):
        np.testing.assert_allclose(logits(a, concepts[0].X), logits(b, concepts[0].X), atol=1e-6)


@linear
def test_the_order_of_rows_and_of_concepts_changes_nothing(family):
    rng = np.random.default_rng(0)
    parts = [planted_part(40, 60, 2.0, seed=seed, group_size=2) for seed in range(5)]
    turned = [mirrored(part, rng.permutation(40)) for part in reversed(parts)]
    for part, first, second in zip(parts, family.fit_many(parts), reversed(family.fit_many(turned)), strict=True):
        np.testing.assert_allclose(logits(first, part.X), logits(second, part.X), atol=1e-6)


@linear
def test_rows_that_occur_twice_leave_the_lens_finite_and_right(family):
    part = planted_part(30, 60, 8.0)
    doubled = Part(np.repeat(part.X, 2, axis=0), np.repeat(part.y, 2), np.repeat(part.groups, 2), 0)
    found = logits(family.fit_many([doubled])[0], part.X)
    assert ((found > 0) == (part.y == 1)).all()


@families
@pytest.mark.parametrize("n", [2, 3, 5])
def test_a_handful_of_rows_gives_a_finite_lens(name, n):
    part = planted_part(n, 12, 5.0, share=1 / n)
    assert np.isfinite(FAMILIES[name].fit_many([part])[0].predict_probability(part.X)).all()


@families
@pytest.mark.parametrize("arm", [0, 1])
def test_a_part_of_one_arm_gives_the_lens_that_knows_nothing_and_spoils_no_other(name, arm):
    good, rows = planted_part(20, 12, 5.0), planted_part(10, 12, 5.0, seed=1)
    one_arm = Part(rows.X, np.full(10, arm), rows.groups, 0)
    first, lens, last = FAMILIES[name].fit_many([good, one_arm, good])
    np.testing.assert_array_equal(lens.predict_probability(rows.X), 0.5)
    for other in (first, last):
        assert ((other.predict_probability(good.X) >= 0.5) == (good.y == 1)).mean() > 0.8


@families
@pytest.mark.parametrize("value", [0.0, 7.0])
def test_activations_that_never_vary_give_no_evidence(name, value):
    X, y = np.full((20, 8), value), np.arange(20) % 2
    probability = FAMILIES[name].fit_many([Part(X, y, np.arange(20), 0)])[0].predict_probability(X)
    assert np.ptp(probability) < 1e-6
    if FAMILIES[name].chooses_threshold or "mlp" not in name:
        np.testing.assert_allclose(probability, 0.5, atol=1e-6)


@families
def test_no_parts_give_no_lenses(name):
    assert list(FAMILIES[name].fit_many([])) == []


@families
def test_a_lens_says_what_it_cost(name):
    part = planted_part(20, 12, 5.0)
    (lens,) = FAMILIES[name].fit_many([part])
    assert lens.cost.seconds > 0
    assert lens.cost.n_parameters == sum(weight.size for weight in lens.state().values())


@pytest.mark.parametrize("strength", [0.1, 10.0, 1000.0])
def test_stacked_newton_steps_end_where_sklearn_ends(strength):
    parts = [planted_part(n, 40, 1.0, seed=seed, share=0.4) for seed, n in enumerate([30, 50, 50])]
    for part, lens in zip(parts, Logistic(strengths=(strength,), standardise=False).fit_many(parts), strict=True):
        C = strength / float(np.mean(np.sum(part.X**2, axis=1)))
        oracle = LogisticRegression(C=C, class_weight="balanced", tol=1e-10, max_iter=100_000).fit(part.X, part.y)
        np.testing.assert_allclose(lens.predict_probability(part.X), oracle.predict_proba(part.X)[:, 1], atol=1e-5)


def test_a_first_layer_fitted_in_the_span_stays_there_and_starts_as_wide_as_one_for_all_features():
    part = planted_part(12, 40, 4.0)
    start = GramMlp(n_epochs=0, precision="float64").fit_many([part])[0].state()
    np.testing.assert_allclose(start["net.0.weight"] @ (np.eye(40) - np.linalg.pinv(part.X) @ part.X), 0.0, atol=1e-6)
    lengths = np.linalg.norm(start["net.0.weight"] @ part.X.T, axis=0) / np.linalg.norm(part.X, axis=1)
    assert np.mean(lengths) == pytest.approx(np.sqrt(128 / (3 * 40)), rel=0.2)


def test_a_lens_with_input_norm_gives_equal_logits_in_an_independent_module():
    part = planted_part(30, 20, 3.0)
    state = GramMlp(layer_norm=True).fit_many([part])[0].state()
    layers = [torch.nn.LayerNorm(20), torch.nn.Linear(20, 128), torch.nn.ReLU(), torch.nn.Dropout(0.1)]
    layers += [torch.nn.Linear(128, 64), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(64, 1)]
    module = torch.nn.Sequential(*layers).double().eval()
    module.load_state_dict({name.removeprefix("net."): torch.from_numpy(value) for name, value in state.items()})
    with torch.no_grad():
        expected = module(torch.from_numpy(part.X))[:, 0].numpy()
    np.testing.assert_allclose(predict_logit(state, part.X), expected, atol=1e-9)


@pytest.mark.parametrize("name", ["ridge", "lda", "logistic", "mlp", "mlp-norm"])
def test_a_strong_direction_in_half_precision_is_found_beside_a_mean_many_times_as_long(name):
    part = planted_part(60, 200, 8.0)
    far = Part((part.X + 50.0).astype(np.float16), part.y, part.groups, 0)
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, 200)
    X = (rng.normal(size=(200, 200)) + 8.0 * np.outer(y - 0.5, direction(200, 0)) + 53.0).astype(np.float16)
    fires = FAMILIES[name].fit_many([far])[0].predict_probability(X) >= 0.5
    assert (fires == (y == 1)).mean() > (0.6 if "mlp" in name else 0.9)

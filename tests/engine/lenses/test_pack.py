"""A whole pack evaluated at once: what each concept would get alone, whatever stands beside it, and nothing leaks."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm
from sklearn.metrics import f1_score, roc_auc_score

from engine.lenses.crossval import POOL_ROWS, Rows, fit_all, leave_groups_out, out_of_fold
from engine.lenses.evaluate import Validation, evaluate_pack
from engine.lenses.gram_mlp import GramMlp
from engine.lenses.interface import LensFamily, Part, predict_logit
from engine.lenses.lda import Lda
from engine.lenses.pairs import PairSet, prepare
from engine.lenses.registry import FAMILIES
from engine.lenses.ridge import Ridge
from engine.stats.classification import f1_interval
from tests.support.lens_parts import after_few_steps

TEMPLATES = [f"template {i}" for i in range(10)]
families = pytest.mark.parametrize("name", sorted(FAMILIES))
pooling = pytest.mark.parametrize("family", [Lda(), Ridge()], ids=lambda family: family.name)


def concept(name: str, *, seed: int, n: int = 40, strength: float = 2.0, d: int = 16) -> PairSet:
    """A concept with a direction of its own, and as many rows of each arm for every template."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    direction = rng.normal(size=d)
    X = rng.normal(size=(n, d)) + strength * np.outer(y - 0.5, direction / np.linalg.norm(direction))
    texts = [f"text {rng.integers(10**9)} of {name}" for _ in range(n)]
    return PairSet(name, y, [TEMPLATES[i // 2 % 10] for i in range(n)], texts, lambda: X)


def pack(m: int = 4, **how: float) -> list[PairSet]:
    return [concept(f"concept {i}", seed=i, **how) for i in range(m)]  # type: ignore[arg-type]


def rows_of(sets: list[PairSet], seed: int = 0) -> list[Rows]:
    return [one.rows(0) for one in prepare(sets, n_folds=5, repeats=1, seed=seed)]


def exact(name: str) -> tuple[LensFamily, float]:
    """The family in double precision, and how far its probabilities may lie apart: the study's recipe has single alone."""
    family = after_few_steps(name)
    if isinstance(family, GramMlp):
        return replace(family, precision="float64"), 1e-6
    return family, 1e-3 if name == "mlp-study" else 1e-6


@families
def test_the_order_of_concepts_and_of_rows_changes_nothing(name):
    sets = pack(3, n=20)
    order = np.random.default_rng(1).permutation(20)
    mixed = [
        PairSet(
            one.name,
            one.y[order],
            [one.templates[i] for i in order],
            [one.texts[i] for i in order],
            lambda one=one: one.read()[order],
        )
        for one in reversed(sets)
    ]
    here, there = (evaluate_pack(after_few_steps(name), some, seed=3) for some in (sets, mixed))
    for a, b in zip(here, reversed(there), strict=True):
        assert a.measures == b.measures
        assert (a.rounds[0].probability[order] == b.rounds[0].probability).all()


@families
def test_each_concept_gets_what_it_gets_one_by_one(name):
    """Concepts asked for one at a time, and for families that share nothing also evaluated without the others."""
    rows = rows_of(pack(3))
    family, tolerance = exact(name)
    together = out_of_fold(family, rows, seed=0)
    for place in (0, 2):
        [alone] = out_of_fold(family, rows, seed=0, wanted=[place])
        np.testing.assert_allclose(alone.scores.probability, together[place].scores.probability, atol=tolerance)
        if name not in ("lda", "ridge"):
            [apart] = out_of_fold(family, [rows[place]], seed=0)
            np.testing.assert_allclose(apart.scores.probability, together[place].scores.probability, atol=tolerance)


@pooling
def test_a_pool_gives_what_fitting_its_parts_in_one_call_gives(family):
    rows = rows_of(pack())
    found = out_of_fold(family, rows, seed=0)
    for k in range(5):
        lenses = family.fit_many(
            [Part(r.features(r.fold != k)[r.fold != k], r.y[r.fold != k], r.groups[r.fold != k], 0) for r in rows]
        )
        for one, r, lens in zip(found, rows, lenses, strict=True):
            out = r.fold == k
            expected = lens.predict_probability(r.features(out)[out])
            np.testing.assert_allclose(one.scores.probability[out], expected, rtol=1e-6)


@pooling
def test_what_a_fold_holds_out_shapes_no_score_of_it_even_where_other_concepts_train_on_it(family):
    """One concept's held-out rows change, in arm and in activation, and so do the same texts in another concept."""
    sets = pack()
    shared = [*sets[0].texts[:20], *sets[1].texts[20:]]
    sets[1] = replace(sets[1], texts=shared)
    rows = rows_of(sets)
    # The second concept is divided otherwise, so that it trains on texts that the first holds out.
    rows[1] = replace(rows[1], fold=(rows[1].fold + 1) % 5)
    held = set(rows[0].keys[rows[0].fold == 2].tolist())
    assert held & set(rows[1].keys[rows[1].fold != 2].tolist())

    def disturbed(r: Rows) -> Rows:
        hit = np.isin(r.keys, list(held))
        X = r.features(hit).copy()
        X[hit] += 100.0
        return replace(r, y=np.where(hit, 1 - r.y, r.y), features=lambda _: X)

    changed = [replace(disturbed(rows[0]), features=rows[0].features), disturbed(rows[1]), *rows[2:]]
    before, after = (out_of_fold(family, some, seed=0, wanted=[0])[0].scores for some in (rows, changed))
    out = rows[0].fold == 2
    assert (before.probability[out] == after.probability[out]).all()
    assert (before.probability[~out] != after.probability[~out]).any()


texts_of_a_pack = st.lists(
    st.lists(
        st.tuples(st.sampled_from(TEMPLATES), st.sampled_from("abcdefgh"), st.integers(0, 1)), min_size=4, max_size=16
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=20, deadline=None)
@given(texts_of_a_pack, st.integers(1, 3))
def test_no_template_or_text_of_a_concept_is_on_both_sides_of_a_split(drawn, repeats):
    sets = [
        PairSet(
            str(i), np.array([r[2] for r in some]), [r[0] for r in some], [r[1] for r in some], lambda: np.zeros((0, 1))
        )
        for i, some in enumerate(drawn)
    ]
    for one, ready in zip(sets, prepare(sets, n_folds=3, repeats=repeats, seed=0), strict=True):
        assert len(ready.folds) == (0 if ready.reason else repeats)
        for fold in ready.folds:
            back = fold[ready.place]
            for labels in (one.templates, one.texts):
                for label in set(labels):
                    assert len(set(back[[other == label for other in labels]])) == 1


def test_a_text_is_held_out_in_one_fold_by_all_concepts_that_use_its_template():
    ready = prepare(pack(), n_folds=5, repeats=2, seed=0)
    for r in range(2):
        fold_of = {
            (t, f)
            for s, one in zip(pack(), ready, strict=True)
            for t, f in zip(s.templates, one.folds[r][one.place], strict=True)
        }
        assert len(fold_of) == len(TEMPLATES)


def test_negatives_about_one_concept_are_held_out_together_if_asked():
    one = concept("gin", seed=0, n=40)
    about = [None if arm else f"sibling {i % 3}" for i, arm in enumerate(one.y)]
    [ready] = prepare([replace(one, prompt_concepts=about)], n_folds=3, repeats=1, seed=0)
    if ready.reason is None:
        fold = ready.folds[0][ready.place]
        for name in {a for a in about if a}:
            assert len(set(fold[[a == name for a in about]])) == 1
    two = [None if arm else f"sibling {TEMPLATES.index(t) // 4}" for t, arm in zip(one.templates, one.y, strict=True)]
    [ready] = prepare([replace(one, prompt_concepts=two)], n_folds=3, repeats=1, seed=0)
    fold = ready.folds[0][ready.place]
    assert ready.reason is None
    assert all(len(set(fold[[a == name for a in two]])) == 1 for name in set(two) - {None})


@families
def test_shuffled_labels_are_at_chance(name):
    found = evaluate_pack(FAMILIES[name], pack(8, strength=8.0), seed=0)
    assert np.mean([one.measures["f1"].value for one in found]) > 0.9
    assert 0.35 < np.mean([one.measures["shuffled_f1"].value for one in found]) < 0.65


@pytest.mark.parametrize("name", ["lda", "ridge", "logistic"])
def test_a_planted_direction_is_found(name):
    one = concept("gin", seed=0, n=800, strength=3.0, d=4)
    [lens] = fit_all(FAMILIES[name], rows_of([one]), seed=0)
    direction = np.random.default_rng(0).normal(size=4)
    weight = lens.state()["linear.weight"][0]
    assert weight @ direction / np.linalg.norm(weight) / np.linalg.norm(direction) > 0.99


def best_f1(strength: float) -> float:
    """F1 of the best classifier of two equally frequent unit normals that far apart: its densities integrated by number."""
    right, _ = quad(lambda x: np.exp(-((x - strength / 2) ** 2) / 2) / np.sqrt(2 * np.pi), 0.0, np.inf)
    wrong, _ = quad(lambda x: np.exp(-((x + strength / 2) ** 2) / 2) / np.sqrt(2 * np.pi), 0.0, np.inf)
    return 2 * right / (right + wrong + 1)


@pooling
def test_the_best_f1_there_is_lies_in_its_interval_in_95_of_100_seeds(family):
    """Lenses of so many rows in so few features come within .003 of the best classifier, so its F1 is theirs."""
    sets = [concept(f"concept {i:03}", seed=i, n=160, strength=2.0, d=3) for i in range(100)]
    rows = rows_of(sets)
    found = out_of_fold(family, rows, seed=0)
    intervals = [f1_interval(r.y, one.scores.fires, r.groups) for r, one in zip(rows, found, strict=True)]
    assert sum(one.low <= best_f1(2.0) <= one.high for one in intervals) >= 95


@pooling
def test_the_f1_of_the_very_lens_on_fresh_pairs_lies_in_its_interval_in_95_of_100_seeds(family):
    """A linear lens of two normals fires on shares of them that are known exactly, however far it is from the best one."""
    sets = [concept(f"concept {i:03}", seed=i, n=160, strength=2.0, d=3) for i in range(100)]
    rows = rows_of(sets)
    held = 0
    for i, (r, one, lens) in enumerate(
        zip(rows, out_of_fold(family, rows, seed=0), fit_all(family, rows, seed=0), strict=True)
    ):
        direction = np.random.default_rng(i).normal(size=3)
        weight, bias = lens.state()["linear.weight"][0], lens.state()["linear.bias"][0]
        along = weight @ direction / np.linalg.norm(direction)
        right, wrong = (norm.cdf((sign * along + bias) / np.linalg.norm(weight)) for sign in (1, -1))
        interval = f1_interval(r.y, one.scores.fires, r.groups)
        held += interval.low <= 2 * right / (right + wrong + 1) <= interval.high
    assert held >= 95


@families
def test_a_mislabelled_half_of_an_arm_is_found_by_its_scores_out_of_fold(name):
    """Half of the pairs filed as positive are negatives. (Half of both arms would leave nothing that tells them apart.)"""
    whole = concept("gin", seed=0, n=300, strength=5.0)
    kept = np.concatenate([np.flatnonzero(whole.y == 1)[:50], np.flatnonzero(whole.y == 0)])
    filed = np.repeat([1, 0], 100)
    half = replace(
        whole,
        y=filed,
        templates=[whole.templates[i] for i in kept],
        texts=[whole.texts[i] for i in kept],
        read=lambda: whole.read()[kept],
    )
    [ready] = prepare([half], n_folds=5, repeats=1, seed=0)
    [found] = out_of_fold(FAMILIES[name], [ready.rows(0)], seed=0)
    assert whole.y[kept[:100]].sum() == 50
    assert roc_auc_score(whole.y[kept[:100]], found.scores.probability[ready.place][:100]) > 0.95


@pooling
def test_leaving_groups_out_equals_refits_without_each_group(family):
    one = (
        replace(family, shrinkages=(1e-7,), slope=1.0)
        if isinstance(family, Lda)
        else replace(family, strengths=(1e-4,), slope=1.0)
    )
    # What is shrunk is relative to how much all rows vary, so refits equal it where next to nothing is shrunk.
    [rows] = rows_of(pack(1))
    [found] = leave_groups_out(one, [rows], wanted=[0])
    X = rows.features(rows.y == rows.y)
    for group in np.unique(rows.groups):
        out = rows.groups == group
        refit = one.fit(X[~out], rows.y[~out], groups=rows.groups[~out], seed=0)
        # A discriminant's log-odds count rows less arms, which the left-out rows still belong to.
        unit = (len(out) - 2) / ((~out).sum() - 2) if isinstance(one, Lda) else 1.0
        expected = expit(unit * predict_logit(refit.state(), X[out]))
        np.testing.assert_allclose(found.scores.probability[out], expected, atol=1e-3)
        assert len(np.unique(found.scores.fold[out])) == 1


@pooling
def test_a_pack_can_be_measured_group_by_group(family):
    found = evaluate_pack(family, pack(strength=4.0), seed=0, validation=Validation(leave_one_group_out=True))
    for one in found:
        assert one.measures["f1"].value > 0.75
        assert one.measures["train_f1"].value >= one.measures["f1"].value - 0.05
        assert len(np.unique(one.rounds[0].fold)) == len(TEMPLATES)


def test_several_rounds_are_averaged():
    sets = pack(3)
    found = evaluate_pack(Lda(), sets, seed=0, validation=Validation(repeats=3))
    for one, each in zip(found, sets, strict=True):
        assert len(one.rounds) == 3
        assert len({tuple(r.fold) for r in one.rounds}) > 1
        of_rounds = [f1_score(each.y, r.fires) for r in one.rounds]
        assert one.measures["f1"].value == pytest.approx(np.mean(of_rounds))


def test_a_concept_with_one_arm_spoils_nothing_and_says_what_it_lacks():
    sets = pack(3)
    broken = replace(sets[1], y=np.ones(40, dtype=int))
    found = evaluate_pack(Lda(), [sets[0], broken, sets[2]], seed=0)
    assert [bool(one.reason) for one in found] == [False, True, False]
    assert found[1].n_pairs_more == 2
    assert found[1].measures == {}
    assert found[0].measures["f1"].value > 0.5


def test_more_rows_than_a_pool_takes_are_taken_from_concepts_evenly_spread(monkeypatch):
    monkeypatch.setattr("engine.lenses.crossval.POOL_ROWS", 100)
    sets = pack(8, strength=4.0)
    few = [one.measures["f1"].value for one in evaluate_pack(Lda(), sets, seed=0)]
    assert POOL_ROWS > 8 * 40
    assert np.mean(few) > 0.8


@pytest.mark.parametrize("name", ["lda", "logistic"])
def test_constant_features_and_rows_without_variance_are_no_error(name):
    one = concept("gin", seed=0)
    constant = one.read().copy()
    constant[:, 3] = 7.0
    flat = np.ones_like(constant)
    found = evaluate_pack(
        FAMILIES[name], [replace(one, read=lambda: constant), replace(one, name="flat", read=lambda: flat)], seed=0
    )
    assert found[0].measures["f1"].value > 0.6
    assert np.isfinite(found[1].rounds[0].probability).all()

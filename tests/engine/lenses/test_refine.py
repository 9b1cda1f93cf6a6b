"""The second pass over sibling groups: its algebra against plain references, and what of it is measured where."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge as SklearnRidge

from bench.refinement import begin, draw_siblings, pair_loop
from engine.lenses.evaluate import Validation
from engine.lenses.folds import TooLittleData
from engine.lenses.interface import State, predict_logit
from engine.lenses.lda import Lda
from engine.lenses.logistic import Logistic
from engine.lenses.refine import refine_all, refine_out_of_fold
from engine.lenses.refine_direction import sibling_directions
from engine.lenses.refine_margin import RankingTask, rank_by_margin
from engine.lenses.refine_ranking import f1_of
from engine.lenses.ridge import Ridge
from engine.lenses.sibling_sets import SiblingSet, build_sibling_set, group_siblings, sibling_folds, sibling_rounds


def sibling_set(seed: int, *, n_concepts: int = 4, n: int = 24, d: int = 30, apart: float = 2.0) -> SiblingSet:
    """Each concept's positives are its siblings' negatives, and some rows are negatives of all."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(n_concepts, d))
    shared = 3.0 * rng.normal(size=d)
    owner = np.concatenate([np.repeat(np.arange(n_concepts), n), np.full(n, -1)])
    X = rng.normal(size=(len(owner), d)) * 2.0
    X[owner >= 0] += shared + apart * own[owner[owner >= 0]]
    arms = np.where(owner[None, :] == np.arange(n_concepts)[:, None], 1, 0)
    return SiblingSet(tuple("abcdefgh"[:n_concepts]), X, arms.astype(np.int64), np.arange(len(owner)) // 3)


@pytest.mark.parametrize("few", [0.0, 1.0])
@pytest.mark.parametrize("form", ["linear", "three layers"])
def test_a_stack_refines_as_the_plain_loop_over_pairs_does_whichever_rows_it_derives(
    form: str, few: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.lenses.refine_margin._FEW", few)
    tasks, expected = [], []
    for seed, left_out in ((0, 0), (1, 7)):
        X, target, *_ = draw_siblings(12, seed=seed)
        states = begin(form, X, target, seed=seed)[:4]
        X, target = X[left_out:][target[left_out:] < 4].astype(np.float64), target[left_out:][target[left_out:] < 4]
        tasks.append(RankingTask(states, X, target))
        expected.append(pair_loop(states, X, target))
    for found, reference in zip(rank_by_margin(tasks), expected, strict=True):
        for ours, theirs in zip(found, reference, strict=True):
            for name, value in theirs.items():
                np.testing.assert_allclose(ours[name], value, rtol=0, atol=1e-5)


def test_refined_lenses_are_others_than_those_they_began_with() -> None:
    X, target, *_ = draw_siblings(12, seed=0)
    states = begin("linear", X, target, seed=0)
    found = rank_by_margin([RankingTask(states, X, target)])[0]
    assert all(np.abs(a["linear.weight"] - b["linear.weight"]).max() > 1e-3 for a, b in zip(found, states, strict=True))


def test_directions_are_ridge_regression_on_whose_positive_a_row_is() -> None:
    rng = np.random.default_rng(0)
    X, target = rng.normal(size=(20, 50)) + 5.0, np.arange(20) % 3
    found = sibling_directions(X, target, np.arange(20), n_concepts=3, strengths=(0.3,))
    centred = X - X.mean(0)
    oracle = SklearnRidge(alpha=0.3 * float(np.mean(np.sum(centred**2, axis=1)))).fit(X, np.eye(3)[target])
    np.testing.assert_allclose(found.weight, oracle.coef_, rtol=1e-6, atol=1e-10)


def test_the_strength_is_the_one_that_refits_without_a_group_choose() -> None:
    rng = np.random.default_rng(3)
    target, groups = np.arange(36) % 3, np.arange(36) // 4
    X = rng.normal(size=(36, 40)) + 1.2 * rng.normal(size=(3, 40))[target]
    strengths = (0.001, 0.1, 1000.0)
    length = float(np.mean(np.sum((X - X.mean(0)) ** 2, axis=1)))
    wrong = []
    for strength in strengths:
        predicted = np.empty(36)
        for g in np.unique(groups):
            kept = groups != g
            fit = SklearnRidge(alpha=strength * length).fit(X[kept], np.eye(3)[target[kept]])
            predicted[~kept] = fit.predict(X[~kept]).argmax(1)
        wrong.append(np.mean(predicted != target))
    assert len(set(wrong)) == 3
    found = sibling_directions(X, target, groups, n_concepts=3, strengths=strengths)
    assert found.strength == strengths[int(np.argmin(wrong))]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=6, max_size=60),
    st.integers(2, 5),
    st.integers(0, 3),
)
@settings(max_examples=20, deadline=None)
def test_no_fold_divides_a_group_and_every_training_part_holds_both_arms_of_all(
    rows: list[tuple[int, int]], n_folds: int, seed: int
) -> None:
    owner, groups = (np.array(values, dtype=np.int64) for values in zip(*rows, strict=True))
    arms = np.where(owner[None, :] == np.arange(2)[:, None], 1, 0).astype(np.int64)
    fold = sibling_folds(arms, groups, n_folds=n_folds, seed=seed)
    if isinstance(fold, TooLittleData):
        assert fold.reason
        return
    assert all(len(np.unique(fold[groups == g])) == 1 for g in np.unique(groups))
    for k in np.unique(fold):
        assert (arms[:, fold != k] == 1).any(axis=1).all()
        assert (arms[:, fold != k] == 0).any(axis=1).all()


def test_each_concept_is_in_one_group_and_the_largest_comes_first() -> None:
    keys = {"gin": ["drink", "trap"], "rum": ["drink"], "snare": ["trap"], "net": ["trap"], "lone": ["elsewhere"]}
    assert group_siblings(keys) == [("gin", "snare", "net")]
    assert group_siblings({**keys, "ale": ["drink"]}) == [("gin", "rum", "ale"), ("snare", "net")]


def test_a_standing_is_what_the_lenses_say_of_rows_they_have_not_seen() -> None:
    """Turning over the arm of held-out rows changes no lens that scores them, so only counting changes."""
    group = sibling_set(0)
    [found] = refine_out_of_fold(Ridge(strengths=(0.3,), slope=1.0), [group], variants=[], validation=Validation(4))
    fold = sibling_folds(group.arms, group.groups, n_folds=4, seed=0)
    logits = np.empty(group.arms.shape)
    for k in np.unique(fold):
        for c, own in enumerate(group.arms):
            kept = fold != k
            lens = Ridge(strengths=(0.3,), slope=1.0).fit(group.X[kept], own[kept], groups=group.groups[kept], seed=0)
            logits[c, ~kept] = predict_logit(lens.state(), group.X[~kept])
    for c, one in enumerate(found.concepts):
        own = group.arms[c] == 1
        others = np.delete(logits, c, axis=0)[:, own]
        assert one.standings["before"].top1 == pytest.approx(np.mean(logits[c, own] > others.max(0)))
        assert one.standings["before"].margin == pytest.approx(np.mean(logits[c, own] - others))
        assert one.standings["before"].f1 == pytest.approx(f1_of(group.arms[c], logits[c] >= 0))


def test_what_tells_siblings_apart_raises_their_ranking_and_noise_does_not() -> None:
    """Lenses trained against unrelated rows alone know only what siblings share."""
    group = sibling_set(1, apart=0.8)
    known = np.where((group.arms == 0) & (group.arms == 1).any(axis=0), -1, group.arms)
    blind = SiblingSet(group.concepts, group.X, known, group.groups)
    [found] = refine_out_of_fold(Logistic(strengths=(1.0,)), [blind], validation=Validation(4))
    before, after = (np.mean([one.standings[way].top1 for one in found.concepts]) for way in ("before", "ridge"))
    assert after > before + 0.05
    [nothing] = refine_out_of_fold(Logistic(strengths=(1.0,)), [sibling_set(2, apart=0.0)], validation=Validation(4))
    for variant in ("margin", "ridge"):
        assert abs(np.mean([one.standings[variant].top1 for one in nothing.concepts]) - 0.25) < 0.15


def test_a_refinement_is_kept_only_where_ranking_rises_and_f1_does_not_fall() -> None:
    found = refine_out_of_fold(Lda(), [sibling_set(seed, apart=0.8) for seed in range(4)], validation=Validation(4))
    told = [
        (one.is_kept(variant), one.standings["before"], one.standings[variant])
        for group in found
        for one in group.concepts
        for variant in ("margin", "ridge")
    ]
    assert {kept for kept, *_ in told} == {True, False}
    for kept, before, after in told:
        assert kept == (after.top1 > before.top1 and after.f1 >= before.f1)


def test_keeping_what_does_nothing_does_not_raise_the_ranking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second pass that only adds noise to the lenses, weak enough that some of them rank higher by chance."""
    rng = np.random.default_rng(0)

    def jitter(tasks: Sequence[RankingTask]) -> list[list[State]]:
        return [
            [{n: w + rng.normal(scale=0.2 * w.std(), size=w.shape) for n, w in s.items()} for s in t.states]
            for t in tasks
        ]

    monkeypatch.setattr("engine.lenses.refine.rank_by_margin", jitter)
    groups = [sibling_set(seed, apart=0.5) for seed in range(8)]
    found = [
        one
        for one in refine_out_of_fold(
            Ridge(strengths=(0.3,), slope=1.0), groups, variants=["margin"], validation=Validation(4)
        )
        if not isinstance(one, TooLittleData)
    ]
    raised = [
        one.standings_kept["margin"][c.concept] - c.standings["before"].top1 for one in found for c in one.concepts
    ]
    assert any(c.is_kept("margin") for one in found for c in one.concepts)
    assert np.mean(raised) < 0.005


def test_the_first_addition_is_the_lens_as_it_was_and_others_are_not() -> None:
    group = sibling_set(4)
    states = [Ridge().fit(group.X, own, groups=group.groups, seed=0).state() for own in group.arms]
    same, other = (refine_all(group, states, "ridge", addition=number) for number in (0, 5))
    for before, unchanged, after in zip(states, same, other, strict=True):
        np.testing.assert_allclose(predict_logit(unchanged, group.X), predict_logit(before, group.X))
        assert np.abs(predict_logit(after, group.X) - predict_logit(before, group.X)).max() > 0.01


def test_siblings_that_share_one_template_are_not_measured() -> None:
    group = sibling_set(5)
    one = SiblingSet(group.concepts, group.X, group.arms, np.zeros_like(group.groups))
    first, second = refine_out_of_fold(Ridge(), [one, group], validation=Validation(4))
    assert isinstance(first, TooLittleData)
    assert len(second.concepts) == 4


def test_rounds_are_averaged_and_each_is_that_of_its_own_seed() -> None:
    group, family = sibling_set(6, apart=0.8), Ridge(strengths=(0.3,), slope=1.0)
    [both] = refine_out_of_fold(family, [group], validation=Validation(4, repeats=2), seed=3)
    [[first], [second]] = (refine_out_of_fold(family, [group], validation=Validation(4), seed=seed) for seed in (3, 4))
    for found, one, other in zip(both.concepts, first.concepts, second.concepts, strict=True):
        for way, standing in found.standings.items():
            for name in ("top1", "margin", "f1"):
                mean = (getattr(one.standings[way], name) + getattr(other.standings[way], name)) / 2
                assert getattr(standing, name) == pytest.approx(mean)
        assert one.standings != other.standings
        kept = [each.standings_kept["ridge"][found.concept] for each in (both, first, second)]
        assert kept[0] == pytest.approx((kept[1] + kept[2]) / 2)


def test_group_by_group_every_group_is_held_out_alone() -> None:
    group = sibling_set(0)
    validation = Validation(4, leave_one_group_out=True)
    [found] = refine_out_of_fold(Ridge(strengths=(0.3,), slope=1.0), [group], variants=[], validation=validation)
    logits = np.empty(group.arms.shape)
    for number in np.unique(group.groups):
        kept = group.groups != number
        for c, own in enumerate(group.arms):
            lens = Ridge(strengths=(0.3,), slope=1.0).fit(group.X[kept], own[kept], groups=group.groups[kept], seed=0)
            logits[c, ~kept] = predict_logit(lens.state(), group.X[~kept])
    for c, one in enumerate(found.concepts):
        assert one.standings["before"].f1 == pytest.approx(f1_of(group.arms[c], logits[c] >= 0))


def test_a_group_that_holds_an_arm_cannot_be_left_out() -> None:
    arms = np.array([[1, 1, 0, 0], [0, 0, 1, 1]])
    found = sibling_rounds(arms, np.array([0, 0, 1, 2]), n_folds=2, repeats=1, leave_one_group_out=True, seed=0)
    assert isinstance(found, TooLittleData)


def test_prompt_concepts_join_what_is_nobodys_positive() -> None:
    arms = [{"a": 1, "b": 1, "c": 0, "d": 0}, {"a": 0, "e": 1, "f": 1}]
    ids, about = list("abcdef"), ["gin", "gin", "sun", "sun", "rum", "rum"]
    X, templates, texts = np.zeros((6, 2)), list("uvwxyz"), [f"text {name}" for name in ids]
    apart, joined = (
        build_sibling_set(
            ("gin", "rum"), arms, X, sample_ids=ids, templates=templates, texts=texts, prompt_concepts=given
        ).groups
        for given in (None, about)
    )
    assert len(set(apart.tolist())) == 6
    assert joined[2] == joined[3]
    assert len(set(joined.tolist())) == 5

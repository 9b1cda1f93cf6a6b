"""Planted effects, sklearn as the oracle, and results that follow their rows."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score, roc_auc_score

from engine.lenses.crossval import Rows, best_threshold, out_of_fold
from engine.lenses.evaluate import evaluate
from engine.lenses.folds import join_groups
from engine.lenses.logistic import Logistic
from engine.lenses.registry import FAMILIES
from tests.support.lens_parts import after_few_steps

WORDS = tuple("ale barley cask draught ester foam grist hop infusion jug keg lager malt nose oak pint".split())  # noqa: SIM905
families = pytest.mark.parametrize("name", sorted(FAMILIES))


def rows(n: int, strength: float, *, seed: int = 0, d: int = 32):
    """Return activations with a planted direction, arms, groups and texts without signal."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = rng.normal(size=(n, d)).astype(np.float32)
    X[:, :4] += strength * (y[:, None] - 0.5)
    texts = [" ".join(rng.choice(WORDS, 12)) for _ in range(n)]
    return X, y, join_groups([f"template {i}" for i in range(n)], texts), texts


@families
@pytest.mark.parametrize(("strength", "low", "high"), [(8.0, 0.95, 1.0), (1.5, 0.7, 1.0), (0.0, 0.2, 0.72)])
def test_f1_follows_the_strength_of_the_planted_direction(name, strength, low, high):
    X, y, groups, texts = rows(60, strength)
    found = evaluate(FAMILIES[name], X, y, groups=groups, texts=texts, seed=0)
    assert low <= found.measures["f1"].value <= high
    assert found.measures["f1"].low <= found.measures["f1"].value <= found.measures["f1"].high
    assert (found.measures["f1"].low > found.measures["always_positive_f1"].value) == (
        strength == 8.0
    ) or strength == 1.5


@pytest.mark.parametrize("seed", [1, 2])
def test_shuffled_labels_differ_between_concepts_of_one_size_so_their_mean_is_at_chance(seed):
    found = []
    for concept in range(12):
        X, y, _, texts = rows(20, 8.0, seed=100 + concept)
        groups = np.repeat(np.arange(10), 2)
        found.append(evaluate(Logistic(), X, y, groups=groups, texts=texts, seed=seed).measures["shuffled_f1"].value)
    assert 0.35 < np.mean(found) < 0.55


@pytest.mark.parametrize("name", ["lda", "logistic", "ridge"])
def test_measures_equal_sklearn_on_the_held_out_scores(name):
    X, y, groups, texts = rows(50, 1.0)
    found = evaluate(FAMILIES[name], X, y, groups=groups, texts=texts, seed=0)
    [scores] = found.rounds
    assert found.measures["f1"].value == pytest.approx(f1_score(y, scores.fires))
    assert found.measures["precision"].value == pytest.approx(precision_score(y, scores.fires))
    assert found.measures["recall"].value == pytest.approx(recall_score(y, scores.fires))
    assert found.measures["auc"].value == pytest.approx(roc_auc_score(y, scores.probability))
    assert found.measures["average_precision"].value == pytest.approx(average_precision_score(y, scores.probability))
    assert found.measures["always_positive_f1"].value == pytest.approx(f1_score(y, np.ones(50)))
    assert (found.n_positive, found.n_negative, found.n_groups) == (25, 25, len(set(groups)))


@families
def test_results_belong_to_rows_not_to_positions(name):
    X, y, groups, texts = rows(40, 1.5)
    order = np.random.default_rng(9).permutation(40)
    whole = evaluate(after_few_steps(name), X, y, groups=groups, texts=texts, seed=4)
    mixed = evaluate(
        after_few_steps(name), X[order], y[order], groups=groups[order], texts=[texts[i] for i in order], seed=4
    )
    for field in ("probability", "fold", "fires"):
        assert (getattr(mixed.rounds[0], field) == getattr(whole.rounds[0], field)[order]).all()
    assert mixed.measures["f1"] == whole.measures["f1"]
    assert (mixed.measures["shuffled_f1"], mixed.measures["text_only_f1"], mixed.measures["length_only_f1"]) == (
        whole.measures["shuffled_f1"],
        whole.measures["text_only_f1"],
        whole.measures["length_only_f1"],
    )


@families
def test_a_held_out_row_never_shaped_its_own_score(name):
    """Turning a fold's labels over leaves that fold's probabilities as they were."""
    X, y, groups, _ = rows(40, 1.5)
    fold = np.arange(40) // 8
    flipped = np.where(fold == 2, 1 - y, y)
    a, b = (
        out_of_fold(after_few_steps(name), [Rows(labels, groups, fold, np.arange(40), lambda _: X)], seed=0)[
            0
        ].scores.probability
        for labels in (y, flipped)
    )
    np.testing.assert_array_equal(a[fold == 2], b[fold == 2])
    assert (a[fold != 2] != b[fold != 2]).any()


def test_text_only_baseline_wins_when_only_the_text_carries_signal():
    X, y, groups, texts = rows(40, 0.0)
    texts = [f"{text} gin" if arm else f"{text} rum" for text, arm in zip(texts, y, strict=True)]
    found = evaluate(Logistic(), X, y, groups=groups, texts=texts, seed=0)
    assert found.measures["text_only_f1"].value > 0.95
    assert found.measures["f1"].value < 0.75
    assert found.measures["length_only_f1"].value < 0.8


def test_length_only_baseline_wins_when_positives_are_short():
    X, y, groups, texts = rows(40, 0.0)
    texts = [text[:20] if arm else text for text, arm in zip(texts, y, strict=True)]
    found = evaluate(Logistic(), X, y, groups=groups, texts=texts, seed=0)
    assert found.measures["length_only_f1"].value > 0.95


def test_equal_texts_share_a_fold_even_when_the_caller_gave_them_two_groups():
    X, y, _, texts = rows(40, 1.0)
    texts[0] = texts[11] = texts[20] = "the same loop"
    fold = evaluate(Logistic(), X, y, groups=np.arange(40), texts=texts, seed=0).rounds[0].fold
    assert fold[0] == fold[11] == fold[20]


def test_texts_without_words_leave_the_text_baseline_at_chance_not_in_error():
    X, y, _, _ = rows(20, 8.0)
    found = evaluate(Logistic(), X, y, groups=np.arange(20), texts=["", "…"] * 10, seed=0)
    assert found.reason or found.measures["text_only_f1"].value is not None
    found = evaluate(Logistic(), X, y, groups=np.arange(20), texts=[""] * 20, seed=0)
    assert found.measures["f1"].value > 0.9
    assert found.measures["text_only_f1"].value <= 2 / 3 + 1e-9


@pytest.mark.parametrize(
    ("y", "groups", "says"),
    [
        ([], [], "empty"),
        ([1, 1, 1], [0, 1, 2], "negative arm is empty"),
        ([1, 0, 0], [0, 1, 2], "positive samples share"),
    ],
)
@families
def test_too_little_data_is_unknown_with_a_reason_never_zero(name, y, groups, says):
    y, groups = np.array(y, dtype=int), np.array(groups, dtype=int)
    found = evaluate(FAMILIES[name], np.zeros((len(y), 4)), y, groups=groups, texts=[""] * len(y), seed=0)
    assert says in found.reason
    assert (found.rounds, found.measures, found.threshold) == ((), {}, None)
    assert found.n_pairs_more >= 1


@families
def test_four_rows_are_enough_for_an_answer(name):
    X, y, _, texts = rows(4, 8.0)
    found = evaluate(FAMILIES[name], X, y, groups=np.arange(4), texts=texts, seed=0)
    assert found.reason is None
    assert found.measures["f1"].n == 4


def test_activations_that_are_not_finite_are_an_error_naming_their_rows():
    X, y, groups, texts = rows(20, 1.0)
    X[3, 0], X[17, 5] = np.nan, np.inf
    with pytest.raises(ValueError, match=r"2 rows are not finite: 3, 17"):
        evaluate(Logistic(), X, y, groups=groups, texts=texts, seed=0)


@pytest.mark.parametrize("damage", ["count", "arms"])
def test_counts_that_differ_and_unknown_arms_are_errors(damage):
    X, y, groups, texts = rows(20, 1.0)
    X, y = (X[:10], y) if damage == "count" else (X, y + 1)
    with pytest.raises(ValueError, match="differ" if damage == "count" else "arms"):
        evaluate(Logistic(), X, y, groups=groups, texts=texts, seed=0)


def test_threshold_has_the_best_f1_of_those_that_separate_anything():
    rng = np.random.default_rng(0)
    for _ in range(20):
        y, probability = rng.integers(0, 2, 30), rng.random(30).round(1)
        candidates = [t for t in np.arange(0.05, 1.0, 0.1) if probability.min() < t < probability.max()]
        best = max(f1_score(y, probability >= t, zero_division=0) for t in [*candidates, 0.5])
        assert f1_score(y, probability >= best_threshold(y, probability), zero_division=0) == pytest.approx(best)

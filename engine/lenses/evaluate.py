"""One lens evaluated honestly: seeded, stratified, grouped cross-validation with its baselines beside it.

Everything here belongs to rows, not to positions: rows are put into an order of their own contents first and the results
are put back, so the caller's order changes nothing, to the last bit. The interval resamples groups. What the data cannot
support is unknown with a reason, never an F1 of 0.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from engine.lenses.baselines import TextBaselines, text_baselines
from engine.lenses.crossval import out_of_fold
from engine.lenses.folds import (
    IntArray,
    TooLittleData,
    grouped_stratified_folds,
    join_groups,
    trains_both_arms,
)
from engine.lenses.interface import AnyFloats, BoolArray, FloatArray, LensFamily, Scores
from engine.stats.classification import (
    always_positive_f1,
    auc,
    average_precision,
    f1_interval,
    precision,
    recall,
)
from engine.stats.estimate import Estimate, unknown


@dataclass(frozen=True, slots=True, eq=False)
class LensEvaluation:
    """A family's held-out performance on one concept, layer and phase, beside what a lens must beat.

    `scores` is None exactly when `reason` says why the rows cannot be cross-validated; every estimate is then unknown.
    """

    family: str
    n_positive: int
    n_negative: int
    n_groups: int
    scores: Scores | None
    f1: Estimate
    precision: Estimate
    recall: Estimate
    auc: Estimate
    average_precision: Estimate
    always_positive_f1: float | None
    shuffled_f1: Estimate
    text_only_f1: Estimate
    length_only_f1: Estimate
    reason: str | None


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows in the order of their contents; `order` holds their places in the caller's order."""

    X: AnyFloats
    y: IntArray
    groups: IntArray
    texts: list[str]
    order: IntArray


def evaluate(
    family: LensFamily,
    X: AnyFloats,
    y: IntArray,
    *,
    groups: IntArray,
    texts: Sequence[str],
    seed: int,
    n_folds: int = 5,
    baselines: TextBaselines | None = None,
) -> LensEvaluation:
    """Cross-validate a family on activations [n, d] with arms [n], 1 positive and 0 negative.

    `groups` come from `join_groups`; rows of equal text are joined in any case. `baselines` (see `evaluate_texts`) spare
    computing the same for every layer and family of the same rows. Raises ValueError for lengths that differ, arms
    other than 0 and 1, and activations that are not finite, naming their rows.
    """
    rows = _in_own_order(X, y, groups, texts)
    fold = grouped_stratified_folds(rows.y, rows.groups, n_folds=n_folds, seed=seed)
    if isinstance(fold, TooLittleData):
        return _without_scores(family.name, rows, fold.reason)
    labels = [rows.y, _shuffled(rows, fold, seed)]
    probability, fires = out_of_fold(family, lambda _: rows.X, labels, groups=rows.groups, fold=fold, seed=seed)
    if baselines is None:
        beside = text_baselines(rows.y, groups=rows.groups, fold=fold, texts=rows.texts, seed=seed)
    else:
        beside = TextBaselines(baselines.text_only[rows.order], baselines.length_only[rows.order])
    estimate_f1 = partial(f1_interval, groups=rows.groups)
    return LensEvaluation(
        family=family.name,
        n_positive=int(rows.y.sum()),
        n_negative=int((1 - rows.y).sum()),
        n_groups=len(np.unique(rows.groups)),
        scores=_scores(probability[0], fold, fires[0], rows.order),
        f1=estimate_f1(rows.y, fires[0]),
        precision=precision(rows.y, fires[0], rows.groups),
        recall=recall(rows.y, fires[0], rows.groups),
        auc=auc(rows.y, probability[0], rows.groups),
        average_precision=average_precision(rows.y, probability[0], rows.groups, seed=seed),
        always_positive_f1=always_positive_f1(float(rows.y.mean())),
        shuffled_f1=estimate_f1(labels[1], fires[1]),
        text_only_f1=estimate_f1(rows.y, beside.text_only),
        length_only_f1=estimate_f1(rows.y, beside.length_only),
        reason=None,
    )


def evaluate_texts(
    y: IntArray, *, groups: IntArray, texts: Sequence[str], seed: int, n_folds: int = 5
) -> TextBaselines | None:
    """Return the text baselines on the folds that `evaluate` makes of the same rows; None where it can make none."""
    rows = _in_own_order(np.zeros((len(y), 1)), y, groups, texts)
    fold = grouped_stratified_folds(rows.y, rows.groups, n_folds=n_folds, seed=seed)
    if isinstance(fold, TooLittleData):
        return None
    found = text_baselines(rows.y, groups=rows.groups, fold=fold, texts=rows.texts, seed=seed)
    place = np.argsort(rows.order)
    return TextBaselines(found.text_only[place], found.length_only[place])


def _in_own_order(X: AnyFloats, y: IntArray, groups: IntArray, texts: Sequence[str]) -> _Rows:
    """Check the rows and sort them by contents; equal rows are interchangeable, so ties do no harm."""
    _check(X, y, groups, texts)
    joined = join_groups([str(group) for group in groups], texts)
    order = np.array(sorted(range(len(y)), key=lambda i: (joined[i], y[i], texts[i], X[i].tobytes())), dtype=np.int64)
    return _Rows(X[order], np.asarray(y, dtype=np.int64)[order], joined[order], [texts[i] for i in order], order)


def _check(X: AnyFloats, y: IntArray, groups: IntArray, texts: Sequence[str]) -> None:
    if X.ndim != 2 or not len(X) == len(y) == len(groups) == len(texts):
        raise ValueError(f"activations {X.shape}, {len(y)} arms, {len(groups)} groups and {len(texts)} texts differ")
    if not np.isin(y, (0, 1)).all():
        raise ValueError("arms are 1 (positive) and 0 (negative)")
    bad = np.flatnonzero(~np.isfinite(X).all(axis=1))
    if len(bad):
        named = ", ".join(str(row) for row in bad[:10]) + (", …" if len(bad) > 10 else "")
        raise ValueError(f"activations of {len(bad)} rows are not finite: {named}")


def _shuffled(rows: _Rows, fold: IntArray, seed: int) -> IntArray:
    """Permute labels over rows with the folds unmoved, again until every training part holds both arms.

    The permutation follows from the texts: one that all concepts of a size shared would agree with the truth equally often
    in each of them, a chance that no mean over concepts evens out.
    """
    texts = hashlib.blake2b("\0".join(rows.texts).encode(errors="surrogatepass"), digest_size=8).digest()
    rng = np.random.default_rng([seed, int.from_bytes(texts, "big")])
    while True:
        permuted = rng.permutation(rows.y)
        if trains_both_arms(permuted, fold):
            return permuted


def _scores(probability: FloatArray, fold: IntArray, fires: BoolArray, order: IntArray) -> Scores:
    place = np.argsort(order)
    return Scores(probability[place], fold[place], fires[place])


def _without_scores(family: str, rows: _Rows, reason: str) -> LensEvaluation:
    missing = unknown(reason, method="grouped cross-validation", n=len(rows.y))
    return LensEvaluation(
        family=family,
        n_positive=int(rows.y.sum()),
        n_negative=int((1 - rows.y).sum()),
        n_groups=len(np.unique(rows.groups)),
        scores=None,
        f1=missing,
        precision=missing,
        recall=missing,
        auc=missing,
        average_precision=missing,
        always_positive_f1=always_positive_f1(float(rows.y.mean())) if len(rows.y) else None,
        shuffled_f1=missing,
        text_only_f1=missing,
        length_only_f1=missing,
        reason=reason,
    )

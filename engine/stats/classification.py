"""How good a lens is: F1 and its companions from out-of-fold scores, each undefined case told as such.

F1's interval resamples groups (prompts), because samples of one prompt are no independent evidence. Groups with the
same (tp, fp, fn) are interchangeable, so the bootstrap draws counts of such triples. The ranking measures are sklearn's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

from engine.stats.estimate import Estimate, known, tail_probability, unknown, without_interval
from engine.stats.resampling import FloatArray, percentile_estimate, resampled_totals

_NO_RESAMPLING = "only the value is computed"


def f1_score_counts(*, tp: int, fp: int, fn: int) -> float | None:
    """Return 2tp / (2tp + fp + fn); None when there is neither a positive nor a predicted positive."""
    if min(tp, fp, fn) < 0:
        raise ValueError(f"counts are at least 0, got tp={tp}, fp={fp}, fn={fn}")
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None


def always_positive_f1(prevalence: float) -> float:
    """Return the F1 of calling everything positive, 2p / (1 + p): the floor of any F1 claim."""
    if not 0.0 <= prevalence <= 1.0:
        raise ValueError(f"prevalence lies between 0 and 1, got {prevalence}")
    return 2.0 * prevalence / (1.0 + prevalence)


def precision(y_true: ArrayLike, y_pred: ArrayLike) -> Estimate:
    """Return the share of predicted positives that are positive; unknown when nothing is predicted positive."""
    tp, fp, _ = _counts(y_true, y_pred)
    return _share(tp, tp + fp, "precision", "no sample is predicted positive")


def recall(y_true: ArrayLike, y_pred: ArrayLike) -> Estimate:
    """Return the share of positives that are predicted positive; unknown without positives."""
    tp, _, fn = _counts(y_true, y_pred)
    return _share(tp, tp + fn, "recall", "no sample is positive")


def auc(y_true: ArrayLike, scores: ArrayLike) -> Estimate:
    """Return the area under the ROC curve; unknown unless both arms are present."""
    # sklearn.metrics takes about a second to import, and the dashboard's live numbers never need it.
    from sklearn.metrics import roc_auc_score

    truth, values, problem = _ranked(y_true, scores)
    if problem:
        return unknown(problem, n=truth.size, method="AUC")
    value = float(roc_auc_score(truth, values))
    return without_interval(value, n=truth.size, method="AUC", because=_NO_RESAMPLING)


def average_precision(y_true: ArrayLike, scores: ArrayLike) -> Estimate:
    """Return the average precision (area under precision-recall); unknown unless both arms are present."""
    from sklearn.metrics import average_precision_score

    truth, values, problem = _ranked(y_true, scores)
    if problem:
        return unknown(problem, n=truth.size, method="average precision")
    value = float(average_precision_score(truth, values))
    return without_interval(value, n=truth.size, method="average precision", because=_NO_RESAMPLING)


def f1_interval(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    groups: ArrayLike,
    *,
    n_resamples: int = 1000,
    seed: int,
    confidence: float = 0.95,
) -> Estimate:
    """Return F1 with a percentile interval from resampling groups; n counts samples.

    ``groups`` names each sample's group, any integers or strings. Unknown when no sample is positive or predicted
    positive; no interval below two groups. An F1 of exactly 1 or 0 resamples to itself, which would claim certainty, so
    its open end comes from Jeffreys' bound on the share of groups that may turn out otherwise.
    """
    truth, predicted = _booleans(y_true), _booleans(y_pred)
    labels = np.asarray(groups)
    if not truth.size == predicted.size == labels.size:
        raise ValueError(f"lengths differ: {truth.size}, {predicted.size} and {labels.size} groups")
    method = f"F1, bootstrap of groups, {n_resamples} resamples, {confidence:.0%}"
    counts = _counts_by_group(truth, predicted, labels)
    total = counts.sum(axis=0).astype(int)
    value = f1_score_counts(tp=int(total[0]), fp=int(total[1]), fn=int(total[2]))
    if value is None:
        return unknown("no sample is positive or predicted positive", n=truth.size, method=method)
    if len(counts) < 2:
        return without_interval(value, n=truth.size, method=method, because="there is only one group")
    if value in (0.0, 1.0):
        n_groups = int((counts.sum(axis=1) > 0).sum())
        low, high = _extreme_interval(value, n_groups=n_groups, confidence=confidence)
        return known(value, low, high, n=truth.size, method=f"F1, Jeffreys bound over groups, {confidence:.0%}")
    draws = _f1_of_totals(resampled_totals(counts, n_resamples=n_resamples, seed=seed))
    return percentile_estimate(value, draws, n=truth.size, confidence=confidence, method=method)


def _counts_by_group(truth: NDArray[np.bool_], predicted: NDArray[np.bool_], labels: NDArray[np.generic]) -> FloatArray:
    """Return (groups, 3): true positives, false positives and false negatives of each group."""
    names, index = np.unique(labels, return_inverse=True)
    outcomes = (truth & predicted, ~truth & predicted, truth & ~predicted)
    return np.stack([np.bincount(index, weights=o, minlength=len(names)) for o in outcomes], axis=1)


def _f1_of_totals(totals: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        scores: FloatArray = 2 * totals[:, 0] / (2 * totals[:, 0] + totals[:, 1] + totals[:, 2])
    return scores


def _extreme_interval(value: float, *, n_groups: int, confidence: float) -> tuple[float, float]:
    """Return the interval of an F1 of 0 or 1 when a share e of its groups, at most, is of the other kind."""
    other = float(betaincinv(0.5, n_groups + 0.5, 1.0 - tail_probability(confidence)))
    hits = other if value == 0.0 else 1.0 - other
    bound = 2.0 * hits / (1.0 + hits)
    return (0.0, bound) if value == 0.0 else (bound, 1.0)


def _booleans(values: ArrayLike) -> NDArray[np.bool_]:
    array = np.asarray(values)
    if not np.isin(array, (0, 1)).all():
        raise ValueError("labels and predictions are 0 or 1")
    return array.astype(np.bool_)


def _counts(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[int, int, int]:
    truth, predicted = _booleans(y_true), _booleans(y_pred)
    if truth.size != predicted.size:
        raise ValueError(f"lengths differ: {truth.size} and {predicted.size}")
    return int((truth & predicted).sum()), int((~truth & predicted).sum()), int((truth & ~predicted).sum())


def _share(count: int, total: int, name: str, reason: str) -> Estimate:
    if not total:
        return unknown(reason, method=name)
    return without_interval(count / total, n=total, method=name, because=_NO_RESAMPLING)


def _ranked(y_true: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], FloatArray, str | None]:
    truth, values = _booleans(y_true), np.asarray(scores, dtype=np.float64)
    if truth.size != values.size:
        raise ValueError(f"lengths differ: {truth.size} and {values.size}")
    one_arm = not truth.any() or truth.all()
    return truth, values, "both arms are needed" if one_arm else None

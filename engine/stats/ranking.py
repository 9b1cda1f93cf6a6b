"""How well scores rank positives above negatives: AUC and average precision, with intervals that respect groups.

AUC's variance is DeLong's with the structural components summed within groups (Obuchowski 1997), in closed form. Average
precision has no such components; its variance is that of resampled groups, each resample weighted so that the arms keep the
sizes that planning gave them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from engine.stats.estimate import Estimate, unknown
from engine.stats.grouped import CONFIDENCE, BoolArray, IntArray, bounded_estimate, group_numbers, group_variance
from engine.stats.resampling import FloatArray, blocks

N_RESAMPLES = 200
_BOTH_ARMS = "both arms are needed"


def auc_interval(truth: BoolArray, scores: ArrayLike, groups: ArrayLike, *, confidence: float = CONFIDENCE) -> Estimate:
    """Return the area under the ROC curve of scores [n] or [rounds, n], the mean over rounds; unknown with one arm."""
    method = f"AUC, DeLong's variance over groups, {confidence:.0%}"
    if not truth.any() or truth.all():
        return unknown(_BOTH_ARMS, n=truth.size, method=method)
    labels = group_numbers(groups, truth.size)
    value, influence = auc_influence(truth, scores)
    return _estimate(value, group_variance(influence, labels, arms=truth), truth, labels, confidence, method)


def auc_influence(truth: BoolArray, scores: ArrayLike) -> tuple[float, FloatArray]:
    """Return the AUC of scores [n] or [rounds, n], and what each sample moves it by [n], but for its arm's mean.

    Both arms must be there.
    """
    components = np.mean([_components(truth, each) for each in _rounds(scores, truth)], axis=0)
    return float(components[truth].mean()), components / np.where(truth, truth.sum(), (~truth).sum())


def average_precision_interval(
    truth: BoolArray,
    scores: ArrayLike,
    groups: ArrayLike,
    *,
    seed: int,
    n_resamples: int = N_RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Return the average precision of scores [n] or [rounds, n], the mean over rounds; unknown with one arm."""
    method = f"average precision, variance from {n_resamples} resamples of groups, {confidence:.0%}"
    if not truth.any() or truth.all():
        return unknown(_BOTH_ARMS, n=truth.size, method=method)
    labels, rounds = group_numbers(groups, truth.size), _rounds(scores, truth)
    once = np.ones((1, truth.size))
    value = float(np.mean([weighted_average_precision(truth, each, once)[0] for each in rounds]))
    draws = [
        np.mean([weighted_average_precision(truth, each, weights) for each in rounds], axis=0)
        for weights in _resampled_weights(truth, labels, n_resamples=n_resamples, seed=seed)
    ]
    drawn, n_groups = np.concatenate(draws), int(labels.max()) + 1
    variance = float(drawn.var(ddof=1)) * n_groups / max(n_groups - 1, 1) if drawn.size > 1 else 0.0
    return _estimate(value, variance, truth, labels, confidence, method)


def weighted_average_precision(truth: BoolArray, scores: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the average precision [resamples] of scores [n] under weights [resamples, n] that leave positives some."""
    order = np.argsort(-scores, kind="stable")
    # Equal scores are one threshold.
    ends = np.append(np.flatnonzero(np.diff(scores[order])), truth.size - 1)
    weight = weights[:, order]
    hits = np.cumsum(weight * truth[order], axis=1)[:, ends]
    named = np.cumsum(weight, axis=1)[:, ends]
    precision = np.divide(hits, named, out=np.zeros_like(hits), where=named > 0)
    gained = np.diff(hits, axis=1, prepend=0.0)
    return np.asarray((precision * gained).sum(axis=1) / hits[:, -1])


def _resampled_weights(truth: BoolArray, labels: IntArray, *, n_resamples: int, seed: int) -> Iterator[FloatArray]:
    """Yield how much each sample counts in resamples of groups in which both arms occur, each [some resamples, n]."""
    n_groups, rng = int(labels.max()) + 1, np.random.default_rng(seed)
    sizes = np.array([truth.sum(), (~truth).sum()])
    for size in blocks(n_resamples, truth.size):
        picked = rng.integers(0, n_groups, size=(size, n_groups)) + np.arange(size)[:, None] * n_groups
        counts = np.bincount(picked.ravel(), minlength=size * n_groups).reshape(size, n_groups)
        drawn = counts[:, labels].astype(np.float64)
        arms = np.stack([drawn[:, truth].sum(axis=1), drawn[:, ~truth].sum(axis=1)], axis=1)
        whole = (arms > 0).all(axis=1)
        factors = sizes / arms[whole]
        yield np.asarray(drawn[whole] * np.where(truth, factors[:, :1], factors[:, 1:]))


def _rounds(scores: ArrayLike, truth: BoolArray) -> FloatArray:
    values = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    if values.ndim != 2 or values.shape[1] != truth.size:
        raise ValueError(f"lengths differ: {truth.size} samples and scores of shape {values.shape}")
    return values


def _components(truth: BoolArray, scores: FloatArray) -> FloatArray:
    """Return each sample's structural component: the share of the other arm that it is ranked rightly against."""
    found = np.empty(truth.size)
    for arm in (True, False):
        mine, others = truth == arm, np.sort(scores[truth != arm])
        below = np.searchsorted(others, scores[mine], "left") + np.searchsorted(others, scores[mine], "right")
        share = below / (2.0 * others.size)
        found[mine] = share if arm else 1.0 - share
    return found


def _estimate(
    value: float, variance: float, truth: BoolArray, labels: IntArray, confidence: float, method: str
) -> Estimate:
    """Bound certainty by the arm with fewer groups, since one group that is wrong costs most there."""
    arms = (len(np.unique(labels[truth])), len(np.unique(labels[~truth])))
    return bounded_estimate(
        min(max(value, 0.0), 1.0),
        variance,
        n=truth.size,
        n_groups=len(np.unique(labels)),
        method=method,
        confidence=confidence,
        bound_groups=min(arms),
    )

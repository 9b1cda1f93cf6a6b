"""How well scores rank positives above negatives: AUC and average precision, with intervals that respect groups.

AUC's variance is DeLong's with the structural components summed within groups (Obuchowski 1997), in closed form; average
precision's comes from a bootstrap of groups on weighted ranks. Both become intervals on the logit scale with Student's t,
which keeps them within 0 and 1 where a percentile of few groups is too narrow. Neither claims certainty at its end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, stdtrit

from engine.stats.estimate import Estimate, known, tail_probability, unknown, without_interval
from engine.stats.ratio import (
    CONFIDENCE,
    ONE_GROUP,
    group_numbers,
    group_resamples,
    group_sums,
    never_certain,
)
from engine.stats.resampling import FloatArray

BoolArray = NDArray[np.bool_]
N_RANK_RESAMPLES = 200
_BOTH_ARMS = "both arms are needed"


def auc_interval(truth: BoolArray, scores: ArrayLike, groups: ArrayLike, *, confidence: float = CONFIDENCE) -> Estimate:
    """Return the area under the ROC curve of scores [n] or [rounds, n], the mean over rounds; unknown with one arm."""
    method = f"AUC, DeLong's variance over groups, {confidence:.0%}"
    if not truth.any() or truth.all():
        return unknown(_BOTH_ARMS, n=truth.size, method=method)
    labels = group_numbers(groups, truth.size)
    rounds = [_components(truth, each) for each in _rounds(scores, truth)]
    components = np.mean(rounds, axis=0)
    value = float(components[truth].mean())
    # A sample's influence: how far its component lies from the mean, as a share of its arm.
    influence = (components - value) / np.where(truth, truth.sum(), (~truth).sum())
    by_group = group_sums(influence[None, :], labels)[:, 0]
    n_groups = len(by_group)
    variance = float((by_group**2).sum()) * n_groups / max(n_groups - 1, 1)
    return _interval(value, variance, truth, labels, confidence=confidence, method=method)


def average_precision_interval(
    truth: BoolArray,
    scores: ArrayLike,
    groups: ArrayLike,
    *,
    seed: int,
    n_resamples: int = N_RANK_RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Return the average precision of scores [n] or [rounds, n], the mean over rounds; unknown with one arm."""
    method = f"average precision, bootstrap of groups for its variance, {n_resamples} resamples, {confidence:.0%}"
    if not truth.any() or truth.all():
        return unknown(_BOTH_ARMS, n=truth.size, method=method)
    labels = group_numbers(groups, truth.size)
    once = np.ones((1, truth.size))
    drawn = group_resamples(int(labels.max()) + 1, n_resamples, seed)[:, labels]
    values = [weighted_average_precision(truth, each, once)[0] for each in _rounds(scores, truth)]
    draws = np.mean([weighted_average_precision(truth, each, drawn) for each in _rounds(scores, truth)], axis=0)
    defined = draws[~np.isnan(draws)]
    variance = float(defined.var(ddof=1)) if defined.size > 1 else 0.0
    return _interval(float(np.mean(values)), variance, truth, labels, confidence=confidence, method=method)


def weighted_average_precision(truth: BoolArray, scores: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the average precision [resamples] of scores [n] under weights [resamples, n]; nan without positive weight."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), truth.size - 1)
    weight = weights[:, order]
    hits = np.cumsum(weight * truth[order], axis=1)[:, ends]
    named = np.cumsum(weight, axis=1)[:, ends]
    gained = np.diff(hits, axis=1, prepend=0.0)
    precision = np.divide(hits, named, out=np.zeros_like(hits), where=named > 0)
    total = hits[:, -1]
    return np.where(total > 0, (precision * gained).sum(axis=1) / np.maximum(total, 1.0), np.nan)


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


def _interval(
    value: float,
    variance: float,
    truth: BoolArray,
    labels: NDArray[np.int64],
    *,
    confidence: float,
    method: str,
) -> Estimate:
    n_groups = len(np.unique(labels))
    if n_groups < 2:
        return without_interval(value, n=truth.size, method=method, because=ONE_GROUP)
    low, high = _logit_interval(value, variance, n_groups, confidence)
    # The bound is that of the arm with fewer groups, since one wrong group there costs most.
    fewest = min(len(np.unique(labels[truth])), len(np.unique(labels[~truth])))
    found = known(value, low, high, n=truth.size, method=method)
    return never_certain(found, n_groups=fewest, confidence=confidence)


def _logit_interval(value: float, variance: float, n_groups: int, confidence: float) -> tuple[float, float]:
    if value in (0.0, 1.0) or variance <= 0.0:
        return value, value
    t = float(stdtrit(n_groups - 1, 1.0 - tail_probability(confidence)))
    half = t * variance**0.5 / (value * (1.0 - value))
    centre = logit(value)
    return min(float(expit(centre - half)), value), max(float(expit(centre + half)), value)

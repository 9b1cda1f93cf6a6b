"""How good a lens is: F1 and its companions from out-of-fold scores, each undefined case told as such.

Predictions and scores are [n] for one round of cross-validation or [rounds, n] for several, whose mean is the value.
Intervals respect groups (prompts), because samples of one prompt are no independent evidence.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from engine.stats.estimate import Estimate, known
from engine.stats.grouped import CONFIDENCE, BoolArray, share_of_others
from engine.stats.ranking import auc_interval, average_precision_interval
from engine.stats.ratio import ratio_of_sums
from engine.stats.resampling import FloatArray


def f1_score_counts(*, tp: int, fp: int, fn: int) -> float | None:
    """Return 2tp / (2tp + fp + fn); None when there is neither a positive nor a predicted positive."""
    if min(tp, fp, fn) < 0:
        raise ValueError(f"counts are at least 0, got tp={tp}, fp={fp}, fn={fn}")
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None


def always_positive_f1(prevalence: float) -> float:
    """Return the F1 of calling everything positive, 2p / (1 + p): the floor of any F1 claim."""
    if not 0.0 <= prevalence <= 1.0:
        raise ValueError(f"prevalence lies between 0 and 1, got {prevalence}")
    return _f1_of_share(prevalence)


def f1_interval(y_true: ArrayLike, y_pred: ArrayLike, groups: ArrayLike, *, confidence: float = CONFIDENCE) -> Estimate:
    """Return F1 with its interval over groups; n counts samples.

    ``groups`` names each sample's group, any integers or strings. Unknown when no sample is positive or predicted
    positive; no interval below two groups.
    """
    truth, fires = outcomes(y_true, y_pred)
    found = ratio_of_sums(
        *f1_parts(truth, fires),
        groups,
        arms=truth,
        name="F1",
        undefined="no sample is positive or predicted positive",
        confidence=confidence,
        of_share=_f1_of_share,
    )
    # True negatives are in no sum, but they are samples that were measured.
    return replace(found, n=truth.size)


def precision(y_true: ArrayLike, y_pred: ArrayLike, groups: ArrayLike) -> Estimate:
    """Return the share of predicted positives that are positive; unknown when nothing is predicted positive."""
    truth, fires = outcomes(y_true, y_pred)
    undefined = "no sample is predicted positive"
    return ratio_of_sums(truth & fires, fires, groups, arms=truth, name="precision", undefined=undefined)


def recall(y_true: ArrayLike, y_pred: ArrayLike, groups: ArrayLike) -> Estimate:
    """Return the share of positives that are predicted positive; unknown without positives."""
    truth, fires = outcomes(y_true, y_pred)
    positive = np.broadcast_to(truth, fires.shape)
    undefined = "no sample is positive"
    return ratio_of_sums(truth & fires, positive, groups, arms=truth, name="recall", undefined=undefined)


def firing_rate(y_pred: ArrayLike, groups: ArrayLike, *, undefined: str) -> Estimate:
    """Return the share of samples of one arm that are predicted positive; unknown, as ``undefined`` says, without any."""
    fires = np.atleast_2d(_booleans(y_pred))
    one_arm = np.ones(fires.shape[1], dtype=np.bool_)
    return ratio_of_sums(fires, np.ones(fires.shape), groups, arms=one_arm, name="firing rate", undefined=undefined)


def auc(y_true: ArrayLike, scores: ArrayLike, groups: ArrayLike) -> Estimate:
    """Return the area under the ROC curve; unknown unless both arms are present."""
    return auc_interval(_booleans(y_true), scores, groups)


def average_precision(y_true: ArrayLike, scores: ArrayLike, groups: ArrayLike, *, seed: int) -> Estimate:
    """Return the average precision (area under precision-recall); unknown unless both arms are present."""
    return average_precision_interval(_booleans(y_true), scores, groups, seed=seed)


def brier(y_true: ArrayLike, probability: ArrayLike, groups: ArrayLike) -> Estimate:
    """Return the mean squared distance of probabilities from arms: 0 is perfect, .25 is what .5 everywhere gives.

    Where no sample lies on the wrong side of .5, the upper end allows for Jeffreys' bound of groups that would, at the
    .25 that a mistake costs at least.
    """
    truth, values = _booleans(y_true), np.atleast_2d(np.asarray(probability, dtype=np.float64))
    if values.shape[1] != truth.size:
        raise ValueError(f"lengths differ: {truth.size} and {values.shape[1]}")
    if values.size and not (values.min() >= 0.0 and values.max() <= 1.0):
        raise ValueError("probabilities lie between 0 and 1")
    losses = (values - truth) ** 2
    undefined = "there is no sample"
    found = ratio_of_sums(
        losses, np.ones(losses.shape), groups, arms=truth, name="Brier score", undefined=undefined, of_share=None
    )
    if found.value is None or found.low is None or found.high is None or (losses >= 0.25).any():
        return found
    unseen = 0.25 * share_of_others(len(np.unique(np.asarray(groups))))
    return known(found.value, found.low, max(found.high, found.value + unseen), n=found.n, method=found.method)


def f1_parts(truth: BoolArray, fires: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return the numerator and denominator whose sums' ratio is F1, for arms [n] and predictions [rounds, n]."""
    hits, named = 2.0 * (truth & fires), 1.0 * truth + fires
    return np.asarray(hits, np.float64), np.asarray(named, np.float64)


def _f1_of_share(share: float) -> float:
    return 2.0 * share / (1.0 + share)


def _booleans(values: ArrayLike) -> BoolArray:
    array = np.asarray(values)
    if not np.isin(array, (0, 1)).all():
        raise ValueError("labels and predictions are 0 or 1")
    return array.astype(np.bool_)


def outcomes(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[BoolArray, BoolArray]:
    """Return arms [n] and predictions [rounds, n]."""
    truth, fires = _booleans(y_true), np.atleast_2d(_booleans(y_pred))
    if fires.ndim != 2 or truth.shape != fires.shape[1:]:
        raise ValueError(f"lengths differ: {truth.size} and {fires.shape[-1]}")
    return truth, fires

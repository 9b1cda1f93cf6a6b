"""Intervals for measures between 0 and 1 over samples that come in groups.

Samples of one prompt or one text are no independent evidence, so a measure's variance adds up what each whole group moves
it by: its samples' influences, summed. The interval is Student's t over groups on the logit scale. In simulations with 10
groups of both arms it covers 94 to 98 % where percentiles of resampled groups cover 85 to 93 %, and it needs no resampling.

Groups that happen to agree have no variance, which would claim certainty. So no interval is surer than as many groups
without exception would allow: its ends reach Jeffreys' bound on the share of groups that may turn out otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, expit, logit, stdtrit

from engine.stats.estimate import Estimate, known, tail_probability, without_interval
from engine.stats.resampling import FloatArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
CONFIDENCE = 0.95
ONE_GROUP = "there is only one group"
NO_SPREAD = "no group differs from another"
_ROUNDING = 1e-20


def group_numbers(groups: ArrayLike, n: int) -> IntArray:
    """Number the groups [n] from 0; ValueError for another length."""
    labels = np.asarray(groups)
    if labels.shape != (n,):
        raise ValueError(f"lengths differ: {n} samples and {labels.size} groups")
    return np.unique(labels, return_inverse=True)[1]


def group_variance(influence: FloatArray, labels: IntArray, *, arms: BoolArray | None = None) -> float:
    """Return the variance of a measure whose samples [n] each move it by their influence.

    Planning fixes how many samples each arm has; with ``arms`` an influence counts by how it differs from its arm's mean.
    """
    if arms is not None:
        influence = influence.copy()
        for mine in (arms, ~arms):
            if mine.any():
                influence[mine] -= influence[mine].mean()
    by_group = np.bincount(labels, weights=influence)
    return float(by_group @ by_group) * len(by_group) / max(len(by_group) - 1, 1)


def bounded_estimate(
    value: float,
    variance: float,
    *,
    n: int,
    n_groups: int,
    method: str,
    confidence: float = CONFIDENCE,
    of_share: Callable[[float], float] | None = float,
    bound_groups: int | None = None,
) -> Estimate:
    """Return a measure in [0, 1] with its interval from ``n_groups`` groups; none with one group, or without variance.

    ``of_share`` maps a share of groups to the measure, for the bound on certainty, which ``bound_groups`` decides where they
    are fewer; None where no share bounds the measure.
    """
    if n_groups < 2:
        return without_interval(value, n=n, method=method, because=ONE_GROUP)
    inside = 0.0 < value < 1.0
    if inside and variance <= _ROUNDING:
        return without_interval(value, n=n, method=method, because=NO_SPREAD)
    low, high = _logit_interval(value, variance, n_groups, confidence) if inside else (value, value)
    if of_share is not None:
        other = share_of_others(min(n_groups, bound_groups or n_groups), confidence=confidence)
        low, high = min(low, of_share(1.0 - other)), max(high, of_share(other))
    return known(value, low, high, n=n, method=method)


def share_of_others(n_groups: int, *, confidence: float = CONFIDENCE) -> float:
    """Return Jeffreys' upper bound on a share of which none was seen in ``n_groups`` groups."""
    return float(betaincinv(0.5, n_groups + 0.5, 1.0 - tail_probability(confidence)))


def _logit_interval(value: float, variance: float, n_groups: int, confidence: float) -> tuple[float, float]:
    t = float(stdtrit(n_groups - 1, 1.0 - tail_probability(confidence)))
    half = t * variance**0.5 / (value * (1.0 - value))
    centre = logit(value)
    # Rounding may carry an end past the value itself.
    return min(float(expit(centre - half)), value), max(float(expit(centre + half)), value)

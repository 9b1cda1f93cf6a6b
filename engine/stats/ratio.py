"""A ratio of sums over samples, such as a share, an F1 or a mean loss, with its interval over groups.

F1 is the ratio of 2 for each hit to 1 for each positive and each prediction, so one function serves every measure that
counts. Several rounds of cross-validation over the same samples are averaged, and so is what each sample moves them by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from engine.stats.estimate import Estimate, unknown
from engine.stats.grouped import CONFIDENCE, BoolArray, bounded_estimate, group_numbers, group_variance
from engine.stats.resampling import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Ratio:
    """A mean ratio over rounds, each sample's influence on it [n], and which samples are in a denominator [n]."""

    value: float
    influence: FloatArray
    counted: BoolArray


def mean_ratio(numerator: ArrayLike, denominator: ArrayLike) -> Ratio | None:
    """Return Σ numerator / Σ denominator of [n] or [rounds, n], the mean of the rounds that define it; None without any."""
    above, below = np.atleast_2d(np.asarray(numerator, float)), np.atleast_2d(np.asarray(denominator, float))
    total = below.sum(axis=1)
    defined = total > 0
    if not defined.any():
        return None
    above, below, total = above[defined], below[defined], total[defined, None]
    values = above.sum(axis=1, keepdims=True) / total
    influence = ((above - values * below) / total).mean(axis=0)
    return Ratio(float(values.mean()), influence, below.any(axis=0))


def ratio_of_sums(
    numerator: ArrayLike,
    denominator: ArrayLike,
    groups: ArrayLike,
    *,
    arms: BoolArray,
    name: str,
    undefined: str,
    confidence: float = CONFIDENCE,
    of_share: Callable[[float], float] | None = float,
) -> Estimate:
    """Return a ratio of sums of [n] or [rounds, n] with its interval over groups; unknown where it is ``undefined``.

    n counts the samples that are in a denominator, and groups without any are no evidence. ``arms`` and ``of_share`` are
    those of `group_variance` and `bounded_estimate`.
    """
    method = f"{name}, Student's t over groups, {confidence:.0%}"
    labels = group_numbers(groups, arms.size)
    found = mean_ratio(numerator, denominator)
    if found is None:
        return unknown(undefined, method=method)
    return bounded_estimate(
        found.value,
        group_variance(found.influence, labels, arms=arms),
        n=int(found.counted.sum()),
        n_groups=len(np.unique(labels[found.counted])),
        method=method,
        confidence=confidence,
        of_share=of_share,
    )

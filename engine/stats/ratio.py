"""A ratio of sums over samples, such as a share or an F1, with an interval from resampling groups.

Samples of one prompt or one text are no independent evidence, so whole groups are drawn. A resample is a row of counts of
groups, made once for each number of groups, and a ratio costs one matrix product. Several rounds of cross-validation over
the same samples are averaged inside each resample.

Groups that happen to agree resample to themselves, which would claim certainty. So no interval is surer than as many
groups without exception would allow: its ends reach Jeffreys' bound on the share of groups that may turn out otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

from engine.stats.estimate import Estimate, known, tail_probability, unknown, without_interval
from engine.stats.resampling import FloatArray, percentile_estimate

N_RESAMPLES = 1000
CONFIDENCE = 0.95
ONE_GROUP = "there is only one group"
_CACHED_GROUPS = 256


def ratio_of_sums(
    numerator: ArrayLike,
    denominator: ArrayLike,
    groups: ArrayLike,
    *,
    name: str,
    undefined: str,
    seed: int,
    n_resamples: int = N_RESAMPLES,
    confidence: float = CONFIDENCE,
    of_share: Callable[[float], float] | None = float,
) -> Estimate:
    """Return Σ numerator / Σ denominator with a percentile interval from resampling groups.

    Both are [n] or [rounds, n]; with rounds the value is the mean of the rounds that define it, and n counts the samples
    with a denominator in any of them. `undefined` is the reason where there are none. `of_share` maps the share of groups
    of one kind to the ratio, for the bound that keeps extremes from claiming certainty; None where there is no such map.
    """
    above, below = np.atleast_2d(np.asarray(numerator, float)), np.atleast_2d(np.asarray(denominator, float))
    counted = below.any(axis=0)
    n = int(counted.sum())
    method = f"{name}, bootstrap of groups, {n_resamples} resamples, {confidence:.0%}"
    if not n:
        return unknown(undefined, method=method)
    labels = group_numbers(groups, below.shape[1])[counted]
    sums = group_sums(np.concatenate([above, below])[:, counted], labels)
    value = float(mean_ratio(sums.sum(axis=0, keepdims=True))[0])
    if len(sums) < 2:
        return without_interval(value, n=n, method=method, because=ONE_GROUP)
    draws = mean_ratio(group_resamples(len(sums), n_resamples, seed) @ sums)
    found = percentile_estimate(value, draws, n=n, confidence=confidence, method=method)
    if of_share is None:
        return found
    return never_certain(found, n_groups=len(sums), confidence=confidence, of_share=of_share)


def never_certain(
    estimate: Estimate,
    *,
    n_groups: int,
    confidence: float = CONFIDENCE,
    of_share: Callable[[float], float] = float,
) -> Estimate:
    """Widen an interval to what `n_groups` groups without exception would allow."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return estimate
    other = share_of_others(n_groups, confidence=confidence)
    low, high = min(estimate.low, of_share(1.0 - other)), max(estimate.high, of_share(other))
    return known(estimate.value, low, high, n=estimate.n, method=estimate.method)


def share_of_others(n_groups: int, *, confidence: float = CONFIDENCE) -> float:
    """Return Jeffreys' upper bound on a share of which none was seen in `n_groups` groups."""
    return float(betaincinv(0.5, n_groups + 0.5, 1.0 - tail_probability(confidence)))


def group_numbers(groups: ArrayLike, n: int) -> NDArray[np.int64]:
    """Return the groups [n] as an array; ValueError for another length."""
    labels = np.asarray(groups)
    if labels.shape != (n,):
        raise ValueError(f"lengths differ: {n} samples and {labels.size} groups")
    return np.unique(labels, return_inverse=True)[1]


def group_sums(columns: FloatArray, labels: NDArray[np.generic]) -> FloatArray:
    """Return (groups, columns): each column's sum within each group, for columns [columns, n]."""
    names, index = np.unique(labels, return_inverse=True)
    return np.stack([np.bincount(index, weights=column, minlength=len(names)) for column in columns], axis=1)


def mean_ratio(sums: FloatArray) -> FloatArray:
    """Return the mean over rounds of numerators over denominators; sums hold (…, numerators then denominators)."""
    above, below = np.split(sums, 2, axis=1)
    defined = below != 0
    ratios = np.divide(above, below, out=np.zeros_like(above), where=defined)
    n_defined = defined.sum(axis=1)
    return np.where(n_defined > 0, ratios.sum(axis=1) / np.maximum(n_defined, 1), np.nan)


def group_resamples(n_groups: int, n_resamples: int, seed: int) -> FloatArray:
    """Return (n_resamples, n_groups): how often each group is drawn in each resample; not to be written to."""
    draw = _kept if n_groups <= _CACHED_GROUPS else _drawn
    return draw(n_groups, n_resamples, seed)


def _drawn(n_groups: int, n_resamples: int, seed: int) -> FloatArray:
    if n_resamples < 1:
        raise ValueError(f"n_resamples is at least 1, got {n_resamples}")
    picked = np.random.default_rng([seed, n_groups]).integers(0, n_groups, size=(n_resamples, n_groups))
    picked += np.arange(n_resamples)[:, None] * n_groups
    counts = np.bincount(picked.ravel(), minlength=n_resamples * n_groups).reshape(n_resamples, n_groups)
    found: FloatArray = counts.astype(np.float64)
    found.flags.writeable = False
    return found


@lru_cache(maxsize=32)
def _kept(n_groups: int, n_resamples: int, seed: int) -> FloatArray:
    return _drawn(n_groups, n_resamples, seed)

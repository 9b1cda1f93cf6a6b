"""Do out-of-fold probabilities mean what they say? Reliability and the Brier score's parts, over the pairs of many lenses.

One lens has too few pairs to tell, so those of a pack are put together, and intervals are over lenses. Bins hold equal
counts; equal probabilities, of which a saturated lens has many, are never parted, so bins may be fewer or uneven, and few
distinct probabilities have a bin each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from engine.stats.classification import brier
from engine.stats.estimate import Estimate, unknown, without_interval
from engine.stats.grouped import BoolArray, IntArray, group_numbers
from engine.stats.ratio import ratio_of_sums
from engine.stats.resampling import FloatArray, percentile_estimate, resampled_totals

N_BINS = 10


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Pairs of neighbouring probabilities: what lenses said on average, and how many were positive."""

    lowest: float
    highest: float
    mean_probability: float
    positive: Estimate
    n: int


@dataclass(frozen=True, slots=True)
class BrierParts:
    """The Brier score, which is reliability − resolution + uncertainty + within.

    ``reliability`` is what miscalibration costs, ``resolution`` what telling pairs apart gains, ``uncertainty`` what
    knowing the share of positives alone costs, and ``within`` what is left inside bins.
    """

    brier: Estimate
    reliability: Estimate
    resolution: Estimate
    uncertainty: Estimate
    within: float | None


def reliability_table(
    probability: ArrayLike, y: ArrayLike, lenses: ArrayLike, *, n_bins: int = N_BINS
) -> tuple[ReliabilityBin, ...]:
    """Return at most ``n_bins`` bins of equal counts for pairs [n] with arms 1 and 0 and the lens that each belongs to.

    Without pairs there is no bin. Raises ValueError for lengths that differ and probabilities outside 0 to 1.
    """
    values, truth, owners = _checked(probability, y, lenses)
    numbers = equal_count_bins(values, n_bins)
    found = []
    for number in range(int(numbers.max(initial=-1)) + 1):
        mine = numbers == number
        share = ratio_of_sums(
            truth[mine],
            np.ones(mine.sum()),
            owners[mine],
            # How many positives fall into a bin is not planned, so the arms are not held fixed.
            arms=np.ones(int(mine.sum()), dtype=np.bool_),
            name="share positive over lenses",
            undefined="the bin is empty",
        )
        inside = values[mine]
        mean = float(inside.mean())
        found.append(ReliabilityBin(float(inside.min()), float(inside.max()), mean, share, int(mine.sum())))
    return tuple(found)


def brier_parts(
    probability: ArrayLike, y: ArrayLike, lenses: ArrayLike, *, seed: int, n_bins: int = N_BINS, n_resamples: int = 1000
) -> BrierParts:
    """Return the Brier score and its parts over the bins of `reliability_table`, with intervals from resampling lenses."""
    values, truth, owners = _checked(probability, y, lenses)
    whole = brier(truth, values, owners)
    if not values.size:
        missing = unknown("there are no pairs", method="parts of the Brier score")
        return BrierParts(whole, missing, missing, missing, None)
    sums = _bin_sums(values, truth, owners, equal_count_bins(values, n_bins))
    point = _murphy(sums.sum(axis=0, keepdims=True))[0]
    method = f"bootstrap of lenses, {n_resamples} resamples, 95%"
    if len(sums) < 2:
        because = "there is only one lens"
        parts = [without_interval(float(p), n=values.size, method=method, because=because) for p in point]
    else:
        draws = _murphy(resampled_totals(sums, n_resamples=n_resamples, seed=seed))
        parts = [
            percentile_estimate(float(p), drawn, n=values.size, confidence=0.95, method=method)
            for p, drawn in zip(point, draws.T, strict=True)
        ]
    within = (whole.value or 0.0) - float(point[0] - point[1] + point[2])
    return BrierParts(whole, parts[0], parts[1], parts[2], within)


def equal_count_bins(values: FloatArray, n_bins: int) -> IntArray:
    """Number each value's bin from 0, bins of about equal counts that part no equal values."""
    if n_bins < 1:
        raise ValueError(f"n_bins is at least 1, got {n_bins}")
    distinct, places = np.unique(values, return_inverse=True)
    if distinct.size <= n_bins:
        return places.astype(np.int64)
    ordered = np.sort(values)
    cuts = np.arange(1, n_bins) * values.size // n_bins
    # A bin ends with its last value, so all values equal to a cut stay below it together.
    numbers = np.searchsorted(ordered[cuts - 1], values, side="left")
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64)


def _bin_sums(values: FloatArray, truth: BoolArray, owners: IntArray, bins: IntArray) -> FloatArray:
    """Return (lenses, 3 × bins): each lens's pairs, sum of probabilities and positives in each bin."""
    n_bins, n_lenses = int(bins.max()) + 1, int(owners.max()) + 1
    cell = owners * n_bins + bins
    columns = (np.ones(values.size), values, truth.astype(np.float64))
    counted = [np.bincount(cell, weights=each, minlength=n_lenses * n_bins) for each in columns]
    return np.concatenate([each.reshape(n_lenses, n_bins) for each in counted], axis=1)


def _murphy(sums: FloatArray) -> FloatArray:
    """Return (rows, 3): reliability, resolution and uncertainty of sums (rows, 3 × bins)."""
    n, said, positive = np.split(sums, 3, axis=1)
    total = n.sum(axis=1, keepdims=True)
    share = n / total
    mean = np.divide(said, n, out=np.zeros_like(n), where=n > 0)
    rate = np.divide(positive, n, out=np.zeros_like(n), where=n > 0)
    base = positive.sum(axis=1, keepdims=True) / total
    reliability = (share * (mean - rate) ** 2).sum(axis=1)
    resolution = (share * (rate - base) ** 2).sum(axis=1)
    return np.stack([reliability, resolution, (base * (1.0 - base))[:, 0]], axis=1)


def _checked(probability: ArrayLike, y: ArrayLike, lenses: ArrayLike) -> tuple[FloatArray, BoolArray, IntArray]:
    values, arms = np.asarray(probability, dtype=np.float64), np.asarray(y)
    if values.shape != arms.shape or values.ndim != 1:
        raise ValueError(f"lengths differ: {values.size} probabilities and {arms.size} arms")
    if not np.isin(arms, (0, 1)).all():
        raise ValueError("arms are 0 or 1")
    if values.size and not (values.min() >= 0.0 and values.max() <= 1.0):
        raise ValueError("probabilities lie between 0 and 1")
    return values, arms.astype(np.bool_), group_numbers(lenses, values.size)

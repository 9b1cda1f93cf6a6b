"""Means over concepts or lenses, with Student's interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from engine.stats.estimate import Estimate, known, tail_probability, unknown, without_interval
from engine.stats.resampling import FloatArray


def mean_estimate(
    values: Sequence[float] | FloatArray, *, confidence: float = 0.95, bounds: tuple[float, float] | None = None
) -> Estimate:
    """Return the mean of independent values with its t interval, cut to ``bounds`` where the values have any.

    Pass only known values (ValueError for NaN or infinity). Unknown without values; no interval for one value or for
    values that do not vary.
    """
    tail = tail_probability(confidence)
    method = f"Student t, {confidence:.0%}"
    data = np.asarray(values, dtype=np.float64)
    if not np.isfinite(data).all():
        raise ValueError("a mean is taken over known, finite values only")
    if not data.size:
        return unknown("no values", method=method)
    value = float(data.mean())
    if data.size == 1:
        return without_interval(value, n=1, method=method, because="there is only one value")
    if np.ptp(data) == 0.0:
        return without_interval(float(data[0]), n=data.size, method=method, because="the values do not vary")
    half = float(stdtrit(data.size - 1, 1.0 - tail)) * float(data.std(ddof=1)) / math.sqrt(data.size)
    lowest, highest = bounds or (-math.inf, math.inf)
    return known(value, max(value - half, lowest), min(value + half, highest), n=data.size, method=method)

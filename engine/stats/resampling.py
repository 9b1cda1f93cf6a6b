"""Bootstraps on sufficient statistics: resample counts of clusters, never the clusters' members.

A resample of C clusters is a row of multinomial counts, so any statistic that is a function of sums over clusters
costs one matrix product. Blocks keep the count matrix small however many clusters there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from engine.stats.estimate import Estimate, known, tail_probability, without_interval

FloatArray = NDArray[np.float64]

_BLOCK_CELLS = 2_000_000


def blocks(n_resamples: int, width: int) -> Iterator[int]:
    """Yield sizes that add up to ``n_resamples`` and keep a block of rows ``width`` wide within bounded memory."""
    if n_resamples < 1:
        raise ValueError(f"n_resamples is at least 1, got {n_resamples}")
    size = max(1, _BLOCK_CELLS // max(width, 1))
    for start in range(0, n_resamples, size):
        yield min(size, n_resamples - start)


def resampled_totals(statistics: FloatArray, *, n_resamples: int, seed: int) -> FloatArray:
    """Return the column totals of each bootstrap resample of the rows.

    ``statistics`` is (clusters, columns), the result (n_resamples, columns). Equal rows are drawn together, which
    changes nothing in distribution and makes many small clusters cheap.
    """
    rows, repeats = np.unique(statistics, axis=0, return_counts=True)
    n_clusters = len(statistics)
    rng = np.random.default_rng(seed)
    totals = [
        rng.multinomial(n_clusters, repeats / n_clusters, size=size) @ rows for size in blocks(n_resamples, len(rows))
    ]
    return np.concatenate(totals)


def percentile_estimate(value: float, draws: FloatArray, *, n: int, confidence: float, method: str) -> Estimate:
    """Return ``value`` with the percentile interval of its draws.

    Undefined draws (NaN) are left out. The interval is widened to hold the value, which a skewed set of draws may
    not. With fewer than half of the draws defined there is no interval.
    """
    tail = tail_probability(confidence)
    defined = draws[~np.isnan(draws)]
    if 2 * defined.size < draws.size or not defined.size:
        return without_interval(value, n=n, method=method, because="the statistic is undefined in most resamples")
    low, high = _quantiles(defined, (tail, 1.0 - tail))
    return known(value, min(low, value), max(high, value), n=n, method=method)


def _quantiles(draws: FloatArray, shares: Iterable[float]) -> list[float]:
    """Quantiles as of np.quantile, which takes ten times as long for a thousand draws; there are thousands of concepts."""
    ordered = np.sort(draws)
    found = []
    for share in shares:
        place = share * (len(ordered) - 1)
        below = int(place)
        above = min(below + 1, len(ordered) - 1)
        found.append(float(ordered[below] + (place - below) * (ordered[above] - ordered[below])))
    return found

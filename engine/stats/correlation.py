"""Correlation over concepts, always with its interval: twelve points support few claims, and the interval shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.stats import rankdata

from engine.stats.estimate import Estimate, unknown
from engine.stats.resampling import FloatArray, blocks, percentile_estimate

FEWEST_PAIRS = 4


def correlate(
    x: Sequence[float],
    y: Sequence[float],
    *,
    kind: Literal["spearman", "pearson"] = "spearman",
    seed: int,
    n_resamples: int = 1000,
    confidence: float = 0.95,
) -> Estimate:
    """Return the correlation of paired values with a percentile interval from resampling pairs.

    Unknown below four pairs or when either side is constant. Pass only pairs in which both sides are known: ValueError
    for NaN, infinity, or lengths that differ.
    """
    pairs = _paired(x, y)
    n = pairs.shape[1]
    method = f"{kind}, bootstrap of pairs, {n_resamples} resamples, {confidence:.0%}"
    if n < FEWEST_PAIRS:
        return unknown(f"{n} pairs are too few, {FEWEST_PAIRS} are needed", n=n, method=method)
    if (np.ptp(pairs, axis=1) == 0.0).any():
        return unknown("one side does not vary", n=n, method=method)
    value = float(_row_correlations(pairs[0][None], pairs[1][None], kind=kind)[0])
    draws = _resampled(pairs, kind=kind, n_resamples=n_resamples, seed=seed)
    return percentile_estimate(value, draws, n=n, confidence=confidence, method=method)


def _paired(x: Sequence[float], y: Sequence[float]) -> FloatArray:
    if len(x) != len(y):
        raise ValueError(f"a correlation needs pairs, got {len(x)} and {len(y)} values")
    pairs = np.array([x, y], dtype=np.float64)
    if not np.isfinite(pairs).all():
        raise ValueError("a correlation is taken over known, finite values only")
    return pairs


def _resampled(pairs: FloatArray, *, kind: Literal["spearman", "pearson"], n_resamples: int, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    n = pairs.shape[1]
    draws = []
    for size in blocks(n_resamples, n):
        chosen = rng.integers(0, n, size=(size, n))
        draws.append(_row_correlations(pairs[0][chosen], pairs[1][chosen], kind=kind))
    return np.concatenate(draws)


def _row_correlations(x: FloatArray, y: FloatArray, *, kind: Literal["spearman", "pearson"]) -> FloatArray:
    """Correlate each row of x with the same row of y, shapes (rows, n) to (rows,); NaN for a constant row."""
    if kind == "spearman":
        x, y = rankdata(x, axis=1), rankdata(y, axis=1)
    constant = (np.ptp(x, axis=1) == 0.0) | (np.ptp(y, axis=1) == 0.0)
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    scale = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        raw = (x * y).sum(axis=1) / scale
    correlations: FloatArray = np.where(constant | (scale == 0.0), np.nan, np.clip(raw, -1.0, 1.0))
    return correlations

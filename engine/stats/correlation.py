"""Correlation over concepts, always with its interval: twelve points support few claims, and the interval shows it.

Two intervals stand side by side. Fisher's z is the one that is shown: its variance is 1 / (n − 3) for Pearson's r and
(1 + ρ²/2) / (n − 3) for Spearman's ρ (Bonett and Wright 2000), with each variable that is held constant taking one from n.
Percentiles of resampled concepts assume no shape of the points and check it (docs/intervals.md has both in simulation).

A partial correlation is that of what a straight line on the other variables leaves of both sides; for Spearman, of ranks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from engine.stats.estimate import Estimate, known, tail_probability, unknown, without_interval
from engine.stats.resampling import FloatArray, blocks, percentile_estimate

Kind = Literal["spearman", "pearson"]
FEWEST_PAIRS = 4
_ROUNDING = 1e-9


def correlate(
    x: Sequence[float],
    y: Sequence[float],
    *,
    kind: Kind = "spearman",
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
    if why_not := _why_not(pairs, n_fixed=0):
        return unknown(why_not, n=n, method=method)
    value = float(_row_correlations(pairs[0][None], pairs[1][None], kind=kind)[0])
    draws = _resampled(pairs, kind=kind, n_resamples=n_resamples, seed=seed)
    return percentile_estimate(value, draws, n=n, confidence=confidence, method=method)


def correlate_given(
    x: Sequence[float],
    y: Sequence[float],
    *,
    given: Sequence[Sequence[float]] = (),
    kind: Kind = "spearman",
    confidence: float = 0.95,
) -> Estimate:
    """Return the correlation of paired values, the given variables held constant, with Fisher's interval.

    Unknown where either side is constant, or follows from what is given, and below four pairs more than variables are
    given. ValueError as for `correlate`.
    """
    pairs, fixed = _paired(x, y), _controls(given, len(x))
    if kind == "spearman":
        pairs, fixed = rankdata(pairs, axis=1), rankdata(fixed, axis=1) if fixed.size else fixed
    n = pairs.shape[1]
    n_fixed = int(np.linalg.matrix_rank(_centred(fixed))) if fixed.size else 0
    method = f"{kind}, Fisher's z, {confidence:.0%}"
    if why_not := _why_not(pairs, n_fixed=n_fixed):
        return unknown(why_not, n=n, method=method)
    left = _less_line(pairs, fixed)
    if (np.ptp(left, axis=1) <= _ROUNDING * np.ptp(pairs, axis=1)).any():
        return unknown("one of the two follows from what is held constant", n=n, method=method)
    value = float(_row_correlations(left[0][None], left[1][None], kind="pearson")[0])
    return fisher_estimate(value, n=n, n_fixed=n_fixed, kind=kind, confidence=confidence, method=method)


def fisher_estimate(value: float, *, n: int, n_fixed: int, kind: Kind, confidence: float, method: str) -> Estimate:
    """Return a correlation of n points with Fisher's interval; none for a perfect one, whose z is infinite."""
    if abs(value) >= 1.0 - _ROUNDING:
        because = "the points lie on a line" if kind == "pearson" else "the ranks agree without exception"
        return without_interval(value, n=n, method=method, because=because)
    spread = (1.0 + value * value / 2.0 if kind == "spearman" else 1.0) / (n - 3 - n_fixed)
    half = float(ndtri(1.0 - tail_probability(confidence))) * math.sqrt(spread)
    z = math.atanh(value)
    return known(value, math.tanh(z - half), math.tanh(z + half), n=n, method=method)


def _why_not(pairs: FloatArray, *, n_fixed: int) -> str | None:
    n, fewest = pairs.shape[1], FEWEST_PAIRS + n_fixed
    if n < fewest:
        return f"{n} pairs are too few, {fewest} are needed"
    return "one of the two does not vary" if (np.ptp(pairs, axis=1) == 0.0).any() else None


def _paired(x: Sequence[float], y: Sequence[float]) -> FloatArray:
    if len(x) != len(y):
        raise ValueError(f"a correlation needs pairs, got {len(x)} and {len(y)} values")
    pairs = np.array([x, y], dtype=np.float64)
    if not np.isfinite(pairs).all():
        raise ValueError("a correlation is taken over known, finite values only")
    return pairs


def _controls(given: Sequence[Sequence[float]], n: int) -> FloatArray:
    if any(len(each) != n for each in given):
        raise ValueError(f"what is held constant needs {n} values each")
    fixed = np.array(given, dtype=np.float64).reshape(len(given), n)
    if not np.isfinite(fixed).all():
        raise ValueError("a correlation is taken over known, finite values only")
    return fixed


def _centred(rows: FloatArray) -> FloatArray:
    """Give each row mean 0 and, where it varies, length 1, so that ranks of matrices do not depend on units."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    length = np.sqrt((centred * centred).sum(axis=1, keepdims=True))
    varies = length > _ROUNDING * np.abs(rows).max(axis=1, keepdims=True)
    return np.asarray(np.where(varies, centred / np.where(varies, length, 1.0), 0.0))


def _less_line(pairs: FloatArray, fixed: FloatArray) -> FloatArray:
    """Return both sides less their least squares line on the fixed rows and a constant."""
    if not fixed.size:
        return pairs
    design = np.vstack([np.ones(pairs.shape[1]), _centred(fixed)]).T
    coefficients = np.linalg.lstsq(design, pairs.T, rcond=None)[0]
    return np.asarray(pairs - (design @ coefficients).T)


def _resampled(pairs: FloatArray, *, kind: Kind, n_resamples: int, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    n = pairs.shape[1]
    draws = []
    for size in blocks(n_resamples, n):
        chosen = rng.integers(0, n, size=(size, n))
        draws.append(_row_correlations(pairs[0][chosen], pairs[1][chosen], kind=kind))
    return np.concatenate(draws)


def _row_correlations(x: FloatArray, y: FloatArray, *, kind: Kind) -> FloatArray:
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
